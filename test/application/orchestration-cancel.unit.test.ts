import { describe, expect, test } from 'vitest';
import { cancelOrchestration, createOrchestration } from '../../src/application/orchestration-commands.ts';
import type { ChildInput, OrchestrationInput } from '../../src/application/orchestration-input.ts';
import { orchestrationStream } from '../../src/application/orchestration-store.ts';
import { retryTask } from '../../src/application/task-commands.ts';
import { handleWake } from '../../src/application/wake.ts';
import { childRetryPolicy } from '../../src/domain/orchestration/definition.ts';
import { hour, minute, second } from '../domain/task-histories.ts';
import { callbackInput, createWorld, taskInput, type World } from '../support/application-world.ts';
import { response } from '../support/scripted-caller.ts';

const id = 'order';
const child: ChildInput = {
  action: taskInput('a', 0).action,
  strategy: 'await',
  timeoutMs: 10 * second,
  completeWithinMs: hour,
  retry: childRetryPolicy,
};
const stepOf = (parts: Partial<ChildInput> = {}, delayMs = 0) => ({ name: null, delayMs, task: { ...child, ...parts, bodyFrom: null } });
const retried = stepOf({ retry: { backoff: 'delays', maxAttempts: 3, delaysMs: [minute, minute], jitter: 0 } });
const checked = { task: child, delayMs: 0, retries: 5, gapMs: hour };

async function look(world: World): Promise<void> {
  const stream = orchestrationStream(id);
  const version = world.log.events(stream).length;
  await handleWake(world.ports, { stream, version, dueAt: world.clock.now(), target: null, lane: 'short' });
}
const cancel = (world: World) => cancelOrchestration(world.ports, id, 'no longer needed', {});
const ownTypes = (world: World) => world.log.events(orchestrationStream(id)).map(({ type }) => type);

type Prepared = Partial<OrchestrationInput> & {
  /** How the target answers. */
  readonly status?: number;
  /** The tasks whose attempts were made, each followed by a look. */
  readonly made?: readonly string[];
};

/** An orchestration that was looked at and brought as far as its `made` tasks bring it. */
async function orchestrated({ status = 200, made = [], ...parts }: Prepared): Promise<World> {
  const world = createWorld();
  world.caller.answer = () => response(status);
  const input: OrchestrationInput = {
    id,
    runAt: 0,
    delayMs: 0,
    steps: [stepOf()],
    check: null,
    fallback: null,
    callback: { ...callbackInput, on: ['succeeded', 'failed', 'cancelled'] },
    labels: {},
    ...parts,
  };
  await createOrchestration(world.ports, input, { content: id, idempotencyId: null });
  if (input.delayMs === 0) await look(world);
  for (const taskId of made) {
    await world.wake(taskId);
    await look(world);
  }
  return world;
}

const positions: readonly [string, Prepared][] = [
  ['before its start', { delayMs: hour }],
  ['with its task not begun', {}],
  ['between two tries of its task', { steps: [retried], status: 500, made: ['order.1'] }],
  ['with its task waiting', { steps: [stepOf({ strategy: 'async' })], made: ['order.1'] }],
  ['before a step', { steps: [stepOf(), stepOf({}, hour)], made: ['order.1'] }],
  ['before a check', { check: { ...checked, delayMs: hour }, made: ['order.1'] }],
  ['with its check not begun', { check: checked, made: ['order.1'] }],
];

