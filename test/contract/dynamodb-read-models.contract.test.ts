import { randomUUID } from 'node:crypto';
import { describe } from 'vitest';
import { DynamoReadModels } from '../../src/adapters/aws/dynamodb-read-models.ts';
import { epoch } from '../domain/task-histories.ts';
import { createViewsTable, isDynoxideInstalled, startDynoxide } from '../support/dynoxide.ts';
import { readModelsContract } from './read-models.contract.ts';

describe.skipIf(!isDynoxideInstalled())('with the embedded engine', () => {
  readModelsContract('on DynamoDB', async () => {
    const engine = await startDynoxide();
    const models = new DynamoReadModels({
      client: engine.client,
      viewsTable: await createViewsTable(engine),
      shards: 3,
      counters: 2,
      token: randomUUID,
      now: () => epoch,
      sleep: async () => undefined,
      random: () => 0.5,
    });
    return { models, settled: async () => undefined, close: () => undefined };
  });
});
