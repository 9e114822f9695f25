import { randomUUID } from 'node:crypto';
import { DeleteItemCommand, type DynamoDBClient, PutItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { describe, expect, test } from 'vitest';
import { DynamoReadModels } from '../../src/adapters/aws/dynamodb-read-models.ts';
import { decodeWake } from '../../src/adapters/aws/sqs-wake-queue.ts';
import { createSweepMarks } from '../../src/adapters/aws/sweep-marks.ts';
import type { StoredEvent } from '../../src/application/ports.ts';
import { sweepIndex } from '../../src/application/sweep-index.ts';
import { hour, minute } from '../domain/task-histories.ts';
import { isDynoxideInstalled, startDynoxide } from '../support/dynoxide.ts';
import { start, succeed } from '../support/histories.ts';
import { MemoryWakeQueue } from '../support/memory-wake-queue.ts';
import { startQueues } from '../support/queues.ts';
import { created, storedEvents } from '../support/stored-events.ts';
import { at, type Place, placeWith } from './places.ts';

const silent = (): void => undefined;

/** So many tasks that they are compared in several batches; the newest just now, so that minutes are counted. */
function events(): readonly StoredEvent[] {
  const now = Date.now() - 5 * minute;
  const tasks = Array.from({ length: 230 }, (_unused, index) => {
    const labels = { n: String(index) };
    return index % 2 === 0
      ? succeed(start(created(`task#t${index}`, { labels }, now)))
      : created(`task#t${index}`, { labels }, now, now + index * minute);
  });
  return tasks.flatMap(storedEvents);
}

async function rebuilt(log: readonly StoredEvent[] = events()): Promise<{ readonly place: Place; readonly said: string }> {
  const place = await placeWith('aws', log);
  return { place, said: await at(place, (host) => host.rebuild(silent)) };
}

async function checked(place: Place): Promise<{ readonly same: boolean; readonly said: string }> {
  const said: string[] = [];
  const same = await at(place, (host) => host.check(silent, (line) => said.push(line)));
  return { same, said: said.join('\n') };
}

describe.skipIf(!isDynoxideInstalled())('a rebuild on DynamoDB', () => {
  test('makes the read models from nothing, and writes nothing the second time', async () => {
    const { place, said } = await rebuilt();

    expect(said).toMatch(/^\d+ events were projected: 230 views were written forward/);
    expect(await at(place, (host) => host.rebuild(silent))).toContain(' 0 views were written forward');
    const { same, said: found } = await checked(place);
    expect(found).toMatch(/views +230 rows/);
    expect(found).toMatch(/counts +2 rows/);
    expect(found).toMatch(/minutes +1 rows/);
    expect(same).toBe(true);
  });

  test('says that what is due soon is left to the sweep where it knows no queues', async () => {
    const told: string[] = [];
    await at(await placeWith('aws', events().slice(0, 1)), (host) => host.rebuild((line) => told.push(line)));

    expect(told).toEqual([expect.stringContaining('left to the sweep')]);
  });

  test('sends the wakes of what is due before the sweep would load it, by their lanes, once', async () => {
    const queues = await startQueues();
    const now = Date.now();
    const [short, long] = [await queues.create(), await queues.create()];
    // Else the SDK warns that the host in the URL is not the one it would have asked.
    process.env['AWS_ENDPOINT_URL_SQS'] = new URL(short).origin;
    const tasks = [
      created('task#overdue', {}, now, now),
      created('task#soon', {}, now, now + 5 * minute),
      created('task#slow', { timeoutMs: 10 * minute }, now, now + 5 * minute),
      created('task#later', {}, now, now + 12 * minute),
      succeed(start(created('task#done', {}, now))),
    ];
    const { kind, environment } = await placeWith('aws', tasks.flatMap(storedEvents));
    const place = { kind, environment: { ...environment, ERRAND_WAKE_QUEUE_URL: short, ERRAND_WAKE_LONG_QUEUE_URL: long } };

    const said = await at(place, (host) => host.rebuild((line) => expect.unreachable(line)));
    const again = await at(place, (host) => host.rebuild(silent));

    const streamsIn = async (url: string) => (await queues.inspect(url)).map(({ body }) => decodeWake(body)?.stream).toSorted();
    expect(await streamsIn(short)).toEqual(['task#overdue', 'task#soon']);
    expect(await streamsIn(long)).toEqual(['task#slow']);
    expect(said).toContain('5 views were written forward, 3 wakes sent.');
    expect(again).toContain('0 views were written forward, 0 wakes sent.');
  });

  test('without queues has the next sweep load all that is overdue or comes near, however far the sweep had come', async () => {
    const now = Date.now();
    const tasks = [
      created('task#long-overdue', {}, now - 3 * hour, now - 3 * hour),
      created('task#overdue', {}, now - hour, now - 10 * minute),
      created('task#soon', {}, now, now + 5 * minute),
      created('task#later', {}, now, now + hour),
    ];
    const place = await placeWith('aws', tasks.flatMap(storedEvents));
    const { client } = await startDynoxide();
    const retry = { sleep: async () => undefined, random: () => 0.5 };
    const table = { client, viewsTable: place.environment['ERRAND_VIEWS_TABLE'] ?? '', ...retry };
    const models = new DynamoReadModels({ ...table, shards: 3, counters: 2, token: randomUUID, now: () => now });
    const [marks, wakes] = [createSweepMarks(table), new MemoryWakeQueue()];
    const sweep = (at: number) =>
      sweepIndex({ due: (query) => models.due(query), wakes, marks, backlog: async () => 0 }, { now: at, goOn: () => true });
    await sweep(now - 2 * minute);
    await sweep(now - minute);

    await at(place, (host) => host.rebuild(silent));
    await sweep(Date.now());

    expect(new Set(wakes.sent.map(({ stream }) => stream))).toEqual(new Set(['task#long-overdue', 'task#overdue', 'task#soon']));
  });

  test('leaves out a stream that does not read, and says so', async () => {
    const [first, ...rest] = events().slice(0, 4);
    if (first === undefined) throw new Error('no event');
    const place = await placeWith('aws', [{ ...first, type: 'TaskTeleported' }, ...rest]);
    const told: string[] = [];

    const said = await at(place, (host) => host.rebuild((line) => told.push(line)));

    expect(told.join('\n')).toMatch(new RegExp(`an event is passed over: .*${first.stream}@1`));
    expect(said).toContain(' 1 views were written forward');
  });
});

type Damage = (client: DynamoDBClient, TableName: string) => Promise<unknown>;
const set =
  (pk: string, expression: string, value: number | string): Damage =>
  (client, TableName) =>
    client.send(
      new UpdateItemCommand({
        TableName,
        Key: { pk: { S: pk } },
        UpdateExpression: expression,
        ExpressionAttributeValues: { ':value': typeof value === 'number' ? { N: String(value) } : { S: value } },
      }),
    );

describe.skipIf(!isDynoxideInstalled())('rebuild --check on DynamoDB', () => {
  test.each<readonly [string, Damage, RegExp]>([
    ['a changed due time', set('task#t1', 'SET dueAt = :value', 5), /views task#t1:\n +dueAt is 5\n +dueAt should be \d+/],
    ['a due row in another shard', set('task#t1', 'SET dueShard = :value', '7'), /views task#t1:\n +dueShard is "7"/],
    [
      'a missing view',
      (client, TableName) => client.send(new DeleteItemCommand({ TableName, Key: { pk: { S: 'task#t101' } } })),
      /views task#t101: is missing/,
    ],
    [
      'a view too many',
      (client, TableName) =>
        client.send(new PutItemCommand({ TableName, Item: { pk: { S: 'task#nobody' }, version: { N: '1' }, state: { S: '{}' } } })),
      /views task#nobody: is there, although/,
    ],
    ['a drifted count', set('counts#0', 'ADD scheduled :value', 1), /counts scheduled:\n +tasks is 116\n +tasks should be 115/],
    ['a count of what is not there', set('counts#1', 'ADD waiting :value', 2), /counts waiting: is there, although/],
  ])('finds %s and says what it is', async (_what, damage, said) => {
    const { place } = await rebuilt();
    const { client } = await startDynoxide();
    await damage(client, place.environment['ERRAND_VIEWS_TABLE'] ?? '');

    const found = await checked(place);

    expect(found.said).toMatch(said);
    expect(found.said).toContain('1 rows differ:');
    expect(found.same).toBe(false);
  });

  test('tells counters that only lie differently from counters that drifted', async () => {
    const { place } = await rebuilt();
    const { client } = await startDynoxide();
    const table = place.environment['ERRAND_VIEWS_TABLE'] ?? '';
    await set('counts#0', 'ADD succeeded :value', 3)(client, table);
    await set('counts#1', 'ADD succeeded :value', -3)(client, table);
    await set('counts#1', 'ADD waiting :value', 0)(client, table);

    expect((await checked(place)).same).toBe(true);
  });
});
