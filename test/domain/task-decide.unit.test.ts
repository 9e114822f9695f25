import { describe, expect, it } from 'vitest';
import type { TaskCommand } from '../../src/domain/task/commands.ts';
import type { TaskState } from '../../src/domain/task/state.ts';
import { commandTypes } from './task-arbitraries.ts';
import { append, definitionWith, epoch, type History, hour, minute, noHistory, okResult, second } from './task-histories.ts';
import {
  accept,
  after,
  answer,
  asynchronous,
  cancel,
  continueAt,
  delivered,
  due,
  expireLease,
  expireWait,
  fail,
  failForGood,
  further,
  given,
  heartbeat,
  type Move,
  redeliver,
  remove,
  reschedule,
  retry,
  runNow,
  scheduled,
  start,
  succeed,
  when,
  withCallback,
} from './task-moves.ts';

describe('every command on every status', () => {
  /** One history per status; each has a callback, so that what could happen to one is not hidden by its absence. */
  const histories: Record<TaskState['status'] | 'erased', () => History> = {
    missing: () => noHistory,
    scheduled: () => given(scheduled(withCallback)),
    running: () => given(scheduled(withCallback), start),
    waiting: () => given(scheduled({ ...asynchronous, ...withCallback }), start, accept),
    succeeded: () => given(scheduled(withCallback), start, succeed),
    failed: () => given(scheduled(withCallback), start, failForGood),
    cancelled: () => given(scheduled(withCallback), cancel),
    deleted: () => given(scheduled(withCallback), remove),
    erased: () => append(noHistory, { type: 'Erased', data: {} }),
  };
  const moves: Record<TaskCommand['type'], Move> = {
    schedule: scheduled(),
    reschedule: reschedule({ labels: {} }),
    'run-now': runNow,
    start,
    accept,
    heartbeat,
    continue: continueAt(hour),
    succeed,
    answer: answer(),
    fail: fail(),
    'expire-lease': expireLease,
    'expire-wait': expireWait,
    cancel,
    retry,
    redeliver,
    delete: remove,
    'record-callback': delivered,
  };
  // In the order of `commandTypes`: schedule reschedule run-now start | accept heartbeat continue succeed answer fail | expire-lease expire-wait |
  // cancel retry redeliver delete | record-callback. Time has passed far enough for everything to be due.
  const table: Record<keyof typeof histories, string> = {
    missing: `TaskScheduled missing missing missing
      missing missing missing missing missing missing  missing missing
      missing missing missing missing  superseded`,
    scheduled: `different-content TaskRescheduled unchanged TaskStarted
      superseded superseded superseded superseded run-over superseded  wrong-status wrong-status
      TaskCancelled wrong-status wrong-status TaskDeleted  superseded`,
    running: `different-content wrong-status wrong-status wrong-status
      TaskAccepted TaskHeartbeat TaskContinued TaskSucceeded TaskSucceeded TaskFailed  TaskFailed wrong-status
      wrong-status wrong-status wrong-status wrong-status  superseded`,
    waiting: `different-content wrong-status wrong-status wrong-status
      unchanged TaskHeartbeat superseded superseded TaskSucceeded TaskFailed  wrong-status TaskFailed
      TaskCancelled wrong-status wrong-status TaskDeleted  superseded`,
    succeeded: `different-content wrong-status wrong-status wrong-status
      superseded superseded superseded superseded run-over superseded  wrong-status wrong-status
      wrong-status wrong-status unchanged TaskDeleted  CallbackSucceeded`,
    failed: `different-content wrong-status wrong-status wrong-status
      superseded superseded superseded superseded run-over superseded  wrong-status wrong-status
      wrong-status TaskRetried unchanged TaskDeleted  CallbackSucceeded`,
    cancelled: `different-content wrong-status wrong-status wrong-status
      superseded superseded superseded superseded run-over superseded  wrong-status wrong-status
      unchanged wrong-status unchanged TaskDeleted  CallbackSucceeded`,
    deleted: `deleted deleted deleted deleted
      deleted deleted deleted deleted deleted deleted  deleted deleted
      deleted deleted deleted deleted  CallbackSucceeded`,
    erased: `deleted deleted deleted deleted
      deleted deleted deleted deleted deleted deleted  deleted deleted
      deleted deleted deleted deleted  superseded`,
  };
  const rows = Object.entries(histories).flatMap(([status, history]) => {
    const outcomes = table[status as keyof typeof histories].trim().split(/\s+/);
    return commandTypes.map((type, index) => ({ status, history, type, outcome: outcomes[index] ?? 'none' }));
  });

  it.each(rows)('$type on a $status task gives $outcome, and a second time nothing new', ({ history, type, outcome }) => {
    const yielded = when(after(history(), 2 * hour), moves[type]);
    const name = yielded === 'unchanged' ? yielded : 'type' in yielded ? yielded.type : yielded.reason;
    expect(name).toBe(outcome);
  });

  it.each(['scheduled', 'running', 'waiting', 'succeeded', 'failed', 'cancelled'] as const)(
    'the same task created again while %s is the existing task',
    (status) => {
      const again: Move = { type: 'schedule', definition: definitionWith(), runAt: epoch + hour, sameContent: true };
      expect(when(histories[status](), again)).toBe('unchanged');
    },
  );
});

