import { describe, expect, it } from 'vitest';
import { wakeAt } from '../../src/domain/task/state.ts';
import { at, epoch, hour, minute, okResult, second } from './task-histories.ts';
import {
  accept,
  after,
  answer,
  asynchronous,
  cancel,
  continueAt,
  due,
  expireWait,
  fail,
  failForGood,
  further,
  given,
  heartbeat,
  type Move,
  remove,
  retry,
  scheduled,
  start,
  succeed,
  when,
} from './task-moves.ts';

describe('an asynchronous target', () => {
  const running = () => given(scheduled(asynchronous), start);
  const waiting = () => further(running(), accept);

  it('has completeWithin from its acceptance', () => {
    expect(waiting().state).toMatchObject({ status: 'waiting', completeBy: epoch + hour });
    expect(wakeAt(waiting().state)).toBe(epoch + hour);
  });

  it('fails with a timeout at its deadline, not before, and is retried by policy', () => {
    expect(when(at(waiting(), epoch + hour - 1), expireWait)).toEqual({ reason: 'not-due' });
    expect(when(at(waiting(), epoch + hour), expireWait)).toMatchObject({
      type: 'TaskFailed',
      data: { startedVersion: 2, error: { kind: 'timeout' }, retryAt: epoch + hour + 5 * second },
    });
  });

  it('moves its deadline with a heartbeat to now and completeWithin', () => {
    expect(when(at(waiting(), epoch + 30 * minute), heartbeat)).toEqual({
      type: 'TaskHeartbeat',
      data: { startedVersion: 2, completeBy: epoch + 90 * minute },
    });
  });

  it('records no heartbeat that moves the deadline by under a tenth of completeWithin', () => {
    expect(when(at(waiting(), epoch + 6 * minute - 1), heartbeat)).toBe('unchanged');
    expect(when(at(waiting(), epoch + 6 * minute), heartbeat)).toMatchObject({ type: 'TaskHeartbeat' });
  });

  it('keeps the deadline of a heartbeat that came before the acceptance was recorded', () => {
    const beaten = further(after(running(), second), heartbeat);
    const acceptedOnAnOlderClock: Move = { type: 'accept', now: epoch, startedVersion: 2, response: okResult };
    expect(further(beaten, acceptedOnAnOlderClock).state).toMatchObject({ completeBy: epoch + second + hour });
    expect(further(after(beaten, minute), accept).state).toMatchObject({ completeBy: epoch + second + minute + hour });
  });

  it('may say itself that it failed, and is retried by policy', () => {
    const error = { kind: 'rejected', message: 'no stock' } as const;
    expect(when(waiting(), fail({ error }))).toMatchObject({ type: 'TaskFailed', data: { error, retryAt: epoch + 5 * second } });
  });

  const answered = { type: 'TaskSucceeded', data: { startedVersion: 2, result: okResult, durationMs: 12, answerHash: 'hash-a' } };

  it('may answer while it waits', () => {
    expect(when(waiting(), answer())).toEqual(answered);
  });

  it('may answer before its 2xx was recorded, and that 2xx then comes too late', () => {
    expect(when(running(), answer())).toEqual(answered);
    expect(when(further(running(), answer()), accept)).toEqual({ reason: 'superseded' });
  });

  it('may answer between retries, with the token of the attempt that timed out', () => {
    expect(when(further(due(waiting()), expireWait), answer())).toEqual(answered);
  });

  it('may answer with the token of an earlier attempt of the run while a later one runs', () => {
    const secondRuns = further(due(further(due(waiting()), expireWait)), start);
    expect(secondRuns.state).toMatchObject({ status: 'running', attempt: 2 });
    expect(when(secondRuns, answer({ startedVersion: 2 }))).toEqual(answered);
  });

  it('may post the same answer twice, and not another one', () => {
    const succeeded = further(waiting(), answer());
    expect(when(succeeded, answer())).toBe('unchanged');
    expect(when(succeeded, answer({ answerHash: 'hash-b' }))).toEqual({ reason: 'different-answer' });
  });

  it('may post the same answer again when its first post came early', () => {
    expect(when(further(running(), answer()), answer())).toBe('unchanged');
    expect(when(further(running(), answer()), answer({ answerHash: 'hash-b' }))).toEqual({ reason: 'different-answer' });
  });

  it.each([
    ['was cancelled', () => further(waiting(), cancel)],
    ['failed', () => further(waiting(), failForGood)],
    ['succeeded by its answer to the call', () => further(running(), succeed)],
  ])('comes too late when its run %s', (_title, history) => {
    expect(when(history(), answer())).toEqual({ reason: 'run-over' });
  });

  it('comes too late when another run has begun, also between the retries of that', () => {
    const continued = further(running(), continueAt(0));
    expect(when(continued, answer({ run: 1 }))).toEqual({ reason: 'run-over' });
    expect(when(further(continued, start), answer({ run: 1, startedVersion: 2 }))).toEqual({ reason: 'run-over' });
    expect(when(further(continued, start, fail()), answer({ run: 1, startedVersion: 2 }))).toEqual({ reason: 'run-over' });
    expect(when(further(waiting(), failForGood, retry), answer({ run: 1, startedVersion: 2 }))).toEqual({ reason: 'run-over' });
  });

  it('is not known any more when its task was deleted', () => {
    expect(when(further(waiting(), remove), answer({ run: 1 }))).toEqual({ reason: 'deleted' });
  });
});
