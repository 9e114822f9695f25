import { randomBytes } from 'node:crypto';
import { keyBytes } from './key-ring.ts';

const signingPrefix = 'whsec_';
/** Standard Webhooks asks for 24 to 64 bytes. Other lengths are taken, as receivers have the secrets they have; the host warns. */
export const signingSecretAdvisedBytes = 24;
const signingSecretMinBytes = 1;
const signingSecretMaxBytes = 256;

/** A setting that cannot be used. The message names it and never contains its value. */
export class InvalidSecret extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'InvalidSecret';
  }
}

/** Base64 in either alphabet, with or without padding; null for anything else (Buffer would skip what it does not know). */
function decodeBase64(text: string): Uint8Array | null {
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(text)) return null;
  const unpadded = text.replace(/=+$/, '').replaceAll('+', '-').replaceAll('/', '_');
  const bytes = Buffer.from(unpadded, 'base64url');
  return bytes.toString('base64url') === unpadded ? bytes : null;
}

/** The key inside a `whsec_` secret. Throws InvalidSecret, without naming the secret, if there is none. */
export function decodeSigningSecret(secret: string): Uint8Array {
  const bytes = secret.startsWith(signingPrefix) ? decodeBase64(secret.slice(signingPrefix.length)) : null;
  if (bytes === null) throw new InvalidSecret('a signing secret must be "whsec_" followed by base64');
  if (bytes.byteLength < signingSecretMinBytes || bytes.byteLength > signingSecretMaxBytes) {
    throw new InvalidSecret(
      `a signing secret must hold ${signingSecretMinBytes} to ${signingSecretMaxBytes} bytes, not ${bytes.byteLength}`,
    );
  }
  return bytes;
}

function entriesOf(variable: string, text: string, separator: RegExp): readonly string[] {
  const entries = text.split(separator).filter((entry) => entry !== '');
  if (entries.length === 0) throw new InvalidSecret(`${variable} is empty`);
  return entries;
}

/**
 * Parses a setting such as `ERRAND_SIGNING_SECRET`: one or more `whsec_` secrets, separated by spaces, newest first.
 * Throws InvalidSecret, naming `variable` and the place of the entry.
 */
export function parseSigningSecrets(variable: string, text: string): readonly string[] {
  const entries = entriesOf(variable, text, /\s+/);
  entries.forEach((entry, index) => {
    try {
      decodeSigningSecret(entry);
    } catch (error) {
      const reason = error instanceof InvalidSecret ? error.message : 'it cannot be read';
      throw new InvalidSecret(`${variable}, entry ${index + 1} of ${entries.length}: ${reason}`);
    }
  });
  return [...new Set(entries)];
}

/**
 * Parses a setting such as `ERRAND_SEALING_KEYS` or `ERRAND_TOKEN_KEYS`: base64 of 32 bytes, one or more, separated by commas or
 * spaces, newest first. Throws InvalidSecret, naming `variable` and the place of the entry.
 */
export function parseKeys(variable: string, text: string): readonly Uint8Array[] {
  const entries = entriesOf(variable, text, /[\s,]+/);
  return entries.map((entry, index) => {
    const bytes = decodeBase64(entry);
    if (bytes?.byteLength === keyBytes) return bytes;
    const found = bytes === null ? 'is not base64' : `holds ${bytes.byteLength} bytes`;
    throw new InvalidSecret(`${variable}, entry ${index + 1} of ${entries.length} ${found}: each must be base64 of ${keyBytes} bytes`);
  });
}

/** A new secret of 32 random bytes, as `ERRAND_SIGNING_SECRET` takes it. */
export function newSigningSecret(): string {
  return signingPrefix + randomBytes(keyBytes).toString('base64');
}

/** A new key of 32 random bytes in base64, as `ERRAND_SEALING_KEYS` and `ERRAND_TOKEN_KEYS` take it. */
export function newKey(): string {
  return randomBytes(keyBytes).toString('base64');
}
