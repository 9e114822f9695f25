import { kindOf } from '../domain/streams.ts';
import type { DueQuery, Wake } from './ports.ts';

export type SweepPorts = {
  /** The due index. */
  readonly due: (query: DueQuery) => Promise<readonly Wake[]>;
  /** Where to wake what is due. */
  readonly send: (wakes: readonly Wake[]) => Promise<unknown>;
};

/** A row that sorts after every other of its time: to go on after that time. */
export function endOf(dueAt: number): Wake {
  return { stream: '\u{10ffff}', version: 0, dueAt, target: null, lane: 'short' };
}

/**
 * Sends a wake for every row that is due after `after` and not after `until`: what comes near is loaded, strip by strip.
 * `goOn` is asked between pages; whoever stops early must come back for the rest.
 */
export async function loadDue(
  ports: SweepPorts,
  strip: { readonly after: number; readonly until: number; readonly page: number; readonly goOn: () => boolean },
): Promise<void> {
  let cursor: Wake | undefined = endOf(strip.after);
  do {
    const rows: readonly Wake[] = await ports.due({ until: strip.until, limit: strip.page, after: cursor });
    await ports.send(rows);
    cursor = rows.length < strip.page ? undefined : rows.at(-1);
  } while (cursor !== undefined && strip.goOn());
}

/**
 * Sends a wake for rows that are overdue and that nobody is known to look after: heals what was lost on the way. Looks at a
 * bounded number of rows and gives back where the next sweep goes on; undefined when it has seen them all.
 */
export async function healOverdue(
  ports: SweepPorts,
  overdue: {
    readonly until: number;
    readonly page: number;
    readonly rows: number;
    readonly from: Wake | undefined;
    readonly isLookedAfter: (stream: string) => boolean;
    readonly now: number;
    /** How far apart such sweeps are. */
    readonly everyMs: number;
    readonly goOn: () => boolean;
  },
): Promise<Wake | undefined> {
  let cursor = overdue.from;
  for (let seen = 0; seen < overdue.rows && overdue.goOn(); seen += overdue.page) {
    const rows = await ports.due({ until: overdue.until, limit: overdue.page, ...(cursor === undefined ? {} : { after: cursor }) });
    await ports.send(rows.filter((row) => !overdue.isLookedAfter(row.stream) && isItsTurn(row, overdue)));
    cursor = rows.length < overdue.page ? undefined : rows.at(-1);
    if (cursor === undefined) break;
  }
  return cursor;
}

/** How long something must be overdue before it is looked at, each time in its turn; what is overdue by more is looked at once an hour. */
export const healAfterMs: readonly number[] = [1, 2, 4, 8, 16, 32].map((minutes) => minutes * 60_000);
const hourMs = 60 * 60_000;

/**
 * A task that is overdue and not under way was lost. What waits for a task of its own, though, is overdue for as long as that takes: it
 * is looked at 1, 2, 4 ... 32 minutes after its time, then hourly.
 */
function isItsTurn({ stream, dueAt }: Wake, { now, everyMs }: { readonly now: number; readonly everyMs: number }): boolean {
  if (kindOf(stream) === 'task') return true;
  const overdueMs = now - dueAt;
  const passed = (afterMs: number) => overdueMs >= afterMs && overdueMs - everyMs < afterMs;
  return healAfterMs.some(passed) || (overdueMs >= hourMs && overdueMs % hourMs < everyMs);
}
