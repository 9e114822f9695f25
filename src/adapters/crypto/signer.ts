import { createHmac, createSecretKey } from 'node:crypto';
import type { Signer } from '../../application/ports.ts';
import { decodeSigningSecret } from './secrets.ts';

/**
 * Signs as Standard Webhooks v1 says: `v1,` and the base64 HMAC-SHA256 of `id.timestamp.body` under the decoded secret, one signature
 * for each of `secrets` (`whsec_` + base64, newest first), separated by spaces. The body is signed byte for byte; none is empty.
 * Throws if a secret is not of that form, or if there is none.
 * Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export function createSigner(secrets: readonly string[]): Signer {
  if (secrets.length === 0) throw new RangeError('at least one signing secret is needed');
  const keys = secrets.map((secret) => createSecretKey(decodeSigningSecret(secret)));
  return {
    sign: (id, timestampS, body) => {
      const head = `${id}.${timestampS}.`;
      const signatures = keys.map((key) => {
        const hmac = createHmac('sha256', key).update(head, 'utf8');
        if (body !== null) hmac.update(body);
        return `v1,${hmac.digest('base64')}`;
      });
      return signatures.join(' ');
    },
  };
}