describe('what a refusal says', () => {
  it('a running task is named with the attempt that won and when it started', () => {
    const running = given(scheduled({}, epoch + minute), (h) => ({ type: 'start', now: h.now + minute }));
    expect(when(running, cancel)).toEqual({ reason: 'wrong-status', status: 'running', attempt: 1, at: running.now });
  });

  it('a waiting task is named with the time of its acceptance', () => {
    const waiting = further(after(given(scheduled(asynchronous), start), 3 * second), accept);
    expect(when(waiting, reschedule({}, epoch))).toEqual({ reason: 'wrong-status', status: 'waiting', attempt: 1, at: epoch + 3 * second });
  });

  it('a finished task is named with its end, whatever became of its callback since', () => {
    const ended = further(after(given(scheduled(withCallback), start), second), succeed);
    const toldLater = further(after(ended, minute), delivered);
    expect(when(toldLater, cancel)).toEqual({ reason: 'wrong-status', status: 'succeeded', attempt: 1, at: epoch + second });
  });
});

describe('the fence', () => {
  const secondRuns = () => further(due(given(scheduled(withCallback), start, fail())), start);
  const stale: readonly Move[] = [
    { type: 'accept', now: epoch, startedVersion: 2, response: okResult },
    { type: 'heartbeat', now: epoch, startedVersion: 2 },
    { type: 'continue', startedVersion: 2, runAt: epoch },
    { type: 'succeed', startedVersion: 2, result: okResult },
    fail({ startedVersion: 2 }),
  ];

  it.each(stale.map((move) => ({ move, type: typeof move === 'function' ? 'fail' : move.type })))(
    'refuses $type from the first attempt while the second runs',
    ({ move }) => {
      expect(when(secondRuns(), move)).toEqual({ reason: 'superseded' });
    },
  );

  it('refuses a second outcome of the same attempt', () => {
    const succeeded = given(scheduled(), start, succeed);
    expect(when(succeeded, succeed)).toEqual({ reason: 'superseded' });
    expect(when(succeeded, fail())).toEqual({ reason: 'superseded' });
    expect(when(given(scheduled(), start, fail()), fail())).toEqual({ reason: 'superseded' });
  });

  it('keeps what a task emitted with its success', () => {
    const emitted = { detailType: 'Reminder', detail: { n: 1 } };
    const data = { startedVersion: 2, result: okResult, durationMs: 12, emitted };
    expect(when(given(scheduled(), start), { type: 'succeed', startedVersion: 2, result: okResult, emitted })).toEqual({
      type: 'TaskSucceeded',
      data,
    });
  });
});
