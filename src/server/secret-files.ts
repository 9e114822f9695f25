import { closeSync, existsSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  decodeSigningSecret,
  newKey,
  newSigningSecret,
  parseKeys,
  parseSigningSecrets,
  signingSecretAdvisedBytes,
} from '../adapters/crypto/secrets.ts';
import type { Settings } from './settings.ts';
import { logFile, openLogDatabase } from './storage.ts';

export type Secrets = {
  readonly signing: readonly string[];
  readonly sealing: readonly Uint8Array[];
  readonly token: readonly Uint8Array[];
};

/** A key that the events in the log need is neither in the data directory nor in the environment. */
export class MissingKeyFile extends Error {
  override readonly name = 'MissingKeyFile';
}

type KeyFile = { readonly name: string; readonly variable: string; readonly make: () => string; readonly command: string };

const signingSecret: KeyFile = {
  name: 'signing-secret',
  variable: 'ERRAND_SIGNING_SECRET',
  make: newSigningSecret,
  command: 'echo "whsec_$(openssl rand -base64 32)"',
};
const sealingKeys: KeyFile = { name: 'sealing-keys', variable: 'ERRAND_SEALING_KEYS', make: newKey, command: 'openssl rand -base64 32' };
const tokenKeys: KeyFile = { name: 'token-keys', variable: 'ERRAND_TOKEN_KEYS', make: newKey, command: 'openssl rand -base64 32' };

type SecretSettings = Pick<Settings, 'dataDir' | 'signingSecret' | 'sealingKeys' | 'tokenKeys'>;

/**
 * Throws `MissingKeyFile` if the log holds events and a key is not there: a new one would open no sealed header and honour no token of
 * theirs, and whoever restored the log without its keys would learn it too late. To be called before the log is opened for good.
 */
export function requireKeys(settings: SecretSettings): void {
  const { dataDir } = settings;
  if (settings.signingSecret === undefined) requireKey(dataDir, signingSecret);
  if (settings.sealingKeys === undefined) requireKey(dataDir, sealingKeys);
  if (settings.tokenKeys === undefined) requireKey(dataDir, tokenKeys);
}

function requireKey(dataDir: string, { name, variable, command }: KeyFile): void {
  const file = join(dataDir, name);
  if (dataDir === ':memory:' || existsSync(file) || !holdsEvents(dataDir)) return;
  throw new MissingKeyFile(
    `${file} is missing, and ${join(dataDir, logFile)} holds events that were written with it. Put it back from where it was kept, ` +
      `or set ${variable}. Without it, what was sealed or signed with it is lost; to go on all the same with a new one, make it by hand ` +
      `(\`(umask 077; ${command} > '${file}')\`), or choose another ERRAND_DATA_DIR`,
  );
}

/** Throws `DataDirInUse` if a server is running on it. */
function holdsEvents(dataDir: string): boolean {
  if (!existsSync(join(dataDir, logFile))) return false;
  const database = openLogDatabase(dataDir);
  try {
    return database.prepare('SELECT 1 FROM events LIMIT 1').get() !== undefined;
  } finally {
    database.close();
  }
}

/** The secrets from the environment, or from the data directory, where they are made at the first start, readable by the owner only. */
export function loadSecrets(settings: SecretSettings): Secrets {
  const { dataDir } = settings;
  return {
    signing: parseSigningSecrets(signingSecret.variable, settings.signingSecret ?? kept(dataDir, signingSecret)),
    sealing: parseKeys(sealingKeys.variable, settings.sealingKeys ?? kept(dataDir, sealingKeys)),
    token: parseKeys(tokenKeys.variable, settings.tokenKeys ?? kept(dataDir, tokenKeys)),
  };
}

/** The secrets that there are, in the environment or the data directory; none of a kind where there is none. Makes nothing. */
export function presentSecrets(settings: SecretSettings): Secrets {
  const { dataDir } = settings;
  const [signing, sealing, token] = [
    settings.signingSecret ?? present(dataDir, signingSecret),
    settings.sealingKeys ?? present(dataDir, sealingKeys),
    settings.tokenKeys ?? present(dataDir, tokenKeys),
  ];
  return {
    signing: signing === undefined ? [] : parseSigningSecrets(signingSecret.variable, signing),
    sealing: sealing === undefined ? [] : parseKeys(sealingKeys.variable, sealing),
    token: token === undefined ? [] : parseKeys(tokenKeys.variable, token),
  };
}

function present(dataDir: string, { name }: KeyFile): string | undefined {
  const file = join(dataDir, name);
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
}

/** The signing secret that lies in the data directory, the newest if there are several; made if there is none and no event either. */
export function keptSigningSecret(dataDir: string): string {
  requireKey(dataDir, signingSecret);
  const [newest = ''] = parseSigningSecrets(join(dataDir, signingSecret.name), kept(dataDir, signingSecret));
  return newest;
}

function kept(dataDir: string, { name, make }: KeyFile): string {
  if (dataDir === ':memory:') return make();
  const file = join(dataDir, name);
  if (!existsSync(file)) {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    keep(dataDir, file, `${make()}\n`);
  }
  return readFileSync(file, 'utf8').trim();
}

/**
 * Writes a secret so that it is there whole or not at all, and is there after a power cut: what is sealed with it is on disk
 * too. Two processes that start at once end up with the same one.
 */
function keep(dataDir: string, file: string, content: string): void {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, content, { mode: 0o600, flush: true });
  try {
    linkSync(draft, file);
  } catch (error) {
    if (!existsSync(file)) throw error;
  } finally {
    unlinkSync(draft);
  }
  const directory = openSync(dataDir, 'r');
  fsyncSync(directory);
  closeSync(directory);
}

/** Whether a signing secret is shorter than receivers may rely on. */
export function hasShortSigningSecret(secrets: Secrets): boolean {
  return secrets.signing.some((secret) => decodeSigningSecret(secret).length < signingSecretAdvisedBytes);
}
