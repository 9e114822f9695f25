import { describe, expect, test } from 'vitest';
import { attemptTask } from '../../src/application/attempt.ts';
import type { AttemptReport } from '../../src/application/attempt-ports.ts';
import type { HttpOutcome } from '../../src/application/ports.ts';
import type { Runner } from '../../src/application/runner.ts';
import { answerTask, cancelTask, rescheduleTask } from '../../src/application/task-commands.ts';
import type { TaskInput } from '../../src/application/task-input.ts';
import { taskStream } from '../../src/application/task-store.ts';
import { limits } from '../../src/domain/limits.ts';
import { epoch, hour, second } from '../domain/task-histories.ts';
import { createWorld, taskInput } from '../support/application-world.ts';
import { headerOf, response } from '../support/scripted-caller.ts';
import { settled } from '../support/virtual-clock.ts';

const stream = taskStream('a');
const bytesOf = (size: number): Uint8Array => Uint8Array.from({ length: size }, (_, index) => index % 251);
const withBody = (bytes: Uint8Array): Partial<TaskInput> => {
  const { action } = taskInput('a', epoch);
  return action.kind === 'http' ? { action: { ...action, body: { kind: 'binary', bytes } } } : {};
};
const runnerTask = (name: string): Partial<TaskInput> => ({
  action: { kind: 'runner', name, body: { kind: 'json', bytes: new TextEncoder().encode('{"n":1}') } },
});
const runnerOf = (run: Runner['run']): Runner => ({ parse: (value) => ({ ok: true, value }), run });

