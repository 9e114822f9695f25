import type { Dispatcher } from 'undici';
import { limits } from '../../domain/limits.ts';

type RawHeaders = Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseStart']>>[2];

/** Values come one character per byte (latin1, as undici decodes them); in the event's UTF-8 the upper half takes two bytes. */
function sizeOf(name: string, value: string): number {
  return Buffer.byteLength(name, 'utf8') + Buffer.byteLength(value, 'utf8');
}

function withinLimit(entries: readonly (readonly [string, string])[]): Record<string, string> {
  const kept = new Set<string>();
  let size = 0;
  // Smallest first: one huge cookie must not push out the Retry-After that decides what happens next.
  for (const [name, value] of entries.toSorted((a, b) => sizeOf(...a) - sizeOf(...b))) {
    size += sizeOf(name, value);
    if (size > limits.resultHeaderBytes) break;
    kept.add(name);
  }
  return Object.fromEntries(entries.filter(([name]) => kept.has(name)));
}

/**
 * The response headers that are kept: lower-case names, repeats joined with ", ", at most `limits.resultHeaderBytes` of names and values.
 * `__proto__` is left out: as a key of a plain object it means something else to half of the code that might read it.
 */
export function keptHeaders(raw: RawHeaders): Record<string, string> {
  const headers: Record<string, string> = {};
  let characters = 0;
  for (const name in raw) {
    const given = raw[name];
    if (given === undefined || name === '__proto__' || !Object.hasOwn(raw, name)) continue;
    const value = typeof given === 'string' ? given : given.join(', ');
    headers[name] = value;
    characters += name.length + value.length;
  }
  // Two bytes a character at most, so nearly every response is settled here without measuring.
  if (characters * 2 <= limits.resultHeaderBytes) return headers;
  return withinLimit(Object.entries(headers));
}
