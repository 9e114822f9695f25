import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CollectionChecksum, canonicalJson } from '../../src/operator/checksum.ts';

function checksumOf(members: readonly string[]): string {
  const checksum = new CollectionChecksum();
  for (const member of members) checksum.add(member);
  return String(checksum);
}

const members = fc.array(fc.string(), { minLength: 1, maxLength: 20 });

describe('a checksum of a collection', () => {
  test('is the same in any order', () => {
    fc.assert(
      fc.property(
        members.chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length }))),
        ([list, shuffled]) => {
          expect(checksumOf(shuffled)).toBe(checksumOf(list));
          expect(checksumOf(list)).toMatch(/^[0-9a-f]{64}$/);
        },
      ),
    );
  });

  test('is another one when a member is lost, doubled or changed', () => {
    fc.assert(
      fc.property(members, fc.nat(), fc.string({ minLength: 1 }), (list, at, more) => {
        const index = at % list.length;
        const whole = checksumOf(list);
        expect(checksumOf(list.toSpliced(index, 1))).not.toBe(whole);
        expect(checksumOf([...list, list[index] ?? ''])).not.toBe(whole);
        expect(checksumOf(list.with(index, `${list[index]}${more}`))).not.toBe(whole);
      }),
    );
  });

  test('of twice the same member is not that of none: members do not cancel each other', () => {
    expect(checksumOf(['a', 'a'])).not.toBe(checksumOf([]));
  });
});

describe('canonical JSON', () => {
  test('is one text for one value, however its keys are ordered', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 8 }), (value) => {
        const reversed = Object.fromEntries(Object.entries(value).reverse());
        expect(canonicalJson(reversed)).toBe(canonicalJson(value));
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});
