import { expect, test } from 'vitest';
import { sha256Digest } from '../../../src/adapters/crypto/digest.ts';
import { systemRandom } from '../../../src/adapters/crypto/random.ts';

test('a digest is SHA-256 in base64url, of text as of its UTF-8 bytes', () => {
  expect(sha256Digest.sha256('')).toBe('47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU');
  expect(sha256Digest.sha256('grün')).toBe(sha256Digest.sha256(new TextEncoder().encode('grün')));
});

test('random numbers lie from 0 to below 1', () => {
  const drawn = Array.from({ length: 1_000 }, () => systemRandom.next());
  expect(drawn.every((number) => number >= 0 && number < 1)).toBe(true);
  expect(new Set(drawn).size).toBeGreaterThan(990);
});
