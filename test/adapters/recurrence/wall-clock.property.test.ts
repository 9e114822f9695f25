import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { recurrences } from '../../../src/adapters/recurrence/recurrences.ts';
import { type Around, allClockChanges, around, type ClockChange } from './clock-oracle.ts';
import { type Case, type CronShape, calendarCase, cronCase } from './clock-rules.ts';

const minute = 60_000;
const hour = 60 * minute;
const changes = allClockChanges();
const windows = new Map<ClockChange, Around>();
const windowOf = (change: ClockChange): Around => {
  const window = windows.get(change) ?? around(change);
  windows.set(change, window);
  return window;
};

/** Few distinct changes, each tried with many rules: what the clocks show costs more to find out than anything else. */
const anyChange = fc.nat(changes.length - 1).chain((index) => fc.constantFrom(changes[index] ?? { zone: 'UTC', at: 0 }));

const upTo = (end: number, step = 1): readonly number[] => Array.from({ length: Math.ceil(end / step) }, (_, index) => index * step);
const anyMinutes: fc.Arbitrary<Pick<CronShape, 'minutes' | 'minuteText'>> = fc.oneof(
  fc.uniqueArray(fc.oneof(fc.constantFrom(0, 29, 30, 31, 59), fc.nat(59)), { minLength: 1, maxLength: 3 }).map((minutes) => ({
    minutes,
    minuteText: minutes.join(','),
  })),
  fc.constantFrom(1, 7, 15, 45).map((step) => ({ minutes: upTo(60, step), minuteText: step === 1 ? '*' : `*/${step}` })),
);
const fixedHours: fc.Arbitrary<Pick<CronShape, 'hours' | 'hourText'>> = fc.oneof(
  fc.uniqueArray(fc.oneof(fc.nat(3), fc.nat(23)), { minLength: 1, maxLength: 4 }).map((hours) => ({ hours, hourText: hours.join(',') })),
  fc
    .tuple(fc.nat(3), fc.nat(20))
    .map(([low, width]) => ({ hours: upTo(width + 1).map((n) => n + low), hourText: `${low}-${low + width}` })),
  fc.constantFrom(1, 2, 5).map((step) => ({ hours: upTo(24, step), hourText: `0-23/${step}` })),
);
const realHours: fc.Arbitrary<Pick<CronShape, 'hours' | 'hourText'>> = fc
  .constantFrom(1, 2, 3, 5)
  .map((step) => ({ hours: upTo(24, step), hourText: step === 1 ? '*' : `*/${step}` }));
const anyDays: fc.Arbitrary<Pick<CronShape, 'dates' | 'weekdays'>> = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ dates: [], weekdays: [] }) },
  {
    weight: 1,
    arbitrary: fc.record({
      dates: fc.uniqueArray(fc.integer({ min: 1, max: 31 }), { maxLength: 12 }),
      weekdays: fc.uniqueArray(fc.nat(6), { maxLength: 4 }),
    }),
  },
);
const cron = (hours: typeof fixedHours): fc.Arbitrary<CronShape> =>
  fc.tuple(anyMinutes, hours, anyDays).map(([minute, hour, date]) => ({ ...minute, ...hour, ...date }));

/** Holds the adapter to what the contract makes of the clock, in all three of its questions. */
function expectRuns({ recurrence, expected }: Case, window: Around): void {
  const span = { after: window.from, upTo: window.until };
  const say = `${JSON.stringify(recurrence.rule)} in ${recurrence.timezone}`;
  const found = recurrences.after(recurrence, window.from, expected.length + 1).filter((time) => time <= window.until);
  expect(found, say).toEqual(expected);
  expect(recurrences.last(recurrence, span, expected.length + 1).toReversed(), say).toEqual(expected);
  expect(recurrences.count(recurrence, span), say).toBe(expected.length);
  // Asked from the midst of it too: in a repetition and right after a gap the clock alone does not tell what has had its turn.
  const change = (window.from + window.until) / 2;
  for (let from = change - 3 * hour; from < change + 3 * hour; from += 17 * minute) {
    const before = expected.filter((time) => time <= from);
    const next = expected[before.length];
    if (next !== undefined) expect(recurrences.after(recurrence, from, 1), `${say} after ${from}`).toEqual([next]);
    expect(recurrences.last(recurrence, { ...span, upTo: from }, 1), `${say} up to ${from}`).toEqual(before.slice(-1));
    expect(recurrences.count(recurrence, { ...span, upTo: from }), `${say} up to ${from}`).toBe(before.length);
  }
}

function overChanges(rules: (window: Around, change: ClockChange) => fc.Arbitrary<Case>, numRuns = 60): void {
  fc.assert(
    fc.property(
      anyChange.chain((change) => {
        const window = windowOf(change);
        return fc.array(rules(window, change), { minLength: 8, maxLength: 8 }).map((cases) => ({ window, cases }));
      }),
      ({ window, cases }) => {
        for (const rule of cases) expectRuns(rule, window);
      },
    ),
    { numRuns },
  );
}

describe('around the clock changes of 2026 to 2036', () => {
  it('there are many in many zones, Morocco and Lord Howe among them', () => {
    const zones = new Set(changes.map(({ zone }) => zone));
    expect(zones.size).toBeGreaterThan(100);
    for (const zone of ['Africa/Casablanca', 'Australia/Lord_Howe', 'America/New_York', 'Europe/Athens']) expect(zones).toContain(zone);
  });

  it('a fixed time runs once for each wall time, the first time, and at the first instant after a gap', () => {
    overChanges((window, change) => cron(fixedHours).map((shape) => cronCase(change, window, shape)));
  });

  it('steps and wildcards follow real time: all that the clock shows, and nothing that it does not', () => {
    overChanges((window, change) => cron(realHours).map((shape) => cronCase(change, window, shape)));
  });

  it('no change is overlooked where clocks change for a month only, as in Morocco, or by half an hour', () => {
    const zones = ['Africa/Casablanca', 'Australia/Lord_Howe'];
    for (const change of changes.filter(({ zone }) => zones.includes(zone))) {
      const shape = { minutes: [0, 30], minuteText: '0,30', hours: upTo(24), dates: [], weekdays: [] };
      expectRuns(cronCase(change, windowOf(change), { ...shape, hourText: '0-23' }), windowOf(change));
      expectRuns(cronCase(change, windowOf(change), { ...shape, hourText: '*' }), windowOf(change));
    }
  });

  it('daily, weekly and monthly keep their local time and their anchor', () => {
    overChanges((window, change) =>
      fc
        .record({
          kind: fc.constantFrom('daily' as const, 'weekly' as const, 'monthly' as const),
          daysBefore: fc.oneof(fc.integer({ min: 2, max: 70 }), fc.integer({ min: 2, max: 2_000 })),
          minuteOfDay: fc.oneof(fc.constantFrom(0, 60, 90, 120, 150, 180), fc.nat(240), fc.nat(1_439)),
        })
        .map((calendar) => calendarCase(change, window, calendar)),
    );
  });
});
