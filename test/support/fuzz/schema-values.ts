/** Values made from the JSON Schemas that the zod schemas of requests are told with: those that fit, and those that nearly do. */
import fc from 'fast-check';
import { deep, Written, withMember } from './json.ts';

export type Schema = {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly format?: string;
  readonly contentEncoding?: string;
  readonly examples?: readonly unknown[];
};

/** What a schema cannot say of a field, by its name: where only few values fit, and what a test may wait for. */
export type Hints = Readonly<Record<string, fc.Arbitrary<unknown>>>;

/** Of these fields an object has one at most; of those that are marked exactly one, if it has any field of its own choice. */
const alternatives: readonly { readonly of: readonly string[]; readonly needed: boolean }[] = [
  { of: ['request', 'runner', 'event'], needed: true },
  { of: ['cron', 'every', 'recurrence'], needed: true },
  { of: ['runAt', 'delay'], needed: false },
  { of: ['body', 'bodyBase64'], needed: false },
];
const besideDelays = ['maxAttempts', 'backoff', 'initialDelay', 'factor', 'maxDelay'];

const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,9}$/);

/** Values that fit a schema; `partial` objects have any of their fields, as a change has. */
export function fitting(schema: Schema, hints: Hints, partial = false): fc.Arbitrary<unknown> {
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.anyOf !== undefined)
    return fc.oneof(...schema.anyOf.map((each) => fitting({ examples: schema.examples ?? [], ...each }, hints)));
  switch (schema.type) {
    case 'object':
      return objectOf(schema, hints, partial);
    case 'array': {
      const bounds = { minLength: schema.minItems ?? 0, maxLength: Math.min(schema.maxItems ?? 3, Math.max(3, schema.minItems ?? 0)) };
      const items = fitting(schema.items ?? {}, hints);
      return schema.uniqueItems === true ? fc.uniqueArray(items, bounds) : fc.array(items, bounds);
    }
    case 'string':
      return textOf(schema);
    case 'integer':
    case 'number': {
      const { minimum = -1_000, maximum = 1_000 } = schema;
      return fc.oneof(fc.constantFrom(minimum, maximum), fc.integer({ min: Math.ceil(minimum), max: Math.floor(maximum) }));
    }
    case 'null':
      return fc.constant(null);
    case undefined:
      return fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.parse(JSON.stringify(value).replaceAll('\\ud', 'ud')));
    default:
      throw new Error(`nothing is known of the type ${schema.type}`);
  }
}

function textOf({ format, contentEncoding, examples = [], minLength = 0, maxLength = 20 }: Schema): fc.Arbitrary<unknown> {
  if (contentEncoding === 'base64') return fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes).toString('base64'));
  if (format === 'uri')
    return fc.constantFrom('https://example.com/hook', 'http://shop.example:8080/a%20b?c=d&c=e#f', 'HTTPS://[2606:4700::1]/');
  const texts = examples.filter((example) => typeof example === 'string');
  if (texts.length > 0) return fc.constantFrom(...texts);
  return word.map((text) => text.slice(0, maxLength).padEnd(minLength, 'x'));
}

function objectOf(schema: Schema, hints: Hints, partial: boolean): fc.Arbitrary<unknown> {
  const { properties = {}, required = [], additionalProperties } = schema;
  if (Object.keys(properties).length === 0) {
    const member = typeof additionalProperties === 'object' ? additionalProperties : {};
    return additionalProperties === false ? fc.constant({}) : fc.dictionary(word, fitting(member, hints), { maxKeys: 3 });
  }
  const values = Object.entries(properties).map(([name, property]) => {
    const value = hints[name] ?? fitting(property, hints);
    return fc.tuple(fc.constant(name), fc.boolean(), value);
  });
  return fc.tuple(fc.tuple(...values), fc.nat()).map(([fields, choice]) => {
    const chosen = fields.filter(([name, isGiven]) => isGiven || required.includes(name)).map(([name]) => name);
    const left = new Set<string>(chosen);
    for (const { of, needed } of alternatives) {
      const known = of.filter((name) => Object.hasOwn(properties, name) && !required.includes(name));
      for (const name of known) left.delete(name);
      if (known.length > 1 && (needed ? !partial || choice % 2 === 0 : choice % 3 === 0)) left.add(known[choice % known.length] ?? '');
    }
    if (left.has('delays')) for (const name of besideDelays) left.delete(name);
    // Only a request can be answered later.
    if (!left.has('request')) left.delete('strategy');
    // The first step has none before it.
    left.delete('bodyFrom');
    if (partial && left.size === 0) left.add('labels');
    return Object.fromEntries(fields.flatMap(([name, , value]) => (left.has(name) ? [[name, value]] : [])));
  });
}

