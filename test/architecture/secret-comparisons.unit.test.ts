import { describe, expect, test } from 'vitest';
import { filesBelow } from './dependencies.ts';
import { harmless, secretComparisons } from './secret-comparisons.ts';

const files = filesBelow('src');
const found = files.flatMap(({ path, source }) => secretComparisons(source).map(({ what }) => ({ path, what })));
const excuses = (place: { readonly path: string; readonly what: string }) => (row: { readonly path: string; readonly what: string }) =>
  row.path === place.path && place.what.includes(row.what);

describe('secrets are compared in constant time', () => {
  test('and in no other way', () => {
    expect(found.filter((place) => !harmless.some(excuses(place)))).toEqual([]);
  });
  test('no excuse outlives its comparison', () => {
    expect(harmless.filter((row) => !found.some((place) => excuses(place)(row)))).toEqual([]);
  });
  test('where API keys, tokens, fingerprints and sealed values are checked', () => {
    const calls = files.flatMap(({ path, source }) => Array.from(source.matchAll(/timingSafeEqual\(/g), () => path));
    expect(calls).toEqual([
      'src/adapters/crypto/sealer.ts',
      'src/adapters/crypto/sealer.ts',
      'src/adapters/crypto/tokens.ts',
      'src/handlers/http/middleware.ts',
    ]);
  });
  test('wherever a MAC is made and could be compared', () => {
    const making = files.filter(({ source }) => source.includes('createHmac(')).map(({ path }) => path);
    // The signer only makes signatures: it is their receivers who compare them.
    const comparing = files.filter(({ source }) => source.includes('timingSafeEqual(')).map(({ path }) => path);
    expect(making.filter((path) => !comparing.includes(path))).toEqual(['src/adapters/crypto/signer.ts']);
  });
});

describe('the rule sees', () => {
  test.each([
    'if (token === given) return true;',
    'if (given == request.token) return true;',
    "if (headers['x-signature'] !== signature) refuse();",
    'return settings.apiKeys.includes(given);',
    'return known.has(keyHash);',
    'return Buffer.from(mac).equals(given) || mac.equals(given);',
    'return sealer.open(name, header.sealed) === value;',
    'return value === sealer.open(name, header.sealed);',
    'return hmac(key, content) !== text;',
    'return digest.sha256(given) === hash;',
    'return tokens?.indexOf(given) !== -1;',
    'return given.localeCompare(secret) === 0;',
  ])('%s', (source) => {
    expect(secretComparisons(source)).toHaveLength(1);
  });
  test.each([
    'if (token === undefined) return null;',
    "if (typeof token === 'string') return token;",
    'if (tokens.length === 0) return;',
    "if (secret === '') return;",
    "return /* token === given */ 'token === given';",
    'const hash = (token) => token;',
    'const tokenOf = (a, b) => a >= b;',
    'return name.has(other) && id === state.id;',
    'return timingSafeEqual(mac, given);',
  ])('nothing in %s', (source) => {
    expect(secretComparisons(source)).toEqual([]);
  });
});
