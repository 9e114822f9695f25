import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createTokens } from '../../../src/adapters/crypto/tokens.ts';
import { keyOf } from './keys.ts';

const tokens = createTokens([keyOf(7), keyOf(8)]);
const count = fc.oneof(fc.nat({ max: 40 }), fc.maxSafeNat());
const claim = fc.record({ stream: fc.string({ unit: 'binary-ascii', maxLength: 60 }), run: count, startedVersion: count });
const characters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/% \n\u0000'];

test('a token is read as what it was made of', () => {
  fc.assert(
    fc.property(claim, ({ stream, run, startedVersion }) => {
      expect(tokens.read(stream, tokens.make({ stream, run, startedVersion }))).toEqual({ run, startedVersion });
    }),
  );
});

test('different claims have different signatures, however they are cut', () => {
  fc.assert(
    fc.property(claim, claim, (one, other) => {
      fc.pre(one.stream !== other.stream || one.run !== other.run || one.startedVersion !== other.startedVersion);
      expect(tokens.make(one).split('.')[2]).not.toBe(tokens.make(other).split('.')[2]);
    }),
  );
});

test('a token with any character replaced, added or left out is none', () => {
  fc.assert(
    fc.property(
      claim,
      fc.nat(),
      fc.constantFrom(...characters),
      fc.constantFrom<'replace' | 'insert' | 'drop'>('replace', 'insert', 'drop'),
      (of, place, character, change) => {
        const token = tokens.make(of);
        const at = place % (token.length + (change === 'insert' ? 1 : 0));
        const changed = token.slice(0, at) + (change === 'drop' ? '' : character) + token.slice(change === 'insert' ? at : at + 1);
        fc.pre(changed !== token);
        expect(tokens.read(of.stream, changed)).toBeNull();
      },
    ),
    { numRuns: 2_000 },
  );
});

test('of all last characters exactly one is accepted, although four spell the same bytes', () => {
  const stream = 'task#a';
  const token = tokens.make({ stream, run: 1, startedVersion: 2 });
  const accepted = characters.filter((last) => tokens.read(stream, token.slice(0, -1) + last) !== null);
  expect(accepted).toEqual([token.at(-1)]);
});