/** What is wrong wherever it stands, or nearly everywhere: types, edges of numbers, texts that are none, keys of prototypes, nesting. */
export const hostileValues: readonly unknown[] = [
  null,
  true,
  [],
  {},
  '',
  -1,
  0.5,
  1e308,
  5e-324,
  2 ** 53,
  new Written('-0'),
  new Written('1e400'),
  new Written('9007199254740993'),
  new Written(`1${'0'.repeat(400)}`),
  new Written('{"a":1,"a":2}'),
  'NaN',
  'Infinity',
  '-Infinity',
  '0x10',
  '1e3',
  ' 1',
  '٣',
  '\u0000',
  'a\r\nb: c',
  '\ud800',
  '\udfff\ud800',
  '\u202e\ufeff\u2028',
  '__proto__',
  'constructor',
  "'; DROP TABLE events; --",
  '$\u007bjndi:ldap://example.com}',
  '../../../../etc/passwd',
  '<script>alert(1)</script>',
  'x'.repeat(100_000),
  '\u{1F600}'.repeat(2_000),
  JSON.parse('{"__proto__":{"polluted":true}}'),
  JSON.parse('{"constructor":{"prototype":{"polluted":true}}}'),
  JSON.parse('{"toString":1,"valueOf":1,"toJSON":1,"then":1,"length":1000000000,"hasOwnProperty":1}'),
  new Array(2_000).fill(null),
  Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`k${index}`, 'v'])),
  deep(90),
  deep(150),
];
const hostileKeys = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'unknown',
  '',
  'a b',
  '\u0000',
  'k'.repeat(5_000),
];

/** Values just beyond the edges of a schema. */
function beyond(schema: Schema): unknown[] {
  const { minimum, maximum, minLength, maxLength, minItems, maxItems, anyOf = [] } = schema;
  return [
    ...(minimum === undefined ? [] : [minimum - 1, minimum - 0.5]),
    ...(maximum === undefined ? [] : [maximum + 1, maximum + 0.5]),
    ...(minLength === undefined || minLength === 0 ? [] : ['x'.repeat(minLength - 1)]),
    ...(maxLength === undefined ? [] : ['x'.repeat(maxLength), 'x'.repeat(maxLength + 1)]),
    ...(minItems === undefined || minItems === 0 ? [] : [new Array(minItems - 1).fill('x')]),
    ...(maxItems === undefined ? [] : [new Array(maxItems + 1).fill('x')]),
    ...anyOf.flatMap(beyond),
  ];
}

type Place = { readonly path: readonly (string | number)[]; readonly schema: Schema };

/** Every place in a value, with the schema that rules there. */
function placesIn(value: unknown, schema: Schema, path: readonly (string | number)[] = []): Place[] {
  const here: Place = { path, schema };
  if (typeof value !== 'object' || value === null || value instanceof Written) return [here];
  const below = Array.isArray(value)
    ? value.flatMap((item, index) => placesIn(item, schema.items ?? {}, [...path, index]))
    : Object.entries(value).flatMap(([key, member]) => placesIn(member, memberOf(schema, key), [...path, key]));
  return [here, ...below];
}

function memberOf({ properties = {}, additionalProperties, anyOf = [] }: Schema, key: string): Schema {
  const own = Object.hasOwn(properties, key) ? properties[key] : undefined;
  if (own !== undefined) return own;
  if (typeof additionalProperties === 'object') return additionalProperties;
  return anyOf.map((each) => memberOf(each, key)).find((each) => Object.keys(each).length > 0) ?? {};
}

export type Mutated = { readonly value: unknown; readonly at: readonly (string | number)[] };

/** A value that fits but for one thing: a member replaced, taken out, or one too many. */
export function nearlyFitting(schema: Schema, hints: Hints, partial = false): fc.Arbitrary<Mutated> {
  return fc.tuple(fitting(schema, hints, partial), fc.nat(), fc.nat(), fc.nat({ max: 9 })).map(([value, where, what, how]) => {
    const places = placesIn(value, schema);
    const { path, schema: rules } = places[where % places.length] ?? { path: [], schema };
    const objects = places.filter(({ path: at }) => isObject(memberAt(value, at)));
    if (how === 0 && path.length > 0) return { value: withMember(value, path, undefined), at: path };
    if (how <= 2 && objects.length > 0) {
      const at = [...(objects[where % objects.length]?.path ?? []), hostileKeys[what % hostileKeys.length] ?? ''];
      return { value: withMember(value, at, what % 3 === 0 ? { polluted: true } : 'x'), at };
    }
    const wrong = [...beyond(rules), ...hostileValues];
    return { value: withMember(value, path, wrong[what % wrong.length]), at: path };
  });
}

function memberAt(value: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((at, key) => (at as Record<string | number, unknown>)[key], value);
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Written);
}
