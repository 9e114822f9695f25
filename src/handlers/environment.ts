import * as z from 'zod';

/** The environment of a function, as Lambda or the local harness gives it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A variable that a function cannot run with. The message names it, and never its value. */
export class InvalidEnvironment extends Error {
  override readonly name = 'InvalidEnvironment';
}

const required = z.string('is not set').min(1, 'is empty');
const list = z.string('is not set').transform((text) =>
  text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== ''),
);

function wholeNumber(min: number, max: number) {
  const message = `must be a whole number from ${min} to ${max}`;
  return z
    .string('is not set')
    .regex(/^\d{1,9}$/, message)
    .transform(Number)
    .refine((value) => value >= min && value <= max, message);
}

function isBaseUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) return false;
  return url.username + url.password + url.search + url.hash === '' && !/[?#]/.test(text);
}

/** Every variable once, with how it is read. Each function is given those it uses. */
const readers = {
  ERRAND_EVENTS_TABLE: required,
  ERRAND_BODIES_TABLE: required,
  ERRAND_VIEWS_TABLE: required,
  ERRAND_WAKE_QUEUE_URL: required,
  ERRAND_WAKE_LONG_QUEUE_URL: required,
  ERRAND_REPAIR_QUEUE_URL: required,
  ERRAND_INGEST_DEAD_LETTERS_URL: required,
  ERRAND_BUS_NAME: required,
  ERRAND_SIGNING_SECRET_ARN: required,
  ERRAND_SEALING_KEYS_ARN: required,
  ERRAND_TOKEN_KEYS_ARN: required,
  ERRAND_AUTH: z.enum(['api-keys', 'jwt', 'open'], 'must be api-keys, jwt or open'),
  ERRAND_API_KEY_HASHES: list.refine(
    (hashes) => hashes.every((hash) => /^[0-9a-f]{64}$/i.test(hash)),
    'must hold SHA-256 digests of 64 hex digits, separated by commas',
  ),
  ERRAND_EGRESS: z.enum(['any', 'public'], 'must be any or public'),
  ERRAND_PUBLIC_URL: required
    .refine(isBaseUrl, 'must be an http or https URL without credentials, query or fragment')
    .transform((url) => url.replace(/\/+$/, '')),
  // As many partitions as the indexes were written with; a query asks all of them.
  ERRAND_SHARDS: wholeNumber(1, 100),
  ERRAND_COUNTERS: wholeNumber(1, 100),
  ERRAND_PUBLISHED_TYPES: list,
  ERRAND_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent'], 'must be debug, info, warn, error or silent'),
} as const;

type Name = keyof typeof readers;
/** What the named variables hold, read. */
export type Values<Names extends Name> = { readonly [Each in Names]: z.output<(typeof readers)[Each]> };

/** Reads the named variables. Throws `InvalidEnvironment`, naming every one that is missing or does not read. */
export function readEnvironment<const Names extends Name>(environment: Environment, names: readonly Names[]): Values<Names> {
  const values: Partial<Record<Name, unknown>> = {};
  const problems: string[] = [];
  for (const name of names) {
    const parsed = readers[name].safeParse(environment[name]);
    if (parsed.success) values[name] = parsed.data;
    else problems.push(`${name} ${parsed.error.issues[0]?.message ?? 'does not read'}`);
  }
  if (problems.length > 0) throw new InvalidEnvironment(problems.join('; '));
  return values as Values<Names>;
}

/** The names of tables, queues and secrets that go together. */
export const logVariables = ['ERRAND_EVENTS_TABLE', 'ERRAND_BODIES_TABLE'] as const;
export const viewVariables = ['ERRAND_VIEWS_TABLE', 'ERRAND_SHARDS', 'ERRAND_COUNTERS'] as const;
export const wakeVariables = ['ERRAND_WAKE_QUEUE_URL', 'ERRAND_WAKE_LONG_QUEUE_URL'] as const;
export const accessVariables = ['ERRAND_AUTH', 'ERRAND_API_KEY_HASHES'] as const;
/** What calls are made with, and how those who are called answer later. */
export const callVariables = ['ERRAND_SIGNING_SECRET_ARN', 'ERRAND_SEALING_KEYS_ARN', 'ERRAND_EGRESS'] as const;
export const answerVariables = ['ERRAND_TOKEN_KEYS_ARN', 'ERRAND_PUBLIC_URL'] as const;
