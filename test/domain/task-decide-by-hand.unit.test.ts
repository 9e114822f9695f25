import { describe, expect, it } from 'vitest';
import { limits } from '../../src/domain/limits.ts';
import { endedOf, factsOf, wakeAt } from '../../src/domain/task/state.ts';
import { append, callbackSpec, day, definitionWith, epoch, hour, httpAction, minute, noHistory, second } from './task-histories.ts';
import {
  accept,
  after,
  asynchronous,
  cancel,
  delivered,
  due,
  fail,
  failForGood,
  further,
  given,
  heartbeat,
  notDelivered,
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
    expect(further(changed, cancel).state).toMatchObject({ callback: { status: 'none' } });
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
    for (let change = 1; change < limits.changesPerTask; change += 1) history = further(history, reschedule({}, epoch + change));
    history = further(history, reschedule({}, epoch + hour));
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
    expect(further(failed, retry).state).toMatchObject({
      status: 'scheduled',
      run: 2,
      attempt: 0,
      nextAttemptAt: failed.now,
      lastFailure: null,
    });
  });

  it('a retry by hand supersedes an open callback of the run before', () => {
    const failed = given(scheduled(withCallback), start, failForGood);
    const retried = further(failed, retry);
    const late = {
      type: 'record-callback',
      now: epoch,
      random: 0,
      outcomeVersion: 3,
      attempt: 1,
      outcome: { delivered: true, status: 200 },
    } as const;
    expect(when(retried, late)).toEqual({ reason: 'superseded' });
    const failedAgain = further(retried, start, failForGood);
    expect(when(failedAgain, late)).toEqual({ reason: 'superseded' });
    expect(when(failedAgain, delivered)).toMatchObject({ data: { outcomeVersion: 6, attempt: 1 } });
  });

  it('a deletion of a pending task opens a cancelled callback and lets nothing else happen', () => {
    for (const history of [given(scheduled(withCallback)), given(scheduled({ ...asynchronous, ...withCallback }), start, accept)]) {
      const removed = further(history, remove);
      expect(factsOf(removed.state)).toMatchObject({ status: 'deleted', callback: true, wakeAt: removed.now + minute });
      expect(endedOf(removed.state)).toMatchObject({
        status: 'cancelled',
        reason: 'deleted',
        callback: { outcomeVersion: removed.state.version },
      });
      expect(wakeAt(further(removed, delivered).state)).toBeNull();
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
