import { describe, expect, it } from 'vitest';
import { recurrences } from '../../../src/adapters/recurrence/recurrences.ts';
import type { Recurrence, RecurrenceRule } from '../../../src/domain/schedule/recurrence.ts';

const day = 86_400_000;
const at = (time: string): number => Date.parse(time);
const bound = (rule: RecurrenceRule, timezone = 'UTC', anchor = '2026-01-01T00:00:00Z', end?: string): Recurrence => ({
  rule,
  timezone,
  anchorAt: at(anchor),
  endAt: end === undefined ? null : at(end),
});
const cron = (expression: string, timezone = 'UTC'): Recurrence => bound({ kind: 'cron', expression }, timezone);
const times = (recurrence: Recurrence, after: string, count: number): readonly string[] =>
  recurrences.after(recurrence, at(after), count).map((time) => new Date(time).toISOString().replace(':00.000Z', 'Z'));

describe('clock changes by name', () => {
  it('New York: 02:30 does not exist on 8 March 2026 and runs at 03:00; 01:30 occurs twice on 1 November and runs the first time', () => {
    expect(times(cron('30 2 * * *', 'America/New_York'), '2026-03-07T12:00Z', 2)).toEqual(['2026-03-08T07:00Z', '2026-03-09T06:30Z']);
    expect(times(cron('30 1 * * *', 'America/New_York'), '2026-11-01T00:00Z', 2)).toEqual(['2026-11-01T05:30Z', '2026-11-02T06:30Z']);
  });

  it('New York: 02:30 and 03:00 of the day of the gap run once together', () => {
    expect(times(cron('0,30 2,3 * * *', 'America/New_York'), '2026-03-08T06:00Z', 3)).toEqual([
      '2026-03-08T07:00Z',
      '2026-03-08T07:30Z',
      '2026-03-09T06:00Z',
    ]);
  });

  it('New York: minutes in steps within a fixed hour run once, hours as wildcard or in steps run in both passes', () => {
    const passes = ['2026-11-01T05:00Z', '2026-11-01T05:30Z', '2026-11-01T06:00Z', '2026-11-01T06:30Z'];
    expect(times(cron('*/30 * * * *', 'America/New_York'), '2026-11-01T04:59Z', 4)).toEqual(passes);
    expect(times(cron('*/30 1 * * *', 'America/New_York'), '2026-11-01T04:59Z', 3)).toEqual([...passes.slice(0, 2), '2026-11-02T06:00Z']);
    expect(times(cron('*/30 0-23 * * *', 'America/New_York'), '2026-11-01T04:59Z', 3)).toEqual([
      ...passes.slice(0, 2),
      '2026-11-01T07:00Z',
    ]);
    expect(times(cron('0 */2 * * *', 'America/New_York'), '2026-03-08T05:00Z', 2)).toEqual(['2026-03-08T08:00Z', '2026-03-08T10:00Z']);
  });

  it('Athens: 03:30 does not exist on 29 March 2026; daily keeps its local time through it', () => {
    expect(times(cron('30 3 * * *', 'Europe/Athens'), '2026-03-28T12:00Z', 2)).toEqual(['2026-03-29T01:00Z', '2026-03-30T00:30Z']);
    expect(times(bound({ kind: 'daily' }, 'Europe/Athens', '2026-03-27T07:00Z'), '2026-03-27T00:00Z', 3)).toEqual([
      '2026-03-27T07:00Z',
      '2026-03-28T07:00Z',
      '2026-03-29T06:00Z',
    ]);
  });

  it('Lord Howe: its gap and its repetition last half an hour', () => {
    expect(times(cron('15 2 * * *', 'Australia/Lord_Howe'), '2026-10-03T00:00Z', 2)).toEqual(['2026-10-03T15:30Z', '2026-10-04T15:15Z']);
    expect(times(cron('45 1 * * *', 'Australia/Lord_Howe'), '2026-04-04T00:00Z', 2)).toEqual(['2026-04-04T14:45Z', '2026-04-05T15:15Z']);
    expect(times(cron('45 * * * *', 'Australia/Lord_Howe'), '2026-04-04T14:00Z', 3)).toEqual([
      '2026-04-04T14:45Z',
      '2026-04-04T15:15Z',
      '2026-04-04T16:15Z',
    ]);
  });

  it('Apia left out 30 December 2011: a daily time of that day and of the next fall on one instant and run once', () => {
    expect(times(bound({ kind: 'daily' }, 'Pacific/Apia', '2011-12-28T10:00Z'), '2011-12-28T00:00Z', 4)).toEqual([
      '2011-12-28T10:00Z',
      '2011-12-29T10:00Z',
      '2011-12-30T10:00Z',
      '2011-12-31T10:00Z',
    ]);
    expect(
      recurrences.count(bound({ kind: 'daily' }, 'Pacific/Apia', '2011-12-28T10:00Z'), { after: 0, upTo: at('2012-01-01T00:00Z') }),
    ).toBe(4);
  });

  it('29 February comes every four years', () => {
    expect(times(cron('0 12 29 2 *'), '2026-01-01T00:00Z', 2)).toEqual(['2028-02-29T12:00Z', '2032-02-29T12:00Z']);
  });
});

