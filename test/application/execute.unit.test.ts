import { describe, expect, test } from 'vitest';
import { execute } from '../../src/application/execute.ts';
import type { EventLog } from '../../src/application/ports.ts';
import { cancelTask, deleteTask, rescheduleTask, retryTask, runTaskNow } from '../../src/application/task-commands.ts';
import { missingTask, taskStream } from '../../src/application/task-store.ts';
import { limits } from '../../src/domain/limits.ts';
import { definitionWith, epoch, hour, second } from '../domain/task-histories.ts';
import { createWorld } from '../support/application-world.ts';

const reschedule = (runAt: number) => () => ({ type: 'reschedule', runAt, changes: {} }) as const;
const stream = taskStream('a');

describe('executing a command', () => {
  test('appends what is decided and gives the state after it', async () => {
    const world = createWorld();
    await world.schedule('a', { runAt: epoch + hour });

    const outcome = await execute(world.ports, { stream, command: reschedule(epoch + 2 * hour) });

    expect(outcome).toMatchObject({ outcome: 'done', changed: true, loaded: { state: { version: 2, nextAttemptAt: epoch + 2 * hour } } });
    expect(world.types('a')).toEqual(['TaskScheduled', 'TaskRescheduled']);
  });

  test('appends nothing when it already is so', async () => {
    const world = createWorld();
    await world.schedule('a', { runAt: epoch + hour });

    const outcome = await execute(world.ports, { stream, command: reschedule(epoch + hour) });

    expect(outcome).toMatchObject({ outcome: 'done', changed: false });
    expect(world.types('a')).toEqual(['TaskScheduled']);
  });

  test('creates blindly, and reads only when the id turns out to be taken', async () => {
    let loads = 0;
    const world = createWorld({
      through: (log): EventLog => ({
        append: (...given) => log.append(...given),
        read: (...given) => log.read(...given),
        readBody: (...given) => log.readBody(...given),
        load(...given) {
          loads += 1;
          return log.load(...given);
        },
      }),
    });

    expect(await world.schedule('a')).toMatchObject({ outcome: 'done', changed: true });
    expect(loads).toBe(0);
    expect(await world.schedule('a')).toMatchObject({ outcome: 'done', changed: false });

    expect(loads).toBe(1);
    expect(world.types('a')).toEqual(['TaskScheduled']);
  });

  test('reads again after a lost race and decides against what won', async () => {
    const world = createWorld();
    const rival = createWorld({ beside: world });
    await world.schedule('a', { runAt: epoch + hour });
    const loaded = await world.store.load(stream);
    await cancelTask(rival.ports, 'a', 'no longer needed', {});

    const outcome = await execute(world.ports, { stream, startFrom: loaded, command: reschedule(epoch + 2 * hour) });

    expect(outcome).toMatchObject({ outcome: 'refused', refusal: { reason: 'wrong-status', status: 'cancelled' } });
    expect(world.types('a')).toEqual(['TaskScheduled', 'TaskCancelled']);
  });

  test('does so also where a cache would still show the old state', async () => {
    const world = createWorld({ cacheEntries: 10 });
    const rival = createWorld({ beside: world });
    await world.schedule('a', { runAt: epoch + hour });
    await cancelTask(rival.ports, 'a', null, {});

    expect(await rescheduleTask(world.ports, 'a', { runAt: epoch + 2 * hour }, {})).toMatchObject({
      outcome: 'refused',
      refusal: { reason: 'wrong-status', status: 'cancelled' },
    });
  });

  test('makes the command anew for each try, as time goes on between them', async () => {
    const world = createWorld();
    const rival = createWorld({ beside: world });
    await world.schedule('a', { runAt: epoch + hour });
    const loaded = await world.store.load(stream);
    await rescheduleTask(rival.ports, 'a', { runAt: epoch + 3 * hour }, {});
    const seen: (readonly [number, number])[] = [];

    const outcome = await execute(world.ports, {
      stream,
      startFrom: loaded,
      command: (now, { state }) => {
        seen.push([now, state.version]);
        world.clock.set(world.clock.now() + second);
        return { type: 'run-now', now };
      },
    });

    expect(seen).toEqual([
      [epoch, 1],
      [epoch + second, 2],
    ]);
    expect(outcome).toMatchObject({ loaded: { state: { version: 3, nextAttemptAt: epoch + second } } });
  });

  test('gives up as contended after a bounded number of lost races', async () => {
    let appends = 0;
    const world = createWorld({
      through: (log): EventLog => ({
        read: (...given) => log.read(...given),
        load: (...given) => log.load(...given),
        readBody: (...given) => log.readBody(...given),
        append: async () => {
          appends += 1;
          return 'conflict';
        },
      }),
    });

    const outcome = await world.schedule('a');

    expect(outcome).toMatchObject({ outcome: 'refused', refusal: { reason: 'contended' } });
    expect(appends).toBe(limits.conflictRetries + 1);
  });

  test('a write whose reply was lost and that is repeated by its transport is success, stored once', async () => {
    const world = createWorld({
      through: (log): EventLog => ({
        read: (...given) => log.read(...given),
        load: (...given) => log.load(...given),
        readBody: (...given) => log.readBody(...given),
        async append(event, snapshot) {
          log.fault = () => 'reply-lost';
          await log.append(event, snapshot).catch(() => undefined);
          log.fault = () => null;
          return log.append(event, snapshot);
        },
      }),
    });

    expect(await world.schedule('a')).toMatchObject({ outcome: 'done', changed: true });
    expect(await cancelTask(world.ports, 'a', null, {})).toMatchObject({ outcome: 'done', changed: true });

    expect(world.types('a')).toEqual(['TaskScheduled', 'TaskCancelled']);
  });

  test('an append of unknown outcome throws, and the next command sees what became of it', async () => {
    const world = createWorld({ cacheEntries: 10 });
    await world.schedule('a', { runAt: epoch + hour });
    world.log.fault = () => 'reply-lost';
    await expect(cancelTask(world.ports, 'a', null, {})).rejects.toThrow();
    world.log.fault = () => null;

    expect((await world.store.load(stream)).state.status).toBe('cancelled');
    expect(await runTaskNow(world.ports, 'a', {})).toMatchObject({ outcome: 'refused', refusal: { status: 'cancelled' } });
    expect(await cancelTask(world.ports, 'a', null, {})).toMatchObject({ outcome: 'done', changed: false });
  });

  test('refuses when the version is none of the expected ones, also after a lost race', async () => {
    const world = createWorld();
    await world.schedule('a', { runAt: epoch + hour });
    const loaded = await world.store.load(stream);

    expect(await cancelTask(world.ports, 'a', null, { expectedVersions: [2, 3] })).toMatchObject({
      outcome: 'refused',
      refusal: { reason: 'version-mismatch', version: 1 },
    });
    await rescheduleTask(world.ports, 'a', { runAt: epoch + 2 * hour }, { expectedVersions: [1] });
    const late = { stream, startFrom: loaded, expectedVersions: [1], command: () => ({ type: 'cancel', reason: null }) as const };
    expect(await execute(world.ports, late)).toMatchObject({ outcome: 'refused', refusal: { reason: 'version-mismatch', version: 2 } });
    expect(world.types('a')).toEqual(['TaskScheduled', 'TaskRescheduled']);
  });

  test('tells a missing and a deleted task as such, whatever version was expected', async () => {
    const world = createWorld();
    await world.schedule('a', { runAt: epoch + hour });
    await deleteTask(world.ports, 'a', {});

    expect(await retryTask(world.ports, 'a', { expectedVersions: [9] })).toMatchObject({ refusal: { reason: 'deleted' } });
    expect(await retryTask(world.ports, 'none', { expectedVersions: [9] })).toMatchObject({ refusal: { reason: 'missing' } });
  });

  test('stamps events with times that never go backwards within a stream', async () => {
    const world = createWorld();
    await world.schedule('a', { runAt: epoch + hour });

    world.clock.set(epoch - hour);
    await rescheduleTask(world.ports, 'a', { runAt: epoch + 2 * hour }, {});

    expect(world.events('a').map(({ occurredAt }) => occurredAt)).toEqual([epoch, epoch]);
  });
});

