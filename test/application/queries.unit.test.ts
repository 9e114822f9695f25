import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findTask, findTaskAsOf, taskBodies, taskHistory } from '../../src/application/queries.ts';
import { cancelTask, deleteTask, rescheduleTask } from '../../src/application/task-commands.ts';
import { taskStream } from '../../src/application/task-store.ts';
import { limits } from '../../src/domain/limits.ts';
import { epoch, hour, second, statesAlong } from '../domain/task-histories.ts';
import { createWorld } from '../support/application-world.ts';
import { response } from '../support/scripted-caller.ts';
import { anyHistories, storedEvents } from '../support/stored-events.ts';

async function changedThrice() {
  const world = createWorld();
  await world.schedule('a', { runAt: epoch + hour });
  for (const change of [1, 2]) {
    await world.clock.advance(10 * second);
    await rescheduleTask(world.ports, 'a', { runAt: epoch + hour + change }, {});
  }
  return { world, ports: { store: world.store, log: world.log } };
}

describe('a task as it was', () => {
  test.each([
    [0, null],
    [1, 1],
    [2, 2],
    [3, 3],
    [4, null],
  ])('at version %i is found: %s', async (version, found) => {
    const { ports } = await changedThrice();
    expect((await findTaskAsOf(ports, 'a', { version }))?.state.version ?? null).toBe(found);
  });

  test.each([
    [epoch - 1, null],
    [epoch, 1],
    [epoch + 10 * second - 1, 1],
    [epoch + 10 * second, 2],
    [epoch + 20 * second, 3],
    [epoch + 99 * hour, 3],
  ])('at the time %i is at version %s', async (time, found) => {
    const { ports } = await changedThrice();
    expect((await findTaskAsOf(ports, 'a', { time }))?.state.version ?? null).toBe(found);
  });

  test('is not found once it was deleted, at whatever time', async () => {
    const { world, ports } = await changedThrice();
    await deleteTask(world.ports, 'a', {});

    expect(await findTaskAsOf(ports, 'a', { version: 1 })).toBeNull();
    expect(await findTaskAsOf(ports, 'a', { time: epoch })).toBeNull();
    expect(await findTask(ports, 'a')).toBeNull();
    expect(await findTask(ports, 'none')).toBeNull();
  });

  test('has the bodies of that time', async () => {
    const world = createWorld();
    await world.schedule('a');
    world.caller.answer = (_request, call) => response(call === 1 ? 500 : 200, {}, `answer ${call}`);
    await world.wake('a');
    await world.clock.advance(2 * second);
    await world.wake('a');
    const ports = { store: world.store, log: world.log };

    const shown = await Promise.all(
      [1, 3, 5].map(async (version) => {
        const found = await findTaskAsOf(ports, 'a', { version });
        const bodies = found === null ? null : await taskBodies(ports, found.state, found.loaded);
        return bodies?.result === null || bodies === null ? null : new TextDecoder().decode(bodies.result);
      }),
    );

    expect(shown).toEqual([null, 'answer 1', 'answer 2']);
  });

  test('is the fold up to that version, and the last fold not after that time, for any history', async () => {
    await fc.assert(
      fc.asyncProperty(anyHistories({ tasks: 1, steps: 40 }), async ([history]) => {
        if (history === undefined) throw new Error('no history');
        const world = createWorld();
        for (const event of storedEvents(history)) await world.log.append(event);
        const ports = { store: world.store, log: world.log };
        const isGone = history.state.status === 'deleted';
        const id = history.stream.slice('task#'.length);

        for (const [version, state] of statesAlong(history.events).entries()) {
          const expected = isGone || version === 0 ? null : state;
          expect((await findTaskAsOf(ports, id, { version }))?.state ?? null).toEqual(expected);
          const time = history.events[version - 1]?.occurredAt;
          if (time === undefined) continue;
          const last = history.events.findLastIndex(({ occurredAt }) => occurredAt <= time) + 1;
          expect((await findTaskAsOf(ports, id, { time }))?.state.version ?? null).toEqual(isGone ? null : last);
        }
      }),
      { numRuns: 40 },
    );
  });
});

describe('the history of a task', () => {
  test.each([1, 2, 3, 100])('in pages of %i is the whole of it, in order', async (limit) => {
    const { world, ports } = await changedThrice();
    await cancelTask(world.ports, 'a', null, {});
    const versions: number[] = [];
    let after: number | null = 0;
    for (let page = 0; after !== null && page < 10; page += 1) {
      const found: Awaited<ReturnType<typeof taskHistory>> = await taskHistory(ports, 'a', { after, limit });
      versions.push(...(found?.events.map(({ version }) => version) ?? []));
      after = found?.next ?? null;
    }

    expect(versions).toEqual([1, 2, 3, 4]);
  });

  test('after its end is empty, and of a task that is not there is none', async () => {
    const { ports } = await changedThrice();

    expect(await taskHistory(ports, 'a', { after: 3, limit: 10 })).toEqual({ events: [], next: null });
    expect(await taskHistory(ports, 'a', { after: 99, limit: 10 })).toEqual({ events: [], next: null });
    expect(await taskHistory(ports, 'none', { after: 0, limit: 10 })).toBeNull();
  });

  test('never comes in pages larger than the limit', async () => {
    const { world } = await changedThrice();
    let limit: number | undefined;
    const log = {
      append: world.log.append.bind(world.log),
      load: world.log.load.bind(world.log),
      readBody: world.log.readBody.bind(world.log),
      read: async (stream: string, range: { readonly after: number; readonly limit?: number }) => {
        limit = range.limit;
        return world.log.read(stream, range);
      },
    };

    await taskHistory({ store: world.store, log }, 'a', { after: 0, limit: 1_000_000 });

    expect(limit).toBe(limits.eventsPage);
    expect(taskStream('a')).toBe('task#a');
  });
});
