import { describe, expect, it } from 'vitest';
import { limits } from '../../src/domain/limits.ts';
import type { TaskCommand, TaskRefusal } from '../../src/domain/task/commands.ts';
import { decide } from '../../src/domain/task/decide.ts';
import type { TaskDefinition, TaskEvent } from '../../src/domain/task/events.ts';
import { evolve } from '../../src/domain/task/evolve.ts';
import { endedOf, factsOf, type TaskState, wakeAt } from '../../src/domain/task/state.ts';
import { commandTypes } from './task-arbitraries.ts';
import {
  append,
  at,
  type CommandOf,
  callbackSpec,
  day,
  definitionWith,
  epoch,
  type History,
  hour,
  httpAction,
  lastStart,
  minute,
  noHistory,
  okResult,
  perform,
  second,
  serverError,
} from './task-histories.ts';

/** A command, or one made from the history it meets (its clock, its newest start). */
type Move = TaskCommand | ((history: History) => TaskCommand);

/** A history in which every command given has yielded its event. */
function given(...moves: readonly Move[]): History {
  return then(noHistory, ...moves);
}

function then(start: History, ...moves: readonly Move[]): History {
  return moves.reduce<History>((history, move) => {
    const command = typeof move === 'function' ? move(history) : move;
    const { decision, history: after } = perform(history, command);
    expect(decision.outcome, `${command.type} yields an event`).toBe('event');
    return after;
  }, start);
}

const after = (history: History, ms: number): History => at(history, history.now + ms);

/** What a command yields: the event, `unchanged`, or the refusal. Yielding an event, it is also tried a second time. */
function when(history: History, move: Move): TaskEvent | 'unchanged' | TaskRefusal {
  const command = typeof move === 'function' ? move(history) : move;
  const { decision, history: next } = perform(history, command);
  if (decision.outcome === 'refused') return decision.refusal;
  if (decision.outcome === 'unchanged') return 'unchanged';
  expect(decide(next.state, command).outcome, `${command.type} a second time`).not.toBe('event');
  return decision.event;
}

const scheduled =
  (parts: Partial<TaskDefinition> = {}, runAt = epoch): Move =>
  () => ({ type: 'schedule', definition: definitionWith(parts), runAt, sameContent: false });
const start: Move = ({ now }) => ({ type: 'start', now });
const accept: Move = (history) => ({ type: 'accept', now: history.now, startedVersion: lastStart(history), response: okResult });
const heartbeat: Move = (history) => ({ type: 'heartbeat', now: history.now, startedVersion: lastStart(history) });
const succeed: Move = (history) => ({ type: 'succeed', startedVersion: lastStart(history), result: okResult });
const continueAt =
  (delayMs: number): Move =>
  (history) => ({ type: 'continue', startedVersion: lastStart(history), runAt: history.now + delayMs });
const fail =
  (parts: Partial<CommandOf<'fail'>> = {}): Move =>
  (history) => ({
    type: 'fail',
    now: history.now,
    random: 0.5,
    startedVersion: lastStart(history),
    error: serverError,
    retryable: true,
    retryAfterMs: null,
    ...parts,
  });
const failForGood = fail({ retryable: false });
const answer =
  (parts: Partial<CommandOf<'answer'>> = {}): Move =>
  (history) => ({
    type: 'answer',
    now: history.now,
    run: factsOf(history.state).run,
    startedVersion: lastStart(history),
    answerHash: 'hash-a',
    result: okResult,
    ...parts,
  });
const expireLease: Move = ({ now }) => ({ type: 'expire-lease', now, random: 0.5 });
const expireWait: Move = ({ now }) => ({ type: 'expire-wait', now, random: 0.5 });
const cancel: Move = { type: 'cancel', reason: 'enough' };
const retry: Move = ({ now }) => ({ type: 'retry', now });
const runNow: Move = ({ now }) => ({ type: 'run-now', now });
const redeliver: Move = { type: 'redeliver' };
const remove: Move = { type: 'delete' };
const reschedule =
  (changes: CommandOf<'reschedule'>['changes'], runAt?: number): Move =>
  () => ({ type: 'reschedule', changes, ...(runAt === undefined ? {} : { runAt }) });
