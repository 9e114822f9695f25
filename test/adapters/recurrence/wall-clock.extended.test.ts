import { describe, expect, it } from 'vitest';
import { recurrences } from '../../../src/adapters/recurrence/recurrences.ts';
import { type Around, allClockChanges, around } from './clock-oracle.ts';
import { type Case, type CronShape, calendarCase, cronCase } from './clock-rules.ts';

const all = (count: number, step = 1): readonly number[] => Array.from({ length: Math.ceil(count / step) }, (_, index) => index * step);
const every = { dates: [], weekdays: [] } as const;
const list = (minutes: readonly number[], hours: readonly number[]): CronShape => ({
  minutes,
  minuteText: minutes.join(','),
  hours,
  hourText: hours.join(','),
  ...every,
});
const shapes: readonly CronShape[] = [
  ...all(24).map((hour) => list([0], [hour])),
  list([0, 15, 30, 45], all(24)),
  list([29, 30, 31, 59], [0, 1, 2, 3, 4]),
  { ...list(all(60), [0, 1, 2, 3]), minuteText: '*' },
  { ...list([0, 20, 40], all(24)), minuteText: '*/20', hourText: '0-23' },
  { ...list([0, 20, 40], all(24)), minuteText: '*/20', hourText: '*' },
  { ...list([30], all(24)), hourText: '*' },
  { ...list([0], all(24, 2)), hourText: '*/2' },
  { ...list([0, 30], [1, 2, 3]), weekdays: [0], dates: [1, 31] },
];

function difference({ recurrence, expected }: Case, window: Around): readonly string[] {
  const span = { after: window.from, upTo: window.until };
  const wrong = (question: string, found: unknown, wanted: unknown): readonly string[] =>
    JSON.stringify(found) === JSON.stringify(wanted)
      ? []
      : [`${JSON.stringify(recurrence)} ${question}: ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`];
  const after = recurrences.after(recurrence, window.from, expected.length + 1).filter((time) => time <= window.until);
  return [
    ...wrong('after', after, expected),
    ...wrong('last', recurrences.last(recurrence, span, expected.length + 1).toReversed(), expected),
    ...wrong('count', recurrences.count(recurrence, span), expected.length),
  ];
}

describe('around every clock change of every zone from 2026 to 2036', () => {
  it('every kind of rule runs as the contract says', () => {
    const changes = allClockChanges();
    expect(changes.length).toBeGreaterThan(2_000);
    const wrong = changes.flatMap((change) => {
      const window = around(change);
      const cases = [
        ...shapes.map((shape) => cronCase(change, window, shape)),
        ...(['daily', 'weekly', 'monthly'] as const).flatMap((kind) =>
          [0, 60, 90, 120, 150, 180, 719].map((minuteOfDay) => calendarCase(change, window, { kind, daysBefore: 27, minuteOfDay })),
        ),
      ];
      return cases.flatMap((rule) => difference(rule, window));
    });
    expect(wrong.slice(0, 10)).toEqual([]);
  });
});
