import { describe, expect, it } from 'vitest';
import { limits } from '../../../src/domain/limits.ts';
import { callbackTaskId, checkTaskId, fallbackTaskId, stepTaskId } from '../../../src/domain/orchestration/child-ids.ts';
import { type Child, childOf, mayCall, seenAs, taskOf } from '../../../src/domain/orchestration/children.ts';
import { childRetryPolicy } from '../../../src/domain/orchestration/definition.ts';
import type { Origin } from '../../../src/domain/task/events.ts';
import type { TaskState } from '../../../src/domain/task/state.ts';
import * as tasks from '../task-histories.ts';
import { callbackSpec, epoch, httpAction, minute, okResult, second, serverError } from '../task-histories.ts';
import {
  cancel,
  check,
  definitionWith,
  fails,
  further,
  given,
  type History,
  looks,
  noHistory,
  scheduled,
  step,
  stepTemplate,
  succeeds,
  template,
} from './histories.ts';

const action = (url: string) => ({ ...httpAction, url, body: { kind: 'json', bytes: 7 } as const });
const templateOf = (url: string, bodyAt: number) => ({ ...stepTemplate, action: action(url), bodyAt, timeoutMs: 5 * second });
const definition = definitionWith({
  steps: [
    step({ task: templateOf('https://a.example/', 0) }),
    step({ task: { ...templateOf('https://b.example/', 7), bodyFrom: 'previous' }, fallback: templateOf('https://own.example/', 14) }),
  ],
  check: check({ task: { ...template, action: action('https://check.example/'), bodyAt: 21, timeoutMs: 3 * second } }),
  fallback: templateOf('https://default.example/', 28),
  callback: { ...callbackSpec, headers: [{ name: 'Content-Type', value: 'application/vnd.shop+json' }] },
});
const secondStep = () => given(scheduled(definition), looks, succeeds, looks, succeeds, looks);
const inSecondCheck = () => further(secondStep(), succeeds, looks);

function childIn({ state }: History): Child {
  const child = childOf(state);
  if (child === null) throw new Error('no child is awaited');
  return child;
}
const labels = { customer: '42' };
const definitionRef = { version: 1, commitId: 'commit-1', bytes: 400 };

describe('the child that should be there', () => {
  it('is the task of the step, with what it is sent', () => {
    expect(childIn(given(scheduled(definition), looks))).toEqual({
      taskId: 'order-42.1',
      origin: { orchestrationId: 'order-42', step: 1, role: 'task' },
      labels,
      runAt: epoch,
      definition: definitionRef,
      body: { from: 'definition' },
    });
    expect(childIn(secondStep())).toMatchObject({ taskId: 'order-42.2', body: { from: 'task', taskId: 'order-42.1' } });
  });

  it('is each try of the check, then the fallback', () => {
    const origin = { orchestrationId: 'order-42', step: 2, role: 'check' };
    expect(childIn(inSecondCheck())).toMatchObject({ taskId: 'order-42.2.check.1', origin, body: { from: 'definition' } });
    expect(childIn(further(inSecondCheck(), fails, looks))).toMatchObject({
      taskId: 'order-42.2.fallback',
      origin: { ...origin, role: 'fallback' },
    });
  });

  it('is none between children and once there is nothing to wait for', () => {
    const started = given(scheduled(definition), looks);
    const between = [
      noHistory,
      given(scheduled(definition)),
      further(started, succeeds),
      further(inSecondCheck(), fails),
      further(started, fails),
    ];
    const over = further(started, cancel, fails);
    expect([...between, over].map(({ state }) => childOf(state))).toEqual([null, null, null, null, null, null]);
  });

  it('is the callback after the end, sent how it ended, in no step', () => {
    expect(childIn(given(scheduled(definition), looks, cancel))).toMatchObject({
      taskId: 'order-42.callback',
      origin: { orchestrationId: 'order-42', step: 0, role: 'callback' },
      body: { from: 'outcome' },
    });
  });

  it('has an id that a task may have, whatever the id of the orchestration', () => {
    const id = 'x'.repeat(limits.parentIdLength);
    const { stepsPerOrchestration: last, checkRetries } = limits;
    const ids = [stepTaskId(id, last), checkTaskId(id, last, checkRetries + 1), fallbackTaskId(id, last), callbackTaskId(id)];
    expect(Math.max(...ids.map(({ length }) => length))).toBeLessThanOrEqual(limits.taskIdLength);
  });
});

