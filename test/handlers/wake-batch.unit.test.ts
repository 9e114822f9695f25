import { describe, expect, test } from 'vitest';
import { encodeWake } from '../../src/adapters/aws/sqs-wake-queue.ts';
import type { HttpOutcome, HttpRequest, Wake } from '../../src/application/ports.ts';
import { taskStream } from '../../src/application/task-store.ts';
import { wakeBatch } from '../../src/handlers/wake-batch.ts';
import { epoch, minute, second } from '../domain/task-histories.ts';
import { createWorld, type World } from '../support/application-world.ts';
import { invocation, sqsEvent } from '../support/lambda.ts';
import { response } from '../support/scripted-caller.ts';
import { settled } from '../support/virtual-clock.ts';

const wakeOf = (id: string, parts: Partial<Wake> = {}): string =>
  encodeWake({ stream: taskStream(id), version: 1, dueAt: epoch, target: 'https://shop.example:443', lane: 'short', ...parts });
const batchOf = (world: World, bodies: readonly string[], parts: { readonly lane?: 'short' | 'long'; readonly ms?: number } = {}) =>
  wakeBatch({ ...world.ports, lane: parts.lane ?? 'short' }, sqsEvent(bodies), invocation(world.clock, parts.ms ?? minute));
const done = { batchItemFailures: [] };
const failed = (...indexes: readonly number[]) => ({ batchItemFailures: indexes.map((index) => ({ itemIdentifier: `message-${index}` })) });

/** A target that answers when it is told to, and whose call ends when it is interrupted. */
function hangingTarget(world: World): void {
  world.caller.answer = ({ signal }: HttpRequest) =>
    new Promise<HttpOutcome>((resolve) => {
      signal?.addEventListener('abort', () => resolve({ kind: 'interrupted', message: 'the call was aborted' }));
    });
}

describe('a batch of wakes', () => {
  test('is looked at side by side: a slow target holds up none of the others', async () => {
    const world = createWorld();
    for (const id of ['slow', 'a', 'b']) await world.schedule(id);
    const held = Promise.withResolvers<HttpOutcome>();
    world.caller.answer = (_request, call) => (call === 1 ? held.promise : response(200));

    const batch = batchOf(world, [wakeOf('slow'), wakeOf('a'), wakeOf('b')]);
    await settled();

    expect([world.types('a').at(-1), world.types('b').at(-1)]).toEqual(['TaskSucceeded', 'TaskSucceeded']);
    held.resolve(response(200));
    expect(await batch).toEqual(done);
    expect(world.types('slow').at(-1)).toBe('TaskSucceeded');
  });

  test('gives back the wakes that could not be handled, and only those', async () => {
    const world = createWorld();
    await world.schedule('a');
    await world.schedule('b');
    const load = world.ports.store.load;
    const store = {
      ...world.ports.store,
      load: (stream: string, version?: number) =>
        stream === taskStream('a') ? Promise.reject(new Error('throttled')) : load(stream, version),
    };

    const answer = await wakeBatch(
      { ...world.ports, store, lane: 'short' },
      sqsEvent([wakeOf('a'), wakeOf('b')]),
      invocation(world.clock, minute),
    );

    expect(answer).toEqual(failed(0));
    expect(world.types('b').at(-1)).toBe('TaskSucceeded');
    expect(world.logger.lines).toContain('error: a message could not be handled');
  });

  test.each(['', 'no json', '{}', '{"stream":"task#a","version":"1"}'])(
    'gives back the message %j, which is no wake, for the dead letters',
    async (body) => {
      const world = createWorld();
      await world.schedule('a');

      expect(await batchOf(world, [body, wakeOf('a')])).toEqual(failed(0));

      expect(world.types('a').at(-1)).toBe('TaskSucceeded');
    },
  );

  test('that is handed over twice makes one call', async () => {
    const world = createWorld();
    await world.schedule('a');

    await Promise.all([batchOf(world, [wakeOf('a'), wakeOf('a')]), batchOf(world, [wakeOf('a')])]);

    expect(world.caller.calls).toHaveLength(1);
  });

  test('that is none is refused whole', async () => {
    const world = createWorld();

    await expect(wakeBatch({ ...world.ports, lane: 'short' }, { Records: [{}] }, invocation(world.clock, minute))).rejects.toThrow();
    expect(world.clock.sleeping).toBe(0);
  });

  test('leaves no timer behind when it is done', async () => {
    const world = createWorld();
    await world.schedule('a');

    await batchOf(world, [wakeOf('a')]);

    expect(world.clock.sleeping).toBe(0);
  });
});

describe('the end of an invocation', () => {
  test('interrupts the calls under way ten seconds before, so that their outcome is recorded and tried again', async () => {
    const world = createWorld();
    await world.schedule('a');
    hangingTarget(world);

    const batch = batchOf(world, [wakeOf('a')], { ms: minute });
    await world.clock.advance(50 * second - 1);
    expect(world.types('a').at(-1)).toBe('TaskStarted');
    await world.clock.advance(1);

    expect(await batch).toEqual(done);
    expect(await world.state('a')).toMatchObject({ status: 'scheduled', attempt: 1, lastFailure: { error: { kind: 'interrupted' } } });
    expect(world.clock.now()).toBe(epoch + 50 * second);
  });

  test('too near for the longest call of its lane has nothing begun: the wake comes again', async () => {
    for (const [lane, ms, begun] of [
      ['short', 46 * second - 1, 0],
      ['short', 46 * second, 1],
      ['long', 856 * second - 1, 0],
      ['long', 856 * second, 1],
    ] as const) {
      const world = createWorld();
      await world.schedule('a');

      expect(await batchOf(world, [wakeOf('a', { lane })], { lane, ms })).toEqual(begun === 1 ? done : failed(0));

      expect(world.caller.calls).toHaveLength(begun);
      expect(world.types('a')).toHaveLength(begun === 1 ? 3 : 1);
    }
  });
});

describe('the lanes', () => {
  test('a call over 30 seconds is not begun in the short lane but sent on to the long one, which makes it', async () => {
    const world = createWorld();
    await world.schedule('a', { timeoutMs: minute });

    expect(await batchOf(world, [wakeOf('a')])).toEqual(done);
    expect(world.caller.calls).toEqual([]);
    expect(world.wakes.sent).toMatchObject([{ stream: taskStream('a'), lane: 'long' }]);

    expect(await batchOf(world, [wakeOf('a', { lane: 'long' })], { lane: 'long', ms: 15 * minute })).toEqual(done);
    expect(world.caller.calls).toHaveLength(1);
  });
});
