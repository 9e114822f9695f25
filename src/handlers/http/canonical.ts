import { isExactNumber } from '../../application/exact-json.ts';

/** JSON with the keys of every object in one order: the same content gives the same text, however it was written. */
export function canonicalJson(value: unknown): string {
  if (typeof value !== 'object' || value === null || isExactNumber(value)) return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const members = Object.entries(value).map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
  return `{${members.sort().join(',')}}`;
}
