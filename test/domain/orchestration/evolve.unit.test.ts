import { describe, expect, it } from 'vitest';
import { fold } from '../../../src/domain/orchestration/evolve.ts';
import { progressOf } from '../../../src/domain/orchestration/progress.ts';
import type { Live } from '../../../src/domain/orchestration/state.ts';
import { second } from '../task-histories.ts';
import {
  append,
  at,
  cancel,
  checked,
  due,
  fails,
  fromPrevious,
  further,
  given,
  type History,
  inCheck,
  looks,
  noHistory,
  type RecordedEvent,
  scheduled,
  step,
  succeeds,
  succeedsTruncated,
  when,
  withCallback,
} from './histories.ts';

/** The events that could be appended next, each of which has to be refused. */
const broken = (history: History, ...events: readonly Pick<RecordedEvent, 'type' | 'data'>[]): void => {
  for (const event of events) {
    expect(() => append(history, event as RecordedEvent), JSON.stringify(event)).toThrow(/cannot follow status/);
  }
};
const plan = { steps: [step(), step()] };
const succeeded = { status: 'succeeded', truncated: false } as const;

describe('a log is broken', () => {
  it('by a step out of its turn', () => {
    const next = given(scheduled(plan), looks, succeeds);
    broken(next, { type: 'StepStarted', data: { step: 1, taskId: 'a' } }, { type: 'StepStarted', data: { step: 3, taskId: 'a' } });
    broken(next, { type: 'StepFinished', data: { step: 2, outcome: succeeded } });
    broken(given(scheduled(plan)), { type: 'StepStarted', data: { step: 2, taskId: 'a' } });
  });

  it('by another try of a check than the one that is due or under way', () => {
    const checkDue = given(scheduled(checked), looks, succeeds);
    broken(checkDue, { type: 'CheckStarted', data: { step: 1, n: 2, taskId: 'a' } });
    broken(inCheck(), { type: 'CheckFinished', data: { step: 1, n: 2, passed: true } });
  });

  it('by a fallback that succeeded and was never started, or failed before its time', () => {
    const fallbackDue = further(due(further(inCheck(), fails)), looks, fails);
    const error = { kind: 'truncated', message: 'a' } as const;
    broken(inCheck(), { type: 'FallbackFinished', data: { step: 1, outcome: { status: 'failed', error } } });
    broken(fallbackDue, { type: 'FallbackFinished', data: { step: 1, outcome: succeeded } });
  });

  it('by the confirmation of another task than its callback', () => {
    broken(given(scheduled(withCallback), cancel), { type: 'ChildConfirmed', data: { taskId: 'another' } });
  });

  it('and says where a running one stands', () => {
    const [first] = given(scheduled()).events;
    const running = given(scheduled(plan), looks, succeeds);
    expect(() => append(running, first as RecordedEvent)).toThrow(/cannot follow status running \(step-due of step 2\)$/);
  });

  it('by a step that its plan does not have', () => {
    const { state, events } = given(scheduled(plan), looks);
    const without = { ...state, plan: { ...(state as Live).plan, steps: [] } } as typeof state;
    const finished = { ...events[1], type: 'StepFinished', version: 3, data: { step: 1, outcome: succeeded } } as RecordedEvent;
    expect(() => fold(without, [finished])).toThrow('the orchestration order-42 has no step 1');
  });
});

describe('a refusal says since when it is so', () => {
  const change = { type: 'change', labels: {} } as const;

  it('running: since its first step started, whichever step it is at', () => {
    const second_ = further(at(given(scheduled(plan), looks), noHistory.now + second), succeeds, looks);
    expect(when(second_, change)).toEqual({ reason: 'wrong-status', status: 'running', at: noHistory.now });
  });

  it('over: since its end, whatever became of its callback since', () => {
    const over = at(given(scheduled(withCallback), cancel), noHistory.now + second);
    expect(when(further(over, succeeds), change)).toEqual({ reason: 'wrong-status', status: 'cancelled', at: noHistory.now });
  });
});

describe('a step that is to be sent a result that was not kept', () => {
  it('fails, and names the step whose result it was', () => {
    const before = given(scheduled({ steps: [step(), fromPrevious] }), looks, succeedsTruncated);
    expect(when(before, looks)).toEqual({
      type: 'StepFinished',
      data: {
        step: 2,
        outcome: {
          status: 'failed',
          error: { kind: 'truncated', message: 'the result of step 1 is larger than the 262144 bytes that are kept of it' },
        },
      },
    });
  });
});

describe('progress', () => {
  const view = ({ state }: History) => progressOf(state as Live);

  it('is, before the first step, that all are pending', () => {
    const pending = { name: null, status: 'pending', taskId: null, checks: 0, startedAt: null, finishedAt: null, error: null };
    expect(view(given(scheduled(plan)))).toEqual({
      status: 'scheduled',
      outcome: null,
      currentStep: null,
      steps: [pending, pending],
      finishedAt: null,
    });
  });

  it('has no end while it runs, and one from then on', () => {
    expect(view(given(scheduled(plan), looks))).toMatchObject({ status: 'running', currentStep: 1, finishedAt: null });
    expect(view(given(scheduled(plan), cancel))).toMatchObject({ status: 'cancelled', currentStep: null, finishedAt: noHistory.now });
  });
});

it('an orchestration without a callback asks for none', () => {
  const state = given(scheduled()).state as Live;
  expect(state.plan.callbackOn).toEqual([]);
});
