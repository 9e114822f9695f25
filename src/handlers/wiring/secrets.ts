import { secretsClient } from '../../adapters/aws/clients.ts';
import { readSecret } from '../../adapters/aws/secrets.ts';
import { parseKeys, parseSigningSecrets } from '../../adapters/crypto/secrets.ts';
import type { Values } from '../environment.ts';

/** The signing secrets, newest first, in the forms that the server takes, or the one that the stack made. */
export async function wireSigningSecrets(
  values: Values<'ERRAND_SIGNING_SECRET_ARN'>,
  client = secretsClient(),
): Promise<readonly string[]> {
  return parseSigningSecrets('ERRAND_SIGNING_SECRET_ARN', await readSecret(client, values.ERRAND_SIGNING_SECRET_ARN));
}

/** Keys, newest first, in the forms that the server takes, or the one that the stack made. */
export async function wireKeys<Name extends 'ERRAND_SEALING_KEYS_ARN' | 'ERRAND_TOKEN_KEYS_ARN'>(
  values: Values<Name>,
  name: Name,
  client = secretsClient(),
): Promise<readonly Uint8Array[]> {
  return parseKeys(name, await readSecret(client, values[name]));
}
