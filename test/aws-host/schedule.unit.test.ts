import { describe, expect, test } from 'vitest';
import { drawn, publishedDelays } from './delays.ts';
import { rateMs } from './schedule.ts';

describe('a schedule', () => {
  test.each([
    ['rate(1 minute)', 60_000],
    ['rate(5 minutes)', 300_000],
    ['rate(2 hours)', 7_200_000],
  ])('%s is %i ms', (expression, ms) => expect(rateMs(expression)).toBe(ms));
  test.each(['cron(0 0 * * ? *)', 'rate(0 minutes)', 'rate(1 second)', ''])('%s is refused', (expression) => {
    expect(() => rateMs(expression)).toThrow(/schedule/);
  });
});

describe('published delays', () => {
  test('go through the percentiles that were measured, and rise between them', () => {
    const at = (share: number) => {
      const delays = publishedDelays(() => share);
      return [delays.stream(), delays.sqs(), delays.eventBridge()].map(Math.round);
    };
    expect([at(0.5), at(0.9), at(0.99)]).toEqual([
      [213, 16, 148],
      [341, 34, 241],
      [552, 105, 387],
    ]);
    expect(publishedDelays(() => 0.1).stream()).toBe(118);
  });
  test('are on a straight line between two points', () => {
    const measured = [
      [0, 10],
      [0.5, 20],
      [1, 60],
    ] as const;
    expect([0, 0.25, 0.5, 0.75, 1].map((share) => drawn(measured, share))).toEqual([10, 15, 20, 40, 60]);
  });
});
