import { describe, expect, it } from 'vitest';
import { wakeAt } from '../../../src/domain/orchestration/state.ts';
import { epoch, hour, minute, second } from '../task-histories.ts';
import {
  at,
  check,
  checked,
  definitionWith,
  due,
  fails,
  fromPrevious,
  further,
  given,
  inCheck,
  isForeign,
  looks,
  planned,
  scheduled,
  seenOf,
  sees,
  step,
  stepTemplate,
  succeeds,
  succeedsTruncated,
  told,
  when,
  withFallback,
} from './histories.ts';

describe('a step', () => {
  it('starts after the initial delay and its own, and never before', () => {
    const waiting = given(scheduled({ steps: [step({ delayMs: second }), step()] }, epoch + minute));
    expect(wakeAt(waiting.state)).toBe(epoch + minute + second);
    expect(when(at(waiting, epoch + minute + second - 1), looks)).toEqual({ reason: 'not-due', dueAt: epoch + minute + second });
    const data = { step: 1, taskId: 'order-42.1' };
    expect(when(at(waiting, epoch + minute + second), looks)).toEqual({ type: 'StepStarted', data });
  });

  it('is followed by the next one, after that one’s delay', () => {
    const done = given(scheduled({ steps: [step(), step({ delayMs: hour })] }), looks, succeeds);
    expect(wakeAt(done.state)).toBe(epoch + hour);
    expect(seenOf(done).currentStep).toBe(2);
    expect(when(due(done), looks)).toEqual({ type: 'StepStarted', data: { step: 2, taskId: 'order-42.2' } });
  });

  it('waits for its task: an absent, an open or an unseen one is no end', () => {
    const started = given(scheduled(), looks);
    for (const child of [null, { status: 'missing' }, { status: 'open' }] as const) {
      expect(when(due(started), sees(child))).toEqual({ reason: 'child-unfinished', taskId: 'order-42.1' });
    }
    expect(wakeAt(started.state)).toBe(epoch + minute);
  });

  it.each([
    ['fails', fails, { kind: 'http', message: 'the target answered 503' }],
    ['is cancelled', sees({ status: 'cancelled' }), { kind: 'cancelled', message: 'the task order-42.1 was cancelled' }],
    ['is deleted', sees({ status: 'deleted' }), { kind: 'cancelled', message: 'the task order-42.1 was deleted' }],
    [
      'is somebody else’s',
      isForeign,
      { kind: 'id-taken', message: 'the id order-42.1 belongs to a task that is not of this orchestration' },
    ],
  ])('whose task %s ends the orchestration, without check or fallback', (_what, ends, error) => {
    const over = given(scheduled({ ...withFallback, steps: [step(), step()] }), looks, ends, looks);
    expect(over.state).toMatchObject({ status: 'failed', outcome: 'step-failed' });
    expect(seenOf(over)).toMatchObject({
      currentStep: 1,
      steps: [
        { status: 'failed', checks: 0, error },
        { status: 'pending', taskId: null },
      ],
    });
    expect(wakeAt(over.state)).toBeNull();
  });

  it('keeps of a long error what fits', () => {
    const long = sees({ status: 'failed', error: { kind: 'http', message: `${'x'.repeat(499)}😀 and so on` } });
    const { steps } = seenOf(given(scheduled(), looks, long));
    expect(steps[0]?.error?.message).toBe(`${'x'.repeat(499)}\u{fffd}`);
  });

  it('is not sent a result that is not whole', () => {
    const before = given(scheduled({ steps: [step(), fromPrevious, step()] }), looks, succeedsTruncated);
    const over = further(before, looks, looks);
    expect(told(over).slice(2)).toMatchObject([
      { type: 'StepFinished', data: { step: 2, outcome: { status: 'failed', error: { kind: 'truncated' } } } },
      { type: 'OrchestrationFinished', data: { status: 'failed', outcome: 'step-failed' } },
    ]);
    expect(seenOf(over).steps[1]).toMatchObject({ status: 'failed', taskId: null, startedAt: null, finishedAt: epoch });
  });

  it('minds a result that is not whole only where it is sent', () => {
    const after = given(
      scheduled({ steps: [step(), step(), fromPrevious] }),
      looks,
      succeedsTruncated,
      looks,
      succeeds,
      looks,
      succeeds,
      looks,
    );
    expect(after.state).toMatchObject({ status: 'succeeded', outcome: 'completed' });
  });
});

