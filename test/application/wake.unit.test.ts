import { describe, expect, test } from 'vitest';
import type { Wake } from '../../src/application/ports.ts';
import { cancelTask, rescheduleTask } from '../../src/application/task-commands.ts';
import { taskStream } from '../../src/application/task-store.ts';
import { handleWake, type WakePorts } from '../../src/application/wake.ts';
import { limits } from '../../src/domain/limits.ts';
import { epoch, hour, minute, second } from '../domain/task-histories.ts';
import { createWorld } from '../support/application-world.ts';
import { response } from '../support/scripted-caller.ts';
import { settled } from '../support/virtual-clock.ts';

const wakeOf = (version: number, dueAt = epoch): Wake => ({
  stream: taskStream('a'),
  version,
  dueAt,
  target: 'https://shop.example:443',
  lane: 'short',
});

describe('a wake', () => {
  test('of a due task starts an attempt', async () => {
    const world = createWorld();
    await world.schedule('a');

    await handleWake(world.ports, wakeOf(1));

    expect(world.types('a')).toEqual(['TaskScheduled', 'TaskStarted', 'TaskSucceeded']);
  });

  test.each([1, 500, limits.wakeEarlyMs])('that is %i ms early is waited out, and the attempt begins at the very time', async (early) => {
    const world = createWorld();
    await world.schedule('a', { runAt: epoch + early });

    const look = handleWake(world.ports, wakeOf(1));
    await world.clock.advance(early - 1);
    expect(world.caller.calls).toEqual([]);
    await world.clock.advance(1);
    await look;

    expect(world.caller.calls.map(({ at }) => at)).toEqual([epoch + early]);
    expect(world.wakes.sent).toEqual([]);
  });

  test('that is earlier is sent again for the right time, if its version is the newest', async () => {
    const world = createWorld();
    await world.schedule('a', { runAt: epoch + minute });

    await handleWake(world.ports, wakeOf(1));

    expect(world.wakes.sent).toEqual([wakeOf(1, epoch + minute)]);
    expect(world.types('a')).toEqual(['TaskScheduled']);
  });

  test('that is earlier and stale is dropped: the newer event has a wake of its own', async () => {
    const world = createWorld();
    await world.schedule('a', { runAt: epoch + minute });
    await rescheduleTask(world.ports, 'a', { runAt: epoch + hour }, {});

    await handleWake(world.ports, wakeOf(1));

    expect([world.wakes.sent, world.caller.calls]).toEqual([[], []]);
  });

  test('in the lane of quick calls hands a call that may take longer on to the other lane, and starts nothing', async () => {
    const world = createWorld();
    await world.schedule('slow', { timeoutMs: limits.shortLaneTimeoutMs + 1, runAt: epoch + second });
    await world.schedule('quick', { timeoutMs: limits.shortLaneTimeoutMs });
    const short: WakePorts = { ...world.ports, lane: 'short' };

    await handleWake(short, { ...wakeOf(1), stream: taskStream('slow') });
    await handleWake(short, { ...wakeOf(1), stream: taskStream('quick') });

    expect(world.wakes.sent).toEqual([{ ...wakeOf(1, epoch + second), stream: taskStream('slow'), lane: 'long' }]);
    expect([world.types('slow'), world.types('quick')]).toEqual([['TaskScheduled'], ['TaskScheduled', 'TaskStarted', 'TaskSucceeded']]);
  });

  test('in the lane of slow calls makes every call, and so does a host with a single lane', async () => {
    for (const lanes of [{ lane: 'long' as const }, {}]) {
      const world = createWorld();
      await world.schedule('a', { timeoutMs: 10 * minute });

      await handleWake({ ...world.ports, ...lanes }, wakeOf(1));

      expect(world.types('a')).toHaveLength(3);
    }
  });

  test('that is stale and due still does what is due', async () => {
    const world = createWorld();
    await world.schedule('a', { runAt: epoch + minute });
    await rescheduleTask(world.ports, 'a', { runAt: epoch }, {});

    await handleWake(world.ports, wakeOf(1));

    expect(world.caller.calls).toHaveLength(1);
  });

  test('that comes twice, or late, does nothing more', async () => {
    const world = createWorld();
    await world.schedule('a');

    await Promise.all([handleWake(world.ports, wakeOf(1)), handleWake(world.ports, wakeOf(1))]);
    await world.clock.advance(hour);
    await handleWake(world.ports, wakeOf(1));

    expect(world.caller.calls).toHaveLength(1);
    expect(world.types('a')).toHaveLength(3);
  });

  test('of a stream that is missing or has ended does nothing', async () => {
    const world = createWorld();
    await handleWake(world.ports, wakeOf(1));
    await world.schedule('a');
    await cancelTask(world.ports, 'a', null, {});

    await handleWake(world.ports, wakeOf(1));

    expect(world.types('a')).toEqual(['TaskScheduled', 'TaskCancelled']);
  });

  test('of a task that is cancelled while it is waited out makes no call', async () => {
    const world = createWorld({ cacheEntries: 10 });
    await world.schedule('a', { runAt: epoch + second });
    const look = handleWake(world.ports, wakeOf(1));
    await world.clock.advance(100);
    await cancelTask(world.ports, 'a', null, {});

    await world.clock.advance(second);
    await look;

    expect(world.caller.calls).toEqual([]);
  });

  test('is not held for long when the clock is set back while it is waited out', async () => {
    const world = createWorld();
    await world.schedule('a', { runAt: epoch + second });
    let ended = false;
    const look = handleWake(world.ports, wakeOf(1)).then(() => {
      ended = true;
    });
    await settled();

    world.clock.set(epoch - hour);
    await world.clock.advance(5 * second);

    expect(ended).toBe(true);
    expect([world.caller.calls, world.wakes.sent]).toEqual([[], [wakeOf(1, epoch + second)]]);
    await look;
  });

  test('of a running task expires its lease only after it and the skew of clocks are over', async () => {
    const world = createWorld();
    const other = createWorld({ beside: world });
    await world.schedule('a');
    world.caller.answer = () => new Promise(() => undefined);
    void world.wake('a');
    await settled();
    const leaseMs = limits.startWindowMs + 10 * second + limits.leaseMarginMs + limits.clockSkewMs;

    await world.clock.advance(leaseMs - limits.wakeEarlyMs - 1);
    await handleWake(other.ports, wakeOf(2));
    expect(other.wakes.sent).toMatchObject([{ dueAt: epoch + leaseMs }]);
    expect(world.types('a')).toHaveLength(2);
    await world.clock.advance(limits.wakeEarlyMs + 1);
    await handleWake(other.ports, wakeOf(2));

    expect(await world.state('a')).toMatchObject({ status: 'scheduled', lastFailure: { error: { kind: 'interrupted' } } });
  });

  test('never expires the lease of an attempt that this very process makes', async () => {
    const world = createWorld();
    await world.schedule('a');
    world.caller.answer = () => new Promise(() => undefined);
    void world.wake('a');
    await settled();

    await world.clock.advance(hour);
    await world.wake('a');

    expect(world.types('a')).toEqual(['TaskScheduled', 'TaskStarted']);
  });

  test('of a waiting task ends the attempt with a timeout when its deadline is over, and not before', async () => {
    const world = createWorld();
    await world.schedule('a', { strategy: 'async' });
    world.caller.answer = () => response(202);
    await world.wake('a');
    expect(await world.state('a')).toMatchObject({ status: 'waiting' });

    await world.clock.advance(59 * second - 1);
    await handleWake(world.ports, wakeOf(3));
    expect(world.types('a').at(-1)).toBe('TaskAccepted');
    await world.clock.advance(second + 1);
    await handleWake(world.ports, wakeOf(3));

    expect(await world.state('a')).toMatchObject({ status: 'scheduled', lastFailure: { error: { kind: 'timeout' } } });
  });
});
