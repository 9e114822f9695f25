import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isPublicAddress, refusedLiteral } from '../../../src/adapters/http/public-address.ts';

/** IANA's special-purpose ranges that no call may reach, as [first address, prefix length]. */
const special4: readonly (readonly [number, number])[] = [
  [0x00000000, 8],
  [0x0a000000, 8],
  [0x64400000, 10],
  [0x7f000000, 8],
  [0xa9fe0000, 16],
  [0xac100000, 12],
  [0xc0000000, 24],
  [0xc0000200, 24],
  [0xc0586300, 24],
  [0xc0a80000, 16],
  [0xc6120000, 15],
  [0xc6336400, 24],
  [0xcb007100, 24],
  [0xe0000000, 4],
  [0xf0000000, 4],
];
const within4 = fc
  .constantFrom(...special4)
  .chain(([first, prefix]) => fc.nat({ max: 2 ** (32 - prefix) - 1 }).map((offset) => first + offset));
const bytesOf = (address: number) => [address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255] as const;
const dotted = (address: number) => bytesOf(address).join('.');
const hexPair = (address: number) => `${(address >>> 16).toString(16)}:${(address & 0xffff).toString(16)}`;

/** The number written as an inet_aton part: decimal, octal or hexadecimal. */
const part = (value: number) =>
  fc.constantFrom(String(value), `0${value.toString(8)}`, `0x${value.toString(16)}`, `0X${value.toString(16).toUpperCase()}`);
const spelling4 = (address: number): fc.Arbitrary<string> => {
  const [a, b, c, d] = bytesOf(address);
  return fc
    .oneof(
      fc.tuple(part(a), part(b), part(c), part(d)),
      fc.tuple(part(a), part(b), part(c * 256 + d)),
      fc.tuple(part(a), part(address % 2 ** 24)),
      fc.tuple(part(address)),
    )
    .chain((parts) =>
      fc
        .constantFrom<(host: string) => string>(
          (host) => host,
          (host) => `${host}.`,
          (host) => host.replace(/[0-9]/g, (digit) => String.fromCodePoint(0xff10 + Number(digit))),
          (host) => host.replaceAll('.', '。'),
          (host) => host.replace(/[0-9a-z]/gi, (character) => `%${character.charCodeAt(0).toString(16)}`),
        )
        .map((disguise) => disguise(parts.join('.'))),
    );
};

/** Every form of IPv6 address that carries an IPv4 address inside. */
const embeddings: readonly ((address: number) => string)[] = [
  (address) => `::${hexPair(address)}`,
  (address) => `::${dotted(address)}`,
  (address) => `::ffff:${hexPair(address)}`,
  (address) => `::ffff:${dotted(address)}`,
  (address) => `0:0:0:0:0:FFFF:${hexPair(address)}`,
  (address) => `::ffff:0:${hexPair(address)}`,
  (address) => `64:ff9b::${hexPair(address)}`,
  (address) => `64:ff9b:1::${hexPair(address)}`,
  (address) => `2002:${hexPair(address)}::1`,
  (address) => `2001:0:${hexPair(address)}::1`,
  (address) => `2001:0:4136:e378:8000:63bf:${hexPair(~address >>> 0)}`,
  (address) => `2606:4700::5efe:${hexPair(address)}`,
  (address) => `fe80::200:5efe:${hexPair(address)}`,
];
/** Prefixes that are special in themselves, with the bits that are free below them. */
const special6: readonly (readonly [bigint, number])[] = [
  [0n, 8],
  [0x64ff9bn << 72n, 32],
  [0x100n << 112n, 64],
  [0x2001n << 112n, 23],
  [0x20010db8n << 96n, 32],
  [0x2002n << 112n, 16],
  [0x3fffn << 112n, 20],
  [0x3ffen << 112n, 16],
  [0x4000n << 112n, 2],
  [0x8000n << 112n, 1],
  [0xfc00n << 112n, 7],
  [0xfe80n << 112n, 10],
  [0xff00n << 112n, 8],
];
const within6 = fc
  .constantFrom(...special6)
  .chain(([first, prefix]) => fc.bigInt({ min: 0n, max: (1n << BigInt(128 - prefix)) - 1n }).map((offset) => first | offset));
const groups = (address: bigint) =>
  Array.from({ length: 8 }, (_, index) => ((address >> BigInt(112 - 16 * index)) & 0xffffn).toString(16)).join(':');

test('no address of a special IPv4 range is public', () => {
  fc.assert(
    fc.property(within4, (address) => {
      expect(isPublicAddress(dotted(address))).toBe(false);
    }),
    { numRuns: 2_000 },
  );
});

test('no spelling of a special IPv4 address gets past the check of literals', () => {
  fc.assert(
    fc.property(within4.chain(spelling4), (host) => {
      const url = URL.parse(`http://${host}/`);
      expect(url === null || refusedLiteral(url)).toBe(true);
    }),
    { numRuns: 3_000 },
  );
});

test('no IPv6 form of any IPv4 address is public, whether the address inside is or not', () => {
  fc.assert(
    fc.property(fc.nat({ max: 0xffffffff }), fc.constantFrom(...embeddings), (address, embed) => {
      expect(isPublicAddress(embed(address))).toBe(false);
      expect(refusedLiteral(new URL(`http://[${embed(address)}]/`))).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});

test('no address of a special IPv6 range is public', () => {
  fc.assert(
    fc.property(within6, (address) => {
      expect(isPublicAddress(groups(address))).toBe(false);
      expect(refusedLiteral(new URL(`http://[${groups(address)}]/`))).toBe(true);
    }),
    { numRuns: 3_000 },
  );
});

test('no address with a zone is public', () => {
  fc.assert(
    fc.property(fc.ipV6(), fc.stringMatching(/^[a-z0-9]{0,8}$/), (address, zone) => {
      expect(isPublicAddress(`${address}%${zone}`)).toBe(false);
    }),
  );
});

test('whatever it is asked about, it answers', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.ipV4(), fc.ipV6(), fc.ipV4Extended()), (text) => {
      expect(typeof isPublicAddress(text)).toBe('boolean');
    }),
  );
});
