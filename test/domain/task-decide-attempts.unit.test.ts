import { describe, expect, it } from 'vitest';
import { limits } from '../../src/domain/limits.ts';
import type { TaskCommand } from '../../src/domain/task/commands.ts';
import { decide } from '../../src/domain/task/decide.ts';
import { evolve } from '../../src/domain/task/evolve.ts';
import { factsOf, type TaskState, wakeAt } from '../../src/domain/task/state.ts';
import {
  at,
  day,
  definitionWith,
  epoch,
  type History,
  hour,
  httpAction,
  minute,
  noHistory,
  okResult,
  second,
  serverError,
} from './task-histories.ts';
import {
  after,
  cancel,
  continueAt,
  due,
  expireLease,
  fail,
  further,
  given,
  type Move,
  reschedule,
  scheduled,
  start,
  succeed,
  when,
  withCallback,
} from './task-moves.ts';

describe('starting an attempt', () => {
  it('is refused a millisecond before its time and takes place at it', () => {
    const later = given(scheduled({}, epoch + hour));
    expect(when(at(later, epoch + hour - 1), start)).toEqual({ reason: 'not-due' });
    expect(when(at(later, epoch + hour), start)).toMatchObject({ type: 'TaskStarted' });
  });

  it('holds a lease of the start window, the timeout and the margin', () => {
    const data = { attempt: 1, run: 1, leaseUntil: epoch + 5 * second + 30 * second + 15 * second };
    expect(when(given(scheduled()), start)).toEqual({ type: 'TaskStarted', data });
  });

  it('is refused between retries until the retry is due', () => {
    const waiting = given(scheduled(), start, fail());
    expect(when(at(waiting, epoch + 5 * second - 1), start)).toEqual({ reason: 'not-due' });
    expect(when(at(waiting, epoch + 5 * second), start)).toMatchObject({ data: { attempt: 2, run: 1 } });
  });

  it('happens at the very end of startBefore, and a millisecond later the task expires', () => {
    const hurried = given(scheduled({ startBeforeMs: hour }));
    expect(when(at(hurried, epoch + hour), start)).toMatchObject({ type: 'TaskStarted' });
    const error = { kind: 'expired', message: 'not started within 3600000 ms of its time' };
    expect(when(at(hurried, epoch + hour + 1), start)).toEqual({ type: 'TaskFailed', data: { error, retryAt: null } });
  });

  it('opens the failed callback when the task expires', () => {
    const expired = further(at(given(scheduled({ startBeforeMs: 0, ...withCallback })), epoch + 1), start);
    expect(expired.state).toMatchObject({ status: 'failed', attempt: 0, callback: { status: 'pending', outcomeVersion: 2 } });
  });

  it('does not expire between retries: only the first attempt of a run has to be in time', () => {
    const retrying = given(scheduled({ startBeforeMs: 0 }), start, fail());
    expect(when(after(retrying, day), start)).toMatchObject({ type: 'TaskStarted', data: { attempt: 2 } });
  });

  it('measures startBefore from the time of its own run', () => {
    const continued = given(scheduled({ startBeforeMs: minute }), start, continueAt(hour));
    expect(when(at(continued, epoch + hour + minute), start)).toMatchObject({ type: 'TaskStarted' });
    expect(when(at(continued, epoch + hour + minute + 1), start)).toMatchObject({
      type: 'TaskFailed',
      data: { error: { kind: 'expired' } },
    });
  });

  it('measures startBefore from where a change moved it', () => {
    const moved = given(scheduled({ startBeforeMs: minute }), reschedule({}, epoch + day));
    expect(when(at(moved, epoch + day), start)).toMatchObject({ type: 'TaskStarted' });
  });
});

