import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { keyIdOf } from '../../../src/adapters/crypto/key-ring.ts';
import { createSealer, neededKeyId } from '../../../src/adapters/crypto/sealer.ts';
import { keyOf } from './keys.ts';

const [older, newer] = [keyOf(1), keyOf(2)];

describe('a sealer', () => {
  test('names the form, the key and nothing of the value in a sealed value', () => {
    const sealed = createSealer([newer]).seal('Authorization', 'Bearer abc');
    const id = createHash('sha256').update(newer).digest('hex').slice(0, 8);
    expect(sealed).toMatch(new RegExp(`^v1\\.${id}\\.[A-Za-z0-9_-]+$`));
    expect(Buffer.from(sealed.split('.')[2] ?? '', 'base64url').toString('latin1')).not.toContain('Bearer');
    expect(neededKeyId(sealed)).toBe(id);
    expect(keyIdOf(newer)).toBe(id);
  });

  test('never seals the same value the same way twice', () => {
    const sealer = createSealer([newer]);
    expect(sealer.seal('cookie', 'a=1')).not.toBe(sealer.seal('cookie', 'a=1'));
  });

  test('seals with the newest key and opens with all of them', () => {
    const before = createSealer([older]).seal('x-api-key', 'secret');
    const rotated = createSealer([newer, older]);
    expect(rotated.open('x-api-key', before)).toBe('secret');
    expect(neededKeyId(rotated.seal('x-api-key', 'secret'))).toBe(keyIdOf(newer));
  });

  test('says whether a sealed value is a given one, and of what does not open that it is not', () => {
    const sealer = createSealer([newer, older]);
    const sealed = createSealer([older]).seal('cookie', 'a=1');
    expect(sealer.holds('Cookie', sealed, 'a=1')).toBe(true);
    for (const other of ['a=2', 'a=', 'a=1 ', '', sealed]) expect(sealer.holds('cookie', sealed, other)).toBe(false);
    expect(sealer.holds('x-api-key', sealed, 'a=1')).toBe(false);
    expect(createSealer([newer]).holds('cookie', sealed, 'a=1')).toBe(false);
    expect(sealer.holds('cookie', 'no sealed value', 'no sealed value')).toBe(false);
  });

  test('refuses a value whose key is missing, and says which one', () => {
    const sealed = createSealer([older]).seal('cookie', 'a=1');
    expect(() => createSealer([newer]).open('cookie', sealed)).toThrow(keyIdOf(older));
  });

  test('takes header names in any case for the same name', () => {
    const sealer = createSealer([newer]);
    expect(sealer.open('COOKIE', sealer.seal('Cookie', 'a=1'))).toBe('a=1');
  });

  test.each([
    '',
    'v1',
    'v1.00000000.',
    'v2.00000000.AAAA',
    'plain text',
    `v1.${keyIdOf(newer)}.AAAA`,
    `v1.${keyIdOf(newer)}.${'A'.repeat(37)}`,
  ])('refuses what is not a sealed value: "%s"', (text) => {
    expect(() => createSealer([newer]).open('cookie', text)).toThrow('not a sealed one');
  });

  test('does not repeat the value in the message when it does not open', () => {
    const sealer = createSealer([newer]);
    const sealed = sealer.seal('cookie', 'a=1');
    expect(() => sealer.open('authorization', sealed)).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining(sealed.split('.')[2] ?? '?') }),
    );
  });

  test('needs at least one key, of 32 bytes', () => {
    expect(() => createSealer([])).toThrow('at least one key');
    expect(() => createSealer([new Uint8Array(31)])).toThrow('31 bytes');
  });
});

describe('a fingerprint', () => {
  test('is the same for the same content and another for another', () => {
    const sealer = createSealer([newer]);
    expect(sealer.fingerprint('content')).toBe(sealer.fingerprint('content'));
    expect(sealer.matches(sealer.fingerprint('content'), 'content')).toBe(true);
    expect(sealer.matches(sealer.fingerprint('content'), 'Content')).toBe(false);
  });

  test('is still recognised after a rotation, and not once its key is gone', () => {
    const before = createSealer([older]).fingerprint('content');
    expect(createSealer([newer, older]).matches(before, 'content')).toBe(true);
    expect(createSealer([newer, older]).fingerprint('content')).not.toBe(before);
    expect(createSealer([newer]).matches(before, 'content')).toBe(false);
  });

  test('is not a plain digest: without the key nobody can try contents', () => {
    expect(createSealer([older]).fingerprint('content').slice(9)).not.toBe(createSealer([newer]).fingerprint('content').slice(9));
  });

  test.each(['', 'x', `${keyIdOf(newer)}.`, `${keyIdOf(newer)}.${'A'.repeat(43)}`, `${keyIdOf(newer)}.${'A'.repeat(44)}`])(
    'matches nothing if it is none: "%s"',
    (text) => expect(createSealer([newer]).matches(text, 'content')).toBe(false),
  );
});