describe('an attempt', () => {
  test('is recorded as started before the call, and its outcome after it', async () => {
    const world = createWorld();
    await world.schedule('a');
    let seen: readonly string[] = [];
    world.caller.answer = () => {
      seen = world.types('a');
      return response(200, { 'content-type': 'text/plain' }, 'fine');
    };

    await world.wake('a');

    expect(seen).toEqual(['TaskScheduled', 'TaskStarted']);
    expect(await world.state('a')).toMatchObject({ status: 'succeeded', attempt: 1, result: { status: 200, bytes: 4 } });
    expect(new TextDecoder().decode(await world.log.readBody(stream, world.events('a')[2] ?? { version: 0, commitId: '' }))).toBe('fine');
  });

  test('by two processes at once makes one call: whoever loses the start makes none', async () => {
    const world = createWorld();
    const rival = createWorld({ beside: world });
    await world.schedule('a');
    const [mine, theirs] = [await world.store.load(stream), await rival.store.load(stream)];

    await Promise.all([attemptTask(world.ports, stream, mine), attemptTask(rival.ports, stream, theirs)]);

    expect(world.caller.calls.length + rival.caller.calls.length).toBe(1);
    expect(world.types('a')).toEqual(['TaskScheduled', 'TaskStarted', 'TaskSucceeded']);
  });

  test.each([
    ['was cancelled', (rival: ReturnType<typeof createWorld>) => cancelTask(rival.ports, 'a', null, {})],
    ['was put off', (rival: ReturnType<typeof createWorld>) => rescheduleTask(rival.ports, 'a', { runAt: epoch + hour }, {})],
  ])('of a task that %s after it was read makes no call', async (_what, change) => {
    const world = createWorld();
    await world.schedule('a');
    const due = await world.store.load(stream);
    await change(createWorld({ beside: world }));

    await attemptTask(world.ports, stream, due);

    expect(world.caller.calls).toEqual([]);
    expect(world.types('a')).not.toContain('TaskStarted');
  });

  test('whose start cannot be written makes no call and throws', async () => {
    const world = createWorld();
    await world.schedule('a');
    world.log.fault = () => 'request-lost';

    await expect(world.wake('a')).rejects.toThrow();

    expect(world.caller.calls).toEqual([]);
    expect(world.ports.underWay.size).toBe(0);
  });

  test('whose start was written although the reply was lost makes no call: its lease decides', async () => {
    const world = createWorld();
    await world.schedule('a');
    world.log.fault = () => 'reply-lost';
    await expect(world.wake('a')).rejects.toThrow();
    world.log.fault = () => null;

    expect([world.caller.calls.length, world.types('a')]).toEqual([0, ['TaskScheduled', 'TaskStarted']]);
    await world.clock.advance(10 * second + limits.startWindowMs + limits.leaseMarginMs + limits.clockSkewMs);
    await world.wake('a');

    expect(await world.state('a')).toMatchObject({ status: 'scheduled', lastFailure: { error: { kind: 'interrupted' } } });
  });

  test('of a task not started within startBefore ends it as expired, without a call', async () => {
    const world = createWorld();
    await world.schedule('a', { startBeforeMs: 5 * second });
    await world.clock.advance(6 * second);

    await world.wake('a');

    expect(world.caller.calls).toEqual([]);
    expect(await world.state('a')).toMatchObject({ status: 'failed', failure: { error: { kind: 'expired' } } });
  });

  test('tells the caller to begin within five seconds of the start by either clock', async () => {
    const world = createWorld();
    await world.schedule('a');
    await world.clock.advance(7);

    await world.wake('a');

    expect(world.caller.calls[0]?.request.beginBefore).toEqual({
      wall: epoch + 7 + limits.startWindowMs,
      monotonic: 7 + limits.startWindowMs,
    });
    expect(world.caller.calls[0]?.request.timeoutMs).toBe(10 * second);
  });

  test.each(['wall clock', 'monotonic clock'])('whose start took too long by the %s makes no call and ends interrupted', async (which) => {
    const world = createWorld({
      through: (log) => ({
        load: (...given) => log.load(...given),
        read: (...given) => log.read(...given),
        readBody: (...given) => log.readBody(...given),
        async append(event, snapshot) {
          if (event.type === 'TaskStarted') {
            world.clock.jump(limits.startWindowMs);
            if (which === 'monotonic clock') world.clock.set(epoch);
          }
          return log.append(event, snapshot);
        },
      }),
    });
    await world.schedule('a');

    await world.wake('a');

    expect(world.caller.calls).toEqual([]);
    expect(await world.state('a')).toMatchObject({ status: 'scheduled', attempt: 1, lastFailure: { error: { kind: 'interrupted' } } });
  });

  test('of a runner whose start took too long runs no code and ends interrupted', async () => {
    let ran = false;
    const runners = {
      work: runnerOf(async () => {
        ran = true;
        return { completed: true };
      }),
    };
    const world = createWorld({
      runners,
      through: (log) => ({
        load: (...given) => log.load(...given),
        read: (...given) => log.read(...given),
        readBody: (...given) => log.readBody(...given),
        async append(event, snapshot) {
          if (event.type === 'TaskStarted') world.clock.jump(hour);
          return log.append(event, snapshot);
        },
      }),
    });
    await world.schedule('a', runnerTask('work'));

    await world.wake('a');

    expect(ran).toBe(false);
    expect(await world.state('a')).toMatchObject({ status: 'scheduled', lastFailure: { error: { kind: 'interrupted' } } });
  });

  test('whose outcome comes after the lease was expired by another changes nothing', async () => {
    const world = createWorld();
    const rival = createWorld({ beside: world });
    await world.schedule('a');
    let answer: (outcome: HttpOutcome) => void = () => undefined;
    world.caller.answer = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    const attempt = world.wake('a');
    await settled();
    await world.clock.advance(hour);
    await rival.wake('a');

    answer(response(200));
    await attempt;

    expect(world.types('a')).toEqual(['TaskScheduled', 'TaskStarted', 'TaskFailed']);
    expect(world.logger.lines).toEqual([]);
  });

  test('that was answered early by its target ends at once, whatever the HTTP answer is', async () => {
    const world = createWorld();
    await world.schedule('a', { strategy: 'async' });
    world.caller.answer = async (request) => {
      const token = headerOf(request, 'errand-callback-url')?.split('/').at(-1) ?? '';
      await answerTask(world.ports, 'a', { token, body: bytesOf(3), contentType: undefined });
      return response(500);
    };

    await world.wake('a');

    expect(world.types('a')).toEqual(['TaskScheduled', 'TaskStarted', 'TaskSucceeded']);
    expect(await world.state('a')).toMatchObject({ status: 'succeeded', result: { bytes: 3 } });
  });

  test.each([
    [0, false],
    [1, true],
    [limits.cachedBodyBytes, true],
    [limits.cachedBodyBytes + 1, true],
    [limits.inlineBodyBytes, true],
    [limits.inlineBodyBytes + 1, true],
    [limits.bodyBytes, true],
  ])('sends a body of %i bytes as it was given, with and without a cache', async (size, isStored) => {
    for (const cacheEntries of [0, 100]) {
      const world = createWorld({ cacheEntries });
      await world.schedule('a', withBody(bytesOf(size)));

      await world.wake('a');

      const { request } = world.caller.calls[0] ?? {};
      expect(request?.body).toEqual(bytesOf(size));
      expect(request === undefined ? undefined : headerOf(request, 'content-type')).toBe('application/octet-stream');
      expect(world.events('a')[0]?.body !== undefined || size > limits.inlineBodyBytes).toBe(isStored);
    }
  });

  test('sends the newest body after a change, and after a continuation', async () => {
    const world = createWorld({ cacheEntries: 10 });
    await world.schedule('a', { ...withBody(bytesOf(5)), runAt: epoch + second });
    const { action } = { ...taskInput('a', epoch), ...withBody(bytesOf(20_000)) };
    if (action.kind !== 'http') throw new Error('not http');
    await rescheduleTask(world.ports, 'a', { action }, {});
    await world.clock.advance(second);
    world.caller.answer = (_request, call) =>
      response(200, call === 1 ? { 'errand-continue': '0s', 'content-type': 'application/json' } : {}, '{"next":1}');

    await world.wake('a');
    await world.wake('a');

    expect(world.caller.calls.map(({ request }) => request.body?.length)).toEqual([20_000, 10]);
    expect(await world.state('a')).toMatchObject({ status: 'succeeded', run: 2, attempt: 1 });
  });

  test('whose body is gone ends interrupted, is logged, and is tried again', async () => {
    const world = createWorld();
    await world.schedule('a', withBody(bytesOf(10_000)));
    world.log.readBody = async () => {
      throw new Error('the body is gone');
    };

    await world.wake('a');

    expect(world.caller.calls).toEqual([]);
    expect(world.logger.lines.join()).toContain('the body is gone');
    expect(await world.state('a')).toMatchObject({ status: 'scheduled', lastFailure: { error: { kind: 'interrupted' } } });
  });

  test('is under way from its start to the record of its outcome', async () => {
    const world = createWorld();
    await world.schedule('a');
    const seen: boolean[] = [];
    world.caller.answer = () => {
      seen.push(world.ports.underWay.has(stream));
      return response(200);
    };

    await world.wake('a');

    expect([seen, world.ports.underWay.size]).toEqual([[true], 0]);
  });
});

