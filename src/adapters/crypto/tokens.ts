import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto';
import type { Tokens } from '../../application/ports.ts';
import { keyRing } from './key-ring.ts';

type Claim = { readonly stream: string; readonly run: number; readonly startedVersion: number };

/** Two numbers in base 36 and 43 base64url characters: unreserved in a URL (RFC 3986, section 2.3), and never a path segment of dots. */
const shape = /^(0|[1-9a-z][0-9a-z]{0,10})\.(0|[1-9a-z][0-9a-z]{0,10})\.([A-Za-z0-9_-]{43})$/;

/** The stream comes last and the numbers contain no separator, so no two claims give the same bytes; the prefix keeps other uses apart. */
function macOf(key: KeyObject, { stream, run, startedVersion }: Claim): Buffer {
  const text = createHmac('sha256', key).update(`errand token v1\n${startedVersion}\n${run}\n${stream}`, 'utf8').digest('base64url');
  return Buffer.from(text, 'latin1');
}

/** Exactly the spelling that `make` gives a number; null for numbers beyond exact arithmetic. */
function parseNumber(text: string): number | null {
  const value = Number.parseInt(text, 36);
  return Number.isSafeInteger(value) && value.toString(36) === text ? value : null;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/**
 * Makes and reads `<startedVersion>.<run>.<HMAC-SHA256 over both and the stream>`. The newest of `keys` (32 bytes each, newest first)
 * makes tokens, all of them read. The MAC is compared as text in constant time, so of all spellings of its bytes exactly one passes.
 */
export function createTokens(keys: readonly Uint8Array[]): Tokens {
  const ring = keyRing(keys);
  return {
    make: ({ stream, run, startedVersion }) => {
      if (!isCount(run) || !isCount(startedVersion)) throw new RangeError('a token carries whole numbers from 0');
      const mac = macOf(ring[0].object, { stream, run, startedVersion }).toString('latin1');
      return `${startedVersion.toString(36)}.${run.toString(36)}.${mac}`;
    },
    read: (stream, token) => {
      const [, versionText = '', runText = '', mac = ''] = shape.exec(token) ?? [];
      const startedVersion = parseNumber(versionText);
      const run = parseNumber(runText);
      if (startedVersion === null || run === null) return null;
      const given = Buffer.from(mac, 'latin1');
      const genuine = ring.some((key) => timingSafeEqual(macOf(key.object, { stream, run, startedVersion }), given));
      return genuine ? { run, startedVersion } : null;
    },
  };
}
