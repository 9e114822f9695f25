import { type Reading, refuse } from '../../../application/reading.ts';
import type { BodyInput, JsonBodyInput } from '../../../application/task-input.ts';
import { limits } from '../../../domain/limits.ts';

const encoder = new TextEncoder();
const tooLarge = refuse(`must be at most ${limits.bodyBytes} bytes`);
const base64Length = Math.ceil(limits.bodyBytes / 3) * 4;

function encode(text: string): Uint8Array | null {
  // No character takes less than a byte, so most of what is too large need not be encoded to be seen so.
  if (text.length > limits.bodyBytes) return null;
  const bytes = encoder.encode(text);
  return bytes.length > limits.bodyBytes ? null : bytes;
}

function hasFiniteNumbers(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || value === null) return true;
  for (const member of Object.values(value)) if (!hasFiniteNumbers(member)) return false;
  return true;
}

/** A JSON value as the bytes that are sent and kept. */
export function jsonBody(value: unknown): Reading<JsonBodyInput> {
  let text: string;
  try {
    // JSON allows 1e400, but no double holds it: it would be sent as null.
    if (!hasFiniteNumbers(value)) return refuse('has a number that is too large');
    text = JSON.stringify(value);
  } catch (error) {
    // The parser of JSON takes deeper nesting than its writer, whose stack runs out.
    if (error instanceof RangeError) return refuse('is nested too deeply');
    throw error;
  }
  const bytes = encode(text);
  return bytes === null ? tooLarge : { ok: true, value: { kind: 'json', bytes } };
}

/** A body given as JSON: a string is sent as it is, anything else re-serialised. */
export function readBody(value: unknown): Reading<BodyInput> {
  if (typeof value !== 'string') return jsonBody(value);
  // Half a surrogate pair has no UTF-8 form, and replacing it would not be what was asked for.
  if (!value.isWellFormed()) return refuse('has half of a surrogate pair, which UTF-8 cannot hold: give the bytes as bodyBase64');
  const bytes = encode(value);
  return bytes === null ? tooLarge : { ok: true, value: { kind: 'text', bytes } };
}

/** A body given as base64 (RFC 4648, section 4, with padding, without line breaks). */
export function readBodyBase64(value: unknown): Reading<BodyInput> {
  if (typeof value !== 'string') return refuse('must be a string');
  if (value.length > base64Length) return tooLarge;
  const bytes = Buffer.from(value, 'base64');
  // Node skips what is not base64; only what comes back the same was strict.
  if (bytes.toString('base64') !== value) return refuse('is not base64 (RFC 4648, with padding)');
  return bytes.length > limits.bodyBytes ? tooLarge : { ok: true, value: { kind: 'binary', bytes: Uint8Array.from(bytes) } };
}