describe('loading a task', () => {
  test('of many events starts from a snapshot and gives the state of the whole fold', async () => {
    const world = createWorld();
    await world.schedule('a', { runAt: epoch + hour });
    for (let change = 1; change <= 80; change += 1) await rescheduleTask(world.ports, 'a', { runAt: epoch + hour + change }, {});

    const { snapshot, events } = await world.log.load(stream, 1);
    expect([snapshot?.version, events.length]).toEqual([64, 17]);
    const whole = await world.log.read(stream, { after: 0 });
    world.log.load = async () => ({ snapshot: null, events: whole });
    const folded = await world.state('a');
    world.log.load = async () => ({ snapshot, events });

    expect(await world.state('a')).toEqual(folded);
  });

  test('from a snapshot still has the small body that an attempt needs, read from the log', async () => {
    const world = createWorld();
    await world.schedule('a', { runAt: epoch });
    for (let change = 1; change <= 40; change += 1) await rescheduleTask(world.ports, 'a', { runAt: epoch - change }, {});

    await world.wake('a');

    expect(new TextDecoder().decode(world.caller.calls[0]?.request.body ?? new Uint8Array())).toBe('{"a":1}');
  });

  test('with a cache asks the log once, and keeps to its bound', async () => {
    let loads = 0;
    const world = createWorld({
      cacheEntries: 2,
      through: (log): EventLog => ({
        append: (...given) => log.append(...given),
        read: (...given) => log.read(...given),
        readBody: (...given) => log.readBody(...given),
        load(...given) {
          loads += 1;
          return log.load(...given);
        },
      }),
    });
    for (const id of ['a', 'b', 'c']) await world.schedule(id);

    await world.store.load(taskStream('c'));
    await world.store.load(taskStream('b'));
    expect(loads).toBe(0);
    await world.store.load(taskStream('a'));

    expect(loads).toBe(1);
  });

  test('never lets a slower load put an older state back into the cache', async () => {
    const world = createWorld({ cacheEntries: 10 });
    let release: () => void = () => undefined;
    const slow = createWorld({
      beside: world,
      cacheEntries: 10,
      through: (log): EventLog => ({
        append: (...given) => log.append(...given),
        read: (...given) => log.read(...given),
        readBody: (...given) => log.readBody(...given),
        async load(...given) {
          const found = await log.load(...given);
          await new Promise<void>((resolve) => {
            release = resolve;
          });
          return found;
        },
      }),
    });
    await world.schedule('a', { runAt: epoch + hour });
    const old = await world.store.load(stream);
    const loading = slow.store.load(stream);
    await new Promise((resolve) => setImmediate(resolve));
    await slow.store.append(stream, old, { type: 'TaskCancelled', data: { reason: null } }, { now: epoch });

    release();
    await loading;

    expect((await slow.store.load(stream)).state.status).toBe('cancelled');
  });
});

