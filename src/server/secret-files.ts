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

export type Secrets = {
  readonly signing: readonly string[];
  readonly sealing: readonly Uint8Array[];
  readonly token: readonly Uint8Array[];
};

export const signingSecretFile = 'signing-secret';

/** The secrets from the environment, or from the data directory, where they are made at the first start, readable by the owner only. */
export function loadSecrets(settings: Pick<Settings, 'dataDir' | 'signingSecret' | 'sealingKeys' | 'tokenKeys'>): Secrets {
  const { dataDir } = settings;
  return {
    signing: parseSigningSecrets('ERRAND_SIGNING_SECRET', settings.signingSecret ?? kept(dataDir, signingSecretFile, newSigningSecret)),
    sealing: parseKeys('ERRAND_SEALING_KEYS', settings.sealingKeys ?? kept(dataDir, 'sealing-keys', newKey)),
    token: parseKeys('ERRAND_TOKEN_KEYS', settings.tokenKeys ?? kept(dataDir, 'token-keys', newKey)),
  };
}

/** The signing secret that lies in the data directory, made if there is none; the newest if there are several. */
export function keptSigningSecret(dataDir: string): string {
  const [newest = ''] = parseSigningSecrets(join(dataDir, signingSecretFile), kept(dataDir, signingSecretFile, newSigningSecret));
  return newest;
}

function kept(dataDir: string, name: string, make: () => string): string {
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