const told =
  (outcome: CommandOf<'record-callback'>['outcome'], parts: Partial<CommandOf<'record-callback'>> = {}): Move =>
  ({ state, now }) => {
    const callback = endedOf(state)?.callback;
    const open = callback !== undefined && callback.status !== 'none' ? callback : { outcomeVersion: state.version, attempt: 0 };
    return { type: 'record-callback', now, random: 0.5, outcomeVersion: open.outcomeVersion, attempt: open.attempt + 1, outcome, ...parts };
  };
const delivered = told({ delivered: true, status: 204 });
const notDelivered = told({ delivered: false, error: serverError, retryable: true, retryAfterMs: null });
const gone = told({ delivered: false, error: { kind: 'http', message: 'gone', status: 410 }, retryable: false, retryAfterMs: null });

const asynchronous = { strategy: 'async' } as const;
const withCallback = { callback: callbackSpec } as const;

/** The clock moved to where the state says that something is due. */
const due = (history: History): History => at(history, wakeAt(history.state) ?? history.now);

describe('every command on every status', () => {
  /** One history per status; each has a callback, so that what could happen to one is not hidden by its absence. */
  const histories: Record<TaskState['status'] | 'erased', History> = {
    missing: noHistory,
    scheduled: given(scheduled(withCallback)),
    running: given(scheduled(withCallback), start),
    waiting: given(scheduled({ ...asynchronous, ...withCallback }), start, accept),
    succeeded: given(scheduled(withCallback), start, succeed),
    failed: given(scheduled(withCallback), start, failForGood),
    cancelled: given(scheduled(withCallback), cancel),
    deleted: given(scheduled(withCallback), remove),
    erased: append(noHistory, { type: 'Erased', data: {} }),
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
    const yielded = when(after(history, 2 * hour), moves[type]);
    const name = yielded === 'unchanged' ? yielded : 'type' in yielded ? yielded.type : yielded.reason;
    expect(name).toBe(outcome);
  });

  it.each(['scheduled', 'running', 'waiting', 'succeeded', 'failed', 'cancelled'] as const)(
    'the same task created again while %s is the existing task',
    (status) => {
      const again: Move = { type: 'schedule', definition: definitionWith(), runAt: epoch + hour, sameContent: true };
      expect(when(histories[status], again)).toBe('unchanged');
    },
  );
});

describe('what a refusal says', () => {
  it('a running task is named with the attempt that won and when it started', () => {
    const running = given(scheduled({}, epoch + minute), (h) => ({ type: 'start', now: h.now + minute }));
    expect(when(running, cancel)).toEqual({ reason: 'wrong-status', status: 'running', attempt: 1, at: running.now });
  });

  it('a waiting task is named with the time of its acceptance', () => {
    const waiting = then(after(given(scheduled(asynchronous), start), 3 * second), accept);
    expect(when(waiting, reschedule({}, epoch))).toEqual({ reason: 'wrong-status', status: 'waiting', attempt: 1, at: epoch + 3 * second });
  });

  it('a finished task is named with its end, whatever became of its callback since', () => {
    const ended = then(after(given(scheduled(withCallback), start), second), succeed);
    const toldLater = then(after(ended, minute), delivered);
    expect(when(toldLater, cancel)).toEqual({ reason: 'wrong-status', status: 'succeeded', attempt: 1, at: epoch + second });
  });
});

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
    const expired = then(at(given(scheduled({ startBeforeMs: 0, ...withCallback })), epoch + 1), start);
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

