import { describe, expect, test } from 'vitest';
import type { Wake } from '../../src/application/ports.ts';
import { type SweepMarks, sweepIndex } from '../../src/application/sweep-index.ts';
import { limits } from '../../src/domain/limits.ts';
import { DueIndex } from '../support/due-index.ts';
import { MemoryWakeQueue } from '../support/memory-wake-queue.ts';

const minute = 60_000;
const noon = Date.UTC(2026, 10, 20, 12);

function row(stream: string, dueAt: number): Wake {
  return { stream: `task#${stream}`, version: 1, dueAt, target: null, lane: 'short' };
}

/** A due index, a queue and durable marks; `sweep(at)` is one run of the function. */
function createIndex(
  rows: readonly Wake[] = [],
  marks: SweepMarks | null = { loadedUntil: noon, loadedPast: null, healedAt: noon - minute },
) {
  const index = new DueIndex();
  index.add(rows);
  const wakes = new MemoryWakeQueue();
  const kept = { marks, backlog: 0 };
  const ports = {
    due: async (query: Parameters<DueIndex['load']>[0]) => index.load(query),
    wakes,
    marks: {
      read: async () => kept.marks,
      write: async (written: SweepMarks) => {
        kept.marks = written;
      },
    },
    backlog: async () => kept.backlog,
  };
  return {
    index,
    wakes,
    kept,
    ports,
    sweep: (now: number, goOn: () => boolean = () => true) => sweepIndex(ports, { now, goOn }),
    /** The streams that were woken since the last time this was asked. */
    woken(): string[] {
      const streams = wakes.sent.map(({ stream }) => stream.slice('task#'.length));
      wakes.sent.length = 0;
      return streams;
    },
  };
}

