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

/** 64 hex digits are the 32 bytes they stand for: that is what a stack can make by itself when it is deployed. Null for anything else. */
function decodeHex(text: string): Uint8Array | null {
  return text.length === 2 * keyBytes && /^[0-9a-f]+$/i.test(text) ? Buffer.from(text, 'hex') : null;
}

/** The key inside a `whsec_` secret. Throws InvalidSecret, without naming the secret, if there is none. */
export function decodeSigningSecret(secret: string): Uint8Array {
  const bytes = secret.startsWith(signingPrefix) ? decodeBase64(secret.slice(signingPrefix.length)) : null;
  if (bytes === null) {
    throw new InvalidSecret(`a signing secret must be "whsec_" followed by base64, or ${2 * keyBytes} hex digits`);
  }
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
 * Parses a setting such as `ERRAND_SIGNING_SECRET`: one or more secrets, separated by spaces, newest first; each `whsec_` with base64,
 * or 64 hex digits. Gives all of them in the `whsec_` form, in which receivers are told them.
 * Throws InvalidSecret, naming `variable` and the place of the entry.
 */
export function parseSigningSecrets(variable: string, text: string): readonly string[] {
  const entries = entriesOf(variable, text, /\s+/);
  const secrets = entries.map((entry, index) => {
    const made = decodeHex(entry);
    if (made !== null) return signingSecretOf(made);
    try {
      decodeSigningSecret(entry);
      return entry;
    } catch (error) {
      const reason = error instanceof InvalidSecret ? error.message : 'it cannot be read';
      throw new InvalidSecret(`${variable}, entry ${index + 1} of ${entries.length}: ${reason}`);
    }
  });
  return [...new Set(secrets)];
}

/**
 * Parses a setting such as `ERRAND_SEALING_KEYS` or `ERRAND_TOKEN_KEYS`: 32 bytes in base64 or as 64 hex digits, one or more, separated
 * by commas or spaces, newest first. (Read as base64, the digits would be 48 bytes, which no key has.)
 * Throws InvalidSecret, naming `variable` and the place of the entry.
 */
export function parseKeys(variable: string, text: string): readonly Uint8Array[] {
  const entries = entriesOf(variable, text, /[\s,]+/);
  return entries.map((entry, index) => {
    const bytes = decodeHex(entry) ?? decodeBase64(entry);
    if (bytes?.byteLength === keyBytes) return bytes;
    const found = bytes === null ? 'is not base64' : `holds ${bytes.byteLength} bytes`;
    const wanted = `each must be base64 of ${keyBytes} bytes, or ${2 * keyBytes} hex digits`;
    throw new InvalidSecret(`${variable}, entry ${index + 1} of ${entries.length} ${found}: ${wanted}`);
  });
}

function signingSecretOf(bytes: Uint8Array): string {
  return signingPrefix + Buffer.from(bytes).toString('base64');
}

/** A new secret of 32 random bytes, as `ERRAND_SIGNING_SECRET` takes it. */
export function newSigningSecret(): string {
  return signingSecretOf(randomBytes(keyBytes));
}

/** A new key of 32 random bytes in base64, as `ERRAND_SEALING_KEYS` and `ERRAND_TOKEN_KEYS` take it. */
export function newKey(): string {
  return randomBytes(keyBytes).toString('base64');
}
