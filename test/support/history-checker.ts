import { attemptKey, readLog, reasonOf, type TaskLog, unexplainedInterruptions } from './history/log.ts';
import type { Early, Extra, History, Missing, PromisedTask, Receipt, Unexpected, Verdict } from './history/types.ts';
import { assign, type Run, runsOf, scheduleOf, type Window, windowsOf } from './history/windows.ts';

export type { History, LogEntry, Outage, PromisedSchedule, PromisedTask, Receipt, Verdict } from './history/types.ts';

type Findings = { readonly missing: Missing[]; readonly extra: Extra[]; readonly early: Early[]; readonly unexpected: Unexpected[] };
type Log = ReadonlyMap<string, TaskLog> | null;

/**
 * Judges a history in the manner of Jepsen's checker for Chronos: from what was promised to clients, what targets received and what the
 * log says it solves which runs were due, and tells which are missing, and which calls were extra, early or never asked for. Knows nothing
 * of Errand's code: whoever has a history, real or simulated, writes it in these types. Never throws for a bad history.
 */
export function checkHistory(history: History): Verdict {
  const log = history.log === null ? null : readLog(history.log);
  const found: Findings = { missing: [], extra: [], early: [], unexpected: [] };
  const runs = runsOf(history);
  const runsByGroup = Map.groupBy(runs, ({ group }) => group);
  const windows = windowsOf(history, log);
  const windowsByGroup = Map.groupBy(windows, ({ group }) => group);
  const lateMs: number[] = [];
  for (const group of new Set([...windowsByGroup.keys(), ...history.schedules.map(({ schedule }) => schedule)])) {
    const { met, unmet, left } = assign(windowsByGroup.get(group) ?? [], runsByGroup.get(group) ?? []);
    for (const { window, run } of met) lateMs.push(run.begunAt - window.opensAt);
    judgeWindows(history, unmet, left, found);
  }
  const context: Context = { history, log, promised: new Map(history.tasks.map((task) => [task.task, task])) };
  const answeredAt = finalAnswers(history.receipts);
  for (const run of runs) judgeRun(context, run, found, answeredAt);
  judgeLog(history, log, found);
  const due = windows.filter((window) => mustBeMet(window, history)).length;
  return { ...found, due, lateMs: lateMs.sort((one, other) => one - other) };
}

/** What of a verdict breaks a promise, in words; nothing of a good one. */
export function faultsOf({ missing, extra, early, unexpected }: Verdict): readonly string[] {
  return [
    ...missing.map(({ of, dueAt, why }) => `missing: ${of}${dueAt === null ? '' : `, due at ${new Date(dueAt).toISOString()}`}: ${why}`),
    ...early.map(({ receipt, byMs }) => `early: ${nameOf(receipt)} by ${byMs} ms`),
    ...extra.flatMap(({ receipt, before, reason }) =>
      reason === null ? [`extra: ${nameOf(receipt)}, although the call before was ${before}, and nothing explains it`] : [],
    ),
    ...unexpected.map(({ of, why }) => `unexpected: ${of}: ${why}`),
  ];
}

/** One line: `120 runs due: lost 0, early 0, unexpected 0, duplicated 3 (3 its attempt was interrupted: kill -9); late by p50 4 ms, ...`. */
export function summaryOf({ missing, extra, early, unexpected, due, lateMs }: Verdict): string {
  const why = Array.from(
    Map.groupBy(extra, ({ before, reason }) => `${before}, ${reason ?? 'unexplained'}`),
    ([reason, calls]) => `${calls.length} ${reason}`,
  );
  const share = (part: number): number => Math.round(lateMs[Math.min(lateMs.length - 1, Math.floor(lateMs.length * part))] ?? 0);
  return (
    `${due} runs due: lost ${missing.length}, early ${early.length}, unexpected ${unexpected.length}, duplicated ${extra.length}` +
    `${why.length === 0 ? '' : ` (${why.join('; ')})`}; late by p50 ${share(0.5)} ms, p99 ${share(0.99)} ms, max ${share(1)} ms`
  );
}

const nameOf = ({ task, run, attempt, begunAt }: Receipt): string =>
  `${task}, run ${run}, attempt ${attempt}, begun at ${new Date(begunAt).toISOString()}`;

const mustBeMet = ({ required, closesAt }: Window, { readAt }: History): boolean => required && closesAt <= readAt;

/** Runs without a window and windows without a run: each run is held against the window nearest to it. */
function judgeWindows(history: History, unmet: readonly Window[], left: readonly Run[], { missing, early, unexpected }: Findings): void {
  const free = new Set(unmet);
  const isOfSchedule = new Set(history.schedules.map(({ schedule }) => schedule));
  for (const run of left) {
    const distance = ({ opensAt }: Window): number => Math.abs(opensAt - run.begunAt);
    let nearest: Window | undefined;
    for (const window of free) if (nearest === undefined || distance(window) < distance(nearest)) nearest = window;
    const { group, begunAt, complete, receipts } = run;
    const reach = history.epsilonMs + history.forgivenessMs;
    if (nearest === undefined || nearest.opensAt > begunAt + reach) {
      unexpected.push({ of: run.task, why: `it began at ${new Date(begunAt).toISOString()}, and no due time is left for it` });
      continue;
    }
    free.delete(nearest);
    // Of a task each call is held against its due time by itself.
    const isEarly = complete && begunAt < nearest.opensAt;
    if (isEarly && isOfSchedule.has(group)) early.push({ receipt: receipts[0], byMs: nearest.opensAt - begunAt });
    if (isEarly || !mustBeMet(nearest, history)) continue;
    const why = complete ? `it began ${begunAt - nearest.opensAt} ms late` : 'no call of it was answered for good';
    missing.push({ of: run.task, dueAt: nearest.opensAt, why });
  }
  for (const window of free)
    if (mustBeMet(window, history)) missing.push({ of: window.group, dueAt: window.opensAt, why: 'no target was called' });
}

