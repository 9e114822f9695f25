import { randomUUID } from 'node:crypto';
import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { beforeEach, describe, expect, test } from 'vitest';
import { DynamoReadModels } from '../../../src/adapters/aws/dynamodb-read-models.ts';
import { DynamoReadModelRows } from '../../../src/adapters/aws/read-model-rows.ts';
import { createSweepMarks } from '../../../src/adapters/aws/sweep-marks.ts';
import { epoch } from '../../domain/task-histories.ts';
import { createViewsTable, type Engine, isDynoxideInstalled, startDynoxide } from '../../support/dynoxide.ts';
import { type Fault, startFaultyService } from '../../support/faulty-service.ts';
import { localAccess } from '../../support/local-access.ts';
import { created, viewOf } from '../../support/stored-events.ts';

const ports = { sleep: async () => undefined, random: () => 0.5 };

describe.skipIf(!isDynoxideInstalled())('the marks of the sweep', () => {
  let engine: Engine;
  let viewsTable: string;
  beforeEach(async () => {
    engine = await startDynoxide();
    viewsTable = await createViewsTable(engine);
  });
  const marksOf = (client: DynamoDBClient) => createSweepMarks({ client, viewsTable, ...ports });

  test('are not there before the first sweep', async () => {
    expect(await marksOf(engine.client).read()).toBeNull();
  });

  test('are read as they were last written, by any process', async () => {
    await marksOf(engine.client).write({ loadedUntil: epoch, loadedPast: null, healedAt: 1 });
    await marksOf(engine.client).write({ loadedUntil: epoch + 1, loadedPast: 'task#b', healedAt: epoch - 1 });

    expect(await marksOf(engine.client).read()).toEqual({ loadedUntil: epoch + 1, loadedPast: 'task#b', healedAt: epoch - 1 });
  });

  test('are written and read through throttling and lost replies', async () => {
    const faults: Fault[] = ['throttled', 'reply lost', 'none', 'unavailable', 'not sent', 'none'];
    const service = await startFaultyService(engine.endpoint, () => faults.shift() ?? 'none');
    try {
      const marks = marksOf(new DynamoDBClient({ ...localAccess, endpoint: service.endpoint }));
      await marks.write({ loadedUntil: epoch, loadedPast: null, healedAt: epoch });

      expect(await marks.read()).toEqual({ loadedUntil: epoch, loadedPast: null, healedAt: epoch });
      expect(service.asked).toHaveLength(6);
    } finally {
      await service.close();
    }
  });

  test('are read consistently, as the sweep before wrote them a moment ago', async () => {
    const service = await startFaultyService(engine.endpoint, () => 'none');
    try {
      await marksOf(new DynamoDBClient({ ...localAccess, endpoint: service.endpoint })).read();
      expect(service.asked.map(({ input }) => input['ConsistentRead'])).toEqual([true]);
    } finally {
      await service.close();
    }
  });

  test('show in no list, due row, statistics or comparison of the read models', async () => {
    const models = new DynamoReadModels({
      client: engine.client,
      viewsTable,
      shards: 2,
      counters: 1,
      token: randomUUID,
      now: () => epoch,
      ...ports,
    });
    const rows = async () => {
      const stored = new DynamoReadModelRows({ client: engine.client, viewsTable, fromMinute: 0, ...ports });
      const found: unknown[] = [];
      for (const table of stored.tables) for await (const row of stored.scan(table)) found.push(row);
      return found;
    };
    const seen = async () => [
      await models.list({ kind: 'task', status: null, labels: [], from: null, to: null, limit: 10, after: null }),
      await models.due({ until: Number.MAX_SAFE_INTEGER, limit: 10 }),
      await models.statistics(epoch),
      await rows(),
    ];
    await models.write([{ before: null, after: viewOf(created('task#one')), tallies: [] }]);
    const before = await seen();

    await marksOf(engine.client).write({ loadedUntil: epoch, loadedPast: null, healedAt: epoch });

    expect(await seen()).toEqual(before);
    const { Item } = await engine.client.send(new GetItemCommand({ TableName: viewsTable, Key: { pk: { S: 'sweep#marks' } } }));
    expect(Object.keys(Item ?? {}).sort()).toEqual(['healedAt', 'loadedUntil', 'pk']);
  });
});
