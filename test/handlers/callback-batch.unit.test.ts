import { describe, expect, test } from 'vitest';
import { busEntries } from '../../src/application/render-event.ts';
import { callbackBatch } from '../../src/handlers/callback-batch.ts';
import { epoch, minute, second } from '../domain/task-histories.ts';
import { callbackInput, createWorld, type World } from '../support/application-world.ts';
import { invocation, sqsEvent } from '../support/lambda.ts';
import { response } from '../support/scripted-caller.ts';

/** What the rule of the bus puts into the queue for the newest event of a task. */
function messageOf(world: World, id: string): string {
  const newest = world.events(id).at(-1);
  const [entry] = newest === undefined ? [] : busEntries(newest);
  return JSON.stringify({ version: '0', id: 'event-1', 'detail-type': entry?.detailType, source: entry?.source, detail: entry?.detail });
}

async function finished(id: string): Promise<World> {
  const world = createWorld();
  await world.schedule(id, { callback: callbackInput });
  await world.wake(id);
  return world;
}

const batchOf = (world: World, bodies: readonly string[], ms = minute) =>
  callbackBatch(world.ports, sqsEvent(bodies), invocation(world.clock, ms));
const done = { batchItemFailures: [] };
const failed = (...indexes: readonly number[]) => ({ batchItemFailures: indexes.map((index) => ({ itemIdentifier: `message-${index}` })) });

describe('a batch of callbacks', () => {
  test('makes the first try at once, long before the wake that heals', async () => {
    const world = await finished('a');

    expect(await batchOf(world, [messageOf(world, 'a')])).toEqual(done);

    expect(world.caller.calls.map(({ request, at }) => [request.url, at])).toEqual([
      ['https://shop.example/orders', epoch],
      ['https://listener.example/done', epoch],
    ]);
    expect(world.types('a').at(-1)).toBe('CallbackSucceeded');
  });

  test('finds the task of an id that holds an @ itself', async () => {
    const world = await finished('order@shop@7');

    expect(await batchOf(world, [messageOf(world, 'order@shop@7')])).toEqual(done);

    expect(world.types('order@shop@7').at(-1)).toBe('CallbackSucceeded');
  });

  test('that comes twice is delivered once, and later tries are left to wakes', async () => {
    const world = await finished('a');
    const message = messageOf(world, 'a');
    world.caller.answer = () => response(503);

    await batchOf(world, [message]);
    await batchOf(world, [message]);

    expect(world.types('a').filter((type) => type === 'CallbackFailed')).toHaveLength(1);
    expect(world.caller.calls).toHaveLength(2);
  });

  test.each([
    ['no JSON', 'x'],
    ['no event', '{}'],
    ['an event without a callback', JSON.stringify({ detail: { id: 'task#a@3' } })],
    ['an id without a version', JSON.stringify({ detail: { id: 'task#a', callback: true } })],
    ['an id without a stream', JSON.stringify({ detail: { id: '@3', callback: true } })],
    ['version 0', JSON.stringify({ detail: { id: 'task#a@0', callback: true } })],
  ])('gives back a message that is %s, for the dead letters', async (_what, body) => {
    const world = await finished('a');

    expect(await batchOf(world, [body, messageOf(world, 'a')])).toEqual(failed(0));

    expect(world.types('a').at(-1)).toBe('CallbackSucceeded');
  });

  test('comes again when the log cannot be reached, or the invocation has not enough time', async () => {
    const world = await finished('a');
    const message = messageOf(world, 'a');
    const away = { ...world.ports, store: { ...world.ports.store, load: () => Promise.reject(new Error('throttled')) } };

    expect(await callbackBatch(away, sqsEvent([message]), invocation(world.clock, minute))).toEqual(failed(0));
    expect(await batchOf(world, [message], 46 * second - 1)).toEqual(failed(0));

    expect(world.caller.calls).toHaveLength(1);
    expect(await batchOf(world, [message], 46 * second)).toEqual(done);
  });
});
