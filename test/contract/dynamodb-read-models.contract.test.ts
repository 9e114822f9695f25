import { createHash, randomUUID } from 'node:crypto';
import { type AttributeValue, DynamoDBClient, type QueryCommandInput, type QueryCommandOutput } from '@aws-sdk/client-dynamodb';
import { describe } from 'vitest';
import { DynamoReadModels } from '../../src/adapters/aws/dynamodb-read-models.ts';
import { epoch } from '../domain/task-histories.ts';
import { createViewsTable, type Engine, isDynoxideInstalled, startDynoxide } from '../support/dynoxide.ts';
import { localAccess } from '../support/local-access.ts';
import { readModelsContract } from './read-models.contract.ts';

type Item = Record<string, AttributeValue>;

/**
 * A client whose due index keeps no order within a time, as DynamoDB promises none; the engine happens to sort such rows by stream.
 * It reads a shard whole and pages it by itself.
 */
function shuffling(engine: Engine): DynamoDBClient {
  const client = new DynamoDBClient({ ...localAccess, endpoint: engine.endpoint });
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const input = args.input as QueryCommandInput;
      if (context['commandName'] !== 'QueryCommand' || input.IndexName !== 'due') return next(args);
      const { Limit = 1_000, ExclusiveStartKey, FilterExpression, ...rest } = input;
      const { ':target': target, ...values } = rest.ExpressionAttributeValues ?? {};
      const answer = await next({ ...args, input: { ...rest, ExpressionAttributeValues: values } });
      const output = answer.output as QueryCommandOutput;
      const rows = (output.Items ?? []).sort((left, right) => timeOf(left) - timeOf(right) || (placeOf(left) < placeOf(right) ? -1 : 1));
      const begin = rows.findIndex((row) => row['pk']?.S === ExclusiveStartKey?.['pk']?.S) + 1;
      const page = rows.slice(begin, begin + Limit);
      const Items = page.filter((row) => FilterExpression === undefined || row['target']?.S === target?.S);
      const { pk, dueShard, dueAt } = page.at(-1) ?? {};
      const LastEvaluatedKey = page.length < Limit ? undefined : { pk, dueShard, dueAt };
      return { ...answer, output: { ...output, Items, LastEvaluatedKey } };
    },
    { step: 'initialize', name: 'shuffle' },
  );
  return client;
}

const timeOf = (row: Item): number => Number(row['dueAt']?.N);
const placeOf = (row: Item): string =>
  createHash('sha256')
    .update(row['pk']?.S ?? '')
    .digest('hex');

describe.skipIf(!isDynoxideInstalled())('with the embedded engine', () => {
  const open = async (clientOf: (engine: Engine) => DynamoDBClient) => {
    const engine = await startDynoxide();
    const models = new DynamoReadModels({
      client: clientOf(engine),
      viewsTable: await createViewsTable(engine),
      shards: 3,
      counters: 2,
      token: randomUUID,
      now: () => epoch,
      sleep: async () => undefined,
      random: () => 0.5,
    });
    return { models, settled: async () => undefined, close: () => undefined };
  };

  readModelsContract('on DynamoDB', () => open((engine) => engine.client));
  readModelsContract('on DynamoDB, whose due index keeps no order within a time', () => open(shuffling), 3);
});
