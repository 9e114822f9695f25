import type { ParseResult } from '../../application/reading.ts';
import { failed } from './input/parse-result.ts';

const entityTag = /^(?:W\/)?"([^"]*)"$/;
/** No task has this version: a tag that we never gave matches nothing. */
const never = -1;

/**
 * The versions that If-Match names; undefined where it is absent or `*`, which any existing task fulfils.
 * Tags may be weak, as proxies that recode a body weaken them.
 */
export function readIfMatch(header: string | undefined): ParseResult<readonly number[] | undefined> {
  if (header === undefined || header.trim() === '*') return { ok: true, value: undefined };
  const versions: number[] = [];
  for (const part of header.split(',')) {
    const text = part.trim();
    const tag = entityTag.exec(text)?.[1] ?? (/^\d+$/.test(text) ? text : null);
    if (tag === null) return failed('If-Match', 'must be an entity tag as answered in ETag, such as "3"');
    versions.push(/^\d{1,9}$/.test(tag) ? Number(tag) : never);
  }
  return { ok: true, value: versions };
}
