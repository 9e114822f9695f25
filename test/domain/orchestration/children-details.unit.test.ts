import { describe, expect, it } from 'vitest';
import { childOf, leftBy, seenAs, taskOf } from '../../../src/domain/orchestration/children.ts';
import type { Cancelled } from '../../../src/domain/orchestration/state.ts';
import type { Origin } from '../../../src/domain/task/events.ts';
import * as tasks from '../task-moves.ts';
import {
  cancel,
  check,
  definitionWith,
  fails,
  fromPrevious,
  further,
  given,
  type History,
  looks,
  scheduled,
  step,
  stepTemplate,
  succeeds,
} from './histories.ts';

const definition = definitionWith({ steps: [step(), fromPrevious] });
const second = () => {
  const child = childOf(given(scheduled(definition), looks, succeeds, looks).state);
  if (child === null) throw new Error('the second step waits for its task');
  return child;
};

it.each([
  ['application/json', 'json'],
  [' Application/JSON; charset=utf-8', 'json'],
  ['application/vnd.shop.order+json', 'json'],
  ['application/jsonlines', 'binary'],
  ['text/application/json', 'binary'],
  ['application/xml; profile="a+json"', 'binary'],
])('a result of type "%s" is sent on as %s', (contentType, kind) => {
  expect(taskOf(second(), definition, { bytes: 3, contentType }).definition.action).toMatchObject({ body: { kind, bytes: 3 } });
});

it('a fallback is sent the result of the step before its own, if it asks for that', () => {
  const asking = step({ check: check(), fallback: { ...stepTemplate, bodyFrom: 'previous' } });
  const fallback = given(scheduled({ steps: [step(), asking] }), looks, succeeds, looks, succeeds, looks, fails, looks);
  expect(childOf(fallback.state)).toMatchObject({ taskId: 'order-42.2.fallback', body: { from: 'task', taskId: 'order-42.1' } });
});

it('a child that waits for its target’s answer is open', () => {
  const origin: Origin = { orchestrationId: 'order-42', step: 2, role: 'task' };
  const waiting = tasks.given(tasks.scheduled({ ...tasks.asynchronous, origin }), tasks.start, tasks.accept);
  expect(seenAs(second(), waiting.state)).toEqual({ status: 'open' });
});

describe('what a cancel may have left open', () => {
  const left = (history: History) => leftBy(history.state as Cancelled);
  const ofStep2 = (taskId: string, role: 'task' | 'check' | 'fallback') => ({
    taskId,
    origin: { orchestrationId: 'order-42', step: 2, role },
  });
  const inStep2 = () => given(scheduled({ steps: [step(), step({ check: check() })] }), looks, succeeds, looks);

  it('is nothing where no step was under way', () => {
    expect(left(given(scheduled(), cancel))).toEqual([]);
    expect(left(given(scheduled(), looks, succeeds, cancel))).toEqual([]);
  });

  it('is the task of the step', () => {
    const ofStep1 = { taskId: 'order-42.1', origin: { orchestrationId: 'order-42', step: 1, role: 'task' } };
    expect(left(given(scheduled(), looks, cancel))).toEqual([ofStep1]);
    expect(left(further(inStep2(), cancel))).toEqual([ofStep2('order-42.2', 'task')]);
  });

  it('is, once that is over, the newest check or the fallback', () => {
    const checking = further(inStep2(), succeeds, looks, cancel);
    expect(left(checking)).toEqual([ofStep2('order-42.2.check.1', 'check'), ofStep2('order-42.2.fallback', 'fallback')]);
  });
});
