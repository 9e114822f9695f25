import { describe, expect, test } from 'vitest';
import { readMoment, readRetryAfter } from '../../src/application/moments.ts';
import { epoch, second } from '../domain/task-histories.ts';

describe('a moment', () => {
  test.each([
    ['10s', epoch + 10 * second],
    [' 10s ', epoch + 10 * second],
    ['1000', epoch + second],
    ['999999999999', epoch + 999_999_999_999],
    ['1000000000000', 1_000_000_000_000],
    ['2026-01-01T00:00:00Z', epoch],
    ['tomorrow', null],
    ['', null],
  ])('"%s" is %s', (text, ms) => {
    expect(readMoment(text, epoch)).toBe(ms);
  });
});

describe('Retry-After', () => {
  test.each([
    [undefined, null],
    ['120', 120 * second],
    ['1.5', 1_500],
    ['Thu, 01 Jan 2026 00:00:10 GMT', 10 * second],
    ['Thursday, 01-Jan-26 00:00:10 GMT', 10 * second],
    ['Thu Jan  1 00:00:10 2026 GMT', 10 * second],
    ['Thu, 01 Jan 1998 00:00:10 GMT', 0],
    ['never', null],
    ['1 2', null],
    ['12345678901', 12_345_678_901_000],
  ])('%s is a pause of %s ms', (value, ms) => {
    expect(readRetryAfter(value, epoch)).toBe(ms);
  });

  test('of an asctime date without a zone is GMT, as RFC 9110 has it', () => {
    expect(readRetryAfter('Thu Jan  1 00:00:10 2026', epoch)).toBe(10 * second);
  });
});
