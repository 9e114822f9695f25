import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { durationText, readDuration } from '../../../../src/application/durations.ts';
import { isoTime, readTime } from '../../../../src/application/times.ts';
import { parseListQuery, parseStreamQuery, parseTaskQuery } from '../../../../src/handlers/http/input/list-query.ts';
import {
  parseBatch,
  parseCancel,
  parseNothing,
  parseTask,
  parseTaskChanges,
  task,
  taskChanges,
} from '../../../../src/handlers/http/input/task-input.ts';
import { context, now, text, url } from './context.ts';

function check<T extends unknown[]>(property: fc.IProperty<T>): void {
  fc.assert(property, { numRuns: 500, verbose: 1 });
}

describe('durations', () => {
  it('come back from their text', () => {
    check(
      fc.property(fc.nat({ max: 3_653 * 86_400_000 }), (ms) => {
        expect(readDuration(durationText(ms))).toEqual({ ok: true, value: ms });
      }),
    );
  });

  it('are the sum of their ISO 8601 parts', () => {
    const part = fc.option(fc.nat({ max: 999 }), { nil: null });
    check(
      fc.property(part, part, part, part, part, (weeks, days, hours, minutes, seconds) => {
        const write = (count: number | null, unit: string) => (count === null ? '' : `${count}${unit}`);
        const time = write(hours, 'H') + write(minutes, 'M') + write(seconds, 'S');
        const iso = `P${write(weeks, 'W')}${write(days, 'D')}${time === '' ? '' : `T${time}`}`;
        fc.pre(iso !== 'P');
        const totalSeconds = (((weeks ?? 0) * 7 + (days ?? 0)) * 24 + (hours ?? 0)) * 3_600 + (minutes ?? 0) * 60 + (seconds ?? 0);
        expect(readDuration(iso)).toEqual({ ok: true, value: totalSeconds * 1_000 });
      }),
    );
  });

  it('are whole, not negative and never invented, whatever the text', () => {
    const near = fc.stringMatching(/^-?P?[0-9.,]{0,4}(ms|[smhdDTWHMSY]){0,3}[0-9.,]{0,3}[HMS]?$/);
    check(
      fc.property(fc.oneof(near, fc.string()), (given) => {
        const reading = readDuration(given);
        if (reading.ok) expect(Number.isSafeInteger(reading.value) && reading.value >= 0).toBe(true);
      }),
    );
  });
});

describe('times', () => {
  const two = (value: number) => String(value).padStart(2, '0');

  it('equal Date.parse wherever a date exists, and are refused elsewhere', () => {
    const parts = fc.record({
      year: fc.integer({ min: 0, max: 9_999 }),
      month: fc.integer({ min: 0, max: 13 }),
      day: fc.integer({ min: 0, max: 32 }),
      hour: fc.integer({ min: 0, max: 24 }),
      minute: fc.integer({ min: 0, max: 60 }),
      second: fc.integer({ min: 0, max: 60 }),
      fraction: fc.stringMatching(/^(\.\d{1,9})?$/),
      offset: fc.constantFrom('Z', '+00:00', '-05:30', '+14:00', '+23:59'),
    });
    check(
      fc.property(parts, ({ year, month, day, hour, minute, second, fraction, offset }) => {
        const date = `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`;
        const given = `${date}T${two(hour)}:${two(minute)}:${two(second)}${fraction}${offset}`;
        // Date.parse takes February 30 and 24:00; a date that exists comes back as it was.
        const midnight = Date.parse(`${date}T00:00:00Z`);
        const exists = !Number.isNaN(midnight) && new Date(midnight).toISOString().startsWith(date) && hour < 24;
        const expected = exists ? Date.parse(given) : Number.NaN;
        const reading = readTime(given);
        expect(reading.ok ? reading.value : Number.NaN).toBe(expected);
      }),
    );
  });

  it('come back from their text', () => {
    const from = Date.parse('0000-01-01T00:00:00Z');
    const to = Date.parse('9999-12-31T23:59:59.999Z');
    check(
      fc.property(fc.integer({ min: from, max: to }), (ms) => {
        expect(readTime(isoTime(ms))).toEqual({ ok: true, value: ms });
      }),
    );
  });
});

/** JSON as a parser gives it: a key `__proto__` is an own property. */
const json = fc.jsonValue({ maxDepth: 4 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown);
const hostileKey = fc.constantFrom('__proto__', 'constructor', 'prototype', 'toString', 'toJSON', 'then', 'hasOwnProperty', '', 'a b');

/** An object of the known fields with any values, and a hostile key now and then. */
function objectOf(fields: readonly string[], value: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc
    .array(fc.tuple(fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...fields) }, { weight: 1, arbitrary: hostileKey }), value), {
      maxLength: 6,
    })
    .map((entries) => Object.fromEntries(entries));
}

