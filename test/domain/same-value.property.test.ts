import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sameValue } from '../../src/domain/same-value.ts';

/** A value as text in which the order of keys no longer shows: what equality has to agree with. */
function canonical(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  const entries = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return `{${entries.map(([name, part]) => `${JSON.stringify(name)}:${canonical(part)}`).join()}}`;
}

/** Few enough values that two of them are often the same, or nearly so. */
const anyValue = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 2, withCrossShrink: true }, fc.constantFrom(null, true, false, 0, 1, '', '0'), tie('array'), tie('object')),
  array: fc.array(tie('value'), { maxLength: 2 }),
  object: fc.dictionary(fc.constantFrom('0', '1', 'a'), tie('value'), { maxKeys: 2 }),
})).value;

describe('two JSON values', () => {
  it('are the same exactly when they say the same, whatever the order of their keys', () => {
    const pairs: [unknown, unknown][] = [
      [
        { a: 1, b: [2] },
        { b: [2], a: 1 },
      ],
      [{ a: 1, b: 2 }, { a: 1 }],
      [{ a: 1 }, { b: 1 }],
      [
        { a: 1, b: 2 },
        { a: 1, b: 3 },
      ],
      [[1], { 0: 1 }],
      [[], {}],
      [null, {}],
      [5, {}],
      ['', []],
      [null, null],
    ];
    for (const [left, right] of pairs) {
      expect([left, right, sameValue(left, right)]).toEqual([left, right, canonical(left) === canonical(right)]);
      expect(sameValue(right, left)).toBe(sameValue(left, right));
    }
    fc.assert(
      fc.property(anyValue, anyValue, (left, right) => {
        expect(sameValue(left, right)).toBe(canonical(left) === canonical(right));
      }),
      { numRuns: 1_000 },
    );
  });

  it('are the same when one is a copy of the other', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(sameValue(value, JSON.parse(JSON.stringify(value)))).toBe(true);
      }),
    );
  });
});