describe('the child as a task', () => {
  it('has its own action, timeout, one attempt, the labels and the origin', () => {
    const { definition: task, bodyAt } = taskOf(childIn(given(scheduled(definition), looks)), definition, null);
    expect(bodyAt).toBe(0);
    expect(task).toEqual({
      action: action('https://a.example/'),
      strategy: 'await',
      timeoutMs: 5 * second,
      completeWithinMs: stepTemplate.completeWithinMs,
      retry: childRetryPolicy,
      callback: null,
      labels,
      priority: 0,
      startBeforeMs: null,
      origin: { orchestrationId: 'order-42', step: 1, role: 'task' },
      contentHash: '',
    });
    expect(childRetryPolicy.maxAttempts).toBe(1);
  });

  it('is made from the default check, and from the fallback of its own', () => {
    const checkTask = taskOf(childIn(inSecondCheck()), definition, null);
    expect(checkTask).toMatchObject({ definition: { action: { url: 'https://check.example/' }, timeoutMs: 3 * second }, bodyAt: 21 });
    const fallbackTask = taskOf(childIn(further(inSecondCheck(), fails, looks)), definition, null);
    expect(fallbackTask).toMatchObject({ definition: { action: { url: 'https://own.example/' } }, bodyAt: 14 });
    const first = further(given(scheduled(definition), looks, succeeds, looks), fails, looks);
    expect(taskOf(childIn(first), definition, null)).toMatchObject({
      definition: { action: { url: 'https://default.example/' } },
      bodyAt: 28,
    });
  });

  it('carries the result of the step before with its content type, in place of its own body', () => {
    const child = childIn(secondStep());
    const sent = taskOf(child, definition, { bytes: 3, contentType: 'application/json; charset=utf-8' });
    expect(sent).toMatchObject({ bodyAt: null, definition: { action: { body: { kind: 'json', bytes: 3 } } } });
    expect(sent.definition.action).toMatchObject({
      headers: [...httpAction.headers, { name: 'content-type', value: 'application/json; charset=utf-8' }],
    });
    const typed = { ...httpAction, headers: [{ name: 'Content-Type', value: 'text/csv' }] };
    const ofTyped = { ...definition, steps: definition.steps.map((each) => ({ ...each, task: { ...each.task, action: typed } })) };
    expect(taskOf(child, ofTyped, { bytes: 3, contentType: 'text/plain' }).definition.action).toMatchObject({
      headers: [{ name: 'content-type', value: 'text/plain' }],
      body: { kind: 'binary', bytes: 3 },
    });
    const untyped = taskOf(child, definition, { bytes: 3, contentType: null }).definition.action;
    expect(untyped).toMatchObject({ headers: httpAction.headers, body: { kind: 'binary', bytes: 3 } });
    expect(taskOf(child, definition, { bytes: 0, contentType: 'text/plain' }).definition.action).toMatchObject({ body: null });
  });

  it('gives code and events the result as JSON', () => {
    const runner = { kind: 'runner', name: 'example', body: { kind: 'json', bytes: 2 } } as const;
    const [first, other] = definition.steps;
    if (first === undefined || other === undefined) throw new Error('two steps');
    const ofRunner = { ...definition, steps: [first, { ...other, task: { ...other.task, action: runner } }] };
    const result = { bytes: 9, contentType: 'text/plain' };
    expect(taskOf(childIn(secondStep()), ofRunner, result).definition.action).toEqual({ ...runner, body: { kind: 'json', bytes: 9 } });
  });

  it('tells the outcome with a callback’s tries and delays', () => {
    const child = childIn(given(scheduled(definition), cancel));
    const { definition: task, bodyAt } = taskOf(child, definition, { bytes: 80, contentType: null });
    expect(bodyAt).toBeNull();
    expect(task).toMatchObject({
      action: { kind: 'http', url: callbackSpec.url, method: 'POST', body: { kind: 'json', bytes: 80 } },
      timeoutMs: 30 * second,
      strategy: 'await',
      retry: {
        backoff: 'delays',
        maxAttempts: 8,
        delaysMs: [second, 4 * second, 15 * second, minute, 4 * minute, 15 * minute, 60 * minute],
        jitter: 0.2,
      },
    });
    expect(task.action).toMatchObject({ headers: [{ name: 'Content-Type', value: 'application/vnd.shop+json' }] });
    expect(task.action).not.toHaveProperty('on');
  });

  it('is not made from another definition', () => {
    const child = childIn(secondStep());
    expect(() => taskOf(child, definitionWith({ steps: [step()] }), null)).toThrow(/nothing from which to make order-42\.2/);
    const withoutCheck = { ...definition, check: null };
    expect(() => taskOf(childIn(inSecondCheck()), withoutCheck, null)).toThrow(/order-42\.2\.check\.1/);
    expect(() => taskOf(childIn(given(scheduled(definition), cancel)), { ...definition, callback: null }, null)).toThrow(/callback/);
  });
});

