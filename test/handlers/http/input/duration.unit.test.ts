import { describe, expect, it } from 'vitest';
import { durationText, readDuration } from '../../../../src/application/durations.ts';
import { durationJsonSchema, durationReader } from '../../../../src/handlers/http/input/duration.ts';

const hour = 3_600_000;
const day = 24 * hour;

describe('a duration', () => {
  it.each<[unknown, number]>([
    [0, 0],
    [250, 250],
    [90_000, 90_000],
    ['250ms', 250],
    ['0s', 0],
    ['30s', 30_000],
    ['15m', 900_000],
    ['2h', 2 * hour],
    ['7d', 7 * day],
    ['1.5h', 1.5 * hour],
    ['0.5ms', 1],
    ['0.1s', 100],
    ['1.0015s', 1_002],
    ['007s', 7_000],
    ['PT15M', 900_000],
    ['P1DT2H', 26 * hour],
    ['P2W', 14 * day],
    ['P1W1D', 8 * day],
    ['P1D', day],
    ['PT0S', 0],
    ['PT1H30M5S', hour + 1_805_000],
    ['PT0.25S', 250],
    ['PT1,5H', 1.5 * hour],
    ['P0.5D', day / 2],
  ])('is read from %j', (value, ms) => {
    expect(readDuration(value)).toEqual({ ok: true, value: ms });
  });

  it('is never a negative zero', () => {
    expect(readDuration(-0)).toStrictEqual({ ok: true, value: 0 });
  });

  it.each<[unknown, RegExp]>([
    [-1, /negative/],
    ['-5s', /negative/],
    ['-PT5M', /negative/],
    ['PT-5M', /negative/],
    [1.5, /whole number/],
    [1e300, /whole number/],
    ['P1M', /years or months/],
    ['P1Y', /years or months/],
    ['P1Y2M3DT4H', /years or months/],
    ['P1W2M', /years or months/],
    ['5000', /needs a unit/],
    ['1.5', /needs a unit/],
    ['', /such as/],
    ['soon', /such as/],
    ['5 s', /such as/],
    [' 5s', /such as/],
    ['5s\n', /such as/],
    ['5S', /such as/],
    ['1h30m', /such as/],
    ['.5h', /such as/],
    ['5.h', /such as/],
    ['1e3s', /such as/],
    ['2w', /such as/],
    ['P', /such as/],
    ['PT', /such as/],
    ['P1DT', /such as/],
    ['P1H', /such as/],
    ['PT1M1H', /such as/],
    ['PT1.5H30M', /such as/],
    ['P1.5DT2H', /such as/],
    ['PT1.2.3S', /such as/],
    ['PT.S', /such as/],
    [`${'1'.repeat(70)}s`, /such as/],
    [null, /such as/],
    [true, /such as/],
    [[], /such as/],
    [{}, /such as/],
    [undefined, /such as/],
  ])('is not read from %j', (value, message) => {
    expect(readDuration(value)).toEqual({ ok: false, message: expect.stringMatching(message) });
  });

  it('names both limits in readable units when it is outside them', () => {
    const read = durationReader({ minMs: 100, maxMs: 14 * 60_000 });
    expect(read('99ms')).toEqual({ ok: false, message: 'must be between 100ms and 14m' });
    expect(read('15m')).toEqual({ ok: false, message: 'must be between 100ms and 14m' });
    expect(durationReader({ minMs: 0, maxMs: 30 * day })('P31D')).toEqual({ ok: false, message: 'must be at most 30d' });
  });

  it('may be exactly at either limit', () => {
    const read = durationReader({ minMs: 100, maxMs: 1_000 });
    expect([read(100), read('1s')]).toEqual([
      { ok: true, value: 100 },
      { ok: true, value: 1_000 },
    ]);
  });

  it.each([
    { minMs: 100, maxMs: 14 * 60_000 },
    { minMs: 1_000, maxMs: day },
    { minMs: 0, maxMs: 30 * day },
  ])('has examples in the OpenAPI document that it takes: %o', (range) => {
    const examples = durationJsonSchema(range)['examples'] as readonly unknown[];
    expect(examples.length).toBeGreaterThan(0);
    expect(examples.filter((example) => !durationReader(range)(example).ok)).toEqual([]);
  });

  it.each([
    [0, '0s'],
    [1, '1ms'],
    [1_500, '1500ms'],
    [90_000, '90s'],
    [hour, '1h'],
    [48 * hour, '2d'],
  ])('of %i ms is written as %s', (ms, written) => {
    expect(durationText(ms)).toBe(written);
  });
});
