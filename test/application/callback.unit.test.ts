import { describe, expect, test } from 'vitest';
import type { HttpOutcome } from '../../src/application/ports.ts';
import { deleteTask, redeliverCallback, retryTask } from '../../src/application/task-commands.ts';
import type { TaskInput } from '../../src/application/task-input.ts';
import { taskStream } from '../../src/application/task-store.ts';
import { handleWake } from '../../src/application/wake.ts';
import { limits } from '../../src/domain/limits.ts';
import { epoch, hour, minute, second } from '../domain/task-histories.ts';
import { callbackInput, createWorld, type World } from '../support/application-world.ts';
import { headerOf, response } from '../support/scripted-caller.ts';

const stream = taskStream('a');
const isCallback = (url: string) => url.startsWith(callbackInput.url);

/** A task that has ended and whose callback is open; `answers` are what its receiver says, one after another. */
async function ended(parts: Partial<TaskInput> = {}, answers: readonly HttpOutcome[] = [], cacheEntries = 10) {
  const world = createWorld({ cacheEntries });
  await world.schedule('a', { callback: callbackInput, ...parts });
  const told: { readonly url: string; readonly id: string; readonly body: unknown; readonly at: number }[] = [];
  world.caller.answer = (request) => {
    if (!isCallback(request.url)) return response(200, { 'content-type': 'text/plain' }, 'done');
    const body: unknown = request.body === null ? null : JSON.parse(new TextDecoder().decode(request.body));
    told.push({ url: request.url, id: headerOf(request, 'webhook-id') ?? '', body, at: world.clock.now() });
    return answers[told.length - 1] ?? response(200);
  };
  await world.wake('a');
  return { world, told };
}

async function callbackOf(world: World) {
  const state = await world.state('a');
  return 'callback' in state ? state.callback : null;
}