describe('whoever watches attempts', () => {
  test('hears how late each began, how long it took and what came of it', async () => {
    const world = createWorld();
    const seen: AttemptReport[] = [];
    const ports = { ...world.ports, observe: (attempt: AttemptReport) => seen.push(attempt) };
    await world.schedule('a', { runAt: epoch });
    world.caller.answer = async () => {
      await world.clock.sleep(300);
      return response(503, { 'retry-after': '2' });
    };
    await world.clock.advance(1_250);

    const attempt = attemptTask(ports, stream, await world.store.load(stream));
    await world.clock.advance(300);
    await attempt;
    world.caller.answer = () => response(200);
    await world.clock.advance(2_000);
    await attemptTask(ports, stream, await world.store.load(stream));

    const common = { stream, run: 1, target: 'https://shop.example:443' };
    // An outcome that nobody could record is not told as one.
    await world.schedule('b', { runAt: epoch });
    world.log.fault = ({ type }) => (type === 'TaskSucceeded' ? 'request-lost' : null);
    const lost = attemptTask(ports, taskStream('b'), await world.store.load(taskStream('b')));
    await world.clock.advance(60_000);
    await lost;

    expect(seen).toEqual([
      { ...common, attempt: 1, lateMs: 1_250, durationMs: 300, outcome: 'failed' },
      { ...common, attempt: 2, lateMs: 0, durationMs: 0, outcome: 'succeeded' },
    ]);
  });
});

