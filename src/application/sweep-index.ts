import { limits } from '../domain/limits.ts';
import type { DueQuery, Wake, WakeQueue } from './ports.ts';
import { endOf, healingStrips } from './sweep.ts';

/** How far earlier sweeps came, in epoch milliseconds. Kept durably, so that a sweep that was missed or cut off is made up for. */
export type SweepMarks = {
  /** Everything due before this was loaded. */
  readonly loadedUntil: number;
  /** Of what is due at that very time: the last stream that was loaded, in the order of streams; null if all of them were. */
  readonly loadedPast: string | null;
  /** The time of the last sweep that healed. */
  readonly healedAt: number;
};

export type SweepIndexPorts = {
  /** The due index. */
  readonly due: (query: DueQuery) => Promise<readonly Wake[]>;
  readonly wakes: WakeQueue;
  readonly marks: { read(): Promise<SweepMarks | null>; write(marks: SweepMarks): Promise<void> };
  /** Wakes that are due and wait in the queues for a worker. */
  readonly backlog: () => Promise<number>;
};

export type SweepReport = {
  /** Wakes sent for what comes near, and for what is overdue. */
  readonly loaded: number;
  readonly healed: number;
  /** Rows that are overdue and were left alone, as the queues' own backlog explains it. */
  readonly explained: number;
  /** Whether it came to its end; otherwise the next sweep goes on from the marks. */
  readonly finished: boolean;
};

const minuteMs = 60_000;
const page = 1_000;

type Progress = { loaded: number; healed: number; explained: number; finished: boolean };

/**
 * One sweep of the due index on a host without a timer of its own: sends wakes for what comes due within the horizon, and for what
 * is overdue by 1, 2, 4 ... 32 minutes, once an hour for everything overdue by more. One at a time; `goOn` is asked between pages.
 * Throws what the index or the queues throw: the marks say how far it came.
 */
export async function sweepIndex(
  ports: SweepIndexPorts,
  { now, goOn }: { readonly now: number; readonly goOn: () => boolean },
): Promise<SweepReport> {
  // The first sweep of an index loads all that is overdue in it.
  const known = await ports.marks.read();
  const marks = known ?? { loadedUntil: 0, loadedPast: null, healedAt: now };
  const report: Progress = { loaded: 0, healed: 0, explained: 0, finished: true };
  const loadedUntil = await load(ports, marks, now, goOn, report);
  // A sweep that cannot even load what is near has no time for what is lost; its turn comes again 2, 4, 8 minutes after.
  if (!report.finished) return report;
  if (known !== null) await heal(ports, marks.healedAt, now, goOn, report);
  await ports.marks.write({ loadedUntil, loadedPast: null, healedAt: now });
  return report;
}

/** After the clock was set back the last strip ends too late: what was written since then may lie before its end. */
function startOf({ loadedUntil, loadedPast }: SweepMarks, until: number): Wake {
  if (loadedUntil > until - minuteMs) return endOf(until - minuteMs);
  return loadedPast === null ? endOf(loadedUntil) : { ...endOf(loadedUntil), stream: loadedPast };
}

async function load(ports: SweepIndexPorts, marks: SweepMarks, now: number, goOn: () => boolean, report: Progress): Promise<number> {
  const until = now + limits.sweepHorizonMs;
  let cursor: Wake | undefined = startOf(marks, until);
  do {
    const rows: readonly Wake[] = await ports.due({ until, limit: page, after: cursor });
    const unsent = await ports.wakes.send(rows);
    report.loaded += rows.length - unsent.length;
    // The queue takes no more just now: what it did not take is loaded again from the last mark. A wake that it will never take must not
    // keep all others waiting.
    report.finished = unsent.every(({ refused }) => refused === true);
    if (!report.finished) break;
    cursor = rows.length < page ? undefined : rows.at(-1);
    if (cursor === undefined) break;
    await ports.marks.write({ ...marks, loadedUntil: cursor.dueAt, loadedPast: cursor.stream });
    report.finished = goOn();
  } while (report.finished);
  return until;
}

async function heal(ports: SweepIndexPorts, healedAt: number, now: number, goOn: () => boolean, report: Progress): Promise<void> {
  const backlog = await ports.backlog();
  for (const { after, until } of healingStrips({ healedAt, now })) {
    let cursor: Wake | undefined = endOf(after);
    do {
      const rows: readonly Wake[] = await ports.due({ until, limit: page, after: cursor });
      // As many wakes wait for a worker as there are rows: they are not lost, and a second wake for each would feed the storm.
      if (backlog >= report.healed + report.explained + rows.length && rows.length > 0) report.explained += rows.length;
      else {
        const unsent = await ports.wakes.send(rows);
        report.healed += rows.length - unsent.length;
      }
      cursor = rows.length < page ? undefined : rows.at(-1);
      report.finished = cursor === undefined || goOn();
    } while (cursor !== undefined && report.finished);
    // What was not looked at has its turn 2, 4, 8 minutes later, or in an hour.
    if (!report.finished) return;
  }
}
