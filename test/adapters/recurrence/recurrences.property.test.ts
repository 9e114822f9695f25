import { Cron } from 'croner';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { recurrences } from '../../../src/adapters/recurrence/recurrences.ts';
import type { Recurrence, RecurrenceRule } from '../../../src/domain/schedule/recurrence.ts';

const start = Date.UTC(2026, 0, 1);
const day = 86_400_000;

const anyRule: fc.Arbitrary<RecurrenceRule> = fc.oneof(
  fc
    .constantFrom(
      '*/7 * * * * *',
      '0,30 1-2 * * *',
      '*/20 */2 * * *',
      '15 3 * * 1-5',
      '0 0 31 * *',
      '30 1 13 * FRI',
      '0 12 L * *',
      '0 6 * 2,11 *',
      '0 12 * * MON#1',
    )
    .map((expression): RecurrenceRule => ({ kind: 'cron', expression })),
  fc.integer({ min: 1_000, max: 40 * day }).map((intervalMs): RecurrenceRule => ({ kind: 'every', intervalMs })),
  fc.constantFrom<RecurrenceRule>({ kind: 'daily' }, { kind: 'weekly' }, { kind: 'monthly' }),
);
const anyRecurrence: fc.Arbitrary<Recurrence> = fc.record({
  rule: anyRule,
  timezone: fc.constantFrom('UTC', 'America/New_York', 'Australia/Lord_Howe', 'Africa/Casablanca', 'Asia/Kathmandu', 'Pacific/Apia'),
  anchorAt: fc.integer({ min: start - 400 * day, max: start + 40 * day }),
  endAt: fc.option(fc.integer({ min: start, max: start + 800 * day })),
});
const anySpan = fc
  .tuple(fc.integer({ min: start - 500 * day, max: start + 900 * day }), fc.integer({ min: -day, max: 400 * day }))
  .map(([after, width]) => ({ after, upTo: after + width }));

/** The times of a span, one question at a time, a thousand at most. */
function walk(recurrence: Recurrence, { after, upTo }: { readonly after: number; readonly upTo: number }): readonly number[] {
  const times: number[] = [];
  for (let [time] = recurrences.after(recurrence, after, 1); time !== undefined && time <= upTo && times.length < 1_000; ) {
    times.push(time);
    [time] = recurrences.after(recurrence, time, 1);
  }
  return times;
}

describe('the days of a cron expression', () => {
  const anyDays = fc.constantFrom('* * 1-5', '13 * FRI', 'L * *', '* * MON#5', '29 2 *', '* 2 MON#5', '31 1,4,12 *', '15W * *', '* 2,11 *');
  it('are those that croner finds, in every kind of year and over the centuries', () => {
    fc.assert(
      fc.property(anyDays, fc.integer({ min: Date.UTC(1880, 0, 1), max: Date.UTC(2420, 0, 1) }), (days, after) => {
        const rule = { kind: 'cron', expression: `0 0 0 ${days}` } as const;
        const [found] = recurrences.after({ rule, timezone: 'UTC', anchorAt: after, endAt: null }, after, 1);
        const expected = new Cron(rule.expression, { paused: true, mode: '6-part', utcOffset: 0 }).nextRun(new Date(after));
        expect(found).toBe(expected?.getTime());
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('the three questions about a recurrence', () => {
  it('agree with each other, whatever the rule, the zone and the span', () => {
    fc.assert(
      fc.property(anyRecurrence, anySpan, (recurrence, asked) => {
        const times = walk(recurrence, asked);
        const span = times.length < 1_000 ? asked : { ...asked, upTo: times.at(-1) ?? 0 };
        expect(recurrences.count(recurrence, span)).toBe(times.length);
        expect(recurrences.last(recurrence, span, 1_001).toReversed()).toEqual(times);
        expect(recurrences.last(recurrence, span, 3).toReversed()).toEqual(times.slice(-3));
        expect(recurrences.after(recurrence, span.after, 1_001).filter((time) => time <= span.upTo)).toEqual(times);
      }),
      { numRuns: 150 },
    );
  });

  it('know no time before the anchor nor after the end, and give rising times', () => {
    fc.assert(
      fc.property(anyRecurrence, fc.integer({ min: start - 500 * day, max: start + 900 * day }), (recurrence, after) => {
        const times = recurrences.after(recurrence, after, 20);
        let before = Math.max(after, recurrence.anchorAt - 1);
        for (const time of times) {
          expect(time).toBeGreaterThan(before);
          before = time;
        }
        expect(before).toBeLessThanOrEqual(Math.max(recurrence.endAt ?? before, after, recurrence.anchorAt - 1));
      }),
    );
  });

  it('add up when a span is cut in two', () => {
    fc.assert(
      fc.property(anyRecurrence, anySpan, fc.double({ min: 0, max: 1, noNaN: true }), (recurrence, { after, upTo }, share) => {
        fc.pre(upTo > after);
        const cut = Math.floor(after + share * (upTo - after));
        const [left, right] = [
          { after, upTo: cut },
          { after: cut, upTo },
        ].map((span) => recurrences.count(recurrence, span));
        expect((left ?? 0) + (right ?? 0)).toBe(recurrences.count(recurrence, { after, upTo }));
      }),
      { numRuns: 300 },
    );
  });
});