describe('retrying a failed attempt', () => {
  const pauses = (history: History, moves: readonly Move[]): readonly (number | null)[] => {
    const seen: (number | null)[] = [];
    let current = history;
    for (const move of moves) {
      current = further(due(current), start);
      current = further(current, move);
      seen.push(current.state.status === 'scheduled' ? current.state.nextAttemptAt - current.now : null);
    }
    return seen;
  };

  it('waits 5 s, 20 s, 80 s, 320 s and 1,280 s by default, and fails for good at the sixth attempt', () => {
    const moves = Array.from({ length: 6 }, () => fail());
    expect(pauses(given(scheduled()), moves)).toEqual([5_000, 20_000, 80_000, 320_000, 1_280_000, null]);
  });

  it('spreads by a fifth either way by default', () => {
    expect(pauses(given(scheduled()), [fail({ random: 0 })])).toEqual([4_000]);
    expect(pauses(given(scheduled()), [fail({ random: 0.999_999 })])).toEqual([6_000]);
  });

  it('waits the same each time with a fixed backoff', () => {
    const fixed = { backoff: 'fixed', maxAttempts: 4, initialDelayMs: 7_000, factor: 4, maxDelayMs: hour, jitter: 0 } as const;
    expect(pauses(given(scheduled({ retry: fixed })), [fail(), fail(), fail(), fail()])).toEqual([7_000, 7_000, 7_000, null]);
  });

  it('does not wait longer than the longest delay', () => {
    const capped = { backoff: 'exponential', maxAttempts: 4, initialDelayMs: 1_000, factor: 10, maxDelayMs: 30_000, jitter: 0 } as const;
    expect(pauses(given(scheduled({ retry: capped })), [fail(), fail(), fail(), fail()])).toEqual([1_000, 10_000, 30_000, null]);
  });

  it('waits the listed delays one after another, one attempt more than there are delays', () => {
    const listed = { backoff: 'delays', maxAttempts: 3, delaysMs: [5_000, 300_000], jitter: 0 } as const;
    expect(pauses(given(scheduled({ retry: listed })), [fail(), fail(), fail()])).toEqual([5_000, 300_000, null]);
  });

  it.each([
    ['longer than the policy is obeyed', hour, hour],
    ['shorter than the policy is obeyed', 1_000, 1_000],
    ['of zero means at once', 0, 0],
    ['beyond a day counts as a day', 3 * day, day],
  ])('a Retry-After %s, without jitter', (_title, retryAfterMs, expected) => {
    expect(pauses(given(scheduled()), [fail({ retryAfterMs, random: 0 })])).toEqual([expected]);
  });

  it('a Retry-After gives the last attempt no further one', () => {
    const once = { backoff: 'fixed', maxAttempts: 1, initialDelayMs: 0, factor: 1, maxDelayMs: 0, jitter: 0 } as const;
    expect(pauses(given(scheduled({ retry: once })), [fail({ retryAfterMs: 0 })])).toEqual([null]);
  });

  it('a failure for good is not retried, whatever the target says about later', () => {
    expect(when(given(scheduled(), start), fail({ retryable: false, retryAfterMs: 0 }))).toMatchObject({ data: { retryAt: null } });
  });

  it('keeps the result of a failed answer', () => {
    const failed = given(scheduled(), start, fail({ retryable: false, result: { ...okResult, status: 503 } }));
    const body = { version: 3, commitId: 'commit-3', bytes: 2 };
    expect(failed.state).toMatchObject({ failure: { error: serverError, result: { status: 503, body } } });
  });

  it('obeys a limit lowered between retries', () => {
    const retrying = given(scheduled(), start, fail(), reschedule({ retry: { ...definitionWith().retry, maxAttempts: 2 } }));
    expect(further(further(due(retrying), start), fail()).state.status).toBe('failed');
  });
});