describe('a change of a request', () => {
  const action = {
    kind: 'http',
    url: 'https://shop.example/orders',
    target: 'https://shop.example:443',
    method: 'POST',
    headers: [{ name: 'Authorization', value: 'Bearer secret' }],
    secretHeaders: [],
    body: { kind: 'text', bytes: new TextEncoder().encode('same') },
  } as const;

  test('with the same secret and body twice is one change', async () => {
    const world = createWorld();
    await world.schedule('a', { runAt: epoch + hour });

    for (const _time of [1, 2, 3]) await rescheduleTask(world.ports, 'a', { action }, {});

    expect(world.types('a')).toEqual(['TaskScheduled', 'TaskRescheduled']);
  });

  test('with another secret, or another body of the same length, is another change', async () => {
    const world = createWorld();
    await world.schedule('a', { runAt: epoch + hour });
    await rescheduleTask(world.ports, 'a', { action }, {});

    await rescheduleTask(world.ports, 'a', { action: { ...action, headers: [{ name: 'Authorization', value: 'Bearer terces' }] } }, {});
    const body = { kind: 'text', bytes: new TextEncoder().encode('emas') } as const;
    await rescheduleTask(world.ports, 'a', { action: { ...action, body } }, {});

    expect(world.types('a')).toHaveLength(4);
  });
});

describe('a create', () => {
  test('of other content under the same id is refused', async () => {
    const world = createWorld();
    await world.schedule('a');

    const outcome = await execute(world.ports, {
      stream,
      startFrom: missingTask,
      command: () => ({ type: 'schedule', definition: definitionWith(), runAt: epoch, sameContent: false }),
    });

    expect(outcome).toMatchObject({ outcome: 'refused', refusal: { reason: 'different-content' } });
  });
});
