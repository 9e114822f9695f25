import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Clock, Wake } from '../../src/application/ports.ts';
import { limits } from '../../src/domain/limits.ts';
import { Scheduler } from '../../src/server/scheduler.ts';
import type { Job } from '../../src/server/slots.ts';
import { epoch, hour, minute, second } from '../domain/task-histories.ts';
import { DueIndex } from '../support/due-index.ts';
import { rememberingLogger } from '../support/silent-logger.ts';

const clock: Clock = { now: () => Date.now(), monotonic: () => performance.now(), sleep: async () => undefined };
const schedulers: Scheduler[] = [];

beforeEach(() => {
  vi.useFakeTimers({ now: epoch });
});
afterEach(() => {
  for (const scheduler of schedulers.splice(0)) void scheduler.stop();
  vi.useRealTimers();
});

type Options = { readonly capacity?: number; readonly concurrency?: number; readonly waitingPerTarget?: number };
type Run = { readonly stream: string; readonly dueAt: number; readonly at: number; readonly kind: Job['kind'] };

/** A scheduler over a due index; what it runs is done, and gone from the index, at once unless a test hangs it. */
function createHost({ capacity = 1_000, concurrency = 64, waitingPerTarget = 100 }: Options = {}) {
  const index = new DueIndex();
  const runs: Run[] = [];
  const logger = rememberingLogger();
  const hang = new Map<string, Promise<void>>();
  const looks = new Map<string, number>();
  const state = {
    loads: 0,
    failLoads: 0,
    stays: (_stream: string): boolean => false,
    fails: (_stream: string): boolean => false,
    whileLoading: async (): Promise<void> => undefined,
  };
  const scheduler = new Scheduler({
    clock,
    logger,
    concurrency,
    capacity,
    waitingPerTarget,
    async run({ kind, wake }) {
      await hang.get(wake.target ?? '');
      if (state.fails(wake.stream)) throw new Error('the log cannot be read');
      const row = index.get(wake.stream);
      // A stale or duplicate wake finds nothing to do.
      if (row === undefined || row.dueAt > clock.now()) return;
      looks.set(wake.stream, (looks.get(wake.stream) ?? 0) + 1);
      if (state.stays(wake.stream)) return;
      index.remove(wake.stream);
      runs.push({ stream: wake.stream, dueAt: row.dueAt, at: clock.now(), kind });
    },
    async loadDue(query) {
      state.loads += 1;
      if (state.failLoads > 0) {
        state.failLoads -= 1;
        throw new Error('the index cannot be read');
      }
      const rows = index.load(query);
      await state.whileLoading();
      return rows;
    },
  });
  schedulers.push(scheduler);
  return {
    scheduler,
    index,
    runs,
    looks,
    logger,
    hang,
    state,
    /** As an append does: the row is projected, and dispatch sends the wake if it is near. */
    async add(...wakes: readonly Wake[]): Promise<void> {
      index.add(wakes);
      await scheduler.send(wakes.filter(({ dueAt }) => dueAt <= clock.now() + limits.wakeHorizonMs));
    },
    pass: async (ms: number) => void (await vi.advanceTimersByTimeAsync(ms)),
    lateness: () => runs.map(({ at, dueAt }) => at - dueAt),
  };
}

let made = 0;
function wakeAt(dueAt: number, parts: Partial<Wake> = {}): Wake {
  made += 1;
  return { stream: `task#${String(made).padStart(7, '0')}`, version: 1, dueAt, target: 'a', lane: 'short', ...parts };
}

