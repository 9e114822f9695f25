import { describe, expect, it } from 'vitest';
import { limits } from '../../../src/domain/limits.ts';
import type { OrchestrationCommand } from '../../../src/domain/orchestration/commands.ts';
import { decide } from '../../../src/domain/orchestration/decide.ts';
import type { OrchestrationDefinition } from '../../../src/domain/orchestration/definition.ts';
import { isEnded, wakeAt } from '../../../src/domain/orchestration/state.ts';
import { callbackSpec, epoch, hour, minute, second } from '../task-histories.ts';
import {
  append,
  at,
  cancel,
  definitionWith,
  fails,
  further,
  given,
  type History,
  inCheck,
  isForeign,
  looks,
  type Move,
  noHistory,
  planned,
  scheduled,
  seenOf,
  sees,
  step,
  succeeds,
  told,
  when,
  withCallback,
} from './histories.ts';

const change = (parts: Partial<Extract<OrchestrationCommand, { type: 'change' }>>): Move => ({ type: 'change', ...parts });
const replan =
  (definition: Partial<OrchestrationDefinition>): Move =>
  ({ state }) => {
    const madeFrom = 'definition' in state ? state.definition.version : 0;
    return { type: 'change', replan: { plan: planned(definitionWith(definition)), madeFrom } };
  };
describe('every command on every status', () => {
  const histories: Record<string, () => History> = {
    missing: () => noHistory,
    scheduled: () => given(scheduled(withCallback)),
    running: () => given(scheduled(withCallback), looks),
    succeeded: () => given(scheduled({ ...withCallback, steps: [step()] }), looks, succeeds, looks),
    failed: () => given(scheduled(withCallback), looks, fails, looks),
    cancelled: () => given(scheduled(withCallback), cancel),
    erased: () => append(noHistory, { type: 'Erased', data: {} }),
  };
  const moves: Record<OrchestrationCommand['type'], Move> = {
    schedule: scheduled(),
    change: change({ labels: {} }),
    advance: succeeds,
    cancel,
  };
  const expected: Record<string, Record<OrchestrationCommand['type'], string>> = {
    missing: { schedule: 'OrchestrationScheduled', change: 'missing', advance: 'missing', cancel: 'missing' },
    scheduled: {
      schedule: 'different-content',
      change: 'OrchestrationChanged',
      advance: 'StepStarted',
      cancel: 'OrchestrationCancelled',
    },
    running: { schedule: 'different-content', change: 'wrong-status', advance: 'StepFinished', cancel: 'OrchestrationCancelled' },
    succeeded: { schedule: 'different-content', change: 'wrong-status', advance: 'ChildConfirmed', cancel: 'wrong-status' },
    failed: { schedule: 'different-content', change: 'wrong-status', advance: 'ChildConfirmed', cancel: 'wrong-status' },
    cancelled: { schedule: 'different-content', change: 'wrong-status', advance: 'ChildConfirmed', cancel: 'unchanged' },
    erased: { schedule: 'deleted', change: 'deleted', advance: 'deleted', cancel: 'deleted' },
  };
  const cases = Object.keys(expected).flatMap((status) =>
    (Object.keys(moves) as OrchestrationCommand['type'][]).map((type) => [status, type] as const),
  );
  it.each(cases)('%s: %s', (status, type) => {
    const outcome = when(histories[status]?.() ?? noHistory, moves[type]);
    expect(typeof outcome === 'string' ? outcome : 'reason' in outcome ? outcome.reason : outcome.type).toBe(expected[status]?.[type]);
  });

  it('says what stood in the way, and since when', () => {
    const running = at(given(scheduled(), looks), epoch + hour);
    expect(when(running, change({ labels: {} }))).toEqual({ reason: 'wrong-status', status: 'running', at: epoch });
    const failed = further(running, fails, looks);
    expect(when(failed, cancel)).toEqual({ reason: 'wrong-status', status: 'failed', at: epoch + hour });
  });

  it('finds what the same content made before', () => {
    const again: Move = { ...(scheduled() as () => OrchestrationCommand)(), sameContent: true } as OrchestrationCommand;
    expect(when(given(scheduled()), again)).toBe('unchanged');
    expect(when(given(scheduled(), looks), again)).toBe('unchanged');
  });
});

describe('a definition', () => {
  it('has 1 to 100 steps', () => {
    const refusal = { reason: 'limit', limit: 'steps', value: 100 };
    expect(when(noHistory, scheduled({ steps: [] }))).toEqual(refusal);
    expect(when(noHistory, scheduled({ steps: Array.from({ length: 101 }, () => step()) }))).toEqual(refusal);
    expect(when(noHistory, scheduled({ steps: Array.from({ length: 100 }, () => step()) }))).toMatchObject({
      type: 'OrchestrationScheduled',
    });
    expect(when(given(scheduled()), replan({ steps: [] }))).toEqual(refusal);
  });

  it('is kept in at most 256 KiB', () => {
    const sized = (bytes: number): Move => {
      const plan = { ...planned(definitionWith()), definition: { bytes, digest: 'd' } };
      return { type: 'schedule', runAt: epoch, plan, labels: {}, contentHash: '', sameContent: false };
    };
    expect(when(noHistory, sized(limits.definitionBytes))).toMatchObject({ type: 'OrchestrationScheduled' });
    expect(when(noHistory, sized(limits.definitionBytes + 1))).toEqual({ reason: 'limit', limit: 'definition', value: 262_144 });
  });
});