describe('the callback of a task', () => {
  test('is tried at once when the bus asks', async () => {
    const { world, told } = await ended();

    await world.deliverFirst('a');

    expect(told).toMatchObject([
      {
        id: 'a~callback~3',
        body: {
          id: 'a',
          status: 'succeeded',
          attempt: 1,
          run: 1,
          result: { status: 200, body: 'done' },
          finishedAt: '2026-01-01T00:00:00.000Z',
        },
      },
    ]);
    expect(await callbackOf(world)).toMatchObject({ status: 'delivered', attempt: 1, responseStatus: 200 });
  });

  test('waits a minute for the bus and is then tried by its own wake', async () => {
    const { world, told } = await ended();

    await world.wake('a');
    expect(told).toEqual([]);
    await world.clock.advance(limits.callbackHealMs);
    await world.wake('a');

    expect(told.map(({ at }) => at)).toEqual([epoch + minute]);
  });

  test('is not tried by the bus a second time: later tries keep to their times', async () => {
    const { world, told } = await ended({}, [response(503)]);
    await world.deliverFirst('a');

    await world.deliverFirst('a');
    expect(told).toHaveLength(1);
    await world.clock.advance(second);
    await world.wake('a');

    expect(told).toHaveLength(2);
    expect(await callbackOf(world)).toMatchObject({ status: 'delivered', attempt: 2 });
  });

  test('is tried after 1 s, 4 s, 15 s, 1 min, 4 min, 15 min and 1 h, eight times in all', async () => {
    const { world, told } = await ended({}, new Array<HttpOutcome>(20).fill(response(500)));
    await world.deliverFirst('a');
    for (let look = 0; look < 12; look += 1) {
      await world.clock.advance(hour);
      await world.wake('a');
    }

    expect(told).toHaveLength(8);
    expect(await callbackOf(world)).toMatchObject({ status: 'failed', attempt: 8, error: { kind: 'http', status: 500 } });
    const pauses = world
      .events('a')
      .flatMap(({ type, data, occurredAt }) =>
        type === 'CallbackFailed' && 'retryAt' in data && typeof data.retryAt === 'number' ? [data.retryAt - occurredAt] : [],
      );
    expect(pauses).toEqual([second, 4 * second, 15 * second, minute, 4 * minute, 15 * minute, hour]);
  });

  test.each([
    [199, 'pending'],
    [200, 'delivered'],
    [299, 'delivered'],
    [300, 'pending'],
  ] as const)('that is answered %i is %s', async (status, expected) => {
    const { world } = await ended({}, [response(status)]);

    await world.deliverFirst('a');

    const seen = expected === 'delivered' ? { responseStatus: status } : { error: { kind: 'http', status } };
    expect(await callbackOf(world)).toMatchObject({ status: expected, attempt: 1, ...seen });
  });

  test('is given up at once on 410 and on an address that may not be called', async () => {
    for (const answer of [response(410), { kind: 'egress', message: 'a private address' } as const]) {
      const { world, told } = await ended({}, [answer]);
      await world.deliverFirst('a');
      expect(told).toHaveLength(1);
      expect(await callbackOf(world)).toMatchObject({ status: 'failed', attempt: 1 });
    }
  });

  test('keeps to the Retry-After of its receiver', async () => {
    const { world } = await ended({}, [response(503, { 'retry-after': '30' })]);

    await world.deliverFirst('a');

    expect(await callbackOf(world)).toMatchObject({ status: 'pending', attempt: 1, nextAttemptAt: epoch + 30 * second });
  });

  test('that our own stop interrupted is not counted', async () => {
    const { world } = await ended({}, [{ kind: 'interrupted', message: 'stopping' }]);
    world.stopping.abort();

    await world.deliverFirst('a');

    expect(await callbackOf(world)).toMatchObject({ status: 'pending', attempt: 0 });
  });

  test.each([0, 1])('that our own stop interrupted after %i tries is left to the next process', async (tries) => {
    const { world } = await ended({}, [response(503)]);
    if (tries === 1) await world.deliverFirst('a');
    await world.clock.advance(minute);
    world.caller.answer = () => {
      world.stopping.abort();
      // Another try now would end the test instead of going on for ever.
      world.ports.outgoing.signer.sign = () => {
        throw new Error('it was tried again');
      };
      return { kind: 'interrupted', message: 'stopping' };
    };

    await world.wake('a');

    expect(world.stopping.signal.aborted).toBe(true);
    expect(world.logger.lines.join()).not.toContain('it was tried again');
    expect(await callbackOf(world)).toMatchObject({ status: 'pending', attempt: tries });
  });

  test('that could not begin in time counts as a try, so that it is not made by sweeps for ever', async () => {
    const { world } = await ended({}, [{ kind: 'interrupted', message: 'the call was not begun' }]);

    await world.deliverFirst('a');

    expect(await callbackOf(world)).toMatchObject({ status: 'pending', attempt: 1 });
  });

  test('that cannot be made counts as a try, so that it is not tried for ever', async () => {
    const { world, told } = await ended();
    world.ports.outgoing.signer.sign = () => {
      throw new Error('the signing key is gone');
    };

    await world.deliverFirst('a');

    expect(told).toEqual([]);
    expect(world.logger.lines.join()).toContain('the signing key is gone');
    expect(await callbackOf(world)).toMatchObject({ status: 'pending', attempt: 1, nextAttemptAt: epoch + second });
  });

  test('is not told twice by one process, whether asked side by side or one after another', async () => {
    const { world, told } = await ended();
    const loaded = await world.store.load(stream);

    await Promise.all([world.deliverFirst('a'), world.deliverFirst('a'), world.deliverFirst('a')]);
    await world.deliverFirst('a');

    expect(told).toHaveLength(1);
    expect(loaded.state.version + 1).toBe((await world.state('a')).version);
  });

  test('is not told twice by two wakes that wait for the same time, one of them a little longer', async () => {
    const { world, told } = await ended({}, [response(503)]);
    await world.deliverFirst('a');
    // The try is due in a second: both wakes wait in place, as they are a little early.
    const wake = { stream, version: 4, dueAt: 0, target: null, lane: 'short' } as const;
    const sleep = world.clock.sleep.bind(world.clock);
    let sleeps = 0;
    const ports = {
      ...world.ports,
      clock: {
        now: () => world.clock.now(),
        monotonic: () => world.clock.monotonic(),
        sleep: (ms: number) => sleep(ms + 5 * sleeps++),
      },
    };

    const looks = Promise.all([handleWake(ports, wake), handleWake(ports, wake)]);
    await world.clock.advance(3 * second);
    await looks;

    expect(told).toHaveLength(2);
    expect(world.types('a').slice(3)).toEqual(['CallbackFailed', 'CallbackSucceeded']);
  });

  test('of a deleted task is still delivered, and its record does not bring the task back', async () => {
    const { world, told } = await ended();
    await deleteTask(world.ports, 'a', {});

    await world.clock.advance(minute);
    await world.wake('a');

    expect(told).toHaveLength(1);
    expect(await world.state('a')).toMatchObject({ status: 'deleted', ended: { callback: { status: 'delivered' } } });
  });

  test('of a task that was deleted while a try waits is tried by the wake that was on its way, however early that comes', async () => {
    const { world, told } = await ended({}, [response(503, { 'retry-after': '10' })]);
    await world.deliverFirst('a');
    const wake = { stream, version: 4, dueAt: epoch + 10 * second, target: null, lane: 'short' } as const;
    await deleteTask(world.ports, 'a', {});

    await handleWake(world.ports, wake);
    expect(world.wakes.sent).toEqual([wake]);
    await world.clock.advance(10 * second);
    await handleWake(world.ports, wake);

    expect(told).toHaveLength(2);
  });

  test('of a pending task that is deleted tells that it was cancelled', async () => {
    const { world, told } = await ended({ runAt: epoch + hour });
    await deleteTask(world.ports, 'a', {});

    await world.deliverFirst('a');

    expect(told).toMatchObject([{ id: 'a~callback~2', body: { status: 'cancelled', attempt: 0 } }]);
  });

  test('that was superseded by a new run is told no more', async () => {
    const world = createWorld();
    await world.schedule('a', { callback: callbackInput });
    world.caller.answer = () => response(404);
    await world.wake('a');
    await retryTask(world.ports, 'a', {});

    await world.deliverFirst('a');

    expect(world.caller.calls.filter(({ request }) => isCallback(request.url))).toEqual([]);
  });

  test('of a failure tells the error and what the target answered', async () => {
    const { world, told } = await ended();
    const other = createWorld();
    await other.schedule('b', { callback: callbackInput });
    other.caller.answer = (request) => (isCallback(request.url) ? response(200) : response(404, { 'content-type': 'text/plain' }, 'none'));
    await other.wake('b');

    await other.deliverFirst('b');

    const body = other.caller.calls.at(-1)?.request.body ?? new Uint8Array();
    expect(JSON.parse(new TextDecoder().decode(body))).toMatchObject({
      status: 'failed',
      error: { kind: 'http', status: 404 },
      result: { status: 404, body: 'none' },
    });
    expect([told, world.types('a').length]).toEqual([[], 3]);
  });

  test('can be sent again with a fresh set of tries', async () => {
    const { world, told } = await ended({}, [response(410)]);
    await world.deliverFirst('a');
    await redeliverCallback(world.ports, 'a');

    await world.wake('a');

    expect(told.map(({ id }) => id)).toEqual(['a~callback~3', 'a~callback~3']);
    expect(await callbackOf(world)).toMatchObject({ status: 'delivered', attempt: 1 });
  });

  test('that is sent again by hand while a try is under way is told by that process, as the wake for it finds it at work', async () => {
    const { world, told } = await ended({}, [response(503), response(503)]);
    await world.deliverFirst('a');
    await world.clock.advance(second);
    const { answer } = world.caller;
    world.caller.answer = async (request, call) => {
      const answered = await answer(request, call);
      if (told.length === 2) {
        await redeliverCallback(world.ports, 'a');
        await world.wake('a');
      }
      return answered;
    };

    await world.wake('a');

    expect(told.map(({ at }) => at)).toEqual([epoch, epoch + second, epoch + second]);
    // What the try under way came to belongs to the tries of before, and is not recorded.
    expect(world.types('a').slice(3)).toEqual(['CallbackFailed', 'CallbackReopened', 'CallbackSucceeded']);
    expect(await callbackOf(world)).toMatchObject({ status: 'delivered', attempt: 1 });
  });

  test('with GET carries the scalar fields as query parameters', async () => {
    const { world, told } = await ended({ callback: { ...callbackInput, method: 'GET' } });

    await world.deliverFirst('a');

    const url = new URL(told[0]?.url ?? 'https://none');
    expect(Object.fromEntries(url.searchParams)).toEqual({
      id: 'a',
      status: 'succeeded',
      attempt: '1',
      run: '1',
      finishedAt: '2026-01-01T00:00:00.000Z',
    });
  });

  test('tells the whole of a large result', async () => {
    const { world, told } = await ended({}, [], 0);
    expect(told).toEqual([]);
    const big = createWorld();
    await big.schedule('c', { callback: callbackInput });
    big.caller.answer = (request) => (isCallback(request.url) ? response(200) : response(200, {}, 'x'.repeat(100_000)));
    await big.wake('c');

    await big.deliverFirst('c');

    const sent = JSON.parse(new TextDecoder().decode(big.caller.calls.at(-1)?.request.body ?? new Uint8Array())) as {
      result: { body: string };
    };
    expect(sent.result.body).toHaveLength(100_000);
    expect(world.caller.calls).toHaveLength(1);
  });
});
