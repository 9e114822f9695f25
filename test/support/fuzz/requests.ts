import fc from 'fast-check';
import { epoch } from '../../domain/task-histories.ts';
import { jsonText } from './json.ts';
import type { Operation } from './operations.ts';
import { fitting, type Hints, hostileValues, nearlyFitting } from './schema-values.ts';

export type Kind = 'valid' | 'nearly valid' | 'garbage';

/** A request before it is known which task, schedule or orchestration it is about. */
export type Sketch = {
  readonly kind: Kind;
  readonly method: string;
  /** As it is written in the request line, with `{id}` and `{token}`. */
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer | null;
  readonly chunked: boolean;
  /** The field of the body, or the parameter of the query, that was made wrong, where nothing else is. */
  readonly wrongField?: string;
};

let made = 0;
/** Never the same twice, so that no create finds what another one made. */
const freshId = fc.constant(null).map(() => {
  made += 1;
  return `fuzz/${made} #`;
});

/** Where the schemas leave more open than can be filled in by chance. */
const hints: Hints = {
  id: freshId,
  name: fc.constantFrom('simulate'),
  params: fc.constantFrom({}, { executionTimeMs: 0 }),
  timezone: fc.constantFrom('UTC', 'Europe/Berlin', 'America/St_Johns'),
  runAt: fc.constantFrom(epoch + 3_600_000, '2026-12-01T09:00:00+01:00'),
  startAt: fc.constantFrom(epoch + 60_000, '2026-12-01T09:00:00+01:00'),
  endAt: fc.constantFrom(epoch + 5 * 365 * 86_400_000),
  every: fc.constantFrom('30s', 'PT15M', 1_000, 315_619_200_000),
  misfire: fc.constantFrom('run-once', 'skip'),
  detail: fc
    .dictionary(fc.stringMatching(/^[a-z]{1,5}$/), fc.jsonValue({ maxDepth: 1 }), { maxKeys: 3 })
    .map((value) => JSON.parse(JSON.stringify(value))),
  maxAttempts: fc.integer({ min: 1, max: 100 }),
};
const queryHints: Hints = {
  asOf: fc.constantFrom('1', new Date(epoch).toISOString(), String(epoch)),
  from: fc.constantFrom(new Date(epoch).toISOString(), String(epoch)),
  to: fc.constantFrom(String(epoch + 1_000)),
  limit: fc.integer({ min: 1, max: 100 }),
  types: fc.constantFrom('TaskScheduled', 'TaskScheduled,TaskFailed'),
  after: fc.constantFrom(0, 1),
  label: fc.constant('x'),
};

const json = ['content-type', 'application/json'] as const;
/** The one that both fronts know. */
export const apiKey = 'key-of-the-fuzz';
const authorized = ['authorization', `Bearer ${apiKey}`] as const;

function queryOf({ query }: Operation): fc.Arbitrary<string> {
  // A cursor is answered, not invented.
  const known = query.filter(({ name }) => name !== 'cursor');
  const values = known.map(({ name, schema }) => fc.tuple(fc.constant(name), fc.boolean(), queryHints[name] ?? fitting(schema, {})));
  return fc.tuple(...values).map((parts) => {
    const given = parts
      .filter(([, isGiven]) => isGiven)
      .map(([name, , value]): [string, string] => [name === 'label' ? 'label.customer' : name, String(value)]);
    return given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
  });
}

/** A request that is right in everything; that something of its id is there is up to whoever sends it. */
function valid(operation: Operation): fc.Arbitrary<Sketch> {
  const { method, path, body } = operation;
  const given = bodyOf(operation).map((value) =>
    value === undefined ? null : Buffer.from(body === 'bytes' ? String(value) : jsonText(value)),
  );
  return fc.tuple(queryOf(operation), given, fc.boolean()).map(([query, bytes, chunked]) => ({
    kind: 'valid',
    method,
    target: path + query,
    headers: bytes === null || body === 'bytes' ? [authorized] : [authorized, json],
    body: bytes,
    chunked: chunked && bytes !== null,
  }));
}

