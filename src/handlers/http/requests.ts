import type { Digest } from '../../application/ports.ts';
import type { ParseResult } from '../../application/reading.ts';
import { readIfMatch } from './if-match.ts';
import { readIdempotencyKey } from './input/identifier.ts';
import type { ApiEvent } from './middleware.ts';
import { inputProblem, ProblemError } from './problem.ts';

export function etag(version: number): string {
  return `"${version}"`;
}

/** What was parsed, or the end of the request as a problem that names the fields. */
export function required<Value>(parsed: ParseResult<Value>): Value {
  if (parsed.ok) return parsed.value;
  throw new ProblemError(inputProblem(parsed.errors));
}

/** The versions that the request is for. */
export function guardOf(event: ApiEvent): { readonly expectedVersions: readonly number[] | undefined } {
  return { expectedVersions: required(readIfMatch(event.headers['if-match'])) };
}

/** What stands for a caller's Idempotency-Key: the same for the same caller and key; null without one. */
export function keyDigest(digest: Digest, event: ApiEvent, ...further: readonly string[]): string | null {
  const given = event.headers['idempotency-key'];
  if (given === undefined) return null;
  const key = readIdempotencyKey(given);
  if (!key.ok) throw new ProblemError(inputProblem([{ path: 'Idempotency-Key', message: key.message }]));
  return digestOf(digest, event.caller ?? '', key.value, further);
}

function digestOf(digest: Digest, caller: string, key: string, further: readonly string[]): string {
  return digest.sha256(JSON.stringify([caller, key, ...further]));
}

/** A stand-in id for a client that names its request instead of what it makes. */
export function idempotencyId(digest: Digest, event: ApiEvent, suffix: string): string | null {
  const made = keyDigest(digest, event, suffix);
  return made === null ? null : `key-${made}`;
}

/** The same for a key that did not come in a header, of a caller that no request named. */
export function idOfKey(digest: Digest, caller: string, key: string): string {
  return `key-${digestOf(digest, caller, key, [''])}`;
}
