import * as fc from 'fast-check';
import type { History, LogEntry, PromisedSchedule, PromisedTask, Receipt } from '../support/history-checker.ts';

const epsilonMs = 1_000;
const forgivenessMs = 8_000;
const startMs = 1_700_000_000_000;

/** How one attempt goes: how late it begins, and how it ends; the last one of a run is answered for good. */
type Going = { readonly lateMs: number; readonly end: 'retry' | 'interrupted before' | 'interrupted after' | 'answer lost' };
type Drawn = {
  readonly dueInMs: number;
  readonly acknowledged: boolean;
  readonly failing: readonly Going[];
  readonly lateMs: number;
  readonly retryInMs: number;
  readonly fate: 'runs' | 'cancelled before' | 'cancelled after' | 'cancel unanswered' | 'create unanswered and lost';
};

const late = fc.integer({ min: 0, max: epsilonMs });
const drawnTask: fc.Arbitrary<Drawn> = fc.record({
  dueInMs: fc.integer({ min: 0, max: 60_000 }),
  acknowledged: fc.boolean(),
  failing: fc.array(
    fc.record({
      lateMs: late,
      end: fc.constantFrom('retry', 'interrupted before', 'interrupted after', 'answer lost'),
    } as const),
    { maxLength: 3 },
  ) as fc.Arbitrary<readonly Going[]>,
  lateMs: late,
  retryInMs: fc.integer({ min: 100, max: 1_000 }),
  fate: fc.constantFrom('runs', 'runs', 'runs', 'cancelled before', 'cancelled after', 'cancel unanswered', 'create unanswered and lost'),
});

type Part = { readonly promised: PromisedTask; readonly log: readonly LogEntry[]; readonly receipts: readonly Receipt[] };

const call = (task: string, attempt: number, begunAt: number, answer: Receipt['answer']): Receipt => ({
  task,
  run: 1,
  attempt,
  webhookId: task,
  begunAt,
  answer,
});

/** A task that kept what was promised of it, whatever happened to it. */
function goodTask(task: string, drawn: Drawn): Part {
  const dueAt = startMs + drawn.dueInMs;
  const promised = { task, acknowledged: drawn.acknowledged, dueAts: [dueAt], maxAttempts: 4 };
  const log: LogEntry[] = [{ id: task, type: 'TaskScheduled', at: startMs, dueAt }];
  if (drawn.fate === 'create unanswered and lost') return { promised: { ...promised, acknowledged: false }, log: [], receipts: [] };
  const cancel: LogEntry = { id: task, type: 'TaskCancelled', at: dueAt - 1, dueAt: null };
  if (drawn.fate === 'cancelled before') return { promised: { ...promised, cancelledAt: dueAt }, log: [...log, cancel], receipts: [] };
  if (drawn.fate === 'cancel unanswered') return { promised: { ...promised, mayBeCancelled: true }, log: [...log, cancel], receipts: [] };
  const receipts: Receipt[] = [];
  let at = dueAt;
  const started = (attempt: number): void => void log.push({ id: task, type: 'TaskStarted', at, run: 1, attempt });
  const failed = (attempt: number, error: string): void => {
    const retryAt = at + drawn.retryInMs;
    log.push({ id: task, type: 'TaskFailed', at, run: 1, attempt, error, dueAt: retryAt });
    at = retryAt;
  };
  for (const [index, { end, lateMs }] of drawn.failing.entries()) {
    // Only the first call of a run must be soon.
    at += index === 0 ? Math.min(lateMs, 500) : lateMs;
    started(index + 1);
    if (end === 'retry') receipts.push(call(task, index + 1, at, 'retry'));
    if (end === 'interrupted after') receipts.push(call(task, index + 1, at, drawn.lateMs % 2 === 0 ? 'none' : 'final'));
    if (end === 'answer lost') receipts.push(call(task, index + 1, at, 'final'));
    failed(index + 1, end === 'retry' ? 'http' : end === 'answer lost' ? 'network' : 'interrupted');
  }
  if (drawn.fate === 'cancelled after') {
    log.push({ ...cancel, at });
    return { promised: { ...promised, cancelledAt: at }, log, receipts };
  }
  const last = drawn.failing.length + 1;
  at += last === 1 ? Math.min(drawn.lateMs, 500) : drawn.lateMs;
  started(last);
  receipts.push(call(task, last, at, 'final'));
  log.push({ id: task, type: 'TaskSucceeded', at, run: 1, attempt: last, dueAt: null });
  return { promised, log, receipts };
}

type DrawnSchedule = { readonly firstInMs: number; readonly everyMs: number; readonly lates: readonly number[]; readonly skipped: number };
const drawnSchedule: fc.Arbitrary<DrawnSchedule> = fc.record({
  firstInMs: fc.integer({ min: 0, max: 10_000 }),
  everyMs: fc.integer({ min: 1_000, max: 10_000 }),
  lates: fc.array(late, { minLength: 1, maxLength: 8 }),
  skipped: fc.integer({ min: 0, max: 2 }),
});

function goodSchedule(schedule: string, { firstInMs, everyMs, lates, skipped }: DrawnSchedule) {
  const timeOf = (index: number): number => startMs + firstInMs + index * everyMs;
  const skip = { from: timeOf(0), to: timeOf(skipped - 1) };
  const times = Array.from({ length: lates.length + skipped }, (_unused, index) => timeOf(index));
  const promised: PromisedSchedule = { schedule, acknowledged: true, times, maxAttempts: 1, mayMiss: true };
  const log: LogEntry[] = [{ id: schedule, type: 'ScheduleCreated', at: startMs }];
  if (skipped > 0) log.push({ id: schedule, type: 'OccurrencesSkipped', at: startMs, skipped: skip });
  for (const [index] of lates.entries()) log.push({ id: schedule, type: 'OccurrenceFired', at: startMs, dueAt: timeOf(index + skipped) });
  const receipts = lates.map((lateMs, index) => call(`${schedule}.${index + 1}`, 1, timeOf(index + skipped) + lateMs, 'final'));
  const tasks = receipts.flatMap(({ task, begunAt }, index): LogEntry[] => [
    { id: task, type: 'TaskScheduled', at: begunAt, dueAt: timeOf(index + skipped) },
    { id: task, type: 'TaskStarted', at: begunAt, run: 1, attempt: 1 },
    { id: task, type: 'TaskSucceeded', at: begunAt, run: 1, attempt: 1, dueAt: null },
  ]);
  return { promised, log: [...log, ...tasks], receipts };
}

/** Histories in which every promise was kept: retries, crashes, lost replies, cancels, creates without an answer, schedules that missed times. */
export const goodHistory: fc.Arbitrary<History> = fc
  .record({ tasks: fc.array(drawnTask, { minLength: 1, maxLength: 12 }), schedules: fc.array(drawnSchedule, { maxLength: 3 }) })
  .map(({ tasks, schedules }) => {
    const parts = tasks.map((drawn, index) => goodTask(`task-${index}`, drawn));
    const regular = schedules.map((drawn, index) => goodSchedule(`schedule-${index}`, drawn));
    return {
      tasks: parts.map(({ promised }) => promised),
      schedules: regular.map(({ promised }) => promised),
      receipts: [...parts, ...regular].flatMap(({ receipts }) => receipts),
      log: [...parts, ...regular].flatMap(({ log }) => log),
      outages: [{ from: startMs, to: startMs + 3_600_000, what: 'kill -9' }],
      readAt: startMs + 3_600_000,
      epsilonMs,
      forgivenessMs,
    };
  });