describe('a cancelled orchestration', () => {
  test.each(positions)('%s has the task of its callback made at once', async (_when, prepared) => {
    const world = await orchestrated(prepared);
    const { loaded } = await cancel(world);
    expect(loaded.state).toMatchObject({ status: 'cancelled', callback: { status: 'confirmed' } });
    expect(ownTypes(world).slice(-2)).toEqual(['OrchestrationCancelled', 'ChildConfirmed']);
    expect(await world.state('order.callback')).toMatchObject({ status: 'scheduled', nextAttemptAt: world.clock.now() });
    const before = world.log.records.length;
    expect(await cancel(world)).toMatchObject({ outcome: 'done', changed: false });
    expect(world.log.records).toHaveLength(before);
  });

  test('is cancelled although its callback cannot be made just now: a second cancel, or the look a minute later, makes it', async () => {
    for (const heal of [cancel, look]) {
      const world = await orchestrated({});
      world.log.fault = ({ stream }) => (stream === 'task#order.callback' ? 'request-lost' : null);
      expect((await cancel(world)).loaded.state.status).toBe('cancelled');
      expect(world.logger.lines).toHaveLength(1);
      world.log.fault = () => null;
      await heal(world);
      expect(await world.state('order.callback')).toMatchObject({ status: 'scheduled' });
    }
  });

  test.each([
    ['not begun', {}, 'order.1'],
    ['between two tries', { steps: [retried], status: 500, made: ['order.1'] }, 'order.1'],
    ['a check', { check: checked, made: ['order.1'] }, 'order.1.check.1'],
    ['a fallback', { check: { ...checked, task: child, retries: 0 }, fallback: stepOf().task, made: ['order.1'] }, 'order.1.fallback'],
  ] as const)('has its task cancelled: %s', async (what, prepared, taskId) => {
    const world = await orchestrated({ callback: null, ...prepared });
    if (what === 'a fallback') {
      world.caller.answer = () => response(500);
      await world.wake('order.1.check.1');
      await look(world);
    }
    const calls = world.caller.calls.length;
    await cancel(world);
    expect(await world.state(taskId)).toMatchObject({ status: 'cancelled', reason: 'the orchestration order was cancelled' });
    world.clock.jump(hour);
    await world.wake(taskId);
    expect(world.caller.calls).toHaveLength(calls);
    expect(world.types(taskId).at(-1)).toBe('TaskCancelled');
  });

  test('leaves a task that waits, that is over or that is not its own', async () => {
    const waiting = await orchestrated({ steps: [stepOf({ strategy: 'async' })], made: ['order.1'] });
    await cancel(waiting);
    expect(await waiting.state('order.1')).toMatchObject({ status: 'waiting' });

    const over = await orchestrated({ check: { ...checked, delayMs: hour }, made: ['order.1'] });
    await cancel(over);
    expect(await over.state('order.1')).toMatchObject({ status: 'succeeded' });

    const foreign = await orchestrated({ delayMs: hour });
    await foreign.schedule('order.1', { runAt: foreign.clock.now() + 2 * hour });
    foreign.clock.jump(hour);
    foreign.log.fault = ({ type }) => (type === 'StepFinished' ? 'request-lost' : null);
    await look(foreign).catch(() => undefined);
    foreign.log.fault = () => null;
    await cancel(foreign);
    expect(ownTypes(foreign)).toContain('StepStarted');
    expect(await foreign.state('order.1')).toMatchObject({ status: 'scheduled' });
  });

  test('has a task cancelled that another host made from the state before', async () => {
    const world = await orchestrated({ callback: null, delayMs: hour });
    world.clock.jump(hour);
    world.log.fault = ({ type }) => (type === 'TaskScheduled' ? 'request-lost' : null);
    await look(world).catch(() => undefined);
    let cancelling: Promise<unknown> | undefined;
    world.log.fault = ({ type }) => {
      if (type === 'TaskScheduled') cancelling ??= cancel(createWorld({ beside: world }));
      return null;
    };
    await look(world);
    await cancelling;
    expect(ownTypes(world).at(-1)).toBe('OrchestrationCancelled');
    expect(await world.state('order.1')).toMatchObject({ status: 'cancelled' });
  });
});

describe('a task whose orchestration is over', () => {
  test('is called again when it is retried by hand after a failure', async () => {
    const world = await orchestrated({ status: 404, made: ['order.1'] });
    expect(ownTypes(world)).toContain('OrchestrationFinished');
    world.caller.answer = () => response(200);
    await retryTask(world.ports, 'order.1', {});
    await world.wake('order.1');
    expect(await world.state('order.1')).toMatchObject({ status: 'succeeded', run: 2 });
  });

  test('is not called again after a cancel, by hand neither', async () => {
    const world = await orchestrated({ status: 404 });
    await world.wake('order.1');
    await cancel(world);
    await retryTask(world.ports, 'order.1', {});
    await world.wake('order.1');
    expect(await world.state('order.1')).toMatchObject({ status: 'failed', run: 2, failure: { error: { kind: 'cancelled' } } });
    expect(world.caller.calls).toHaveLength(1);
  });
});

describe('a callback by GET', () => {
  test('carries what is no list and no object as parameters of its query', async () => {
    const callback = { ...callbackInput, method: 'GET', url: 'https://told.example/?of=shop' };
    const world = await orchestrated({ callback, labels: { customer: '42' }, made: ['order.1'] });
    await world.wake('order.callback');
    const { url, body } = world.caller.calls.at(-1)?.request ?? { url: '', body: null };
    const finishedAt = new Date(world.clock.now()).toISOString();
    expect(body).toBeNull();
    expect([...new URL(url).searchParams]).toEqual([
      ['of', 'shop'],
      ['id', 'order'],
      ['status', 'succeeded'],
      ['outcome', 'completed'],
      ['finishedAt', finishedAt],
    ]);
  });
});
