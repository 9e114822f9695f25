import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeSigningSecret, newKey, newSigningSecret, parseKeys, parseSigningSecrets, signingSecretAdvisedBytes } from '../adapters/crypto/secrets.ts';
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

function kept(dataDir: string, name: string, make: () => string): string {
  if (dataDir === ':memory:') return make();
  const file = join(dataDir, name);
  if (existsSync(file)) return readFileSync(file, 'utf8').trim();
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const secret = make();
  writeFileSync(file, `${secret}\n`, { mode: 0o600, flag: 'wx' });
  return secret;
}

/** Whether a signing secret is shorter than receivers may rely on. */
export function hasShortSigningSecret(secrets: Secrets): boolean {
  return secrets.signing.some((secret) => decodeSigningSecret(secret).length < signingSecretAdvisedBytes);
}
