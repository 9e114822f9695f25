import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { BatchExecuteStatementCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterEach, expect, test } from 'vitest';
import {
  createChance,
  type Fault,
  type FaultOf,
  internal,
  none,
  type PartFate,
  replyLost,
  requestLost,
  throttled,
} from '../aws-host/faults/faults.ts';
import { createProxy } from '../aws-host/faults/proxy.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

type Input = { readonly [name: string]: readonly Record<string, unknown>[] };

/** A service that takes everything, and a client of it with the proxy between them. */
async function between<Client>(faultOf: FaultOf, answer: (input: Input) => object, client: (endpoint: string) => Client) {
  const received: Input[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const input = JSON.parse(Buffer.concat(chunks).toString()) as Input;
    received.push(input);
    response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0' }).end(JSON.stringify(answer(input)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy = createProxy();
  proxy.inject(faultOf);
  closing.push(proxy.close, async () => {
    server.closeAllConnections();
    server.close();
  });
  const endpoint = await proxy.before(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return { client: client(endpoint), received, proxy };
}

const local = { region: 'eu-west-1', credentials: { accessKeyId: 'local', secretAccessKey: 'local' }, maxAttempts: 1 };
const insert = (stream: string, version: number) => ({
  Statement: `INSERT INTO "events" VALUE {'pk': ?, 'sk': ?, 'type': ?}`,
  Parameters: [{ S: stream }, { N: String(version) }, { S: 'TaskStarted' }],
});
const statements = new BatchExecuteStatementCommand({ Statements: [insert('task#a', 1), insert('task#b', 1), insert('task#c', 2)] });
const taken = ({ Statements = [] }: Input) => ({ Responses: Statements.map(() => ({ TableName: 'events' })) });
const dynamodb = (faultOf: FaultOf) => between(faultOf, taken, (endpoint) => new DynamoDBClient({ ...local, endpoint }));
const fates = (byKey: Readonly<Record<string, PartFate>>): Fault => ({ kind: 'parts', fateOf: ({ key }) => byKey[key] ?? 'taken' });

test.for([
  { fault: throttled, name: 'ProvisionedThroughputExceededException', reaches: 0 },
  { fault: internal, name: 'InternalServerError', reaches: 0 },
  { fault: requestLost, name: undefined, reaches: 0 },
  { fault: replyLost, name: undefined, reaches: 1 },
])('a request that is $fault.kind fails for its client and reaches the service $reaches times', async ({ fault, name, reaches }) => {
  const { client, received } = await dynamodb(() => fault);
  const error = await client.send(statements).catch((thrown: Error) => thrown);
  expect(error).toBeInstanceOf(Error);
  if (name !== undefined) expect((error as Error).name).toBe(name);
  expect(received).toHaveLength(reaches);
});

test('a request without a fault goes through, and what happens after it happens after the service has it', async () => {
  const order: string[] = [];
  const { client, received } = await dynamodb(() => ({ kind: 'then', happens: () => order.push(`received ${received.length}`) }));
  const { Responses } = await client.send(statements);
  expect([order, Responses]).toEqual([['received 1'], [{ TableName: 'events' }, { TableName: 'events' }, { TableName: 'events' }]]);
});

test('statements are refused, or carried out and yet answered as failed, each in its place', async () => {
  const { client, received, proxy } = await dynamodb(() =>
    fates({ 'task#a@1': { refused: 'ThrottlingError' }, 'task#c@2': { denied: 'InternalServerError' } }),
  );
  const { Responses = [] } = await client.send(statements);
  expect(Responses.map(({ Error: error }) => error?.Code)).toEqual(['ThrottlingError', undefined, 'InternalServerError']);
  expect(received.map(({ Statements = [] }) => Statements.length)).toEqual([2]);
  expect(Object.fromEntries(proxy.counts)).toEqual({
    'BatchExecuteStatement part refused': 1,
    'BatchExecuteStatement part taken': 1,
    'BatchExecuteStatement part denied': 1,
  });
});

test('parts are known by what they are about and how often they came, events by their type', async () => {
  const seen: unknown[] = [];
  const { client } = await dynamodb(({ operation, resource, parts }) => {
    seen.push({ operation, resource, parts: parts.map(({ key, type, before }) => `${key} ${type} ${before}`) });
    return none;
  });
  await client.send(statements);
  await client.send(new BatchExecuteStatementCommand({ Statements: [insert('task#b', 1)] }));
  expect(seen).toEqual([
    {
      operation: 'BatchExecuteStatement',
      resource: 'events',
      parts: ['task#a@1 TaskStarted 0', 'task#b@1 TaskStarted 0', 'task#c@2 TaskStarted 0'],
    },
    { operation: 'BatchExecuteStatement', resource: 'events', parts: ['task#b@1 TaskStarted 1'] },
  ]);
});

test('messages are refused with or without fault of their sender, and lost ones look sent to the SDK, which checks their digests', async () => {
  const body = (stream: string) => JSON.stringify({ stream, version: 1 });
  const byKey: Record<string, PartFate> = {
    'a@1': 'lost',
    'b@1': { refused: 'InvalidParameterValue', senderFault: true },
    'c@1': { refused: 'ServiceUnavailable' },
  };
  const { client, received } = await between(
    () => fates(byKey),
    () => ({ Successful: [], Failed: [] }),
    (endpoint) => ({ endpoint, sqs: new SQSClient({ ...local, endpoint }) }),
  );
  const Entries = ['a', 'b', 'c'].map((stream) => ({ Id: stream, MessageBody: body(stream) }));
  const answer = await client.sqs.send(new SendMessageBatchCommand({ QueueUrl: `${client.endpoint}/000000000000/wakes`, Entries }));
  expect(answer.Successful?.map(({ Id }) => Id)).toEqual(['a']);
  expect(answer.Failed?.map(({ Id, Code, SenderFault }) => [Id, Code, SenderFault])).toEqual([
    ['b', 'InvalidParameterValue', true],
    ['c', 'ServiceUnavailable', false],
  ]);
  expect(received).toEqual([]);
});

test('entries of the bus are refused in their places, and counted as failed', async () => {
  const entry = (id: string) => ({ Source: 'errand', DetailType: 'TaskStarted', Detail: JSON.stringify({ id }) });
  const { client, received } = await between(
    () => fates({ 'b@1': { refused: 'InternalFailure' } }),
    ({ Entries = [] }) => ({ FailedEntryCount: 0, Entries: Entries.map((_entry, index) => ({ EventId: `event ${index}` })) }),
    (endpoint) => new EventBridgeClient({ ...local, endpoint }),
  );
  const { FailedEntryCount, Entries = [] } = await client.send(new PutEventsCommand({ Entries: ['a@1', 'b@1', 'c@1'].map(entry) }));
  expect(FailedEntryCount).toBe(1);
  expect(Entries.map(({ EventId, ErrorCode }) => EventId ?? ErrorCode)).toEqual(['event 0', 'InternalFailure', 'event 1']);
  expect(received.map(({ Entries: given = [] }) => given.length)).toEqual([2]);
});

test('chance is the same for the same seed whatever else was asked, differs between seeds, and is even', () => {
  const [one, same, other] = [createChance(1), createChance(1), createChance(2)];
  const keys = Array.from({ length: 2_000 }, (_unused, index) => ({ key: `task#${index}@1`, before: 0 }));
  const drawn = keys.map((key) => one('wakes', key));
  expect(keys.toReversed().map((key) => same('wakes', key))).toEqual(drawn.toReversed());
  expect(keys.map((key) => other('wakes', key))).not.toEqual(drawn);
  const below = (limit: number): number => drawn.filter((value) => value < limit).length / drawn.length;
  for (const limit of [0.1, 0.3, 0.5, 0.9]) expect(Math.abs(below(limit) - limit)).toBeLessThan(0.04);
});
