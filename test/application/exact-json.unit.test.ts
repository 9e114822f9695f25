import { describe, expect, test } from 'vitest';
import { parseExactJson } from '../../src/application/exact-json.ts';
import { canonicalJson } from '../../src/handlers/http/canonical.ts';

describe('JSON with whole numbers that a double cannot hold', () => {
  test.each([
    '{"id":1234567890123456789}',
    '[9007199254740993,-9007199254740993,12345678901234567890123]',
    '{"deep":{"a":[{"b":9007199254740993}]},"text":"9007199254740993"}',
  ])('keeps their digits: %s', (text) => {
    expect(JSON.stringify(parseExactJson(text))).toBe(text);
  });

  test('leaves every other number a number', () => {
    expect(parseExactJson('[1,-0.5,1e3,9007199254740991,0.1234567890123456789]')).toEqual([
      1, -0.5, 1e3, 9007199254740991, 0.12345678901234568,
    ]);
  });

  test('tells contents apart that differ in their last digit only', () => {
    const [one, other] = ['{"b":1,"a":9007199254740993}', '{"b":1,"a":9007199254740992}'].map((text) =>
      canonicalJson(parseExactJson(text)),
    );
    expect(one).toBe('{"a":9007199254740993,"b":1}');
    expect(one).not.toBe(other);
  });

  test('refuses what is not JSON as JSON.parse does', () => {
    expect(() => parseExactJson('{"a":1234567890123456789')).toThrow(SyntaxError);
  });
});