function bodyOf({ method, body }: Operation): fc.Arbitrary<unknown> {
  if (body === null) return fc.constant(undefined);
  if (body === 'bytes') return fc.string();
  const full = fitting(body.schema, hints, method === 'PATCH');
  return body.isOptional ? fc.option(full, { nil: undefined }) : full;
}

const oddTexts: readonly string[] = [
  ...hostileValues.filter((value) => typeof value === 'string'),
  ...[
    '0',
    '-0',
    '-1',
    '1.5',
    '101',
    '1001',
    '1e400',
    '9007199254740993',
    '9'.repeat(400),
    '2026-02-30T00:00:00Z',
    '+1-01-01',
    'e30',
    'bnVsbA',
  ],
];

/** A query with one known parameter that is odd, or one that is not known. */
function oddParameter({ method, path, query }: Operation): fc.Arbitrary<Sketch> {
  const names = [
    ...query.map(({ name }) => (name === 'label' ? 'label.customer' : name)),
    '__proto__',
    'constructor',
    'unknown',
    'LIMIT',
    '',
  ];
  return fc.tuple(fc.constantFrom(...names), fc.constantFrom(...oddTexts)).map(([name, value]) => ({
    kind: 'nearly valid',
    method,
    target: `${path}?${new URLSearchParams([[name, value]])}`,
    headers: [authorized],
    body: null,
    chunked: false,
    wrongField: name.startsWith('label.') ? 'label' : name,
  }));
}

/** A valid request with one mistake, in its body or in its query. */
function oneMistake(operation: Operation): fc.Arbitrary<Sketch> {
  const { body, method, path } = operation;
  if (operation.query.length > 0) return oddParameter(operation);
  if (body === null || body === 'bytes') return strange(operation);
  return nearlyFitting(body.schema, hints, method === 'PATCH').map(({ value, at }) => ({
    kind: 'nearly valid',
    method,
    target: path,
    headers: [authorized, json],
    body: Buffer.from(jsonText(value)),
    chunked: false,
    ...(at[0] === undefined ? {} : { wrongField: String(at[0]) }),
  }));
}