describe('the scheduler', () => {
  test('runs what is due at once, and what is due later at its very time', async () => {
    const host = createHost();
    await host.scheduler.start();
    await host.add(wakeAt(epoch - 5), wakeAt(epoch), wakeAt(epoch + 1), wakeAt(epoch + 2_500));

    await host.pass(3 * second);

    expect(host.lateness()).toEqual([5, 0, 0, 0]);
  });

  test('is on time for an earlier wake that is sent after a later one', async () => {
    const host = createHost();
    await host.add(wakeAt(epoch + 900));
    await host.add(wakeAt(epoch + 500));
    await host.add(wakeAt(epoch + 100));

    await host.pass(2 * second);

    expect(host.runs.map(({ at }) => at - epoch)).toEqual([100, 500, 900]);
  });

  test('is never early and hardly late, whatever is sent when', async () => {
    const anySend = fc.record({ waitMs: fc.nat(20_000), inMs: fc.integer({ min: -2_000, max: 40 * minute }) });
    await fc.assert(
      fc.asyncProperty(fc.array(anySend, { maxLength: 20 }), async (sends) => {
        vi.setSystemTime(epoch);
        const host = createHost();
        await host.scheduler.start();
        for (const { waitMs, inMs } of sends) {
          await host.pass(waitMs);
          await host.add(wakeAt(clock.now() + inMs));
        }
        await host.pass(41 * minute);

        expect(host.runs).toHaveLength(sends.length);
        for (const { at, dueAt } of host.runs) expect(at).toBeGreaterThanOrEqual(dueAt);
        for (const late of host.lateness()) expect(late).toBeLessThanOrEqual(2_000);
        await host.scheduler.stop();
      }),
      { numRuns: 12 },
    );
  });

  test('loads at its start what is overdue and what is near', async () => {
    const host = createHost();
    host.index.add([wakeAt(epoch - hour), wakeAt(epoch + minute), wakeAt(epoch + 10 * hour)]);

    await host.scheduler.start();
    await host.pass(2 * minute);

    expect(host.lateness()).toEqual([hour, 0]);
  });

  test('finds in the index what lies far ahead, in time', async () => {
    const host = createHost();
    await host.scheduler.start();
    await host.add(wakeAt(epoch + 16 * minute), wakeAt(epoch + 3 * hour), wakeAt(epoch + 14.5 * minute));

    await host.pass(3 * hour + second);

    expect(host.lateness()).toEqual([0, 0, 0]);
  });

  test('holds nothing in memory that lies beyond the horizon', async () => {
    const host = createHost();
    await host.scheduler.start();
    const far = Array.from({ length: 500 }, () => wakeAt(epoch + 2 * hour));
    host.index.add(far);
    await host.scheduler.send(far);

    expect(host.scheduler.status()).toEqual({ held: 0, waiting: 0, underWay: 0 });
  });

  test('heals a wake that was lost on the way', async () => {
    const host = createHost();
    await host.scheduler.start();
    await host.pass(30 * second);
    host.index.add([wakeAt(epoch + 40 * second)]);

    await host.pass(2 * minute);

    expect(host.runs).toHaveLength(1);
    expect(host.lateness()[0]).toBeLessThanOrEqual(80 * second);
  });

  test('heals more than one sweep can look at, one sweep after another', async () => {
    const host = createHost({ capacity: 100, waitingPerTarget: 100_000 });
    await host.scheduler.start();
    await host.pass(second);
    host.index.add(Array.from({ length: 45_000 }, () => wakeAt(epoch)));

    await host.pass(4 * minute);

    expect(host.runs).toHaveLength(45_000);
  });

  test('looks again in a minute at a parent whose wake could not be handled, though its own next one is held', async () => {
    const host = createHost();
    const [parent, minuteMs] = ['task#parent', minute];
    await host.add({ ...wakeAt(epoch + 10 * minuteMs, { target: null }), stream: parent, version: 5 });
    let tries = 0;
    host.state.fails = (stream) => {
      if (stream === parent) tries += 1;
      return stream === parent && tries === 1;
    };

    await host.scheduler.send([{ stream: parent, version: 0, dueAt: 0, target: null, lane: 'short' }]);
    await host.pass(2 * minuteMs);

    expect(tries).toBe(2);
  });

  test('looks at what waits for tasks of its own 1, 2, 4 ... 32 minutes after its time and then hourly, however many they are', async () => {
    const host = createHost({ waitingPerTarget: 100_000 });
    await host.scheduler.start();
    const waiting = Array.from({ length: 30_000 }, (_, index) => wakeAt(epoch + 10 * minute + second + index, { target: null }));
    host.state.stays = () => true;
    host.index.add(waiting);
    const looks = () => new Set(waiting.map(({ stream }) => host.looks.get(stream) ?? 0));

    const counts: number[][] = [];
    for (const [from, until] of [
      [0, 11],
      [11, 12.5],
      [12.5, 13.5],
      [13.5, 45],
      [45, 190],
    ] as const) {
      await host.pass((until - from) * minute);
      counts.push([...looks()]);
    }
    // The wakes were lost: looked at after 5 seconds, 1, 2, 4, 8, 16 and 32 minutes, and twice on the hour.
    expect(counts).toEqual([[1], [2], [3], [7], [9]]);
  });

  test('sends what could not be done again a minute later, as often as it takes', async () => {
    const host = createHost();
    await host.scheduler.start();
    const bad = wakeAt(epoch + second);
    host.state.fails = (stream) => stream === bad.stream && clock.now() < epoch + 10 * minute;
    await host.add(bad, wakeAt(epoch + second));

    await host.pass(12 * minute);

    expect(host.runs).toHaveLength(2);
    expect(Math.max(...host.runs.map(({ at }) => at)) - (epoch + 10 * minute)).toBeLessThanOrEqual(minute);
    expect(host.logger.lines.filter((line) => line.includes('could not be done'))).toHaveLength(10);
  });

  test('when the clock is set forward runs what became due within a second, and what it did not hold with the next sweep', async () => {
    const host = createHost();
    await host.scheduler.start();
    await host.add(wakeAt(epoch + 10 * minute), wakeAt(epoch + 50 * minute));

    vi.setSystemTime(epoch + hour);
    await host.pass(second);
    expect(host.runs).toHaveLength(1);
    await host.pass(minute);

    expect(host.runs).toHaveLength(2);
  });

  test('when the clock is set back runs everything at its time by the new clock, what is created then included', async () => {
    const host = createHost();
    await host.scheduler.start();
    await host.pass(30 * second);
    await host.add(wakeAt(epoch + minute));

    vi.setSystemTime(epoch - hour);
    await host.pass(5 * second);
    // Just beyond what dispatch sends, and before what the sweep had loaded by the old clock.
    await host.add(
      wakeAt(clock.now() + limits.wakeHorizonMs + 10 * second),
      wakeAt(clock.now() + 20 * minute),
      wakeAt(clock.now() + second),
    );
    await host.pass(2 * hour);

    expect(host.runs).toHaveLength(4);
    for (const late of host.lateness()) {
      expect(late).toBeGreaterThanOrEqual(0);
      expect(late).toBeLessThanOrEqual(second);
    }
  });

  test('runs 300,000 wakes in the order of their times with room for 1,000', async () => {
    const host = createHost({ capacity: 1_000, concurrency: 4_000, waitingPerTarget: 10_000 });
    const count = 300_000;
    // Some 100 at each of 3,000 moments within eight minutes; every one known to the index, all of them sent at once as well.
    const wakes = Array.from({ length: count }, (_, index) =>
      wakeAt(epoch + second + 160 * ((index * 7_919) % 3_000), { target: `t${index % 50}` }),
    );
    host.index.add(wakes);
    await host.scheduler.start();
    await host.scheduler.send(wakes);

    let held = 0;
    for (let passed = 0; passed < 490; passed += 10) {
      await host.pass(10 * second);
      held = Math.max(held, host.scheduler.status().held);
    }

    expect(host.runs).toHaveLength(count);
    expect(held).toBeLessThanOrEqual(1_000);
    let latest = 0;
    for (const { at, dueAt } of host.runs) {
      expect(at >= dueAt && at <= dueAt + 2 * second).toBe(true);
      // In order, but for what the tolerance covers.
      expect(dueAt >= latest - 2 * second).toBe(true);
      latest = Math.max(latest, dueAt);
    }
  }, 60_000);

  test.each([
    ['one target', () => 't'],
    ['forty targets', (index: number) => `t${index % 40}`],
    ['schedules and orchestrations, which have no target', () => null],
  ])('runs 20,000 wakes of %s that are all due at the same millisecond with room for 500', async (_what, targetOf) => {
    const host = createHost({ capacity: 500, concurrency: 100, waitingPerTarget: 200 });
    const wakes = Array.from({ length: 20_000 }, (_, index) => wakeAt(epoch + minute, { target: targetOf(index) }));
    host.index.add(wakes);
    await host.scheduler.start();
    await host.scheduler.send(wakes);

    await host.pass(minute + 2 * second);

    expect(host.runs).toHaveLength(20_000);
    expect(Math.max(...host.lateness())).toBeLessThanOrEqual(2 * second);
  });

  test('a hung target does not hold up the others, even where it has more due than there is room for', async () => {
    const host = createHost({ capacity: 500, concurrency: 16, waitingPerTarget: 50 });
    let release = (): void => undefined;
    host.hang.set('hung', new Promise<void>((resolve) => (release = resolve)));
    const hung = Array.from({ length: 3_000 }, () => wakeAt(epoch + second, { target: 'hung' }));
    const others = Array.from({ length: 3_000 }, (_, index) => wakeAt(epoch + second + (index % 3) * second, { target: `t${index % 20}` }));
    host.index.add([...hung, ...others]);
    await host.scheduler.start();
    await host.scheduler.send([...hung, ...others]);

    await host.pass(6 * second);
    expect(host.runs).toHaveLength(others.length);
    expect(Math.max(...host.lateness())).toBeLessThanOrEqual(2 * second);
    expect(host.scheduler.status().underWay).toBe(4);

    release();
    await host.pass(2 * second);
    expect(host.runs).toHaveLength(6_000);
  });

  test('goes on after the index could not be read, at whatever moment that was', async () => {
    for (const failing of [1, 2, 5]) {
      const host = createHost({ capacity: 100 });
      vi.setSystemTime(epoch);
      const wakes = Array.from({ length: 1_000 }, (_, index) => wakeAt(epoch + second + index * 50));
      host.index.add(wakes);
      await host.scheduler.start();
      await host.scheduler.send(wakes);
      await host.pass(2 * second);
      host.state.failLoads = failing;

      await host.pass(minute);

      expect(host.logger.lines.length).toBeGreaterThan(0);
      expect(host.runs).toHaveLength(1_000);
      expect(Math.max(...host.lateness())).toBeLessThanOrEqual(10 * second);
      await host.scheduler.stop();
    }
  });

  test('reads the index again within a second when that failed just as its memory ran empty', async () => {
    const host = createHost({ capacity: 100, waitingPerTarget: 1_000 });
    const wakes = Array.from({ length: 400 }, () => wakeAt(epoch + second));
    host.index.add(wakes);
    await host.scheduler.start();
    await host.scheduler.send(wakes);
    host.state.failLoads = 1;

    await host.pass(4 * second);

    expect(host.runs).toHaveLength(400);
  });

  test('reads the index no more once everything that a full target let go has been found again', async () => {
    const host = createHost({ waitingPerTarget: 10 });
    await host.add(...Array.from({ length: 200 }, () => wakeAt(epoch)));
    await host.pass(second);
    expect(host.runs).toHaveLength(200);
    const { loads } = host.state;

    await host.add(...Array.from({ length: 12 }, () => wakeAt(epoch + 2 * second)));
    await host.pass(5 * second);

    expect(host.runs).toHaveLength(212);
    expect(host.state.loads).toBe(loads);
  });

  test('looks once at each of many that wait for tasks of their own, and finds what is due behind them', async () => {
    const host = createHost({ waitingPerTarget: 10 });
    const waiting = Array.from({ length: 500 }, (_, index) => wakeAt(epoch - second + index, { target: null }));
    const streams = new Set(waiting.map(({ stream }) => stream));
    host.state.stays = (stream) => streams.has(stream);
    host.index.add([...waiting, wakeAt(epoch - 1, { target: null })]);
    await host.scheduler.start();

    await host.pass(10 * second);

    expect(host.runs).toHaveLength(1);
    expect([...streams].filter((stream) => !host.looks.has(stream))).toEqual([]);
    expect(Math.max(...host.looks.values())).toBeLessThanOrEqual(2);
    expect(host.state.loads).toBeLessThan(200);
  });

  test('is on time also when it is sent far wakes by the hundred while it loads near ones', async () => {
    const host = createHost({ capacity: 100, concurrency: 400 });
    const near = Array.from({ length: 400 }, (_, index) => wakeAt(epoch + second + index * 100));
    host.index.add(near);
    await host.scheduler.start();
    host.state.whileLoading = async () => {
      await host.add(...Array.from({ length: 40 }, () => wakeAt(clock.now() + 10 * minute)));
    };

    await host.pass(minute);
    host.state.whileLoading = async () => undefined;
    await host.pass(20 * minute);

    expect(Math.max(...host.lateness())).toBeLessThanOrEqual(2 * second);
    expect(host.index.size).toBe(0);
  });

  test('sends the first try of a callback at once, in a slot of its target', async () => {
    const host = createHost();
    const row = wakeAt(epoch);
    host.index.add([row]);
    host.scheduler.deliver(row);
    await host.pass(0);

    expect(host.runs.map(({ kind }) => kind)).toEqual(['callback']);
  });

  test('once stopped takes nothing, gives back what it is sent, and lets go of its timers', async () => {
    const host = createHost();
    await host.scheduler.start();
    await host.add(wakeAt(epoch + minute));

    await host.scheduler.stop();
    const late = wakeAt(epoch);

    expect(await host.scheduler.send([late])).toEqual([late]);
    await host.pass(hour);
    expect(host.runs).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('stopped while it starts leaves no timer behind', async () => {
    const host = createHost();
    const starting = host.scheduler.start();
    await host.scheduler.stop();
    await starting;

    expect(vi.getTimerCount()).toBe(0);
  });

  test('waits at its stop for what is under way', async () => {
    const host = createHost();
    let release = (): void => undefined;
    host.hang.set('a', new Promise<void>((resolve) => (release = resolve)));
    await host.add(wakeAt(epoch));
    let stopped = false;
    const stopping = host.scheduler.stop().then(() => (stopped = true));
    await host.pass(minute);
    expect(stopped).toBe(false);

    release();
    await stopping;

    expect(host.runs).toHaveLength(1);
  });
});
