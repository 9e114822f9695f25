import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import type { Sealer } from '../../application/ports.ts';
import { keyBytes, keyRing, type RingKey } from './key-ring.ts';

const cipher = 'aes-256-gcm';
/** NIST SP 800-38D, section 8.2.2: 96 random bits are safe for 2^32 values under one key. */
const nonceBytes = 12;
const tagBytes = 16;
const sealedShape = /^v1\.([0-9a-f]{8})\.([A-Za-z0-9_-]+)$/;
const fingerprintShape = /^([0-9a-f]{8})\.([A-Za-z0-9_-]{43})$/;

/** Header names are case-insensitive: a value sealed for `Authorization` opens as `authorization`. */
function associatedData(name: string): Buffer {
  return Buffer.from(name.toLowerCase(), 'utf8');
}

/** The id of the key that a sealed value or a fingerprint needs; null if it is neither. */
export function neededKeyId(text: string): string | null {
  return (sealedShape.exec(text) ?? fingerprintShape.exec(text))?.[1] ?? null;
}

/** Fingerprints have a key of their own, so that no key serves two algorithms (RFC 5869). */
function fingerprintKey(key: RingKey): KeyObject {
  return createSecretKey(new Uint8Array(hkdfSync('sha256', key.bytes, '', 'errand fingerprint v1', keyBytes)));
}

function hmac(key: KeyObject, content: string): Buffer {
  return createHmac('sha256', key).update(content, 'utf8').digest();
}

function openWith(key: RingKey, name: string, packed: Buffer): string {
  const decipher = createDecipheriv(cipher, key.object, packed.subarray(0, nonceBytes), { authTagLength: tagBytes });
  decipher.setAAD(associatedData(name));
  decipher.setAuthTag(packed.subarray(packed.length - tagBytes));
  const opened = decipher.update(packed.subarray(nonceBytes, packed.length - tagBytes));
  return Buffer.concat([opened, decipher.final()]).toString('utf8');
}

/**
 * Seals header values with AES-256-GCM as `v1.<key id>.<base64url of nonce, ciphertext and tag>`, the lower-case header name as
 * associated data. The newest of `keys` (32 bytes each, newest first) seals; all of them open. `open` throws for a value that is
 * not of this form, was sealed for another name or under a key that is missing, or was changed; no message contains the value.
 */
export function createSealer(keys: readonly Uint8Array[]): Sealer {
  const ring = keyRing(keys);
  const byId = new Map(ring.map((key) => [key.id, { key, fingerprints: fingerprintKey(key) }]));
  const newest = { key: ring[0], fingerprints: fingerprintKey(ring[0]) };

  const open: Sealer['open'] = (name, sealed) => {
    const [, id = '', text = ''] = sealedShape.exec(sealed) ?? [];
    const packed = Buffer.from(text, 'base64url');
    if (packed.length < nonceBytes + tagBytes || packed.toString('base64url') !== text) {
      throw new Error(`the value of ${name} is not a sealed one`);
    }
    const found = byId.get(id);
    if (found === undefined) throw new Error(`the value of ${name} was sealed with the key ${id}, which is not among the sealing keys`);
    try {
      return openWith(found.key, name, packed);
    } catch (cause) {
      throw new Error(`the value of ${name} does not open with the key ${id}: it was changed, or sealed for another name`, { cause });
    }
  };

  return {
    seal: (name, value) => {
      const nonce = randomBytes(nonceBytes);
      const sealing = createCipheriv(cipher, newest.key.object, nonce, { authTagLength: tagBytes });
      sealing.setAAD(associatedData(name));
      const sealed = [nonce, sealing.update(value, 'utf8'), sealing.final(), sealing.getAuthTag()];
      return `v1.${newest.key.id}.${Buffer.concat(sealed).toString('base64url')}`;
    },
    open,
    holds: (name, sealed, value) => {
      let opened: string;
      try {
        opened = open(name, sealed);
      } catch {
        return false;
      }
      // As MACs, so that not even the length is told.
      return timingSafeEqual(hmac(newest.fingerprints, opened), hmac(newest.fingerprints, value));
    },
    fingerprint: (content) => `${newest.key.id}.${hmac(newest.fingerprints, content).toString('base64url')}`,
    matches: (fingerprint, content) => {
      const [, id = '', text = ''] = fingerprintShape.exec(fingerprint) ?? [];
      const found = byId.get(id);
      // Compared as text: base64url has several spellings of the same bytes, of which one is made here.
      return (
        found !== undefined && timingSafeEqual(Buffer.from(hmac(found.fingerprints, content).toString('base64url')), Buffer.from(text))
      );
    },
  };
}
