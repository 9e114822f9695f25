import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstOf, jitterShare } from '../../src/domain/schedule/jitter.ts';
import { epoch, hour } from './task-histories.ts';

describe('the jitter of an occurrence', () => {
  it('is the same share of [0, 1) for the same schedule and number, on every host and in every release', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(), (id, occurrence) => {
        const share = jitterShare(id, occurrence);
        expect(share).toBeGreaterThanOrEqual(0);
        expect(share).toBeLessThan(1);
        expect(jitterShare(id, occurrence)).toBe(share);
      }),
    );
    // Pinned: another hash would move every occurrence that is waiting.
    expect(jitterShare('nightly/report', 1)).toBe(0.20059173391200602);
    expect(jitterShare('nightly/report', 2)).toBe(0.9778431507293135);
  });

  it.each([
    ['the occurrences of one schedule', (n: number) => jitterShare('nightly', n)],
    ['the same occurrence of many schedules', (n: number) => jitterShare(`schedule-${n}`, 1)],
  ])('spreads %s evenly', (_, share) => {
    const buckets = Array.from({ length: 16 }, () => 0);
    for (let n = 1; n <= 16_000; n += 1) {
      const bucket = Math.floor(share(n) * 16);
      buckets[bucket] = (buckets[bucket] ?? 0) + 1;
    }
    // A thousand each, give or take six standard deviations.
    for (const count of buckets) expect(Math.abs(count - 1_000)).toBeLessThan(190);
  });

  it('delays a time by less than the jitter, and never up to the time after it', () => {
    const anyOf = fc.record({ scheduleId: fc.string(), occurrence: fc.nat(), jitterMs: fc.nat(24 * hour) });
    fc.assert(
      fc.property(anyOf, fc.option(fc.integer({ min: 1, max: 48 * hour })), (of, gap) => {
        const next = firstOf(gap === null ? [epoch] : [epoch, epoch + gap], of);
        expect(next?.dueAt).toBe(epoch);
        const late = (next?.fireAt ?? 0) - epoch;
        expect(late).toBe(Math.floor(jitterShare(of.scheduleId, of.occurrence) * Math.min(of.jitterMs, gap ?? of.jitterMs)));
        expect(late).toBeLessThan(Math.max(1, gap ?? Number.POSITIVE_INFINITY));
      }),
    );
    expect(firstOf([], { scheduleId: 'a', occurrence: 1, jitterMs: 1 })).toBeNull();
  });
});