describe('recording an outcome', () => {
  const rejecting = (times: number) => {
    const world = createWorld({ cacheEntries: 10 });
    let left = times;
    world.log.fault = ({ type }) => {
      if (type !== 'TaskSucceeded' || left === 0) return null;
      left -= 1;
      return 'request-lost';
    };
    return world;
  };

  test('is tried again while the log does not take it', async () => {
    const world = rejecting(3);
    await world.schedule('a');

    const attempt = world.wake('a');
    await world.clock.advance(5 * second);
    await attempt;

    expect(await world.state('a')).toMatchObject({ status: 'succeeded' });
    expect(world.logger.lines).toHaveLength(3);
    expect(world.caller.calls).toHaveLength(1);
  });

  test('ends when the log never takes it: within the lease margin, so that the lease tells', async () => {
    const world = rejecting(100);
    await world.schedule('a');

    const attempt = world.wake('a');
    await world.clock.advance(limits.leaseMarginMs + limits.clockSkewMs);
    await attempt;

    expect(await world.state('a')).toMatchObject({ status: 'running' });
    expect(world.ports.underWay.size).toBe(0);
  });

  test('whose reply was lost does not record it twice', async () => {
    const world = createWorld({ cacheEntries: 10 });
    world.log.fault = ({ type }) => (type === 'TaskSucceeded' ? 'reply-lost' : null);
    await world.schedule('a');

    const attempt = world.wake('a');
    await world.clock.advance(5 * second);
    await attempt;

    expect(world.types('a')).toEqual(['TaskScheduled', 'TaskStarted', 'TaskSucceeded']);
  });

  test('goes on when it loses one race after another: an outcome is not given up for that', async () => {
    let lost = 0;
    const world = createWorld({
      through: (log) => ({
        load: (...given) => log.load(...given),
        read: (...given) => log.read(...given),
        readBody: (...given) => log.readBody(...given),
        async append(event, snapshot) {
          if (event.type !== 'TaskSucceeded' || lost > limits.conflictRetries) return log.append(event, snapshot);
          lost += 1;
          return 'conflict';
        },
      }),
    });
    await world.schedule('a');

    const attempt = world.wake('a');
    await world.clock.advance(second);
    await attempt;

    expect(await world.state('a')).toMatchObject({ status: 'succeeded' });
    expect(world.caller.calls).toHaveLength(1);
  });

  test('keeps the body of the answer also when the first try to record it failed', async () => {
    const world = rejecting(1);
    world.caller.answer = () => response(200, {}, bytesOf(9_000));
    await world.schedule('a');

    const attempt = world.wake('a');
    await world.clock.advance(second);
    await attempt;

    const last = world.events('a').at(-1);
    expect(await world.log.readBody(stream, last ?? { version: 0, commitId: '' })).toEqual(bytesOf(9_000));
  });
});

