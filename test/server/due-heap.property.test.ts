import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Wake } from '../../src/application/ports.ts';
import { DueHeap } from '../../src/server/due-heap.ts';

const wake = (stream: string, dueAt: number, version = 1): Wake => ({ stream, version, dueAt, target: null, lane: 'short' });

function drain(heap: DueHeap, now = Number.MAX_SAFE_INTEGER): readonly Wake[] {
  const taken: Wake[] = [];
  for (let next = heap.takeDue(now); next !== null; next = heap.takeDue(now)) taken.push(next);
  return taken;
}

type Step =
  | { readonly kind: 'event'; readonly stream: number; readonly dueAt: number }
  | { readonly kind: 'stale'; readonly stream: number; readonly dueAt: number; readonly behind: number }
  | { readonly kind: 'take'; readonly passes: number }
  | { readonly kind: 'extend'; readonly limit: number };

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('event' as const), stream: fc.nat(19), dueAt: fc.nat(60) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('stale' as const), stream: fc.nat(19), dueAt: fc.nat(60), behind: fc.nat(3) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('take' as const), passes: fc.nat(10) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('extend' as const), limit: fc.integer({ min: 1, max: 8 }) }) },
);

describe('the heap of wakes', () => {
  test('gives wakes in the order of their times, and only those that are due', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(100), { maxLength: 200 }), fc.nat(100), (times, now) => {
        const heap = new DueHeap(1_000);
        times.forEach((dueAt, index) => {
          heap.push(wake(`s${index}`, dueAt));
        });

        expect(heap.next()).toBe(times.length === 0 ? null : Math.min(...times));
        expect(drain(heap, now).map(({ dueAt }) => dueAt)).toEqual(
          times.filter((dueAt) => dueAt <= now).sort((left, right) => left - right),
        );
        expect(heap.size).toBe(times.filter((dueAt) => dueAt > now).length);
      }),
    );
  });

  test('holds one wake per stream: the newest version, however it came to its time', () => {
    const heap = new DueHeap(10);
    heap.push(wake('a', 50, 1));
    heap.push(wake('a', 10, 2));
    heap.push(wake('a', 5, 1));
    heap.push(wake('a', 99, 3));

    expect([heap.size, heap.next()]).toEqual([1, 99]);
    expect(drain(heap)).toEqual([wake('a', 99, 3)]);
  });

  test('takes the same version at another time, as a wake that is sent again', () => {
    const heap = new DueHeap(10);
    heap.push(wake('a', 10, 2));
    heap.push(wake('a', 70, 2));

    expect(drain(heap)).toEqual([wake('a', 70, 2)]);
  });

  test('when it is full lets the later half go and says from when on', () => {
    const heap = new DueHeap(10);
    for (let dueAt = 11; dueAt >= 1; dueAt -= 1) heap.push(wake(`s${dueAt}`, dueAt));

    expect([heap.size, heap.horizon]).toEqual([5, 5]);
    heap.push(wake('beyond', 6));
    heap.push(wake('at', 5));
    expect(drain(heap).map(({ dueAt }) => dueAt)).toEqual([1, 2, 3, 4, 5, 5]);
  });

  test('lets go of what lies beyond a new horizon, as it may take the room of something nearer', () => {
    const heap = new DueHeap(10);
    for (const dueAt of [3, 9, 1, 7, 5]) heap.push(wake(`s${dueAt}`, dueAt));

    heap.horizon = 5;

    expect(heap.size).toBe(3);
    heap.horizon = Number.POSITIVE_INFINITY;
    heap.push(wake('s8', 8));
    expect(drain(heap).map(({ dueAt }) => dueAt)).toEqual([1, 3, 5, 8]);
  });

  test('never holds more than its capacity, and little more than twice that of stale ones', () => {
    const heap = new DueHeap(100);
    for (let round = 0; round < 5_000; round += 1) {
      heap.push(wake(`s${round % 90}`, 10_000 + ((round * 37) % 1_000), round));
      expect(heap.size).toBeLessThanOrEqual(100);
    }

    expect(drain(heap)).toHaveLength(90);
  });

  test('never loses what is due before its horizon: all of the rest stands in the due index', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.array(anyStep, { maxLength: 120, size: 'max' }), (capacity, steps) => {
        const heap = new DueHeap(capacity);
        /** What the due index would hold: the newest wake of each stream that was not taken. */
        const index = new Map<string, Wake>();
        const versions = new Map<string, number>();
        let now = 0;
        const ordered = () => [...index.values()].sort((left, right) => left.dueAt - right.dueAt || (left.stream < right.stream ? -1 : 1));
        for (const step of steps) {
          if (step.kind === 'event') {
            const stream = `s${step.stream}`;
            const version = (versions.get(stream) ?? 0) + 1;
            versions.set(stream, version);
            const next = wake(stream, now + step.dueAt, version);
            index.set(stream, next);
            heap.push(next);
          } else if (step.kind === 'stale') {
            const version = (versions.get(`s${step.stream}`) ?? 0) - 1 - step.behind;
            if (version > 0 && index.has(`s${step.stream}`)) heap.push(wake(`s${step.stream}`, now + step.dueAt, version));
          } else if (step.kind === 'take') {
            now += step.passes;
            for (const taken of drain(heap, now)) {
              // A stale wake does nothing; the newest one does what is due and moves its row.
              if (index.get(taken.stream)?.version === taken.version) index.delete(taken.stream);
            }
            const held = new Set(ordered().filter(({ dueAt }) => dueAt < heap.horizon && dueAt <= now));
            expect([...held]).toEqual([]);
          } else if (heap.horizon < Number.POSITIVE_INFINITY) {
            const from = heap.horizon;
            heap.horizon = Number.POSITIVE_INFINITY;
            const rows = ordered()
              .filter(({ dueAt }) => dueAt >= from)
              .slice(0, step.limit);
            for (const row of rows) heap.push(row);
            const last = rows.at(-1);
            if (rows.length === step.limit && last !== undefined) heap.horizon = Math.min(heap.horizon, last.dueAt);
          }
          expect(heap.size).toBeLessThanOrEqual(capacity);
        }
        const left = new Map(drain(heap).map((held) => [held.stream, held]));
        for (const row of index.values()) if (row.dueAt < heap.horizon) expect(left.get(row.stream)).toEqual(row);
      }),
      { numRuns: 400 },
    );
  });
});
