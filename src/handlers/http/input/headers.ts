import type { z } from 'zod';
import { limits } from '../../../domain/limits.ts';
import { isSealed } from '../../../domain/task/sealed-headers.ts';
import { type Path, parsed, type Report } from './parse-result.ts';

export type PlainHeader = { readonly name: string; readonly value: string };
/** Headers in the order given, and how they were given, so that a later finding can name its place. */
export type GivenHeaders = { readonly form: 'map' | 'list'; readonly entries: readonly PlainHeader[] };

export const noHeaders: GivenHeaders = { form: 'map', entries: [] };

/** A token of RFC 9110, section 5.6.2. */
const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** A field value of RFC 9110, section 5.5: a tab is the one control character it may have. */
const headerValue = /^[\t\x20-\x7e\x80-\xff]*$/;

/** They belong to one connection (RFC 9110, section 7.6.1, and its elders), or the caller works them out itself. Proxy-Authorization is not among them: it is sealed. */
const refusedNames = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

function nameProblem(name: string): string | null {
  if (name === '') return 'a header name must not be empty';
  if (!headerName.test(name)) return 'is not a valid header name';
  const lower = name.toLowerCase();
  if (refusedNames.has(lower)) return `${name} must not be given: it belongs to the connection, which Errand makes`;
  if (lower.startsWith('webhook-') || lower.startsWith('errand-'))
    return `${name} must not be given: Errand sets the headers of that name itself`;
  return null;
}

function valueProblem(value: unknown): string | null {
  if (typeof value !== 'string') return 'must be a string';
  if (!headerValue.test(value)) return 'must have neither control characters nor characters beyond Latin-1';
  return null;
}

/** Adds one header unless something is wrong with it. */
function take(
  entries: PlainHeader[],
  name: string,
  value: unknown,
  at: { readonly name: Path; readonly value: Path },
  report: Report,
): void {
  const wrongName = nameProblem(name);
  if (wrongName !== null) report(wrongName, at.name);
  const wrongValue = valueProblem(value);
  if (wrongValue !== null) report(wrongValue, at.value);
  if (wrongName === null && typeof value === 'string') entries.push({ name, value });
}

function readMap(map: object, report: Report): PlainHeader[] {
  const entries: PlainHeader[] = [];
  const given = Object.entries(map);
  if (given.length > limits.headerCount) {
    report(`must be at most ${limits.headerCount} headers`);
    return entries;
  }
  const names = new Set<string>();
  for (const [name, value] of given) {
    const path = [name];
    take(entries, name, value, { name: path, value: path }, report);
    const lower = name.toLowerCase();
    if (names.has(lower)) report(`${name} is given twice`, path);
    names.add(lower);
  }
  return entries;
}

function readList(list: readonly unknown[], report: Report): PlainHeader[] {
  const entries: PlainHeader[] = [];
  if (list.length > limits.headerCount) {
    report(`must be at most ${limits.headerCount} headers`);
    return entries;
  }
  for (const [index, entry] of list.entries()) {
    if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
      report('must be an object with a key and a value', [index]);
      continue;
    }
    const { key, value } = entry as { readonly key?: unknown; readonly value?: unknown };
    for (const field of Object.keys(entry)) {
      if (field !== 'key' && field !== 'value') report('is not a known field', [index, field]);
    }
    if (value === undefined) report('is required', [index, 'value']);
    if (typeof key !== 'string') report(key === undefined ? 'is required' : 'must be a string', [index, 'key']);
    else if (value !== undefined) take(entries, key, value, { name: [index, 'key'], value: [index, 'value'] }, report);
  }
  return entries;
}

function readHeaders(value: unknown, report: Report): GivenHeaders {
  if (typeof value !== 'object' || value === null) {
    report('must be an object of names and values, or a list of { "key", "value" }');
    return noHeaders;
  }
  const entries = Array.isArray(value) ? readList(value, report) : readMap(value, report);
  let bytes = 0;
  // Names are ASCII and values Latin-1: one byte a character.
  for (const header of entries) bytes += header.name.length + header.value.length;
  if (bytes > limits.headerBytes) report(`must be at most ${limits.headerBytes} bytes in all their names and values, not ${bytes}`);
  return { form: Array.isArray(value) ? 'list' : 'map', entries };
}

/** The headers of an outgoing request, as a map or as a list of keys and values. */
export const headers: z.ZodType<GivenHeaders, unknown> = parsed(
  {
    anyOf: [
      { type: 'object', additionalProperties: { type: 'string' }, maxProperties: limits.headerCount },
      {
        type: 'array',
        maxItems: limits.headerCount,
        items: {
          type: 'object',
          properties: { key: { type: 'string' }, value: { type: 'string' } },
          required: ['key', 'value'],
          additionalProperties: false,
        },
      },
    ],
    description: 'At most 32 KiB in all. Hop-by-hop names, Host, Content-Length, Expect, webhook-* and errand-* are refused.',
    examples: [{ 'x-a': '1' }],
  },
  readHeaders,
);

function readSecretHeaders(value: unknown, report: Report): readonly string[] {
  if (!Array.isArray(value)) {
    report('must be a list of header names');
    return [];
  }
  if (value.length > limits.headerCount) {
    report(`must be at most ${limits.headerCount} header names`);
    return [];
  }
  const names = new Set<string>();
  let bytes = 0;
  for (const [index, name] of value.entries()) {
    if (typeof name !== 'string') report('must be a string', [index]);
    else if (!headerName.test(name)) report('is not a valid header name', [index]);
    else {
      names.add(name.toLowerCase());
      bytes += name.length;
    }
  }
  if (bytes > limits.headerBytes) report(`must be at most ${limits.headerBytes} bytes in all`);
  return [...names];
}

/** Names of further headers to seal, in lower case and once each. */
export const secretHeaders: z.ZodType<readonly string[], unknown> = parsed(
  {
    type: 'array',
    items: { type: 'string' },
    maxItems: limits.headerCount,
    default: [],
    description: 'Names of further headers whose values are sealed, besides Authorization, Proxy-Authorization, Cookie and X-Api-Key.',
  },
  readSecretHeaders,
);

/**
 * A sealed value reads `***`. Whoever sends that back has copied an answer and would overwrite the secret with three stars.
 * Reports below `headers`.
 */
export function refuseMaskedValues(given: GivenHeaders, secrets: readonly string[], report: Report): void {
  for (const [index, header] of given.entries.entries()) {
    if (header.value !== '***') continue;
    if (!isSealed(header.name, secrets)) continue;
    report(
      `${header.name} is sealed and reads "***" in answers: give its value`,
      given.form === 'list' ? ['headers', index, 'value'] : ['headers', header.name],
    );
  }
}