describe('a change before the first step', () => {
  it('moves the start, replaces the plan and the labels, and says nothing of what stays', () => {
    const before = given(scheduled({ steps: [step({ delayMs: second })] }));
    expect(when(before, change({ runAt: epoch + hour, labels: { customer: '42' } }))).toEqual({
      type: 'OrchestrationChanged',
      data: { runAt: epoch + hour },
    });
    const moved = further(before, change({ runAt: epoch + hour }), replan({ steps: [step({ delayMs: minute })] }));
    expect(wakeAt(moved.state)).toBe(epoch + hour + minute);
    expect(moved.state).toMatchObject({ definition: { version: 3, commitId: 'commit-3' }, changes: 2, labels: { customer: '42' } });
  });

  it('is none where everything is as it is asked for', () => {
    const before = given(scheduled());
    expect(when(before, change({ runAt: epoch, labels: { customer: '42' } }))).toBe('unchanged');
    expect(when(before, replan({}))).toBe('unchanged');
    expect(when(before, change({}))).toBe('unchanged');
  });

  it('made from another definition than the newest is refused: it would undo what it has not seen', () => {
    const before = given(scheduled(), replan({ steps: [step()] }));
    const plan = planned(definitionWith({ steps: [step(), step(), step()] }));
    expect(when(before, { type: 'change', replan: { plan, madeFrom: 1 } })).toEqual({ reason: 'stale' });
    expect(when(before, { type: 'change', replan: { plan, madeFrom: 2 } })).toMatchObject({ type: 'OrchestrationChanged' });
  });

  it('is made at most 1,000 times', () => {
    let history = given(scheduled());
    for (let n = 1; n <= 1_000; n += 1) history = further(history, change({ runAt: epoch + n }));
    expect(when(history, change({ runAt: epoch }))).toEqual({ reason: 'limit', limit: 'changes', value: 1_000 });
    expect(when(history, change({ runAt: epoch + 1_000 }))).toBe('unchanged');
  });
});

describe('a cancel', () => {
  it('before the start leaves nothing to run', () => {
    const over = given(scheduled({}, epoch + hour), cancel);
    expect(over.state).toMatchObject({ status: 'cancelled', reason: 'enough' });
    expect(wakeAt(over.state)).toBeNull();
    expect(seenOf(over)).toMatchObject({ currentStep: null, outcome: null, finishedAt: epoch });
    expect(seenOf(over).steps.map(({ status }) => status)).toEqual(['cancelled', 'cancelled']);
    expect(when(at(over, epoch + hour), succeeds)).toBe('unchanged');
  });

  it('lets the call in flight finish unheard', () => {
    const over = given(scheduled({ steps: [step(), step(), step()] }), looks, succeeds, looks, cancel);
    expect(when(over, succeeds)).toBe('unchanged');
    expect(seenOf(over).steps.map(({ status, taskId }) => [status, taskId])).toEqual([
      ['succeeded', 'order-42.1'],
      ['cancelled', 'order-42.2'],
      ['cancelled', null],
    ]);
  });

  it('between a check that failed and its next try stops that try', () => {
    const over = further(inCheck(), fails, cancel);
    expect(when(at(over, over.now + hour), looks)).toMatchObject({ reason: 'child-unfinished', taskId: 'order-42.callback' });
    expect(seenOf(over).steps).toMatchObject([{ status: 'cancelled', checks: 1 }]);
  });

  it('wins over an end that is decided and not yet recorded', () => {
    expect(given(scheduled(), looks, fails, cancel).state.status).toBe('cancelled');
  });
});

describe('the callback', () => {
  it.each(['succeeded', 'failed', 'cancelled'] as const)('is a task that is named by an end it was asked for: %s', (on) => {
    const asked = { steps: [step()], callback: { ...callbackSpec, on: [on] } };
    const ends = {
      succeeded: given(scheduled(asked), looks, succeeds, looks),
      failed: given(scheduled(asked), looks, fails, looks),
      cancelled: given(scheduled(asked), cancel),
    };
    for (const [status, { state }] of Object.entries(ends)) {
      if (!isEnded(state)) throw new Error(state.status);
      expect(state.callback.status).toBe(status === on ? 'unconfirmed' : 'none');
      expect(wakeAt(state)).toBe(status === on ? epoch + minute : null);
    }
  });

  it('is confirmed once it is there, however far it has come', () => {
    const over = given(scheduled(withCallback), cancel);
    expect(when(over, looks)).toEqual({ reason: 'child-unfinished', taskId: 'order-42.callback' });
    expect(when(over, sees({ status: 'missing' }))).toEqual({ reason: 'child-unfinished', taskId: 'order-42.callback' });
    for (const status of ['open', 'cancelled', 'deleted'] as const) {
      expect(when(over, sees({ status }))).toEqual({ type: 'ChildConfirmed', data: { taskId: 'order-42.callback' } });
    }
    const confirmed = further(over, fails);
    expect(wakeAt(confirmed.state)).toBeNull();
    expect(decide(confirmed.state, { type: 'advance', now: epoch, version: confirmed.state.version, child: null }).outcome).toBe(
      'unchanged',
    );
  });

  it('that cannot be made, as its id is taken, is given up', () => {
    const over = further(given(scheduled(withCallback), cancel), isForeign);
    expect(told(over).at(-1)).toEqual({ type: 'ChildConfirmed', data: { taskId: 'order-42.callback', foreign: true } });
    expect(over.state).toMatchObject({ callback: { status: 'id-taken' } });
    expect(wakeAt(over.state)).toBeNull();
  });
});
