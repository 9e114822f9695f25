import { expect, test } from 'vitest';
import { checkHistory, faultsOf, type History, type LogEntry, type Receipt, summaryOf } from '../support/history-checker.ts';

const base: History = {
  tasks: [{ task: 'a', acknowledged: true, dueAts: [1_000], maxAttempts: 3 }],
  schedules: [],
  receipts: [],
  log: null,
  outages: null,
  readAt: 100_000,
  epsilonMs: 100,
  forgivenessMs: 400,
};
const call = (begunAt: number, more: Partial<Receipt> = {}): Receipt => ({
  task: 'a',
  run: 1,
  attempt: 1,
  webhookId: more.task ?? 'a',
  begunAt,
  answer: 'final',
  ...more,
});
const event = (type: string, at: number, more: Partial<LogEntry> = {}): LogEntry => ({ id: 'a', type, at, run: 1, ...more });

test('a run that began within its window is on time, one after it is missing, and before the end of the window nothing is', () => {
  expect(checkHistory({ ...base, receipts: [call(1_500)] })).toMatchObject({ missing: [], due: 1, lateMs: [500] });
  expect(faultsOf(checkHistory({ ...base, receipts: [call(1_501)] }))).toEqual([
    'missing: a, due at 1970-01-01T00:00:01.000Z: it began 501 ms late',
  ]);
  expect(faultsOf(checkHistory({ ...base, readAt: 1_499 }))).toEqual([]);
  expect(faultsOf(checkHistory({ ...base, readAt: 1_500 }))).toEqual(['missing: a, due at 1970-01-01T00:00:01.000Z: no target was called']);
});

test('a call that a crash repeated is extra and explained by the log; without a crash it is a fault', () => {
  const log = [
    event('TaskScheduled', 0, { dueAt: 1_000 }),
    event('TaskStarted', 1_000, { attempt: 1 }),
    event('TaskFailed', 1_200, { attempt: 1, error: 'interrupted', dueAt: 1_300 }),
    event('TaskStarted', 1_300, { attempt: 2 }),
    event('TaskSucceeded', 1_310, { attempt: 2, dueAt: null }),
  ];
  const history = { ...base, log, receipts: [call(1_001), call(1_301, { attempt: 2 })] };

  const crashed = checkHistory({ ...history, outages: [{ from: 1_100, to: 1_200, what: 'kill -9' }] });
  expect(faultsOf(crashed)).toEqual([]);
  expect(summaryOf(crashed)).toBe(
    '1 runs due: lost 0, early 0, unexpected 0, duplicated 1 (1 answered, its attempt was interrupted: kill -9); late by p50 1 ms, p99 1 ms, max 1 ms',
  );
  expect(faultsOf(checkHistory({ ...history, outages: [] }))).toEqual([
    'unexpected: a, run 1: attempt 1 was interrupted, and nothing was wrong then',
  ]);
});

test('a retry before the time that the log gave it is early', () => {
  const log = [
    event('TaskScheduled', 0, { dueAt: 1_000 }),
    event('TaskStarted', 1_000, { attempt: 1 }),
    event('TaskFailed', 1_010, { attempt: 1, error: 'http', dueAt: 6_010 }),
    event('TaskStarted', 6_000, { attempt: 2 }),
    event('TaskSucceeded', 6_001, { attempt: 2, dueAt: null }),
  ];
  const receipts = [call(1_000, { answer: 'retry' }), call(6_000, { attempt: 2 })];
  expect(faultsOf(checkHistory({ ...base, log, receipts }))).toEqual([
    'early: a, run 1, attempt 2, begun at 1970-01-01T00:00:06.000Z by 10 ms',
  ]);
});

test('a run whose every attempt was refused is complete once the policy is spent', () => {
  const refused = [1, 2, 3].map((attempt) => call(1_000 * attempt, { attempt, answer: 'retry' }));
  expect(faultsOf(checkHistory({ ...base, receipts: refused }))).toEqual([]);
  expect(checkHistory({ ...base, receipts: refused.slice(0, 2) }).missing).toHaveLength(1);
});

test('occurrences may begin in another order than their times, but each time wants one of its own', () => {
  const schedules = [{ schedule: 's', acknowledged: true, times: [1_000, 1_200, 1_400], maxAttempts: 1, mayMiss: false }];
  const history = { ...base, tasks: [], schedules };
  const at = (...times: number[]) => times.map((begunAt, index) => call(begunAt, { task: `s.${index + 1}` }));
  expect(faultsOf(checkHistory({ ...history, receipts: at(1_450, 1_460, 1_440) }))).toEqual([]);
  expect(checkHistory({ ...history, receipts: at(1_000, 1_400) }).missing).toHaveLength(1);
  expect(faultsOf(checkHistory({ ...history, receipts: at(1_000, 1_200, 1_400, 1_410) }))).toEqual([
    'unexpected: s.4: it began at 1970-01-01T00:00:01.410Z, and no due time is left for it',
  ]);
  const apart = [{ schedule: 's', acknowledged: true, times: [1_000, 2_000, 3_000], maxAttempts: 1, mayMiss: false }];
  expect(checkHistory({ ...history, schedules: apart, receipts: at(1_000, 1_990, 3_000) }).early).toMatchObject([{ byMs: 10 }]);
});

test('a step before the step that it follows was answered is out of place', () => {
  const tasks = [
    { task: 'o.1', acknowledged: true, dueAts: [1_000], maxAttempts: 2 },
    { task: 'o.2', acknowledged: true, dueAts: [1_000], maxAttempts: 2, after: 'o.1' },
  ];
  const inOrder = [call(1_000, { task: 'o.1' }), call(1_100, { task: 'o.2' })];
  expect(faultsOf(checkHistory({ ...base, tasks, receipts: inOrder }))).toEqual([]);
  const outOfOrder = [call(1_200, { task: 'o.1' }), call(1_100, { task: 'o.2' })];
  expect(checkHistory({ ...base, tasks, receipts: outOfOrder }).unexpected).toMatchObject([
    { why: 'called before o.1 was answered for good' },
  ]);
});