describe('what the parent sees of it', () => {
  const child = () => childIn(secondStep());
  const own: Origin = { orchestrationId: 'order-42', step: 2, role: 'task' };
  const task = (origin: Origin | null, ...commands: readonly Parameters<typeof tasks.perform>[1][]): TaskState =>
    commands.reduce(
      (history, command) => tasks.perform(history, command).history,
      tasks.perform(tasks.noHistory, {
        type: 'schedule',
        definition: tasks.definitionWith({ origin }),
        runAt: epoch,
        sameContent: false,
      }).history,
    ).state;
  const start = { type: 'start', now: epoch } as const;
  const succeed = (truncated: boolean) => ({ type: 'succeed', startedVersion: 2, result: { ...okResult, truncated } }) as const;
  const fail = (retryable: boolean) =>
    ({ type: 'fail', now: epoch, random: 0, startedVersion: 2, error: serverError, retryable, retryAfterMs: null }) as const;

  it('is that it is missing, open, or how it ended', () => {
    expect(seenAs(child(), tasks.noHistory.state)).toEqual({ status: 'missing' });
    expect(seenAs(child(), task(own))).toEqual({ status: 'open' });
    expect(seenAs(child(), task(own, start))).toEqual({ status: 'open' });
    expect(seenAs(child(), task(own, start, fail(true)))).toEqual({ status: 'open' });
    expect(seenAs(child(), task(own, start, succeed(false)))).toEqual({ status: 'succeeded', truncated: false });
    expect(seenAs(child(), task(own, start, succeed(true)))).toEqual({ status: 'succeeded', truncated: true });
    expect(seenAs(child(), task(own, start, fail(false)))).toEqual({
      status: 'failed',
      error: { kind: 'http', message: serverError.message },
    });
    expect(seenAs(child(), task(own, { type: 'cancel', reason: null }))).toEqual({ status: 'cancelled' });
    expect(seenAs(child(), task(own, { type: 'delete' }))).toEqual({ status: 'deleted' });
    expect(seenAs(child(), task(own, start, succeed(false), { type: 'delete' }))).toEqual({ status: 'deleted' });
  });

  it('is somebody else’s unless all of its origin is ours', () => {
    const others: readonly (Origin | null)[] = [
      null,
      { scheduleId: 'order-42', occurrence: 2 },
      { ...own, orchestrationId: 'order-4' },
      { ...own, step: 1 },
      { ...own, role: 'check' },
    ];
    for (const origin of others) {
      expect(seenAs(child(), task(origin, start, succeed(false)))).toEqual({ status: 'foreign' });
      expect(seenAs(child(), task(origin, { type: 'delete' }))).toEqual({ status: 'foreign' });
    }
  });

  it('is that it is gone where it was erased', () => {
    const erased = tasks.append(tasks.noHistory, { type: 'Erased', data: {} }).state;
    expect(seenAs(child(), erased)).toEqual({ status: 'deleted' });
  });
});

describe('an attempt of a child', () => {
  it('may call while its orchestration runs', () => {
    expect(mayCall(secondStep().state, 'task', 1)).toBe(true);
    expect(mayCall(inSecondCheck().state, 'check', 1)).toBe(true);
    expect(mayCall(further(inSecondCheck(), fails, looks).state, 'fallback', 1)).toBe(true);
  });

  const failing = () => further(secondStep(), fails);
  const roles = ['task', 'check', 'fallback'] as const;

  it('makes no call in its first run once that is finished or about to be, unless it tells of it', () => {
    for (const { state } of [failing(), further(failing(), looks), noHistory]) {
      for (const role of roles) expect(mayCall(state, role, 1)).toBe(false);
      expect(mayCall(state, 'callback', 1)).toBe(true);
    }
  });

  it('may call when it is tried again by hand, in another run, unless that is cancelled', () => {
    for (const { state } of [secondStep(), failing(), further(failing(), looks)]) expect(mayCall(state, 'task', 2)).toBe(true);
    for (const run of [1, 2]) {
      for (const role of roles) expect(mayCall(further(secondStep(), cancel).state, role, run)).toBe(false);
      expect(mayCall(further(secondStep(), cancel).state, 'callback', run)).toBe(true);
    }
  });
});
