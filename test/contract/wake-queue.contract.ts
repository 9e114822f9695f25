import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Wake, WakeQueue } from '../../src/application/ports.ts';
import { limits } from '../../src/domain/limits.ts';

/** A queue to be tried. `received` are the wakes that came out, each with the time by the clock at which it did. */
export type WakeQueueUnderTest = {
  readonly queue: WakeQueue;
  readonly now: () => number;
  readonly passTime: (ms: number) => Promise<void>;
  readonly received: readonly { readonly wake: Wake; readonly at: number }[];
  readonly close: () => Promise<void> | void;
};

const second = 1_000;

/**
 * What every wake queue does for wakes within the horizon: at least once, in any order, never early by more than the handler
 * waits out (SQS counts whole seconds). How late one may be is a matter of the host; here it has half a minute.
 */
export function wakeQueueContract(name: string, open: () => Promise<WakeQueueUnderTest>): void {
  describe(`the wake queue ${name}`, () => {
    let underTest: WakeQueueUnderTest;

    beforeEach(async () => {
      underTest = await open();
    });
    afterEach(async () => {
      await underTest.close();
    });

    const wakeIn = (ms: number, stream: string, parts: Partial<Wake> = {}): Wake => ({
      stream: `task#${stream}`,
      version: 1,
      dueAt: underTest.now() + ms,
      target: 'https://shop.example:443',
      lane: 'short',
      ...parts,
    });
    const streams = (): readonly string[] => underTest.received.map(({ wake }) => wake.stream);

    test('takes nothing and gives nothing back', async () => {
      expect(await underTest.queue.send([])).toEqual([]);
    });

    test('delivers what is due at once', async () => {
      expect(await underTest.queue.send([wakeIn(0, 'now'), wakeIn(-second, 'past')])).toEqual([]);

      await underTest.passTime(second);

      expect(new Set(streams())).toEqual(new Set(['task#now', 'task#past']));
    });

    test('delivers each wake of many, none before its time', async () => {
      const wakes = Array.from({ length: 60 }, (_, index) => wakeIn(index * 200, String(index)));

      expect(await underTest.queue.send(wakes)).toEqual([]);
      await underTest.passTime(60 * second);

      expect(new Set(streams())).toEqual(new Set(wakes.map(({ stream }) => stream)));
      for (const { wake, at } of underTest.received) expect(at).toBeGreaterThanOrEqual(wake.dueAt - limits.wakeEarlyMs);
    });

    test('delivers a wake at the far end of the horizon', async () => {
      await underTest.queue.send([wakeIn(limits.wakeHorizonMs, 'far')]);

      await underTest.passTime(limits.wakeHorizonMs - 2 * second);
      expect(streams()).toEqual([]);
      await underTest.passTime(32 * second);

      expect(streams()).toContain('task#far');
    });

    test('neither gives back nor delivers early what is due beyond the horizon, whether it keeps it or not', async () => {
      expect(await underTest.queue.send([wakeIn(limits.wakeHorizonMs + 2 * second, 'beyond'), wakeIn(0, 'now')])).toEqual([]);

      await underTest.passTime(limits.wakeHorizonMs);

      expect(streams()).toEqual(['task#now']);
    });

    test('delivers stream, version, target and lane as they were sent', async () => {
      const wake = wakeIn(second, 'one', { version: 7, target: null, lane: 'long' });
      await underTest.queue.send([wake]);

      await underTest.passTime(30 * second);

      expect(underTest.received[0]?.wake).toEqual(wake);
    });

    test('of two wakes of one stream delivers at least the newer', async () => {
      await underTest.queue.send([wakeIn(second, 'one', { version: 1 })]);
      await underTest.queue.send([wakeIn(3 * second, 'one', { version: 2 })]);

      await underTest.passTime(30 * second);

      expect(underTest.received.some(({ wake }) => wake.version === 2)).toBe(true);
    });

    test('an older wake that comes late does not replace the newer', async () => {
      await underTest.queue.send([wakeIn(2 * second, 'one', { version: 2 })]);
      await underTest.queue.send([wakeIn(5 * second, 'one', { version: 1 })]);

      await underTest.passTime(30 * second);

      const newer = underTest.received.find(({ wake }) => wake.version === 2);
      expect(newer).toBeDefined();
    });
  });
}