/** When each task was first answered for good. */
function finalAnswers(receipts: readonly Receipt[]): ReadonlyMap<string, number> {
  const answers = new Map<string, number>();
  for (const { task, answer, begunAt } of receipts)
    if (answer === 'final') answers.set(task, Math.min(begunAt, answers.get(task) ?? Number.POSITIVE_INFINITY));
  return answers;
}

type Context = { readonly history: History; readonly log: Log; readonly promised: ReadonlyMap<string, PromisedTask> };

function judgeRun({ history, log, promised }: Context, run: Run, found: Findings, answeredAt: ReadonlyMap<string, number>): void {
  const task = promised.get(run.task);
  const promise = task ?? history.schedules.find(({ schedule }) => schedule === scheduleOf(run.task));
  const told = log?.get(run.task);
  const wrong = (why: string): void => void found.unexpected.push({ of: `${run.task}, run ${run.run}`, why });
  if (promise === undefined) wrong('nobody asked for it');
  else if (log !== null && told === undefined) wrong('the log does not know it');
  else if (run.run > (task?.dueAts.length ?? 1)) wrong('nobody asked for another run');
  if (promise === undefined) return;
  if (new Set(run.receipts.map(({ webhookId }) => webhookId)).size > 1) wrong('its calls have several webhook-ids');
  for (const [index, receipt] of run.receipts.entries()) {
    const { attempt, begunAt } = receipt;
    const logged = told?.attempts.get(attemptKey(run.run, attempt));
    if (attempt > promise.maxAttempts) wrong(`attempt ${attempt} of at most ${promise.maxAttempts}`);
    if (told?.isTask === true && logged === undefined) wrong(`the log knows nothing of attempt ${attempt}`);
    if (task !== undefined) judgeMoment(task, begunAt, answeredAt, wrong);
    const dueAt = Math.max(task?.dueAts[run.run - 1] ?? Number.NEGATIVE_INFINITY, logged?.dueAt ?? Number.NEGATIVE_INFINITY);
    if (begunAt < dueAt) found.early.push({ receipt, byMs: dueAt - begunAt });
    const previous = run.receipts[index - 1];
    if (previous !== undefined && (previous.answer !== 'retry' || previous.attempt === attempt)) {
      const before = previous.answer === 'none' ? 'cut off' : 'answered';
      found.extra.push({ receipt, before, reason: reasonOf(previous, receipt, told, history.outages ?? []) });
    }
  }
}

function judgeMoment(
  { cancelledAt, after }: PromisedTask,
  begunAt: number,
  answeredAt: ReadonlyMap<string, number>,
  wrong: (why: string) => void,
): void {
  if (cancelledAt !== undefined && begunAt > cancelledAt) wrong(`called ${begunAt - cancelledAt} ms after its cancel was answered`);
  if (after !== undefined && begunAt < (answeredAt.get(after) ?? Number.POSITIVE_INFINITY))
    wrong(`called before ${after} was answered for good`);
}

/** What is wrong with the log beside all calls: it lacks what was acknowledged, or interrupts what nothing kept from its end. */
function judgeLog({ tasks, schedules, outages }: History, log: Log, { missing, unexpected }: Findings): void {
  if (log === null) return;
  const known = new Set(missing.map(({ of }) => of));
  const acknowledged = [
    ...tasks.filter((each) => each.acknowledged).map(({ task }) => task),
    ...schedules.filter((each) => each.acknowledged).map(({ schedule }) => schedule),
  ];
  for (const id of acknowledged)
    if (!log.has(id) && !known.has(id)) missing.push({ of: id, dueAt: null, why: 'it was acknowledged, and the log does not know it' });
  for (const { schedule, times } of schedules) {
    const fired = log.get(schedule)?.fired ?? [];
    const known = new Set(times);
    fired.forEach((time, index) => {
      const at = new Date(time).toISOString();
      if (!known.has(time)) unexpected.push({ of: schedule, why: `${at} was fired, which is none of its times` });
      if (fired.indexOf(time) < index) unexpected.push({ of: schedule, why: `${at} was fired twice` });
    });
  }
  if (outages === null) return;
  for (const [id, told] of log) {
    for (const { run, attempt } of unexplainedInterruptions(told, outages))
      unexpected.push({ of: `${id}, run ${run}`, why: `attempt ${attempt} was interrupted, and nothing was wrong then` });
  }
}
