import { describe, expect, test } from 'vitest';
import { decodeSigningSecret, newKey, newSigningSecret, parseKeys, parseSigningSecrets } from '../../../src/adapters/crypto/secrets.ts';

const variable = 'ERRAND_SEALING_KEYS';

/** The message of what is thrown; fails if nothing is. */
function complaint(about: () => unknown): string {
  try {
    about();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  throw new Error('nothing was thrown');
}

describe('signing secrets', () => {
  test('are made so that they can be parsed, and never twice', () => {
    const [one, other] = [newSigningSecret(), newSigningSecret()];
    expect(one).not.toBe(other);
    expect(decodeSigningSecret(one)).toHaveLength(32);
    expect(parseSigningSecrets('ERRAND_SIGNING_SECRET', ` ${one}  ${other}\n`)).toEqual([one, other]);
  });

  test('shorter than advised are taken: receivers have the secrets they have', () => {
    expect(parseSigningSecrets('ERRAND_SIGNING_SECRET', 'whsec_c2VjcmV0')).toEqual(['whsec_c2VjcmV0']);
  });

  test('may be the 64 hex digits that a stack makes, and become what receivers are told', () => {
    const hex = '00ff'.repeat(16);
    const [secret = '', other] = parseSigningSecrets('ERRAND_SIGNING_SECRET', `${hex.toUpperCase()} whsec_c2VjcmV0`);
    expect(secret).toBe(`whsec_${Buffer.from(hex, 'hex').toString('base64')}`);
    expect(Buffer.from(decodeSigningSecret(secret)).toString('hex')).toBe(hex);
    expect(other).toBe('whsec_c2VjcmV0');
  });

  test('in both forms count once', () => {
    const hex = 'a1'.repeat(32);
    const secret = `whsec_${Buffer.from(hex, 'hex').toString('base64')}`;
    expect(parseSigningSecrets('ERRAND_SIGNING_SECRET', `${secret} ${hex}`)).toEqual([secret]);
  });

  test('given twice count once', () => {
    const secret = newSigningSecret();
    expect(parseSigningSecrets('ERRAND_SIGNING_SECRET', `${secret} ${secret}`)).toEqual([secret]);
  });

  test.each([
    ['', 'is empty'],
    ['  ', 'is empty'],
    ['MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'entry 1 of 1'],
    ['whsec_', 'entry 1 of 1'],
    ['0123456789abcdef'.repeat(4).slice(1), 'must be "whsec_" followed by base64, or 64 hex digits'],
    ['g123456789abcdef'.repeat(4), 'must be "whsec_" followed by base64, or 64 hex digits'],
    ['whsec_***not*base64***', 'entry 1 of 1'],
    [`${newSigningSecret()} whsec_?`, 'entry 2 of 2'],
    [`whsec_${'A'.repeat(400)}`, 'not 300'],
  ])('that cannot be used are named by variable and place, not by value: "%s"', (text, reason) => {
    const message = complaint(() => parseSigningSecrets('ERRAND_SIGNING_SECRET', text));
    expect(message).toContain('ERRAND_SIGNING_SECRET');
    expect(message).toContain(reason);
    for (const entry of text.split(/\s+/).filter((part) => part.length > 6)) expect(message).not.toContain(entry.slice(6));
  });
});

describe('keys', () => {
  test('are parsed in order, separated by commas or spaces, in either alphabet, with or without padding', () => {
    const [one, other] = [newKey(), newKey()];
    const expected = [one, other].map((key) => Buffer.from(key, 'base64'));
    expect(parseKeys(variable, `${one},${other}`)).toEqual(expected);
    expect(parseKeys(variable, ` ${one} \n ${other} `)).toEqual(expected);
    const urlSafe = expected.map((key) => key.toString('base64url')).join(', ');
    expect(parseKeys(variable, urlSafe)).toEqual(expected);
  });

  test('may be 64 hex digits, beside others in base64', () => {
    const [one, other] = [Buffer.alloc(32, 0xa7), newKey()];
    expect(parseKeys(variable, `${one.toString('hex')},${other} ${one.toString('hex').toUpperCase()}`)).toEqual([
      one,
      Buffer.from(other, 'base64'),
      one,
    ]);
  });

  test.each([
    ['', 'is empty'],
    [',', 'is empty'],
    ['ab'.repeat(30), 'holds 45 bytes: each must be base64 of 32 bytes, or 64 hex digits'],
    ['ab'.repeat(33), 'or 64 hex digits'],
    ['c2hvcnQga2V5IG9mIHR3ZW50eQ', 'holds 19 bytes'],
    [`${newKey()},§§§§§§§§`, 'entry 2 of 2'],
    [`${newKey()}A`, 'is not base64'],
  ])('that cannot be used are named by variable and place, not by value: "%s"', (text, reason) => {
    const message = complaint(() => parseKeys(variable, text));
    expect(message).toContain(variable);
    expect(message).toContain(reason);
    for (const entry of text.split(',').filter((part) => part.length > 6)) expect(message).not.toContain(entry);
  });
});
