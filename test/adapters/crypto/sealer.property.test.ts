import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createSealer } from '../../../src/adapters/crypto/sealer.ts';
import { keyOf } from './keys.ts';

const sealer = createSealer([keyOf(3), keyOf(4)]);
const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,20}$/);
const value = fc.string({ unit: 'grapheme', maxLength: 300 });
const characters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ '];

test('what is sealed opens to the same value under the same name', () => {
  fc.assert(
    fc.property(name, value, (header, text) => {
      expect(sealer.open(header, sealer.seal(header, text))).toBe(text);
    }),
  );
});

test('what is sealed does not open under another name', () => {
  fc.assert(
    fc.property(name, name, value, (header, other, text) => {
      fc.pre(header.toLowerCase() !== other.toLowerCase());
      expect(() => sealer.open(other, sealer.seal(header, text))).toThrow();
    }),
  );
});

test('a sealed value with any character replaced, added or left out does not open', () => {
  fc.assert(
    fc.property(
      value,
      fc.nat(),
      fc.constantFrom(...characters),
      fc.constantFrom<'replace' | 'insert' | 'drop'>('replace', 'insert', 'drop'),
      (text, place, character, change) => {
        const sealed = sealer.seal('cookie', text);
        const at = place % (sealed.length + (change === 'insert' ? 1 : 0));
        const changed = sealed.slice(0, at) + (change === 'drop' ? '' : character) + sealed.slice(change === 'insert' ? at : at + 1);
        fc.pre(changed !== sealed);
        expect(() => sealer.open('cookie', changed)).toThrow();
      },
    ),
    { numRuns: 1_000 },
  );
});
