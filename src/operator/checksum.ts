import { hash } from 'node:crypto';

/** JSON with the keys of every object in one order: the same content gives the same text on every host. */
export function canonicalJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
  return `{${members.sort().join(',')}}`;
}

const modulus = 2n ** 256n;

/**
 * A checksum of a collection in any order: the sum of the SHA-256 of its members, modulo 2^256 (AdHash; Bellare and Micciancio, "A New
 * Paradigm for Collision-Free Hashing", 1997). Hosts keep streams in orders of their own. It finds what was lost, doubled or changed by
 * accident; against somebody who wants to deceive there is the hash of the file.
 */
export class CollectionChecksum {
  #sum = 0n;

  add(member: string): void {
    this.#sum = (this.#sum + BigInt(`0x${hash('sha256', member, 'hex')}`)) % modulus;
  }

  /** 64 hex digits. */
  toString(): string {
    return this.#sum.toString(16).padStart(64, '0');
  }
}
