import { describe, expect, it } from 'vitest';
import { epoch, hour, okResult, second } from './task-histories.ts';
import {
  accept,
  after,
  asynchronous,
  cancel,
  due,
  expireLease,
  expireWait,
  fail,
  failForGood,
  further,
  given,
  reschedule,
  retry,
  scheduled,
  start,
  succeed,
  when,
} from './task-moves.ts';

describe('a refusal says since when the task is in its status', () => {
  it('scheduled: since it was last changed', () => {
    const changed = further(after(given(scheduled({}, epoch + hour)), second), reschedule({ labels: {} }));
    expect(when(after(changed, second), retry)).toEqual({ reason: 'wrong-status', status: 'scheduled', attempt: 0, at: epoch + second });
  });

  it.each([
    { status: 'failed', refused: cancel, ends: [failForGood] },
    { status: 'cancelled', refused: retry, ends: [accept, cancel] },
  ])('$status: since then', ({ status, refused, ends }) => {
    const ended = further(after(given(scheduled(asynchronous), start), second), ...ends);
    expect(when(after(ended, second), refused)).toEqual({ reason: 'wrong-status', status, attempt: 1, at: epoch + second });
  });
});

describe('a change', () => {
  it('of other things is taken by a task whose action cannot be changed', () => {
    const runner = given(scheduled({ action: { kind: 'runner', name: 'example', body: null } }, epoch + hour));
    expect(when(runner, reschedule({ labels: {} }))).toStrictEqual({ type: 'TaskRescheduled', data: { labels: {} } });
  });

  it('between retries moves the task to its first time as well as to that of the retry', () => {
    const retrying = given(scheduled(), start, fail());
    expect(when(retrying, reschedule({}, epoch))).toEqual({ type: 'TaskRescheduled', data: { runAt: epoch } });
    expect(when(retrying, reschedule({}, epoch + 5 * second))).toEqual({ type: 'TaskRescheduled', data: { runAt: epoch + 5 * second } });
  });
});

describe('an event holds nothing that was not said', () => {
  const running = () => given(scheduled(), start);

  it('a continuation without a body', () => {
    const event = when(running(), { type: 'continue', startedVersion: 2, runAt: epoch });
    expect(event).toStrictEqual({ type: 'TaskContinued', data: { startedVersion: 2, runAt: epoch } });
  });

  it('a success that emitted nothing', () => {
    const data = { startedVersion: 2, result: okResult, durationMs: okResult.durationMs };
    expect(when(running(), succeed)).toStrictEqual({ type: 'TaskSucceeded', data });
  });

  it('a failure without an answer', () => {
    const error = { kind: 'network', message: 'refused' } as const;
    expect(when(running(), fail({ error, retryable: false }))).toStrictEqual({
      type: 'TaskFailed',
      data: { startedVersion: 2, error, retryAt: null },
    });
  });
});

describe('a failure that Errand finds itself says what happened', () => {
  it('a lost process', () => {
    expect(when(due(given(scheduled(), start)), expireLease)).toMatchObject({
      data: { error: { kind: 'interrupted', message: expect.stringContaining('process') } },
    });
  });

  it('an answer that did not come', () => {
    expect(when(due(given(scheduled(asynchronous), start, accept)), expireWait)).toMatchObject({
      data: { error: { kind: 'timeout', message: expect.stringContaining('did not answer in time') } },
    });
  });

  it('a task that would continue for ever', () => {
    const running = given(scheduled(), start);
    const last = { ...running, state: { ...running.state, run: 10_000 } as typeof running.state };
    expect(when(last, { type: 'continue', startedVersion: 2, runAt: epoch })).toMatchObject({
      type: 'TaskFailed',
      data: { error: { kind: 'rejected', message: expect.stringContaining('run 10000') } },
    });
  });
});

it('an empty result has no body', () => {
  const empty = { type: 'succeed', startedVersion: 2, result: { ...okResult, bytes: 0 } } as const;
  expect(given(scheduled(), start, empty).state).toMatchObject({ status: 'succeeded', result: { bytes: 0, body: null } });
});