describe('an attempt of a runner', () => {
  const attemptWith = async (run: Runner['run'], passMs = 0, parts: Partial<TaskInput> = {}) => {
    const world = createWorld({ runners: { work: runnerOf(run) } });
    await world.schedule('a', { ...runnerTask('work'), ...parts });
    const attempt = world.wake('a');
    await world.clock.advance(passMs);
    await attempt;
    return { world, state: await world.state('a') };
  };

  test('gets its parameters and succeeds with what it returns', async () => {
    const { world, state } = await attemptWith(async (params) => ({ completed: true, result: { got: params } }));

    expect(state).toMatchObject({ status: 'succeeded', result: { status: 200 } });
    expect(new TextDecoder().decode(world.events('a').at(-1)?.body)).toBe('{"got":{"n":1}}');
  });

  test('that throws is retried by policy, also when it throws before it promises', async () => {
    const thrower = () => {
      throw new Error('no luck');
    };
    for (const run of [async () => thrower(), thrower]) {
      const { world, state } = await attemptWith(run);
      expect(state).toMatchObject({ status: 'scheduled', lastFailure: { error: { kind: 'runner', message: 'no luck' } } });
      expect(world.clock.sleeping).toBe(0);
    }
  });

  test('that does not end in time is told so and fails with a timeout', async () => {
    let told = false;
    const { state } = await attemptWith(
      (_params, { signal }) =>
        new Promise(() => {
          signal.addEventListener('abort', () => {
            told = true;
          });
        }),
      10 * second,
    );

    expect([told, state]).toMatchObject([true, { status: 'scheduled', lastFailure: { error: { kind: 'timeout' } } }]);
  });

  test.each([
    [
      'a circular detail',
      () => {
        const detail: Record<string, unknown> = {};
        detail['self'] = detail;
        return detail;
      },
    ],
    ['a detail with a bigint', () => ({ n: 1n })],
  ])('that emits %s fails as a runner does, and not by way of the log', async (_what, detail) => {
    const { world, state } = await attemptWith(async () => ({ completed: true, emit: { detailType: 'X', detail: detail() } }), 60 * second);

    expect(state).toMatchObject({ status: 'scheduled', lastFailure: { error: { kind: 'runner' } } });
    expect(world.logger.lines).toEqual([]);
  });

  test('that asks to go on does so as the next run, with new parameters', async () => {
    const { state } = await attemptWith(async () => ({ completed: false, params: { n: 2 }, runAt: epoch + hour }));

    expect(state).toMatchObject({ status: 'scheduled', run: 2, attempt: 0, nextAttemptAt: epoch + hour });
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, epoch + limits.scheduleAheadMs + 2])(
    'that asks to go on at %d is rejected',
    async (runAt) => {
      const { state } = await attemptWith(async () => ({ completed: false, runAt }));

      expect(state).toMatchObject({ status: 'failed', failure: { error: { kind: 'rejected' } } });
    },
  );

  test('that is not there any more fails for good', async () => {
    const world = createWorld();
    await world.schedule('a', runnerTask('gone'));

    await world.wake('a');

    expect(await world.state('a')).toMatchObject({ status: 'failed', failure: { error: { kind: 'runner' } } });
  });

  test('is interrupted when the host stops', async () => {
    const world = createWorld({ runners: { work: runnerOf(() => new Promise(() => undefined)) } });
    await world.schedule('a', runnerTask('work'));
    const attempt = world.wake('a');
    await settled();

    world.stopping.abort();
    await attempt;

    expect(await world.state('a')).toMatchObject({ status: 'scheduled', lastFailure: { error: { kind: 'interrupted' } } });
  });
});

test('an event task emits its detail and calls nobody', async () => {
  const world = createWorld();
  const body = { kind: 'json', bytes: new TextEncoder().encode('{"n":1}') } as const;
  await world.schedule('a', { action: { kind: 'event', detailType: 'Reminder', body } });

  await world.wake('a');

  expect(world.caller.calls).toEqual([]);
  expect(world.events('a').at(-1)?.data).toMatchObject({ emitted: { detailType: 'Reminder', detail: { n: 1 } }, result: { status: 200 } });
});