const plausible = fc.oneof(
  json,
  fc.constantFrom(
    url,
    'GET',
    '15m',
    'PT1M',
    5,
    0,
    -1,
    null,
    '2026-12-01T09:00:00Z',
    now,
    'async',
    'fixed',
    '***',
    {},
    [],
    ['1s'],
    ['failed'],
  ),
  objectOf(['authorization', 'x-a', 'Host', 'customer'], fc.oneof(json, fc.constant('x'))),
);
const request = objectOf(['url', 'method', 'headers', 'secretHeaders', 'body', 'bodyBase64'], plausible);
const part = fc.oneof(plausible, request, objectOf(['maxAttempts', 'delays', 'jitter', 'backoff'], plausible));
const hostile = fc.oneof(json, objectOf(Object.keys(task.shape), part), objectOf(Object.keys(taskChanges.shape), part));

describe('parsing', () => {
  it('never throws, never touches a prototype, and always names what is wrong', () => {
    const before = JSON.stringify(Object.getOwnPropertyNames(Object.prototype));
    check(
      fc.property(hostile, (value) => {
        const results = [
          parseTask(value, context({ egress: 'public' })),
          parseTaskChanges(value, context()),
          parseBatch(value),
          parseCancel(value),
          parseNothing(value),
        ];
        for (const result of results) {
          if (!result.ok) expect(result.errors.length).toBeGreaterThan(0);
        }
        expect(JSON.stringify(Object.getOwnPropertyNames(Object.prototype))).toBe(before);
      }),
    );
  });

  it('never throws for a query', () => {
    const query = fc.dictionary(
      fc.oneof(fc.constantFrom('status', 'from', 'limit', 'label.a', 'label.', 'asOf', 'types', 'after'), hostileKey),
      fc.string(),
    );
    check(
      fc.property(query, (given) => {
        parseListQuery(given);
        parseTaskQuery(given);
        parseStreamQuery(given);
      }),
    );
  });

  it.each(['request', 'runner', 'event', 'retry', 'labels', 'callback', 'id'])('survives a %s that is too deep or too large', (field) => {
    const deep = JSON.parse(`${'[{"a":'.repeat(20_000)}1${'}]'.repeat(20_000)}`) as unknown;
    const wide = Object.fromEntries(Array.from({ length: 50_000 }, (_, index) => [`k${index}`, -1]));
    const long = new Array(200_000).fill(-1);
    for (const value of [deep, wide, long, { url, body: deep }, { name: 'example', params: deep }, { detailType: 'x', detail: { deep } }]) {
      expect(parseTask({ request: { url }, [field]: value }, context()).ok).toBe(false);
      const alone = parseTask({ [field]: value }, context());
      expect(alone.ok ? 0 : alone.errors.length).toBeGreaterThan(0);
    }
    expect(parseTask({ request: { url, headers: wide } }, context()).ok).toBe(false);
    expect(parseTask({ request: { url }, retry: { delays: long } }, context()).ok).toBe(false);
  });

  it('gives the same for any order of the fields', () => {
    const fields: readonly (readonly [string, unknown])[] = [
      ['id', 'a/b'],
      ['delay', '15m'],
      ['timeout', 5_000],
      ['strategy', 'async'],
      ['labels', { customer: '42' }],
      ['retry', { delays: ['1s', '2s'] }],
      ['priority', 2.5],
      ['runAt', now],
      ['unknown', 1],
      ['another', 2],
      ['runner', { name: 'none' }],
      ['callback', { on: ['failed', 'succeeded'], method: 'put', url }],
    ];
    const inner: readonly (readonly [string, unknown])[] = [
      ['url', url],
      ['method', 'put'],
      ['headers', { 'x-a': '1', host: 'x' }],
      ['secretHeaders', ['x-a']],
      ['body', { a: 1 }],
      ['bodyBase64', 'AA=='],
    ];
    const outcome = (value: unknown) => {
      const result = parseTask(value, context());
      return result.ok ? result.value : new Set(result.errors.map((error) => JSON.stringify(error)));
    };
    const pick = fc.tuple(fc.subarray([...fields]), fc.subarray([...inner], { minLength: 1 }));
    const shuffled = pick.chain(([outer, within]) =>
      fc.tuple(
        fc.constant(outer),
        fc.constant(within),
        fc.shuffledSubarray(outer, { minLength: outer.length }),
        fc.shuffledSubarray(within, { minLength: within.length }),
      ),
    );
    check(
      fc.property(shuffled, ([outer, within, outerShuffled, withinShuffled]) => {
        const straight = Object.fromEntries([...outer, ['request', Object.fromEntries(within)]]);
        const turned = Object.fromEntries([['request', Object.fromEntries(withinShuffled)], ...outerShuffled]);
        expect(outcome(turned)).toEqual(outcome(straight));
      }),
    );
  });

  it('sends any JSON body so that the target reads the same value', () => {
    check(
      fc.property(json, (body) => {
        const result = parseTask({ request: { url, body } }, context());
        if (!result.ok) {
          expect(typeof body === 'string' && !body.isWellFormed()).toBe(true);
          return;
        }
        const { action } = result.value;
        const sent = action.kind === 'http' ? text(action.body?.bytes) : '';
        expect(typeof body === 'string' ? sent : JSON.parse(sent)).toEqual(body);
      }),
    );
  });

  it('keeps any bytes given as base64', () => {
    check(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const result = parseTask({ request: { url, bodyBase64: Buffer.from(bytes).toString('base64') } }, context());
        expect(result).toMatchObject({ ok: true, value: { action: { body: { kind: 'binary', bytes } } } });
      }),
    );
  });
});