describe('a sweep', () => {
  test('loads what comes due within the horizon, once, and nothing that is later', async () => {
    const until = noon + limits.sweepHorizonMs;
    const swept = createIndex([row('near', noon + 1), row('edge', until), row('later', until + 1)]);

    expect(await swept.sweep(noon)).toEqual({ loaded: 2, healed: 0, explained: 0, finished: true });
    expect(swept.woken()).toEqual(['near', 'edge']);
    expect(swept.kept.marks).toEqual({ loadedUntil: until, loadedPast: null, healedAt: noon });

    await swept.sweep(noon + minute);
    expect(swept.woken()).toEqual(['later']);
  });

  test('that was missed for a while is made up for by the next one', async () => {
    const swept = createIndex();
    await swept.sweep(noon);
    swept.index.add([row('due while nobody swept', noon + 15 * minute)]);

    await swept.sweep(noon + 30 * minute);

    expect(swept.woken()).toContain('due while nobody swept');
  });

  test('of an index that was never swept loads everything overdue as well', async () => {
    const swept = createIndex([row('years ago', 1), row('soon', noon + minute)], null);

    await swept.sweep(noon);

    expect(swept.woken()).toEqual(['years ago', 'soon']);
  });

  test('looks at what stays overdue after 1, 2, 4 ... 32 minutes, and once an hour after that', async () => {
    const due = noon + 30_000;
    // It came into the index after its time had been loaded.
    const swept = createIndex([], { loadedUntil: noon + limits.sweepHorizonMs, loadedPast: null, healedAt: noon - minute });
    swept.index.add([row('lost', due)]);
    const looks: number[] = [];
    for (let nth = 0; nth <= 4 * 60; nth += 1) {
      await swept.sweep(noon + nth * minute);
      if (swept.woken().length > 0) looks.push(nth);
    }

    expect(looks).toEqual([2, 3, 5, 9, 17, 33, 120, 180, 240]);
  });

  test('finds what is overdue although a sweep came late: the strips join without a gap', async () => {
    const swept = createIndex([], { loadedUntil: noon + limits.sweepHorizonMs, loadedPast: null, healedAt: noon });
    swept.index.add([row('lost', noon + 10_000)]);

    await swept.sweep(noon + 5 * minute + 20_000);

    expect(swept.woken()).toEqual(['lost']);
  });

  test('leaves alone what is overdue while as many wakes wait in the queues', async () => {
    const swept = createIndex([row('a', noon - 90_000), row('b', noon - 80_000)]);
    swept.kept.backlog = 2;
    expect(await swept.sweep(noon)).toMatchObject({ healed: 0, explained: 2 });
    expect(swept.woken()).toEqual([]);

    swept.kept.backlog = 1;
    expect(await swept.sweep(noon + minute)).toMatchObject({ healed: 2, explained: 0 });
  });

  test('that runs out of time goes on from its mark, and heals only when all that is near is loaded', async () => {
    const rows = Array.from({ length: 2_500 }, (_unused, nth) => row(String(nth), noon + 1_000 + Math.floor(nth / 3)));
    const swept = createIndex([...rows, row('lost', noon - 90_000)]);

    expect(await swept.sweep(noon, () => false)).toMatchObject({ loaded: 1_000, finished: false });
    expect(new Set(swept.woken()).size).toBe(1_000);
    expect(await swept.sweep(noon + minute)).toMatchObject({ finished: true });
    const second = swept.woken();

    expect(second).toContain('lost');
    expect(new Set(second).size).toBe(1_501);
    expect(second).toHaveLength(1_501);
  });

  test('that meets more rows of one time than it can load goes on among them', async () => {
    const swept = createIndex(Array.from({ length: 4_500 }, (_unused, nth) => row(`t${nth}`, noon + 1_000)));
    const loaded: string[] = [];
    for (let nth = 0; nth < 5; nth += 1) {
      await swept.sweep(noon + nth * minute, () => false);
      loaded.push(...swept.woken());
    }

    expect(new Set(loaded).size).toBe(4_500);
    // Those of the first minutes are overdue in the last ones, and looked at for that.
    expect(loaded.slice(0, 4_000)).toHaveLength(new Set(loaded.slice(0, 4_000)).size);
  });

  test('says so when its time does not suffice to look at all that is overdue', async () => {
    const swept = createIndex(Array.from({ length: 1_500 }, (_unused, nth) => row(`t${nth}`, noon - 90_000)));

    expect(await swept.sweep(noon, () => false)).toMatchObject({ healed: 1_000, finished: false });
    expect(swept.kept.marks).toMatchObject({ healedAt: noon });
  });

  test('after a pause looks once at each row, whatever its strips', async () => {
    const overdue = [1.5, 3, 6, 12, 24, 40, 63].map((minutes) => row(`${minutes}`, noon - minutes * minute));
    const swept = createIndex(overdue, { loadedUntil: noon, loadedPast: null, healedAt: noon - 70 * minute });

    await swept.sweep(noon);

    expect(swept.woken().sort()).toEqual(['1.5', '12', '24', '3', '40', '6', '63'].sort());
  });

  test('does not count as loaded what the queue did not take', async () => {
    const swept = createIndex([row('a', noon + 1_000), row('b', noon + 2_000)]);
    swept.wakes.refuses = ({ stream }) => stream === 'task#b';
    expect(await swept.sweep(noon)).toMatchObject({ loaded: 1, finished: false });

    swept.wakes.refuses = () => false;
    await swept.sweep(noon + minute);

    expect(swept.woken()).toEqual(['a', 'a', 'b']);
  });

  test('keeps its marks when the queue fails, so that the next one begins where this one did', async () => {
    const swept = createIndex([row('a', noon + 1_000)]);
    swept.wakes.send = () => Promise.reject(new Error('no queue'));

    await expect(swept.sweep(noon)).rejects.toThrow('no queue');

    expect(swept.kept.marks).toEqual({ loadedUntil: noon, loadedPast: null, healedAt: noon - minute });
  });

  test('after the clock was set back loads again what may have been written since', async () => {
    const swept = createIndex();
    await swept.sweep(noon + 60 * minute);
    swept.index.add([row('new', noon + limits.sweepHorizonMs - 1_000)]);

    await swept.sweep(noon);

    expect(swept.woken()).toEqual(['new']);
  });
});
