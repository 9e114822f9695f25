import { sha256Digest } from '../adapters/crypto/digest.ts';
import { createRandomIds } from '../adapters/crypto/random-ids.ts';
import { createSealer } from '../adapters/crypto/sealer.ts';
import { refusedLiteral } from '../adapters/http/public-address.ts';
import { systemClock } from '../adapters/system-clock.ts';
import { createTaskStore } from '../application/task-store.ts';
import { runners } from '../runners/registry.ts';
import { logVariables, readEnvironment } from './environment.ts';
import { ingestBatch } from './ingest-batch.ts';
import { type Create, lambdaHandler } from './lambda.ts';
import { createTelemetry } from './telemetry.ts';
import { wireLog } from './wiring/dynamodb.ts';
import { wireDeadLetters } from './wiring/queues.ts';
import { wireKeys } from './wiring/secrets.ts';

/** Makes tasks of events that ask for them, fed by a rule of the bus. */
export const create: Create = async (environment, { clock = systemClock } = {}) => {
  const values = readEnvironment(environment, [
    ...logVariables,
    'ERRAND_INGEST_DEAD_LETTERS_URL',
    'ERRAND_SEALING_KEYS_ARN',
    'ERRAND_EGRESS',
    'ERRAND_LOG_LEVEL',
  ]);
  const telemetry = createTelemetry('ingest', values.ERRAND_LOG_LEVEL);
  const ids = createRandomIds(clock);
  const ports = {
    // Others write the same streams: only a host that alone writes the log may keep what it read.
    store: createTaskStore({ log: wireLog(values, clock), ids, cacheEntries: 0 }),
    clock,
    ids,
    sealer: createSealer(await wireKeys(values, 'ERRAND_SEALING_KEYS_ARN')),
    digest: sha256Digest,
    input: { egress: values.ERRAND_EGRESS, refusedLiteral, runner: (name: string) => runners.get(name) ?? null },
    deadLetters: wireDeadLetters(values, clock),
    telemetry,
  };
  return (event, context) => telemetry.during(context, () => ingestBatch(ports, event));
};

export const handler = lambdaHandler(create);
