import { secretsClient } from '../../adapters/aws/clients.ts';
import { systemRandom } from '../../adapters/crypto/random.ts';
import { createRandomIds } from '../../adapters/crypto/random-ids.ts';
import { createSealer } from '../../adapters/crypto/sealer.ts';
import { createSigner } from '../../adapters/crypto/signer.ts';
import { createHttpCaller } from '../../adapters/http/undici-caller.ts';
import type { Clock } from '../../application/ports.ts';
import { createTaskStore } from '../../application/task-store.ts';
import type { callVariables, logVariables, Values } from '../environment.ts';
import { withFreshConnections } from '../fresh-connections.ts';
import type { Telemetry } from '../telemetry.ts';
import { version } from '../version.ts';
import { wireLog } from './dynamodb.ts';
import { wireKeys, wireSigningSecrets } from './secrets.ts';

/**
 * Far more than the ten calls of an invocation: on this host the lanes are the bound on calls, and one that waited here for a
 * connection would lose its start window, and with it an attempt.
 */
const connectionsPerTarget = 1_024;
const idleConnections = 64;

/** What calls are made with, but for the end of the invocation they are made in. Reads two secrets. */
export async function wireCalls(
  values: Values<(typeof logVariables)[number] | (typeof callVariables)[number]>,
  clock: Clock,
  telemetry: Telemetry,
) {
  const client = secretsClient();
  const [signing, sealing] = await Promise.all([wireSigningSecrets(values, client), wireKeys(values, 'ERRAND_SEALING_KEYS_ARN', client)]);
  // Others write the same streams: only a host that alone writes the log may keep what it read.
  const storage = { log: wireLog(values, clock), ids: createRandomIds(clock), cacheEntries: 0 };
  return {
    storage,
    store: createTaskStore(storage),
    clock,
    random: systemRandom,
    caller: withFreshConnections(clock, () =>
      createHttpCaller({ egress: values.ERRAND_EGRESS, connectionsPerTarget, idleConnections, clock }),
    ),
    outgoing: { sealer: createSealer(sealing), signer: createSigner(signing), userAgent: `Errand/${version}` },
    logger: telemetry.logger,
    underWay: new Set<string>(),
  };
}
