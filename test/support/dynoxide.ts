import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import {
  type AttributeDefinition,
  CreateTableCommand,
  type CreateTableCommandInput,
  DynamoDBClient,
  ListTablesCommand,
} from '@aws-sdk/client-dynamodb';
import { afterAll } from 'vitest';
import { DynamoEventLog } from '../../src/adapters/aws/dynamodb-event-log.ts';
import { parseStoredEvent } from '../../src/application/event-schemas.ts';

const require = createRequire(import.meta.url);

/** The engine comes for Linux on x86-64 only (an optional dependency); elsewhere what needs it is left out, and says so. */
export function isDynoxideInstalled(): boolean {
  try {
    return require.resolve('@dynoxide/linux-x64/dynoxide') !== '';
  } catch {
    return false;
  }
}

/** An embedded DynamoDB engine in a process of its own, for one test file. */
export type Engine = { readonly client: DynamoDBClient; readonly endpoint: string };

let engine: Promise<Engine> | undefined;
let running: ChildProcess | undefined;

// Registered when a test file imports this: a hook that is added while tests run is never called.
afterAll(async () => {
  if (running !== undefined) await stop(running);
});

/** Starts the engine once per test file; it ends with the file. */
export function startDynoxide(): Promise<Engine> {
  engine ??= start();
  return engine;
}

async function start(): Promise<Engine> {
  const binary = require.resolve('@dynoxide/linux-x64/dynoxide');
  const port = await freePort();
  const child = spawn(binary, ['serve', '--port', String(port)], { stdio: 'ignore' });
  running = child;
  const endpoint = `http://127.0.0.1:${port}`;
  const client = new DynamoDBClient({
    endpoint,
    region: 'eu-west-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    maxAttempts: 1,
  });
  for (let attempt = 0; ; attempt += 1) {
    try {
      await client.send(new ListTablesCommand({}));
      return { client, endpoint };
    } catch (error) {
      if (attempt === 100) throw error;
      await pause(20);
    }
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return address.port;
}

const text = (name: string): AttributeDefinition => ({ AttributeName: name, AttributeType: 'S' });
const number = (name: string): AttributeDefinition => ({ AttributeName: name, AttributeType: 'N' });

function keys(hash: string, range?: string): NonNullable<CreateTableCommandInput['KeySchema']> {
  return [{ AttributeName: hash, KeyType: 'HASH' }, ...(range === undefined ? [] : [{ AttributeName: range, KeyType: 'RANGE' as const }])];
}

let made = 0;

/** Fresh tables of the event log and its bodies. */
export async function createLogTables({ client }: Engine): Promise<LogTables> {
  made += 1;
  const [eventsTable, bodiesTable] = [`events-${made}`, `bodies-${made}`];
  const common = { BillingMode: 'PAY_PER_REQUEST', KeySchema: keys('pk', 'sk') } as const;
  await client.send(new CreateTableCommand({ ...common, TableName: eventsTable, AttributeDefinitions: [text('pk'), number('sk')] }));
  await client.send(new CreateTableCommand({ ...common, TableName: bodiesTable, AttributeDefinitions: [text('pk'), text('sk')] }));
  return { eventsTable, bodiesTable };
}

/** A fresh table of the read models with its sparse indexes. */
export async function createViewsTable({ client }: Engine): Promise<string> {
  made += 1;
  const TableName = `views-${made}`;
  await client.send(
    new CreateTableCommand({
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [text('pk'), text('dueShard'), number('dueAt'), text('listShard'), text('order')],
      KeySchema: keys('pk'),
      GlobalSecondaryIndexes: [
        {
          IndexName: 'due',
          KeySchema: keys('dueShard', 'dueAt'),
          Projection: { ProjectionType: 'INCLUDE', NonKeyAttributes: ['version', 'lane', 'target'] },
        },
        {
          IndexName: 'list',
          KeySchema: keys('listShard', 'order'),
          Projection: { ProjectionType: 'INCLUDE', NonKeyAttributes: ['status', 'labels'] },
        },
      ],
    }),
  );
  return TableName;
}

export type LogTables = { readonly eventsTable: string; readonly bodiesTable: string };

/** The event log on given tables. It waits for nothing between its tries. */
export function logOn(client: DynamoDBClient, tables: LogTables): DynamoEventLog {
  return new DynamoEventLog({
    client,
    ...tables,
    parse: parseStoredEvent,
    soon: (work) => void setImmediate(work),
    sleep: async () => undefined,
    random: () => 0.5,
  });
}
