import { createSecretKey, hash, type KeyObject } from 'node:crypto';

/** One of several keys that are in force at a time; the newest one seals and signs, the older ones still open and verify. */
export type RingKey = { readonly id: string; readonly bytes: Uint8Array; readonly object: KeyObject };

export const keyBytes = 32;

/** The public name of a key: the first 8 hex digits of its SHA-256. It says which key is needed and nothing about the key. */
export function keyIdOf(key: Uint8Array): string {
  return hash('sha256', key, 'hex').slice(0, 8);
}

/**
 * Prepares keys of 32 bytes, newest first. Throws if there is none, if one has another length, or if two different ones share an id
 * (one chance in four thousand million for a pair): a value must say beyond doubt which key opens it.
 */
export function keyRing(keys: readonly Uint8Array[]): readonly [RingKey, ...RingKey[]] {
  const byId = new Map<string, RingKey>();
  for (const bytes of keys) {
    if (bytes.byteLength !== keyBytes) throw new RangeError(`a key has ${bytes.byteLength} bytes instead of ${keyBytes}`);
    const id = keyIdOf(bytes);
    const same = byId.get(id);
    if (same !== undefined && !Buffer.from(same.bytes).equals(bytes)) throw new RangeError(`two different keys share the id ${id}`);
    if (same === undefined) byId.set(id, { id, bytes, object: createSecretKey(bytes) });
  }
  const [newest, ...older] = byId.values();
  if (newest === undefined) throw new RangeError('at least one key is needed');
  return [newest, ...older];
}
