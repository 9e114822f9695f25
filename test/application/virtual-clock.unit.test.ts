import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../support/virtual-clock.ts';

describe('the virtual clock', () => {
  test('stands still until it is moved, and moves both clocks together', async () => {
    const clock = new VirtualClock(1_000);

    await clock.advance(250);

    expect([clock.now(), clock.monotonic()]).toEqual([1_250, 250]);
  });

  test('wakes sleepers in the order of their times, each at its very time', async () => {
    const clock = new VirtualClock(1_000);
    const woken: [string, number][] = [];
    for (const [name, ms] of [
      ['late', 30],
      ['early', 10],
      ['tie', 30],
    ] as const) {
      void clock.sleep(ms).then(() => woken.push([name, clock.now()]));
    }

    await clock.advance(100);

    expect(woken).toEqual([
      ['early', 1_010],
      ['late', 1_030],
      ['tie', 1_030],
    ]);
    expect(clock.now()).toBe(1_100);
  });

  test('wakes one who goes to sleep again within the time that passes', async () => {
    const clock = new VirtualClock(0);
    const woken: number[] = [];
    void (async () => {
      for (let round = 0; round < 3; round += 1) {
        await clock.sleep(10);
        woken.push(clock.now());
      }
    })();

    await clock.advance(25);
    expect(woken).toEqual([10, 20]);
    await clock.advance(5);

    expect(woken).toEqual([10, 20, 30]);
  });

  test('wakes nobody before the time, however often it is moved by less', async () => {
    const clock = new VirtualClock(0);
    let awake = false;
    void clock.sleep(10).then(() => {
      awake = true;
    });

    for (let step = 0; step < 9; step += 1) await clock.advance(1);

    expect(awake).toBe(false);
  });

  test('goes back when it is set back, while the monotonic clock and the sleepers go on', async () => {
    const clock = new VirtualClock(100_000);
    let awokenAt: number | null = null;
    void clock.sleep(50).then(() => {
      awokenAt = clock.now();
    });
    await clock.advance(20);

    clock.set(40_000);
    await clock.advance(30);

    expect([clock.now(), clock.monotonic(), awokenAt]).toEqual([40_030, 50, 40_030]);
  });

  test('wakes nobody while it is set forward: timers do not follow the wall clock', async () => {
    const clock = new VirtualClock(0);
    void clock.sleep(50);

    clock.set(1_000_000);
    await clock.advance(49);

    expect(clock.sleeping).toBe(1);
  });

  test('ends a sleep when its signal is aborted, before or during it', async () => {
    const clock = new VirtualClock(0);
    const abort = new AbortController();
    const sleep = clock.sleep(1_000, abort.signal);

    abort.abort();

    await sleep;
    await clock.sleep(1_000, abort.signal);
    expect([clock.now(), clock.sleeping]).toEqual([0, 0]);
  });

  test('after a jump sleepers wake late, never at a time that was', async () => {
    const clock = new VirtualClock(0);
    let awokenAt: number | null = null;
    void clock.sleep(10).then(() => {
      awokenAt = clock.now();
    });

    clock.jump(500);
    await clock.advance(0);

    expect(awokenAt).toBe(500);
  });

  test('moves on until nobody sleeps, and no further', async () => {
    const clock = new VirtualClock(0);
    void clock.sleep(10).then(() => clock.sleep(90));

    await clock.advanceUntilIdle(1_000);

    expect([clock.now(), clock.sleeping]).toEqual([100, 0]);
  });
});