describe('months and anchors', () => {
  it('the 31st runs on the last day of shorter months and keeps its anchor, in a leap year too', () => {
    const monthly = bound({ kind: 'monthly' }, 'UTC', '2027-12-31T09:00Z');
    expect(times(monthly, '2027-12-01T00:00Z', 5)).toEqual([
      '2027-12-31T09:00Z',
      '2028-01-31T09:00Z',
      '2028-02-29T09:00Z',
      '2028-03-31T09:00Z',
      '2028-04-30T09:00Z',
    ]);
  });

  it('a start that the clock shows for the second time is itself the first run, the later ones follow the clock', () => {
    const daily = bound({ kind: 'daily' }, 'America/New_York', '2026-11-01T06:30Z');
    expect(times(daily, '2026-10-01T00:00Z', 2)).toEqual(['2026-11-01T06:30Z', '2026-11-02T06:30Z']);
    expect(recurrences.last(daily, { after: 0, upTo: at('2026-11-01T06:30Z') }, 5)).toEqual([at('2026-11-01T06:30Z')]);
  });

  it('a start with milliseconds keeps them', () => {
    expect(recurrences.after(bound({ kind: 'weekly' }, 'Europe/Athens', '2026-03-25T10:00:00.123Z'), at('2026-03-25T11:00Z'), 1)).toEqual([
      at('2026-04-01T09:00:00.123Z'),
    ]);
  });

  it('an interval counts elapsed time from its anchor, whatever the clocks do', () => {
    const every = bound({ kind: 'every', intervalMs: 12 * 3_600_000 }, 'America/New_York', '2026-03-08T00:00Z');
    expect(times(every, '2026-03-07T00:00Z', 3)).toEqual(['2026-03-08T00:00Z', '2026-03-08T12:00Z', '2026-03-09T00:00Z']);
  });

  it.each(['UTC', 'Europe/Athens', 'America/New_York', 'Asia/Kathmandu', 'Pacific/Apia', 'Africa/Monrovia'])(
    'a rule counted from 1970, the earliest that is taken, comes next when it should in %s',
    (zone) => {
      for (const [kind, days] of [
        ['daily', 1],
        ['weekly', 7],
        ['monthly', 31],
      ] as const) {
        const [first = 0, second = 0] = recurrences.after(bound({ kind }, zone, '1970-01-01T00:00:00Z'), at('2026-07-01T00:00Z'), 2);
        expect(first - at('2026-07-01T00:00Z')).toBeLessThanOrEqual(days * day);
        expect((second - first) / day).toBe(days);
      }
    },
  );

  it('a time that falls on the end still runs', () => {
    const daily = bound({ kind: 'daily' }, 'UTC', '2026-01-01T00:00Z', '2026-01-02T00:00Z');
    expect(times(daily, '2025-12-01T00:00Z', 5)).toEqual(['2026-01-01T00:00Z', '2026-01-02T00:00Z']);
    expect(recurrences.last(daily, { after: 0, upTo: at('2030-01-01T00:00Z') }, 5)).toHaveLength(2);
    expect(recurrences.count(daily, { after: 0, upTo: at('2030-01-01T00:00Z') })).toBe(2);
  });

  it('ten years of every second are counted without being listed', () => {
    const span = { after: at('2026-01-01T00:00Z'), upTo: at('2036-01-01T00:00Z') };
    expect(recurrences.count(cron('* * * * * *', 'America/New_York'), span)).toBe((span.upTo - span.after) / 1_000);
    expect(recurrences.count(cron('0 0 9 * * 1-5', 'America/New_York'), { after: span.after, upTo: span.after + 14 * day })).toBe(10);
  });
});

