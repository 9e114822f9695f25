import { dynamoClient } from '../../adapters/aws/clients.ts';
import { DynamoEventLog } from '../../adapters/aws/dynamodb-event-log.ts';
import { DynamoReadModels } from '../../adapters/aws/dynamodb-read-models.ts';
import { systemRandom } from '../../adapters/crypto/random.ts';
import { createRandomIds } from '../../adapters/crypto/random-ids.ts';
import { nextTurn } from '../../adapters/next-turn.ts';
import { parseStoredEvent } from '../../application/event-schemas.ts';
import type { Clock } from '../../application/ports.ts';
import type { logVariables, Values, viewVariables } from '../environment.ts';

/** The event log of the environment's tables. */
export function wireLog(values: Values<(typeof logVariables)[number]>, clock: Clock, client = dynamoClient()): DynamoEventLog {
  return new DynamoEventLog({
    client,
    eventsTable: values.ERRAND_EVENTS_TABLE,
    bodiesTable: values.ERRAND_BODIES_TABLE,
    parse: parseStoredEvent,
    soon: nextTurn,
    sleep: (ms) => clock.sleep(ms),
    random: () => systemRandom.next(),
  });
}

/** The read models of the environment's table. */
export function wireViews(values: Values<(typeof viewVariables)[number]>, clock: Clock, client = dynamoClient()): DynamoReadModels {
  // A commit id is unique and shorter than the 36 characters of a request token.
  const ids = createRandomIds(clock);
  return new DynamoReadModels({
    client,
    viewsTable: values.ERRAND_VIEWS_TABLE,
    shards: values.ERRAND_SHARDS,
    counters: values.ERRAND_COUNTERS,
    token: () => ids.commitId(),
    now: () => clock.now(),
    sleep: (ms) => clock.sleep(ms),
    random: () => systemRandom.next(),
  });
}