describe('the fence', () => {
  const second_ = then(due(given(scheduled(withCallback), start, fail())), start);
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
      expect(when(second_, move)).toEqual({ reason: 'superseded' });
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

describe('retrying a failed attempt', () => {
  const pauses = (history: History, moves: readonly Move[]): readonly (number | null)[] => {
    const seen: (number | null)[] = [];
    let current = history;
    for (const move of moves) {
      current = then(due(current), start);
      current = then(current, move);
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
    expect(then(then(due(retrying), start), fail()).state.status).toBe('failed');
  });
});

describe('an attempt whose process went away', () => {
  const running = given(scheduled(), start);
  const leaseEnd = epoch + 50 * second;

  it('is interrupted at the end of its lease and 5 s for clocks that differ, not before', () => {
    expect(wakeAt(running.state)).toBe(leaseEnd + 5 * second);
    expect(when(at(running, leaseEnd + 5 * second - 1), expireLease)).toEqual({ reason: 'not-due' });
    expect(when(at(running, leaseEnd + 5 * second), expireLease)).toMatchObject({
      type: 'TaskFailed',
      data: { startedVersion: 2, error: { kind: 'interrupted' }, retryAt: leaseEnd + 10 * second },
    });
  });

  it('counts as an attempt like any other', () => {
    const once = { backoff: 'fixed', maxAttempts: 1, initialDelayMs: 0, factor: 1, maxDelayMs: 0, jitter: 0 } as const;
    expect(then(due(given(scheduled({ retry: once }), start)), expireLease).state.status).toBe('failed');
  });

  it('may still record its outcome late, as long as nobody has expired it', () => {
    expect(when(at(running, epoch + day), succeed)).toMatchObject({ type: 'TaskSucceeded' });
  });
});

describe('an asynchronous target', () => {
  const running = given(scheduled(asynchronous), start);
  const waiting = then(running, accept);

  it('has completeWithin from its acceptance', () => {
    expect(waiting.state).toMatchObject({ status: 'waiting', completeBy: epoch + hour });
    expect(wakeAt(waiting.state)).toBe(epoch + hour);
  });

  it('fails with a timeout at its deadline, not before, and is retried by policy', () => {
    expect(when(at(waiting, epoch + hour - 1), expireWait)).toEqual({ reason: 'not-due' });
    expect(when(at(waiting, epoch + hour), expireWait)).toMatchObject({
      type: 'TaskFailed',
      data: { startedVersion: 2, error: { kind: 'timeout' }, retryAt: epoch + hour + 5 * second },
    });
  });

  it('moves its deadline with a heartbeat to now and completeWithin', () => {
    expect(when(at(waiting, epoch + 30 * minute), heartbeat)).toEqual({
      type: 'TaskHeartbeat',
      data: { startedVersion: 2, completeBy: epoch + 90 * minute },
    });
  });

  it('records no heartbeat that moves the deadline by under a tenth of completeWithin', () => {
    expect(when(at(waiting, epoch + 6 * minute - 1), heartbeat)).toBe('unchanged');
    expect(when(at(waiting, epoch + 6 * minute), heartbeat)).toMatchObject({ type: 'TaskHeartbeat' });
  });

  it('keeps the deadline of a heartbeat that came before the acceptance was recorded', () => {
    const beaten = then(after(running, second), heartbeat);
    const acceptedOnAnOlderClock: Move = { type: 'accept', now: epoch, startedVersion: 2, response: okResult };
    expect(then(beaten, acceptedOnAnOlderClock).state).toMatchObject({ completeBy: epoch + second + hour });
    expect(then(after(beaten, minute), accept).state).toMatchObject({ completeBy: epoch + second + minute + hour });
  });

  it('may say itself that it failed, and is retried by policy', () => {
    const error = { kind: 'rejected', message: 'no stock' } as const;
    expect(when(waiting, fail({ error }))).toMatchObject({ type: 'TaskFailed', data: { error, retryAt: epoch + 5 * second } });
  });

  const answered = { type: 'TaskSucceeded', data: { startedVersion: 2, result: okResult, durationMs: 12, answerHash: 'hash-a' } };

  it('may answer while it waits', () => {
    expect(when(waiting, answer())).toEqual(answered);
  });

  it('may answer before its 2xx was recorded, and that 2xx then comes too late', () => {
    expect(when(running, answer())).toEqual(answered);
    expect(when(then(running, answer()), accept)).toEqual({ reason: 'superseded' });
  });

  it('may answer between retries, with the token of the attempt that timed out', () => {
    expect(when(then(due(waiting), expireWait), answer())).toEqual(answered);
  });

  it('may answer with the token of an earlier attempt of the run while a later one runs', () => {
    const secondRuns = then(due(then(due(waiting), expireWait)), start);
    expect(secondRuns.state).toMatchObject({ status: 'running', attempt: 2 });
    expect(when(secondRuns, answer({ startedVersion: 2 }))).toEqual(answered);
  });

  it('may post the same answer twice, and not another one', () => {
    const succeeded = then(waiting, answer());
    expect(when(succeeded, answer())).toBe('unchanged');
    expect(when(succeeded, answer({ answerHash: 'hash-b' }))).toEqual({ reason: 'different-answer' });
  });

  it('may post the same answer again when its first post came early', () => {
    expect(when(then(running, answer()), answer())).toBe('unchanged');
    expect(when(then(running, answer()), answer({ answerHash: 'hash-b' }))).toEqual({ reason: 'different-answer' });
  });

  it.each([
    ['was cancelled', then(waiting, cancel)],
    ['failed', then(waiting, failForGood)],
    ['succeeded by its answer to the call', then(running, succeed)],
  ])('comes too late when its run %s', (_title, history) => {
    expect(when(history, answer())).toEqual({ reason: 'run-over' });
  });

  it('comes too late when another run has begun, also between the retries of that', () => {
    const continued = then(running, continueAt(0));
    expect(when(continued, answer({ run: 1 }))).toEqual({ reason: 'run-over' });
    expect(when(then(continued, start), answer({ run: 1, startedVersion: 2 }))).toEqual({ reason: 'run-over' });
    expect(when(then(continued, start, fail()), answer({ run: 1, startedVersion: 2 }))).toEqual({ reason: 'run-over' });
    expect(when(then(waiting, failForGood, retry), answer({ run: 1, startedVersion: 2 }))).toEqual({ reason: 'run-over' });
  });

  it('is not known any more when its task was deleted', () => {
    expect(when(then(waiting, remove), answer({ run: 1 }))).toEqual({ reason: 'deleted' });
  });
});

describe('continuing', () => {
  it('is the next run at the time asked for, attempts afresh', () => {
    const continued = then(due(given(scheduled(), start, fail())), start, continueAt(hour));
    expect(continued.state).toMatchObject({ status: 'scheduled', run: 2, attempt: 0, runAt: continued.now + hour, lastFailure: null });
    expect(then(due(continued), start).state).toMatchObject({ run: 2, attempt: 1 });
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

describe('changing a pending task', () => {
  it('moves the next attempt, between retries too', () => {
    const retrying = given(scheduled(), start, fail(), reschedule({}, epoch + day));
    expect(retrying.state).toMatchObject({ attempt: 1, nextAttemptAt: epoch + day, runAt: epoch + day });
    expect(wakeAt(retrying.state)).toBe(epoch + day);
  });

  it('replaces each field given as a whole and leaves the others alone', () => {
    const changed = given(scheduled(withCallback), reschedule({ labels: { a: 'b' }, timeoutMs: 100, callback: null }));
    expect(changed.state).toMatchObject({
      definition: { ...definitionWith(), labels: { a: 'b' }, timeoutMs: 100, callback: null },
      runAt: epoch,
    });
    expect(then(changed, cancel).state).toMatchObject({ callback: { status: 'none' } });
  });

  it('takes the body of a new request from the change', () => {
    const action = { ...httpAction, body: { kind: 'text', bytes: 3, digest: 'other' } } as const;
    expect(given(scheduled(), reschedule({ action })).state).toMatchObject({ body: { version: 2, commitId: 'commit-2', bytes: 3 } });
    expect(given(scheduled(), reschedule({ action: { ...httpAction, body: null } })).state).toMatchObject({ body: null });
  });

  it('looks nowhere for the bytes of an empty body', () => {
    const empty = { ...httpAction, body: { kind: 'text', bytes: 0 } } as const;
    expect(given(scheduled({ action: empty })).state).toMatchObject({ body: null });
    expect(given(scheduled(), reschedule({ action: empty })).state).toMatchObject({ body: null });
  });

  it('sees a body of the same length by its digest', () => {
    const action = { ...httpAction, body: { kind: 'json', bytes: 17, digest: 'second' } } as const;
    expect(when(given(scheduled()), reschedule({ action }))).toMatchObject({ type: 'TaskRescheduled' });
    expect(when(given(scheduled()), reschedule({ action: httpAction }))).toBe('unchanged');
  });

  it('changes nothing when nothing differs, in whatever order the names stand', () => {
    const same = { labels: { b: '2', a: '1' }, retry: { ...definitionWith().retry } };
    expect(when(given(scheduled({ labels: { a: '1', b: '2' } })), reschedule(same, epoch))).toBe('unchanged');
    expect(when(given(scheduled({ labels: { a: '1', b: '2' } })), reschedule({}))).toBe('unchanged');
    expect(when(given(scheduled({ labels: { a: '1', b: '2' } })), reschedule({ labels: { a: '1' } }))).toMatchObject({
      type: 'TaskRescheduled',
    });
  });

  it('cannot take back attempts that were made', () => {
    const retrying = given(scheduled(), start, fail());
    const policy = definitionWith().retry;
    expect(when(retrying, reschedule({ retry: { ...policy, maxAttempts: 1 } }))).toEqual({ reason: 'attempts-spent', attempt: 1 });
    expect(when(retrying, reschedule({ retry: { ...policy, maxAttempts: 2 } }))).toMatchObject({ type: 'TaskRescheduled' });
  });

  it('cannot make a request of what is none', () => {
    const runner = given(scheduled({ action: { kind: 'runner', name: 'example', body: null } }));
    expect(when(runner, reschedule({ action: httpAction }))).toEqual({ reason: 'different-action', action: 'runner' });
  });

  it('is possible a thousand times, a run-now counted, and after that only what changes nothing', () => {
    let history = given(scheduled());
    for (let change = 1; change < limits.changesPerTask; change += 1) history = then(history, reschedule({}, epoch + change));
    history = then(history, reschedule({}, epoch + hour));
    const refusal = { reason: 'limit', limit: 'changes', value: 1_000 };
    expect(when(history, reschedule({}, epoch + day))).toEqual(refusal);
    expect(when(history, runNow)).toEqual(refusal);
    expect(when(history, reschedule({}, epoch + hour))).toBe('unchanged');
    expect(when(due(history), start)).toMatchObject({ type: 'TaskStarted' });
  });

  it('run now makes a later task due at once, and a due one is so already', () => {
    const later = given(scheduled({}, epoch + day));
    expect(when(later, runNow)).toEqual({ type: 'TaskRescheduled', data: { runAt: epoch } });
    expect(when(given(scheduled()), runNow)).toBe('unchanged');
    expect(when(given(scheduled(), start, fail()), runNow)).toEqual({ type: 'TaskRescheduled', data: { runAt: epoch } });
  });
});

describe('ending by hand', () => {
  it('a cancel keeps its reason and opens the cancelled callback', () => {
    expect(when(given(scheduled()), cancel)).toEqual({ type: 'TaskCancelled', data: { reason: 'enough' } });
    expect(given(scheduled(withCallback), cancel).state).toMatchObject({
      reason: 'enough',
      callback: { status: 'pending', outcomeVersion: 2 },
    });
  });

  it('a cancelled waiting task takes no failure, heartbeat or deadline any more', () => {
    const cancelled = given(scheduled(asynchronous), start, accept, cancel);
    expect(when(cancelled, fail())).toEqual({ reason: 'superseded' });
    expect(when(cancelled, heartbeat)).toEqual({ reason: 'superseded' });
    expect(wakeAt(cancelled.state)).toBeNull();
  });

  it('a retry by hand is the next run at once, with a fresh set of attempts', () => {
    const failed = after(given(scheduled(), start, failForGood), minute);
    expect(when(failed, retry)).toEqual({ type: 'TaskRetried', data: { runAt: failed.now } });
    expect(then(failed, retry).state).toMatchObject({
      status: 'scheduled',
      run: 2,
      attempt: 0,
      nextAttemptAt: failed.now,
      lastFailure: null,
    });
  });

  it('a retry by hand supersedes an open callback of the run before', () => {
    const failed = given(scheduled(withCallback), start, failForGood);
    const retried = then(failed, retry);
    const late = {
      type: 'record-callback',
      now: epoch,
      random: 0,
      outcomeVersion: 3,
      attempt: 1,
      outcome: { delivered: true, status: 200 },
    } as const;
    expect(when(retried, late)).toEqual({ reason: 'superseded' });
    const failedAgain = then(retried, start, failForGood);
    expect(when(failedAgain, late)).toEqual({ reason: 'superseded' });
    expect(when(failedAgain, delivered)).toMatchObject({ data: { outcomeVersion: 6, attempt: 1 } });
  });

  it('a deletion of a pending task opens a cancelled callback and lets nothing else happen', () => {
    for (const history of [given(scheduled(withCallback)), given(scheduled({ ...asynchronous, ...withCallback }), start, accept)]) {
      const removed = then(history, remove);
      expect(factsOf(removed.state)).toMatchObject({ status: 'deleted', callback: true, wakeAt: removed.now + minute });
      expect(endedOf(removed.state)).toMatchObject({
        status: 'cancelled',
        reason: 'deleted',
        callback: { outcomeVersion: removed.state.version },
      });
      expect(wakeAt(then(removed, delivered).state)).toBeNull();
    }
  });

  it('a deletion of a pending task that asks for no cancelled callback opens none', () => {
    const removed = given(scheduled({ callback: { ...callbackSpec, on: ['succeeded', 'failed'] } }), remove);
    expect(factsOf(removed.state)).toMatchObject({ callback: false, wakeAt: null });
    expect(when(removed, delivered)).toEqual({ reason: 'superseded' });
  });

  it('a deletion of a finished task leaves its open callback to be delivered, tries and all', () => {
    const removed = given(scheduled(withCallback), start, succeed, notDelivered, remove);
    expect(endedOf(removed.state)).toMatchObject({ status: 'succeeded', callback: { status: 'pending', attempt: 1 } });
    expect(factsOf(removed.state)).toMatchObject({ callback: false, wakeAt: epoch + second });
    expect(when(removed, delivered)).toMatchObject({ type: 'CallbackSucceeded', data: { outcomeVersion: 3, attempt: 2 } });
  });

  it('a deletion of a finished task whose callback was delivered leaves nothing to do', () => {
    expect(wakeAt(given(scheduled(withCallback), start, succeed, delivered, remove).state)).toBeNull();
  });

  it('an erased stream is deleted for ever and has nothing left', () => {
    const erased = append(noHistory, { type: 'Erased', data: {} });
    expect(erased.state).toEqual({
      status: 'deleted',
      id: 'order-42/reminder',
      version: 1,
      createdAt: epoch,
      updatedAt: epoch,
      ended: null,
    });
    expect(when(erased, { type: 'schedule', definition: definitionWith(), runAt: epoch, sameContent: true })).toEqual({
      reason: 'deleted',
    });
    expect(factsOf(erased.state)).toMatchObject({ status: 'deleted', wakeAt: null, target: null, callback: false });
  });
});

describe('the callback', () => {
  const succeeded = given(scheduled(withCallback), start, succeed);

  it('is looked after a minute later at first, for the bus tries at once', () => {
    expect(wakeAt(succeeded.state)).toBe(epoch + minute);
    expect(when(succeeded, delivered)).toEqual({
      type: 'CallbackSucceeded',
      data: { outcomeVersion: 3, attempt: 1, result: { status: 204 } },
    });
  });

  it('is not opened by an outcome that was not asked for', () => {
    const onlyFailures = { callback: { ...callbackSpec, on: ['failed'] } } as const;
    expect(wakeAt(given(scheduled(onlyFailures), start, succeed).state)).toBeNull();
    expect(wakeAt(given(scheduled(onlyFailures), cancel).state)).toBeNull();
    expect(wakeAt(given(scheduled(onlyFailures), start, failForGood).state)).toBe(epoch + minute);
  });

  it('is not opened by a failure that is retried or by a continuation', () => {
    expect(factsOf(given(scheduled(withCallback), start, fail()).state).callback).toBe(false);
    expect(factsOf(given(scheduled(withCallback), start, continueAt(0)).state).callback).toBe(false);
  });

  it('is tried again after 1 s, 4 s, 15 s, 1 m, 4 m, 15 m and 1 h, eight times in all', () => {
    let history = succeeded;
    const pausesMs: (number | null)[] = [];
    while (wakeAt(history.state) !== null) {
      history = then(history, notDelivered);
      const next = wakeAt(history.state);
      pausesMs.push(next === null ? null : next - history.now);
      history = due(history);
    }
    expect(pausesMs).toEqual([1_000, 4_000, 15_000, 60_000, 240_000, 900_000, 3_600_000, null]);
    expect(history.state).toMatchObject({ status: 'succeeded', callback: { status: 'failed', attempt: 8, error: serverError } });
  });

  it.each([
    ['longer', 2 * hour, 2 * hour],
    ['of zero', 0, 0],
    ['beyond a day', 2 * day, day],
  ])('honours a Retry-After %s', (_title, retryAfterMs, expected) => {
    const busy = told({ delivered: false, error: serverError, retryable: true, retryAfterMs });
    expect(when(succeeded, busy)).toMatchObject({ data: { retryAt: epoch + expected } });
  });

  it('spreads its tries by a fifth', () => {
    const early = told({ delivered: false, error: serverError, retryable: true, retryAfterMs: null }, { random: 0 });
    expect(when(succeeded, early)).toMatchObject({ data: { retryAt: epoch + 800 } });
  });

  it('ends with a 410', () => {
    expect(when(succeeded, gone)).toMatchObject({ type: 'CallbackFailed', data: { retryAt: null } });
    expect(wakeAt(then(succeeded, gone).state)).toBeNull();
  });

  it('takes one word for each try: a twin that was slower, or a try out of turn, is superseded', () => {
    const once = then(succeeded, notDelivered);
    expect(when(once, told({ delivered: true, status: 200 }, { attempt: 1 }))).toEqual({ reason: 'superseded' });
    expect(when(succeeded, told({ delivered: true, status: 200 }, { attempt: 2 }))).toEqual({ reason: 'superseded' });
    expect(when(succeeded, told({ delivered: true, status: 200 }, { outcomeVersion: 2 }))).toEqual({ reason: 'superseded' });
    expect(when(then(succeeded, delivered), delivered)).toEqual({ reason: 'superseded' });
  });

  it('never changes the status', () => {
    expect(then(succeeded, gone).state.status).toBe('succeeded');
  });
});

describe('redelivering', () => {
  const succeeded = given(scheduled(withCallback), start, succeed);
  const reopened = { type: 'CallbackReopened', data: { outcomeVersion: 3 } };

  it('sends a delivered or failed callback again, at once and with a fresh set of tries', () => {
    for (const told_ of [delivered, gone]) {
      const ended = after(then(succeeded, told_), hour);
      expect(when(ended, redeliver)).toEqual(reopened);
      const again = then(ended, redeliver);
      expect(again.state).toMatchObject({ redeliveries: 1, callback: { status: 'pending', attempt: 0 } });
      expect(wakeAt(again.state)).toBe(ended.now);
      expect(when(again, notDelivered)).toMatchObject({ data: { outcomeVersion: 3, attempt: 1, retryAt: ended.now + second } });
    }
  });

  it('hurries a callback between its tries, and one that was not tried yet is on its way already', () => {
    expect(when(then(succeeded, notDelivered), redeliver)).toEqual(reopened);
    expect(when(succeeded, redeliver)).toBe('unchanged');
  });

  it('is refused where no callback was asked for, or not for this outcome', () => {
    expect(when(given(scheduled(), start, succeed), redeliver)).toEqual({ reason: 'no-callback' });
    const onlyFailures = { callback: { ...callbackSpec, on: ['failed'] } } as const;
    expect(when(given(scheduled(onlyFailures), start, succeed), redeliver)).toEqual({ reason: 'no-callback' });
  });

  it('is possible a thousand times', () => {
    let history = succeeded;
    for (let time = 0; time < limits.redeliveriesPerTask; time += 1) history = then(history, delivered, redeliver);
    expect(when(then(history, delivered), redeliver)).toEqual({ reason: 'limit', limit: 'redeliveries', value: 1_000 });
  });
});

describe('the lane', () => {
  it('is the long one for long timeouts and after a timeout, the short one for callbacks', () => {
    expect(factsOf(given(scheduled({ timeoutMs: 30 * second })).state).lane).toBe('short');
    expect(factsOf(given(scheduled({ timeoutMs: 30 * second + 1 })).state).lane).toBe('long');
    const timedOut = given(scheduled(withCallback), start, fail({ error: { kind: 'timeout', message: 'slow' } }));
    expect(factsOf(timedOut.state).lane).toBe('long');
    expect(factsOf(then(timedOut, cancel).state).lane).toBe('short');
  });
});
