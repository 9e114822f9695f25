import { describe, expect, it } from 'vitest';
import { isoTime, readTime } from '../../../../src/application/times.ts';

const nine = Date.UTC(2026, 11, 1, 9);

describe('a time', () => {
  it.each<[unknown, number]>([
    ['2026-12-01T09:00:00Z', nine],
    ['2026-12-01T09:00:00z', nine],
    ['2026-12-01t09:00:00Z', nine],
    ['2026-12-01T09:00Z', nine],
    ['2026-12-01T10:00:00+01:00', nine],
    ['2026-12-01T10:00:00+0100', nine],
    ['2026-12-01T10:00+01:00', nine],
    ['2026-12-01T03:30:00-05:30', nine],
    ['2026-12-01T09:00:00-00:00', nine],
    ['2026-12-01T09:00:00.1Z', nine + 100],
    ['2026-12-01T09:00:00.12Z', nine + 120],
    ['2026-12-01T09:00:00.123Z', nine + 123],
    ['2026-12-01T09:00:00.123999999Z', nine + 123],
    ['2024-02-29T00:00:00Z', Date.UTC(2024, 1, 29)],
    ['2000-02-29T00:00:00Z', Date.UTC(2000, 1, 29)],
    ['1969-12-31T23:59:59.999Z', -1],
    ['9999-12-31T23:59:59.999Z', Date.UTC(9999, 11, 31, 23, 59, 59, 999)],
    [nine, nine],
    [0, 0],
    [-1, -1],
  ])('is read from %j', (value, ms) => {
    expect(readTime(value)).toEqual({ ok: true, value: ms });
  });

  it('of the first century is not taken for one of the twentieth', () => {
    expect(readTime('0026-12-01T09:00:00Z')).toEqual({ ok: true, value: Date.parse('0026-12-01T09:00:00Z') });
    expect(readTime('0000-02-29T00:00:00Z')).toEqual({ ok: true, value: Date.parse('0000-02-29T00:00:00Z') });
  });

  it.each<[unknown, RegExp]>([
    ['2026-02-30T09:00:00Z', /exists/],
    ['2026-02-29T09:00:00Z', /exists/],
    ['1900-02-29T09:00:00Z', /exists/],
    ['2026-04-31T09:00:00Z', /exists/],
    ['2026-13-01T09:00:00Z', /exists/],
    ['2026-00-01T09:00:00Z', /exists/],
    ['2026-12-00T09:00:00Z', /exists/],
    ['2026-12-32T09:00:00Z', /exists/],
    ['2026-12-01T24:00:00Z', /exists/],
    ['2026-12-01T09:60:00Z', /exists/],
    ['2026-12-01T09:00:60Z', /exists/],
    ['2026-12-01T09:00:00+24:00', /exists/],
    ['2026-12-01T09:00:00+01:60', /exists/],
    ['2026-12-01T09:00:00', /needs an offset/],
    ['2026-12-01T09:00', /needs an offset/],
    ['2026-12-01T09:00:00.5', /needs an offset/],
    ['2026-12-01', /time of day/],
    ['1796115600000', /without quotes/],
    ['2026-12-01 09:00:00Z', /such as/],
    ['2026-12-01T09:00:00 Z', /such as/],
    ['2026-12-01T09:00:00+01', /such as/],
    ['2026-12-01T09:00:00.Z', /such as/],
    ['2026-12-01T09:00:00.1234567890Z', /such as/],
    ['2026-12-01T09Z', /such as/],
    ['2026-12-1T09:00:00Z', /such as/],
    ['+002026-12-01T09:00:00Z', /such as/],
    ['2026-W49-2T09:00:00Z', /such as/],
    ['Tue, 01 Dec 2026 09:00:00 GMT', /such as/],
    ['2026-12-01T09:00:00Z\n', /such as/],
    ['', /such as/],
    ['now', /such as/],
    [1.5, /whole number/],
    [9e15, /whole number/],
    [null, /such as/],
    [true, /such as/],
    [{}, /such as/],
  ])('is not read from %j', (value, message) => {
    expect(readTime(value)).toEqual({ ok: false, message: expect.stringMatching(message) });
  });

  it('is written in UTC with milliseconds', () => {
    expect(isoTime(nine)).toBe('2026-12-01T09:00:00.000Z');
  });
});
