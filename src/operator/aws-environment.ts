import { dynamoClient } from '../adapters/aws/clients.ts';
import type { DynamoEventLog } from '../adapters/aws/dynamodb-event-log.ts';
import { systemRandom } from '../adapters/crypto/random.ts';
import { parseKeys, parseSigningSecrets } from '../adapters/crypto/secrets.ts';
import { systemClock } from '../adapters/system-clock.ts';
import { type Environment, logVariables, readEnvironment, type Values, viewVariables } from '../handlers/environment.ts';
import { wireLog } from '../handlers/wiring/dynamodb.ts';
import { wireKeys, wireSigningSecrets } from '../handlers/wiring/secrets.ts';
import { type KeyIds, keyIdsOf } from './log-keys.ts';

/** What the adapters wait with between their tries. */
export const retryPorts = { sleep: (ms: number) => systemClock.sleep(ms), random: () => systemRandom.next() };

/** The three tables of the AWS host, and what they are reached by. */
export type Tables = {
  readonly client: ReturnType<typeof dynamoClient>;
  readonly values: Values<(typeof logVariables)[number] | (typeof viewVariables)[number]>;
  readonly log: DynamoEventLog;
};

/** Shards and counters must be those of the functions: due rows in other shards would be read by nobody. */
export function openTables(environment: Environment): Tables {
  const values = readEnvironment(environment, [...logVariables, ...viewVariables]);
  const client = dynamoClient();
  return { client, values, log: wireLog(values, systemClock, client) };
}

/** Keys stand in the variables that the server reads, or in Secrets Manager, named as the functions are told; else they are unknown. */
export async function keyIdsIn(environment: Environment): Promise<KeyIds> {
  const sealing = await keysIn(environment, 'ERRAND_SEALING_KEYS', 'ERRAND_SEALING_KEYS_ARN');
  const token = await keysIn(environment, 'ERRAND_TOKEN_KEYS', 'ERRAND_TOKEN_KEYS_ARN');
  return keyIdsOf({ sealing, token, signing: await signingSecretsIn(environment) });
}

async function keysIn<Name extends 'ERRAND_SEALING_KEYS_ARN' | 'ERRAND_TOKEN_KEYS_ARN'>(
  environment: Environment,
  variable: string,
  arnVariable: Name,
): Promise<readonly Uint8Array[]> {
  const [given, arn] = [environment[variable], environment[arnVariable]];
  if (given) return parseKeys(variable, given);
  return arn ? wireKeys({ [arnVariable]: arn } as Values<Name>, arnVariable) : [];
}

async function signingSecretsIn(environment: Environment): Promise<readonly string[]> {
  const { ERRAND_SIGNING_SECRET: given, ERRAND_SIGNING_SECRET_ARN: arn } = environment;
  if (given) return parseSigningSecrets('ERRAND_SIGNING_SECRET', given);
  return arn ? wireSigningSecrets({ ERRAND_SIGNING_SECRET_ARN: arn }) : [];
}
