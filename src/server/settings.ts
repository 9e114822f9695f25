import { isIP } from 'node:net';
import * as z from 'zod';

/** A setting that the server cannot start with. The message names it. */
export class InvalidSetting extends Error {
  override readonly name = 'InvalidSetting';
}

export type Settings = {
  readonly port: number;
  readonly host: string;
  readonly dataDir: string;
  readonly apiKeys: readonly string[];
  readonly egress: 'any' | 'public';
  readonly signingSecret: string | undefined;
  readonly sealingKeys: string | undefined;
  readonly tokenKeys: string | undefined;
  /** Without a slash at its end; undefined means the address that is listened on. */
  readonly publicUrl: string | undefined;
  readonly concurrency: number;
  /** The folder whose files become tasks; undefined if there is none. */
  readonly ingestDir: string | undefined;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
};

function wholeNumber(min: number, max: number) {
  const message = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,9}$/, message)
    .transform(Number)
    .refine((value) => value >= min && value <= max, message);
}

const defaultDataDir = '.errand';

const schema = z.object({
  PORT: wholeNumber(0, 65_535).default(4747),
  // An IPv6 address may stand in brackets, as in a URL.
  HOST: z
    .string()
    .transform((host) => host.replace(/^\[(.*)\]$/, '$1'))
    .default('127.0.0.1'),
  ERRAND_DATA_DIR: z.string().default(defaultDataDir),
  ERRAND_API_KEYS: z.string().default(''),
  ERRAND_EGRESS: z.enum(['any', 'public'], 'must be "any" or "public"').optional(),
  ERRAND_SIGNING_SECRET: z.string().optional(),
  ERRAND_SEALING_KEYS: z.string().optional(),
  ERRAND_TOKEN_KEYS: z.string().optional(),
  ERRAND_PUBLIC_URL: z
    .string()
    .refine((text) => ['http:', 'https:'].includes(URL.parse(text)?.protocol ?? ''), 'must be an http or https URL')
    .refine((text) => {
      const url = URL.parse(text);
      return url === null || (url.username + url.password + url.search + url.hash === '' && !/[?#]/.test(text));
    }, 'must not have credentials, a query or a fragment: paths are added to its end')
    .optional(),
  ERRAND_CONCURRENCY: wholeNumber(1, 100_000).default(1_024),
  ERRAND_INGEST_DIR: z.string().optional(),
  ERRAND_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent'], 'must be debug, info, warn, error or silent').default('info'),
});

/** The data directory alone, for commands to which nothing else matters. They need one that is kept. */
export function readDataDir(environment: Readonly<Record<string, string | undefined>>): string {
  const dataDir = environment['ERRAND_DATA_DIR'] || defaultDataDir;
  if (dataDir === ':memory:') throw new InvalidSetting('ERRAND_DATA_DIR is ":memory:", which keeps nothing');
  return dataDir;
}

/** Reads the environment once. An empty variable counts as absent. Throws `InvalidSetting` naming the variable. */
export function readSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''));
  const parsed = schema.safeParse(given);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`);
    throw new InvalidSetting(problems.join('; '));
  }
  const values = parsed.data;
  const apiKeys = values.ERRAND_API_KEYS.split(',')
    .map((key) => key.trim())
    .filter((key) => key !== '');
  if (apiKeys.length === 0 && !isLoopback(values.HOST)) {
    throw new InvalidSetting(
      `HOST is ${values.HOST}, which others can reach, and ERRAND_API_KEYS is not set: set keys, or listen on 127.0.0.1 only`,
    );
  }
  // Whoever set it meant to close the API.
  if (apiKeys.length === 0 && values.ERRAND_API_KEYS !== '') throw new InvalidSetting('ERRAND_API_KEYS holds no key, only separators');
  return {
    port: values.PORT,
    host: values.HOST,
    dataDir: values.ERRAND_DATA_DIR,
    apiKeys,
    egress: values.ERRAND_EGRESS ?? (isLoopback(values.HOST) ? 'any' : 'public'),
    signingSecret: values.ERRAND_SIGNING_SECRET,
    sealingKeys: values.ERRAND_SEALING_KEYS,
    tokenKeys: values.ERRAND_TOKEN_KEYS,
    publicUrl: values.ERRAND_PUBLIC_URL?.replace(/\/+$/, ''),
    concurrency: values.ERRAND_CONCURRENCY,
    ingestDir: values.ERRAND_INGEST_DIR,
    logLevel: values.ERRAND_LOG_LEVEL,
  };
}

/** Whether a host name or address, as in a URL or a Host header without its port, is this machine alone. */
export function isLoopback(host: string): boolean {
  const name = host
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '');
  if (name === 'localhost' || name === '::1') return true;
  return isIP(name) === 4 && name.startsWith('127.');
}
