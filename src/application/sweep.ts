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

/** How long something must be overdue before it is looked at, each time in its turn; what is overdue by more is looked at once an hour. */
export const healAfterMs: readonly number[] = [1, 2, 4, 8, 16, 32].map((minutes) => minutes * 60_000);
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const longOverdueMs = 64 * minuteMs;

/**
 * The strips of the due index that a sweep at `now` looks at, to heal what was lost on the way, after one at `healedAt`: what has been
 * overdue for each of `afterMs` since then, and once an hour everything that is overdue by more. What waits for a task of its own is
 * overdue for as long as that takes, so nothing is looked at each time. After a pause the strips are long, but none reaches into the
 * next one, as one look at a row is enough.
 */
export function healingStrips({
  healedAt,
  now,
  afterMs = healAfterMs,
}: {
  readonly healedAt: number;
  readonly now: number;
  readonly afterMs?: readonly number[];
}): readonly { readonly after: number; readonly until: number }[] {
  const from = Math.min(healedAt, now - minuteMs);
  const strips = afterMs.map((overdue, index) => {
    const next = afterMs[index + 1] ?? Number.POSITIVE_INFINITY;
    return { after: Math.max(from - overdue, now - next), until: now - overdue };
  });
  const isNewHour = Math.floor(from / hourMs) < Math.floor(now / hourMs);
  return isNewHour ? [...strips, { after: 0, until: now - longOverdueMs }] : strips;
}