describe('a check', () => {
  it('comes after its delay, also after the last step, and passed ends the step', () => {
    const done = given(scheduled(checked), looks, succeeds);
    expect(wakeAt(done.state)).toBe(epoch + 5 * second);
    expect(when(at(done, epoch + 5 * second - 1), looks)).toEqual({ reason: 'not-due', dueAt: epoch + 5 * second });
    const over = further(due(done), looks, succeeds, looks);
    expect(told(over).slice(2)).toEqual([
      { type: 'CheckStarted', data: { step: 1, n: 1, taskId: 'order-42.1.check.1' } },
      { type: 'CheckFinished', data: { step: 1, n: 1, passed: true } },
      { type: 'OrchestrationFinished', data: { status: 'succeeded', outcome: 'completed' } },
    ]);
    expect(seenOf(over).steps[0]).toMatchObject({ status: 'succeeded', startedAt: epoch, finishedAt: epoch + 5 * second, checks: 1 });
  });

  it('is tried again after its gap, and forgets what failed once it passes', () => {
    const failed = further(due(given(scheduled(checked), looks, succeeds)), looks, fails);
    expect(wakeAt(failed.state)).toBe(epoch + 7 * second);
    expect(seenOf(failed).steps[0]).toMatchObject({ status: 'checking', checks: 1, error: { kind: 'http' } });
    const passed = further(due(failed), looks, succeeds);
    expect(seenOf(passed).steps[0]).toMatchObject({ status: 'succeeded', checks: 2, error: null });
  });

  it('whose budget is spent ends the orchestration', () => {
    const failed = further(due(given(scheduled(checked), looks, succeeds)), looks, fails);
    const over = further(due(failed), looks, fails, looks);
    expect(over.state).toMatchObject({ status: 'failed', outcome: 'check-failed' });
    expect(seenOf(over).steps).toMatchObject([{ status: 'failed', checks: 2, error: { kind: 'http' } }]);
  });

  it('has a budget of its own in each step', () => {
    const twice = given(scheduled({ ...checked, steps: [step(), step()] }), looks, succeeds);
    const secondDone = further(due(further(due(twice), looks, fails)), looks, succeeds, looks, succeeds);
    const failed = further(due(secondDone), looks, fails);
    expect(when(due(failed), looks)).toEqual({ type: 'CheckStarted', data: { step: 2, n: 2, taskId: 'order-42.2.check.2' } });
  });

  it.each([
    ['cancelled', sees({ status: 'cancelled' })],
    ['deleted', sees({ status: 'deleted' })],
  ])('that was %s has not passed', (_what, ends) => {
    const failed = further(due(given(scheduled(checked), looks, succeeds)), looks, ends);
    expect(when(due(failed), looks)).toMatchObject({ type: 'CheckStarted', data: { n: 2 } });
  });

  it('whose id is somebody else’s fails the step, whatever is left of its budget, and nothing falls back', () => {
    const over = further(inCheck(), isForeign, looks);
    expect(over.state).toMatchObject({ status: 'failed', outcome: 'step-failed' });
    expect(seenOf(over).steps[0]).toMatchObject({ status: 'failed', checks: 1, error: { kind: 'id-taken' } });
  });

  it('is the step’s own, the default, or switched off', () => {
    const own = step({ check: check({ delayMs: 1 }) });
    const off = step({ check: null });
    const plan = planned(definitionWith({ steps: [own, off, step()], check: check({ delayMs: 2 }), fallback: stepTemplate }));
    expect(plan.steps.map((each) => each.check?.delayMs ?? null)).toEqual([1, null, 2]);
    expect(plan.steps.map((each) => each.fallback !== null)).toEqual([true, false, true]);
    const without = given(scheduled({ steps: [off], check: check() }), looks, succeeds, looks);
    expect(without.state).toMatchObject({ outcome: 'completed' });
  });
});

describe('a fallback', () => {
  const spent = () => further(due(further(inCheck(), fails)), looks, fails);

  it('runs at once and once when the budget is spent, and the orchestration has failed all the same', () => {
    expect(wakeAt(spent().state)).toBe(spent().now);
    const over = further(spent(), looks, succeeds, looks);
    expect(told(over).slice(-3)).toEqual([
      { type: 'FallbackStarted', data: { step: 1, taskId: 'order-42.1.fallback' } },
      { type: 'FallbackFinished', data: { step: 1, outcome: { status: 'succeeded', truncated: false } } },
      { type: 'OrchestrationFinished', data: { status: 'failed', outcome: 'fallback-succeeded' } },
    ]);
    expect(seenOf(over).steps).toMatchObject([{ status: 'failed', error: { kind: 'http', message: 'the target answered 503' } }]);
  });

  it('is seen while it runs', () => {
    expect(seenOf(spent()).steps[0]?.status).toBe('fallback');
    expect(seenOf(further(spent(), looks)).steps[0]).toMatchObject({ status: 'fallback', finishedAt: null });
  });

  it.each([
    ['fails', fails, 'http'],
    ['is cancelled', sees({ status: 'cancelled' }), 'cancelled'],
    ['is somebody else’s', isForeign, 'id-taken'],
  ])('that %s leaves fallback-failed', (_what, ends, kind) => {
    const over = further(spent(), looks, ends, looks);
    expect(over.state).toMatchObject({ status: 'failed', outcome: 'fallback-failed' });
    expect(seenOf(over).steps[0]?.error?.kind).toBe(kind);
  });

  it('is not sent a result that is not whole', () => {
    const steps = [step({ check: null }), step({ fallback: fromPrevious.task, check: check() })];
    const over = given(scheduled({ steps }), looks, succeedsTruncated, looks, succeeds, looks, fails, looks, looks);
    expect(over.state).toMatchObject({ outcome: 'fallback-failed' });
    expect(seenOf(over).steps[1]?.error?.kind).toBe('truncated');
  });

  it('can be switched off', () => {
    const steps = [step({ fallback: null, check: check() })];
    expect(given(scheduled({ steps, fallback: stepTemplate }), looks, succeeds, looks, fails, looks).state).toMatchObject({
      outcome: 'check-failed',
    });
  });
});