describe('an attempt whose process went away', () => {
  const running = () => given(scheduled(), start);
  const leaseEnd = epoch + 50 * second;

  it('is interrupted at the end of its lease and 5 s for clocks that differ, not before', () => {
    expect(wakeAt(running().state)).toBe(leaseEnd + 5 * second);
    expect(when(at(running(), leaseEnd + 5 * second - 1), expireLease)).toEqual({ reason: 'not-due' });
    expect(when(at(running(), leaseEnd + 5 * second), expireLease)).toMatchObject({
      type: 'TaskFailed',
      data: { startedVersion: 2, error: { kind: 'interrupted' }, retryAt: leaseEnd + 10 * second },
    });
  });

  it('counts as an attempt like any other', () => {
    const once = { backoff: 'fixed', maxAttempts: 1, initialDelayMs: 0, factor: 1, maxDelayMs: 0, jitter: 0 } as const;
    expect(further(due(given(scheduled({ retry: once }), start)), expireLease).state.status).toBe('failed');
  });

  it('may still record its outcome late, as long as nobody has expired it', () => {
    expect(when(at(running(), epoch + day), succeed)).toMatchObject({ type: 'TaskSucceeded' });
  });
});

describe('continuing', () => {
  it('is the next run at the time asked for, attempts afresh', () => {
    const continued = further(due(given(scheduled(), start, fail())), start, continueAt(hour));
    expect(continued.state).toMatchObject({ status: 'scheduled', run: 2, attempt: 0, runAt: continued.now + hour, lastFailure: null });
    expect(further(due(continued), start).state).toMatchObject({ run: 2, attempt: 1 });
  });

  it('takes a new body for the next call, and keeps the old one without', () => {
    const body = { kind: 'json', bytes: 99 } as const;
    const fresh = given(scheduled(), start, { type: 'continue', startedVersion: 2, runAt: epoch, body });
    expect(fresh.state).toMatchObject({
      definition: { action: { ...httpAction, body } },
      body: { version: 3, commitId: 'commit-3', bytes: 99 },
    });
    expect(given(scheduled(), start, continueAt(0)).state).toMatchObject({ body: { version: 1, commitId: 'commit-1', bytes: 17 } });
  });

  it('after run 10,000 fails for good as rejected, and that task cannot be retried either', () => {
    // Folded without keeping the 20,000 events: only the last state matters.
    let state: TaskState = noHistory.state;
    const next = (command: TaskCommand): void => {
      const decision = decide(state, command);
      if (decision.outcome !== 'event') throw new Error(`${command.type} yielded ${decision.outcome} at version ${state.version}`);
      const version = state.version + 1;
      state = evolve(state, { ...decision.event, stream: 'task#a', version, occurredAt: epoch, commitId: `commit-${version}` });
    };
    next({ type: 'schedule', definition: definitionWith(), runAt: epoch, sameContent: false });
    for (let run = 1; run < limits.runsPerTask; run += 1) {
      next({ type: 'start', now: epoch });
      next({ type: 'continue', startedVersion: state.version, runAt: epoch });
    }
    next({ type: 'start', now: epoch });
    expect(state).toMatchObject({ status: 'running', run: 10_000 });
    next({ type: 'continue', startedVersion: state.version, runAt: epoch });
    expect(state).toMatchObject({ status: 'failed', run: 10_000, failure: { error: { kind: 'rejected' } } });
    expect(decide(state, { type: 'retry', now: epoch })).toEqual({
      outcome: 'refused',
      refusal: { reason: 'limit', limit: 'runs', value: 10_000 },
    });
  });
});

describe('the lane', () => {
  it('is the long one for long timeouts and after a timeout, the short one for callbacks', () => {
    expect(factsOf(given(scheduled({ timeoutMs: 30 * second })).state).lane).toBe('short');
    expect(factsOf(given(scheduled({ timeoutMs: 30 * second + 1 })).state).lane).toBe('long');
    const timedOut = given(scheduled(withCallback), start, fail({ error: { kind: 'timeout', message: 'slow' } }));
    expect(factsOf(timedOut.state).lane).toBe('long');
    expect(factsOf(further(timedOut, cancel).state).lane).toBe('short');
  });
});