describe('cron expressions', () => {
  const problem = (expression: string): string | undefined => recurrences.problems(cron(expression))[0]?.message;

  it('have 5 fields, or 6 with seconds first', () => {
    expect(times(cron('30 9 * * *'), '2026-01-01T00:00Z', 1)).toEqual(['2026-01-01T09:30Z']);
    expect(recurrences.after(cron('15 30 9 * * *'), at('2026-01-01T00:00Z'), 1)).toEqual([at('2026-01-01T09:30:15Z')]);
  });

  it('run every day of the months that they name', () => {
    expect(times(cron('0 6 * 2,MAR *'), '2026-01-01T00:00Z', 1)).toEqual(['2026-02-01T06:00Z']);
    expect(times(cron('0 6 * 2,MAR *'), '2026-03-30T12:00Z', 2)).toEqual(['2026-03-31T06:00Z', '2027-02-01T06:00Z']);
  });

  it('take day of month and day of week as alternatives', () => {
    expect(times(cron('0 0 13 * FRI'), '2026-02-01T00:00Z', 4)).toEqual([
      '2026-02-06T00:00Z',
      '2026-02-13T00:00Z',
      '2026-02-20T00:00Z',
      '2026-02-27T00:00Z',
    ]);
    expect(times(cron('0 0 14 * FRI'), '2026-02-10T00:00Z', 2)).toEqual(['2026-02-13T00:00Z', '2026-02-14T00:00Z']);
  });

  it.each([
    ['0 9 * * ?', /day of week field has "\?": write "\*"/],
    ['0 9 ? * 1', /day of month field has "\?"/],
    ['0 9 * * 1-5 2026', /"2026", which looks like a year.*seconds, first/],
    ['0 0 9 * * 1 2026', /7 fields: year fields are not read/],
    ['@daily', /nicknames/],
    ['0 9 * *', /has 4 fields/],
    ['', /has 0 fields/],
    ['60 * * * *', /minute field has "60": write 0-59/],
    ['0 24 * * *', /hour field has "24": write 0-23/],
    ['60 0 0 * * *', /second field has "60"/],
    ['0 0 32 * *', /day of month field has "32": write 1-31/],
    ['0 0 * 13 *', /month field has "13": write 1-12/],
    ['0 0 * * 8', /day of week field has "8"/],
    ['*/0 * * * *', /minute field/],
    ['5-1 * * * *', /minute field/],
    ['0 0 * * +MON', /day of week field has "\+": day of month and day of week are always alternatives/],
    ['0 0 30 2 *', /never comes/],
    ['0 0 31 4,6,9,11 *', /never comes/],
    [`0 0 ${'1,'.repeat(300)}1 * *`, /longer than/],
  ])('%s is refused with a hint', (expression, hint) => {
    expect(problem(expression)).toMatch(hint);
  });

  it.each(['* * * * *', '*/5 * * * * *', '0 9 * * 1-5', '0 0 29 2 *', '0 0 30 2 1', '0 0 L * *', '0 0 * JAN-MAR SUN', '0 0 * * 7'])(
    '%s is taken',
    (expression) => {
      expect(problem(expression)).toBeUndefined();
    },
  );
});

describe('zones and intervals', () => {
  it.each(['Mars/Olympus', '', '+02:00', 'UTC+2'])('the zone "%s" is refused', (zone) => {
    expect(recurrences.problems(cron('* * * * *', zone)).map(({ field }) => field)).toEqual(['timezone']);
    expect(() => recurrences.after(cron('* * * * *', zone), 0, 1)).toThrow(/knows no time zone/);
  });

  it.each(['UTC', 'Europe/Athens', 'US/Pacific', 'Etc/GMT-2'])('the zone "%s" is taken', (zone) => {
    expect(recurrences.problems(cron('* * * * *', zone))).toEqual([]);
  });

  it.each([
    [999, 1],
    [1_000, 0],
    [1_000.5, 1],
    [3_653 * day + 1, 1],
  ])('an interval of %d ms has %d problems', (intervalMs, count) => {
    expect(recurrences.problems(bound({ kind: 'every', intervalMs }))).toHaveLength(count);
  });
});
