import type { TaskLog } from './log.ts';
import type { History, PromisedTask, Receipt } from './types.ts';

/** When a run of a group must begin, by both bounds. */
export type Window = {
  readonly group: string;
  readonly opensAt: number;
  readonly closesAt: number;
  /** Whether there must be such a run; one that was cancelled may have begun before. */
  readonly required: boolean;
};

/** All calls of one run of a task, in the order of its attempts: the clock may have been set meanwhile. */
export type Run = {
  /** Whose windows it may meet: a run of a task its own, an occurrence any of its schedule's. */
  readonly group: string;
  readonly task: string;
  readonly run: number;
  readonly begunAt: number;
  /** A target has answered it for good, or its last attempt was answered. */
  readonly complete: boolean;
  readonly receipts: readonly [Receipt, ...Receipt[]];
};

const runGroup = (task: string, run: number): string => (run === 1 ? task : `${task} run ${run}`);
/** The schedule that a task of this id would be an occurrence of. */
export const scheduleOf = (task: string): string => /^(.+)\.[1-9]\d*$/s.exec(task)?.[1] ?? '';

export function windowsOf(history: History, log: ReadonlyMap<string, TaskLog> | null): readonly Window[] {
  const width = history.epsilonMs + history.forgivenessMs;
  const windowAt = (group: string, opensAt: number, required: boolean): Window => ({ group, opensAt, closesAt: opensAt + width, required });
  return [
    ...history.tasks.flatMap((promised) => {
      const required = mustRun(promised, log?.get(promised.task));
      return promised.dueAts.map((dueAt, index) => windowAt(runGroup(promised.task, index + 1), dueAt, required));
    }),
    ...history.schedules.flatMap(({ schedule, acknowledged, times, mayMiss }) => {
      const told = log?.get(schedule);
      const isSkipped = (time: number): boolean => told?.skipped.some(({ from, to }) => from <= time && time <= to) === true;
      const due = times.filter((time) => !(mayMiss && isSkipped(time)));
      return due.map((time) => windowAt(schedule, time, acknowledged || told !== undefined));
    }),
  ];
}

function mustRun({ acknowledged, cancelledAt, mayBeCancelled }: PromisedTask, told: TaskLog | undefined): boolean {
  if (cancelledAt !== undefined || (mayBeCancelled === true && told?.cancelled === true)) return false;
  return acknowledged || told !== undefined;
}

export function runsOf({ tasks, schedules, receipts }: History): readonly Run[] {
  const limits = new Map(tasks.map(({ task, maxAttempts }) => [task, maxAttempts]));
  const scheduled = new Map(schedules.map(({ schedule, maxAttempts }) => [schedule, maxAttempts]));
  return Array.from(Map.groupBy(receipts, ({ task, run }) => JSON.stringify([task, run])).values(), (calls) => {
    const [first, ...more] = calls.toSorted((one, other) => one.attempt - other.attempt || one.begunAt - other.begunAt) as [Receipt];
    const { task, run } = first;
    const begunAt = Math.min(...calls.map((call) => call.begunAt));
    const isOccurrence = !limits.has(task) && scheduled.has(scheduleOf(task));
    const limit = (isOccurrence ? scheduled.get(scheduleOf(task)) : limits.get(task)) ?? 0;
    const complete = calls.some(({ answer, attempt }) => answer === 'final' || (answer === 'retry' && attempt >= limit));
    return { group: isOccurrence ? scheduleOf(task) : runGroup(task, run), task, run, begunAt, complete, receipts: [first, ...more] };
  });
}

export type Assignment = {
  readonly met: readonly { readonly window: Window; readonly run: Run }[];
  readonly unmet: readonly Window[];
  /** Runs that no window is left for. */
  readonly left: readonly Run[];
};

/**
 * Gives each window a run of its own that is complete and begins within it, as many as can be: in the order of their beginnings each run
 * takes the window that closes first among those that are open (Glover 1967, matching in a convex bipartite graph).
 */
export function assign(windows: readonly Window[], runs: readonly Run[]): Assignment {
  const waiting = windows.toSorted((one, other) => one.opensAt - other.opensAt);
  const met: { window: Window; run: Run }[] = [];
  const left: Run[] = runs.filter(({ complete }) => !complete);
  const open = new Set<Window>();
  let next = 0;
  for (const run of runs.filter(({ complete }) => complete).toSorted((one, other) => one.begunAt - other.begunAt)) {
    for (let window = waiting[next]; window !== undefined && window.opensAt <= run.begunAt; window = waiting[next]) {
      open.add(window);
      next += 1;
    }
    let best: Window | undefined;
    for (const window of open) {
      if (window.closesAt < run.begunAt) open.delete(window);
      else if (best === undefined || window.closesAt < best.closesAt) best = window;
    }
    if (best === undefined) left.push(run);
    else {
      open.delete(best);
      met.push({ window: best, run });
    }
  }
  const taken = new Set(met.map(({ window }) => window));
  return { met, unmet: waiting.filter((window) => !taken.has(window)), left };
}
