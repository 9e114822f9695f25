import { describe, expect, test } from 'vitest';
import { createTokens } from '../../../src/adapters/crypto/tokens.ts';
import { keyOf } from './keys.ts';

const [older, newer] = [keyOf(5), keyOf(6)];
const tokens = createTokens([newer]);
const stream = 'task#order-42/reminder';

describe('a token', () => {
  test('says which start of which run it was made for', () => {
    expect(tokens.read(stream, tokens.make({ stream, run: 3, startedVersion: 47 }))).toEqual({ run: 3, startedVersion: 47 });
  });

  test('consists of characters that stand for themselves in a path', () => {
    expect(tokens.make({ stream, run: 10_000, startedVersion: 123_456 })).toMatch(/^[A-Za-z0-9._-]+$/);
  });

  test('is worth nothing for another stream', () => {
    expect(tokens.read('task#order-43', tokens.make({ stream, run: 1, startedVersion: 2 }))).toBeNull();
  });

  test('is worth nothing with other numbers in front', () => {
    const [, , mac] = tokens.make({ stream, run: 1, startedVersion: 2 }).split('.');
    for (const claim of ['2.2', '1.1', '1.2', '3.1', '02.1', '2.01', '+2.1', '2.1 ', '2e0.1']) {
      expect(tokens.read(stream, `${claim}.${mac}`)).toBeNull();
    }
    expect(tokens.read(stream, `2.1.${mac}`)).toEqual({ run: 1, startedVersion: 2 });
  });

  test('of an older key is read during the rotation, and no longer after it', () => {
    const before = createTokens([older]).make({ stream, run: 1, startedVersion: 2 });
    expect(createTokens([newer, older]).read(stream, before)).toEqual({ run: 1, startedVersion: 2 });
    expect(createTokens([newer]).read(stream, before)).toBeNull();
  });

  test.each(['', '.', '..', 'fail', '1.2', '1.2.', `1.2.${'A'.repeat(43)}`, `zzzzzzzzzzz.1.${'A'.repeat(43)}`, 'x'.repeat(100_000)])(
    'is not this: %s',
    (text) => expect(tokens.read(stream, text)).toBeNull(),
  );

  test('cannot be made for what is no count', () => {
    for (const run of [-1, 0.5, Number.NaN, 2 ** 53]) expect(() => tokens.make({ stream, run, startedVersion: 1 })).toThrow(RangeError);
  });
});
