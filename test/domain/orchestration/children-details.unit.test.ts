import { expect, it } from 'vitest';
import { childOf, seenAs, taskOf } from '../../../src/domain/orchestration/children.ts';
import type { Origin } from '../../../src/domain/task/events.ts';
import * as tasks from '../task-moves.ts';
import { check, definitionWith, fails, fromPrevious, given, looks, scheduled, step, stepTemplate, succeeds } from './histories.ts';

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