const strangeTargets = [
  '%',
  '%0',
  '%zz',
  '%00',
  '%0a',
  '%0d%0aset-cookie:%20a',
  '%ff',
  '%c0%ae',
  '%ed%a0%80',
  '%u0041',
  '%2e%2e%2f%2e%2e',
  '..',
  '.',
  '//',
  '%2f%2f',
  '/../../x',
  '%252e%252e',
  '%25%32%65',
  ';a=b',
  '?',
  '??',
  '#',
  '\\..\\',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'null',
  '%20',
  '%e2%80%ae',
  'a'.repeat(7_000),
  '%41'.repeat(2_000),
  '/callback//',
  '/callback/x/y',
  '/callback/constructor/fail',
  '{id}%00',
  '{id}/',
  '/{id}',
  '{id}/cancel/cancel',
  '{id}/callback/__proto__',
  '{id}?asOf=-1',
  '{id}?asOf=1e400',
  '{id}?__proto__[x]=1',
  '{id}?limit=NaN&limit=2',
  '{id}?cursor=%00',
  '{id}?cursor=e30',
  '{id}?%zz=%',
  `{id}?${'a=b&'.repeat(1_000)}`,
  '{id}?label.__proto__=x',
]; // prettier-ignore
const strangeHeaders: readonly (readonly [string, string])[] = [
  ['content-type', ''],
  ['content-type', 'text/plain'],
  ['content-type', 'application/json; charset=utf-7'],
  ['content-type', `application/json;${'a'.repeat(5_000)}`],
  ['content-encoding', 'gzip'],
  ['if-match', '"1"'],
  ['if-match', 'W/"0", *, "x"'],
  ['if-match', `"${'9'.repeat(400)}"`],
  ['if-match', '"'.repeat(3_000)],
  ['idempotency-key', ''],
  ['idempotency-key', 'k'],
  ['idempotency-key', 'k'.repeat(256)],
  ['idempotency-key', '\u00ff\u00fe'],
  ['authorization', 'Bearer wrong'],
  ['authorization', `Bearer ${' '.repeat(8_000)}x`],
  ['authorization', 'Bearer __proto__'],
  ['x-http-method-override', 'DELETE'],
  ['x-original-url', '/stats'],
  ['x-forwarded-host', 'evil.example'],
  ['last-event-id', '-1'],
  ['last-event-id', '9'.repeat(30)],
  ['accept', 'text/html'],
  ['accept-encoding', 'gzip, br'],
  ['range', 'bytes=0-1'],
  ['__proto__', 'x'],
  ['constructor', 'x'],
  ['expect', '100-continue'],
];
const strangeBodies: readonly (Buffer | null)[] = [
  null,
  Buffer.alloc(0),
  Buffer.from('{'),
  Buffer.from('{}'),
  Buffer.from('[]'),
  Buffer.from('null'),
  Buffer.from('"__proto__"'),
  Buffer.from('\ufeff{}'),
  Buffer.from('{}', 'utf16le'),
  Buffer.from([0xff, 0x00, 0xfe]),
  Buffer.from([0x7b, 0x22, 0xc0, 0x80, 0x22, 0x3a, 0x31, 0x7d]),
  Buffer.from("{'a':1}"),
  Buffer.from('{"a":1,}'),
  Buffer.from('{"a":NaN}'),
  Buffer.from('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}'),
  Buffer.from('['.repeat(100_000)),
  Buffer.from(`${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`),
  Buffer.from(`{"request":${'[{"a":'.repeat(50_000)}1${'}]'.repeat(50_000)}}`),
  Buffer.from(`{"${'k'.repeat(1_000_000)}":1}`),
  Buffer.from(`[${'1,'.repeat(200_000)}1]`),
  Buffer.from(`{"priority":${'9'.repeat(100_000)}}`),
];

/** A request whose address, method, headers or body are odd, any of them. */
function strange(operation: Operation): fc.Arbitrary<Sketch> {
  const { method, path } = operation;
  const anyBody = fc.oneof(
    fc.constantFrom(...strangeBodies),
    fc.constantFrom(...hostileValues).map((value) => Buffer.from(jsonText(value))),
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc.json({ maxDepth: 3 }).map((text) => Buffer.from(text)),
  );
  const methods = fc.oneof(
    { weight: 6, arbitrary: fc.constant(method) },
    { weight: 1, arbitrary: fc.constantFrom('HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PATCH', 'TRACE') },
  );
  const target = fc.oneof(
    fc.constant(path),
    fc.constantFrom(...strangeTargets).map((odd) => (path.includes('{id}') ? path.replace('{id}', odd) : path + odd)),
    fc.webQueryParameters().map((query) => `${path}?${query}`),
  );
  const headers = fc.tuple(
    fc.constantFrom<readonly (readonly [string, string])[]>([authorized], [authorized, json], []),
    fc.subarray([...strangeHeaders], { maxLength: 3 }),
  );
  return fc.tuple(methods, target, headers, anyBody, fc.boolean()).map(([asked, at, [usual, odd], body, chunked]) => ({
    kind: 'garbage',
    method: asked,
    target: at,
    // One of a name only: HTTP has rules of its own for repeated ones, which are tested on raw connections.
    headers: [...new Map([...usual, ...odd])],
    body,
    chunked: chunked && body !== null,
  }));
}

export function requestsTo(operation: Operation, kind: Kind): fc.Arbitrary<Sketch> {
  if (kind === 'valid') return valid(operation);
  return kind === 'nearly valid' ? oneMistake(operation) : strange(operation);
}
