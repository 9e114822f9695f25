import { describe, expect, test } from 'vitest';
import { orchestrationStream } from '../../src/application/orchestration-store.ts';
import type { HttpOutcome } from '../../src/application/ports.ts';
import { cancelTask } from '../../src/application/task-commands.ts';
import { taskStream } from '../../src/application/task-store.ts';
import { handleWake } from '../../src/application/wake.ts';
import { hour, second } from '../domain/task-histories.ts';
import { callbackInput, createWorld } from '../support/application-world.ts';
import { childInput, lookAt, makeOrchestration } from '../support/parent-inputs.ts';
import { ParentsWorld } from '../support/parents-world.ts';
import { headerOf, response } from '../support/scripted-caller.ts';

const stream = orchestrationStream('o');

describe('the callback of an orchestration', () => {
  /** What becomes of one whose receiver answers so at each try. */
  async function told(answer: (call: number) => HttpOutcome) {
    const world = new ParentsWorld();
    const { caller, clock, ports } = world.world;
    const calls: number[] = [];
    caller.answer = (request) => {
      if (headerOf(request, 'errand-task-id') !== 'o.callback') return response(200);
      calls.push(clock.now());
      return answer(calls.length);
    };
    await makeOrchestration({ ports }, { callback: { ...callbackInput, on: ['succeeded'] } });
    await world.settle();
    const pauses = calls.slice(1).map((at, index) => Math.round((at - (calls[index] ?? 0)) / second));
    return { pauses, task: world.state('task', 'o.callback'), history: world.events('task', 'o.callback').map(({ type }) => type) };
  }

  test.each([
    [404, {}],
    [301, {}],
    [500, { 'errand-no-retry': 'true' }],
  ])('is made again until it is answered 2xx: after %d %o too', async (status, headers) => {
    const { pauses, task } = await told((call) => response(call < 3 ? status : 204, headers));

    expect(pauses).toEqual([1, 4]);
    expect(task).toMatchObject({ status: 'succeeded', attempt: 3 });
  });

  test('is given up after eight tries within an hour and a half', async () => {
    const { pauses, task } = await told(() => response(404));

    expect(pauses).toEqual([1, 4, 15, 60, 240, 900, 3_600]);
    expect(task).toMatchObject({ status: 'failed', attempt: 8 });
  });

  test('is given up at once by a 410, and waits as long as it is asked to', async () => {
    expect(await told(() => response(410))).toMatchObject({ pauses: [], task: { status: 'failed', attempt: 1 } });
    const { pauses } = await told((call) => response(call === 1 ? 403 : 200, { 'retry-after': '120' }));
    expect(pauses).toEqual([120]);
  });

  test('has been heard with any 2xx: what a target could say beside it means nothing here', async () => {
    const { history } = await told(() => response(200, { 'errand-continue': '1h' }));
    expect(history).toEqual(['TaskScheduled', 'TaskStarted', 'TaskSucceeded']);
  });
});

describe('the result of the step before', () => {
  test.each(['GET', 'HEAD'])('that calls itself JSON and is none cannot become the query of a %s request', async (method) => {
    const world = new ParentsWorld();
    world.world.caller.answer = () => response(200, { 'content-type': 'application/json' }, '{broken');
    const action = childInput.action.kind === 'http' ? { ...childInput.action, method, body: null } : childInput.action;
    const step = (bodyFrom: 'previous' | null) => ({ name: null, delayMs: 0, task: { ...childInput, action, bodyFrom } });
    await makeOrchestration(world.world, { steps: [step(null), step('previous')] });
    await world.settle();

    const error = { kind: 'rejected', message: `the result of the step before is no JSON, which a ${method} request takes alone` };
    expect(world.state('orchestration', 'o')).toMatchObject({
      status: 'failed',
      outcome: 'step-failed',
      steps: [{ status: 'succeeded' }, { status: 'failed', error }],
    });
    expect(world.tasks()).toEqual([taskStream('o.1')]);
  });
});

test('the end of a task is acted upon at once, also long before its orchestration would be looked at by itself', async () => {
  const world = createWorld();
  await makeOrchestration(world);
  await lookAt(world, 'orchestration', 'o');
  expect(world.log.events(stream).map(({ type }) => type)).toEqual(['OrchestrationScheduled', 'StepStarted']);
  await cancelTask(world.ports, 'o.1', null, {});
  await handleWake(world.ports, { stream, version: 0, dueAt: 0, target: null, lane: 'short' });

  expect((await world.ports.orchestrations.load(stream)).state).toMatchObject({ status: 'failed', finishedAt: world.clock.now() });
});

test('a task that is made by one whose clock is behind does not run before it was named', async () => {
  const world = createWorld();
  await makeOrchestration(world, { delayMs: hour });
  world.clock.jump(hour);
  world.log.fault = (event) => (event.stream.startsWith('task#') ? 'request-lost' : null);
  await lookAt(world, 'orchestration', 'o').catch(() => undefined);
  world.log.fault = () => null;
  const namedAt = world.clock.now();
  world.clock.set(namedAt - 3 * second);
  await lookAt(world, 'orchestration', 'o');

  expect(await world.state('o.1')).toMatchObject({ status: 'scheduled', createdAt: namedAt - 3 * second, runAt: namedAt });
});
