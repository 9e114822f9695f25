import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { type AttributeValue, DynamoDBClient, ScanCommand, type ScanCommandOutput } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { taskEventType } from '../src/handlers/http/task-event.ts';
import { createLogger } from '../src/server/logger.ts';
import { readSettings } from '../src/server/settings.ts';
import { startAwsHost } from '../test/aws-host/host.ts';
import { redirectFunctionOutput } from '../test/aws-host/output.ts';
import { noSeams } from '../test/aws-host/seams.ts';
import { createMeter, type Reading } from './aws-meter.ts';
import { costOf, sum } from './aws-prices.ts';
import { table } from './processes.ts';

/**
 * What one simple task asks of AWS, function by function, the DynamoDB units it takes, and what a million of them cost. With the delays
 * that others measured on AWS, as these decide what travels together. Units are those that Dynoxide reports. Takes four minutes, as
 * the wakes that heal lost callbacks come after one.
 *
 *   node bench/aws-requests.ts [PARALLELIZATION_FACTOR_OF_PROJECT [BATCH_SIZE_OF_PROJECT]]
 *
 * With other settings of `project` than those of serverless.yml, to see what these are worth.
 */
const [factor, batchSize] = process.argv.slice(2).map(Number);
const isOf = (value: number | undefined, most: number): boolean =>
  value === undefined || (Number.isInteger(value) && value >= 1 && value <= most);
if (!isOf(factor, 10) || !isOf(batchSize, 10_000)) {
  console.error('usage: node bench/aws-requests.ts [PARALLELIZATION_FACTOR_OF_PROJECT (1 to 10) [BATCH_SIZE_OF_PROJECT (1 to 10,000)]]');
  process.exit(2);
}
const singles = 10;
const batches = 3;
const perBatch = 100;
const limitMs = 150_000;
/** Longer than the window of `project` and what a record or a message may be delayed. */
const quietMs = 2_500;

const { print } = redirectFunctionOutput();
const meter = createMeter();
const variables: Record<string, string> = {};
const settings = readSettings({ PORT: '0', ERRAND_DATA_DIR: ':memory:', ERRAND_LOG_LEVEL: 'warn' });
const host = await startAwsHost(settings, { engine: 'dynoxide', publishedDelays: true, record: undefined }, createLogger('warn'), {
  ...noSeams,
  adjust: (stack) => ({
    ...stack,
    mappings: stack.mappings.map((mapping) =>
      /project$/.test(mapping.FunctionName)
        ? { ...mapping, ParallelizationFactor: factor ?? mapping.ParallelizationFactor, BatchSize: batchSize ?? mapping.BatchSize }
        : mapping,
    ),
  }),
  around(lambda, _resource, environment) {
    Object.assign(variables, environment);
    return meter.around(lambda);
  },
});
const target = createServer((request, response) => {
  request.resume();
  response.writeHead(200, { 'content-length': 2 }).end('ok');
}).listen(0, '127.0.0.1');
await pause(quietMs);
const url = `http://127.0.0.1:${(target.address() as AddressInfo).port}`;
const [dynamodb, sqs, events] = [new DynamoDBClient({}), new SQSClient({}), new EventBridgeClient({})];

type Shape = {
  readonly name: string;
  readonly tasks: number;
  readonly rounds: number;
  readonly callback: boolean;
  readonly through: 'api' | 'bus';
};
type Measured = Shape & { readonly reading: Reading; readonly http: number; readonly bytes: number };

const shapes: readonly Shape[] = [
  { name: 'single', tasks: 1, rounds: singles, callback: false, through: 'api' },
  { name: 'single, callback', tasks: 1, rounds: singles, callback: true, through: 'api' },
  { name: 'event on the bus', tasks: 1, rounds: singles, callback: false, through: 'bus' },
  { name: 'batch of 100', tasks: perBatch, rounds: batches, callback: false, through: 'api' },
  { name: 'batch of 100, callback', tasks: perBatch, rounds: batches, callback: true, through: 'api' },
];

async function post(path: string, body: object): Promise<void> {
  const answer = await fetch(host.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
  await answer.arrayBuffer();
}

/** As a producer does, whose own entry ($1 per million) is not among the costs below. */
async function publish(detail: object): Promise<void> {
  const entry = {
    EventBusName: variables['ERRAND_BUS_NAME'],
    Source: 'producer',
    DetailType: taskEventType,
    Detail: JSON.stringify(detail),
  };
  const { FailedEntryCount } = await events.send(new PutEventsCommand({ Entries: [entry] }));
  if (FailedEntryCount !== 0) throw new Error('the bus did not take an event');
}

/** The wake queue is empty, delayed messages too. */
async function noWakes(): Promise<boolean> {
  const names = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesDelayed', 'ApproximateNumberOfMessagesNotVisible'] as const;
  const command = new GetQueueAttributesCommand({ QueueUrl: variables['ERRAND_WAKE_QUEUE_URL'], AttributeNames: [...names] });
  const { Attributes = {} } = await sqs.send(command);
  return names.every((name) => Attributes[name] === '0');
}

async function quiet(): Promise<void> {
  const end = performance.now() + limitMs;
  for (let since = performance.now(), before = meter.total(); performance.now() - since < quietMs; await pause(50)) {
    if (performance.now() > end) throw new Error(`functions were still at work after ${limitMs} ms`);
    if (meter.total() === before && (await noWakes())) continue;
    [since, before] = [performance.now(), meter.total()];
  }
}

/** What DynamoDB counts for an item (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html). */
function bytesOf(value: AttributeValue): number {
  if (value.S !== undefined) return Buffer.byteLength(value.S);
  if (value.N !== undefined) return Math.ceil(value.N.length / 2) + 1;
  if (value.B !== undefined) return value.B.length;
  if (value.M !== undefined) return 3 + itemBytes(value.M) + Object.keys(value.M).length;
  return 1;
}
function itemBytes(item: Readonly<Record<string, AttributeValue>>): number {
  return Object.entries(item).reduce((total, [name, value]) => total + Buffer.byteLength(name) + bytesOf(value), 0);
}
/** Of each item that is stored, for its index. */
const overheadBytes = 100;

async function items(name: string): Promise<readonly Record<string, AttributeValue>[]> {
  const found: Record<string, AttributeValue>[] = [];
  let start: Record<string, AttributeValue> | undefined;
  do {
    const page: ScanCommandOutput = await dynamodb.send(
      new ScanCommand({ TableName: variables[name], ...(start === undefined ? {} : { ExclusiveStartKey: start }) }),
    );
    found.push(...(page.Items ?? []));
    start = page.LastEvaluatedKey;
  } while (start !== undefined);
  return found;
}

async function storedBytes(): Promise<number> {
  const all = [...(await items('ERRAND_EVENTS_TABLE')), ...(await items('ERRAND_VIEWS_TABLE'))];
  return all.reduce((total, item) => total + itemBytes(item) + overheadBytes, 0);
}

async function measure(shape: Shape): Promise<Measured> {
  await quiet();
  const bytesBefore = await storedBytes();
  meter.read();
  const request = { url: `${url}/simple`, body: { order: 4_711, text: 'x'.repeat(100) } };
  const task = { request, ...(shape.callback ? { callback: { url: `${url}/told` } } : {}) };
  for (let round = 0; round < shape.rounds; round += 1) {
    if (shape.through === 'bus') await publish(task);
    else if (shape.tasks === 1) await post('/tasks', task);
    else await post('/tasks/batch', { tasks: Array.from({ length: shape.tasks }, () => task) });
    // Each round by itself: its wakes that heal may come with those of the next.
    await pause(quietMs);
  }
  await quiet();
  return { ...shape, reading: meter.read(), http: shape.through === 'api' ? shape.rounds : 0, bytes: (await storedBytes()) - bytesBefore };
}

const measured: Measured[] = [];
for (const shape of shapes) {
  measured.push(await measure(shape));
  process.stderr.write(`${shape.name} is measured\n`);
}
const [stored, views] = [await items('ERRAND_EVENTS_TABLE'), await items('ERRAND_VIEWS_TABLE')];
const own = 'as in serverless.yml';
await host.stop(1_000);
target.close();

const each = (value: number, { tasks, rounds }: Shape): string => (value / (tasks * rounds)).toFixed(2);
const heads = measured.map(({ name }) => name);
/** The sweep runs every minute, whatever the number of tasks. */
const ofTasks = (key: string): boolean => !key.startsWith('sweep');
const keysOf = (pick: (reading: Reading) => ReadonlyMap<string, number>): string[] =>
  [...new Set(measured.flatMap(({ reading }) => [...pick(reading).keys()]))].filter(ofTasks).sort();
const rowsOf = (pick: (reading: Reading) => ReadonlyMap<string, number>): string[][] =>
  keysOf(pick).map((key) => [key, ...measured.map((one) => each(pick(one.reading).get(key) ?? 0, one))]);
const totals = (name: string, pick: (reading: Reading) => ReadonlyMap<string, number>): string[] => [
  name,
  ...measured.map((one) => each(sum(pick(one.reading), ofTasks), one)),
];
const withoutSweep = (reading: Reading): Reading =>
  Object.fromEntries(
    Object.entries(reading).map(([name, counts]) => [name, new Map([...counts].filter(([key]) => ofTasks(key)))]),
  ) as unknown as Reading;
const costs = measured.map(({ reading, http, bytes }) => costOf(withoutSweep(reading), http, bytes));
const million = (dollars: number, { tasks, rounds }: Shape): string => ((dollars * 1e6) / (tasks * rounds)).toFixed(2);

print(
  `project: parallelization factor ${factor ?? own}, batch size ${batchSize ?? own}; ${singles} tasks one by one, ${batches} batches of ${perBatch}\n`,
);
print(table([['requests to AWS a task', ...heads], ...rowsOf(({ requests }) => requests), totals('all', ({ requests }) => requests)]));
print('');
print(table([['invocations a task', ...heads], ...rowsOf(({ invocations }) => invocations)]));
print('');
print(table([['entries a task', ...heads], ...rowsOf(({ entries }) => entries)]));
print('');
print(table([['write units a task', ...heads], ...rowsOf(({ writes }) => writes), totals('all', ({ writes }) => writes)]));
print('');
print(table([['read units a task', ...heads], ...rowsOf(({ reads }) => reads), totals('all', ({ reads }) => reads)]));
print('');
print(
  table([
    ['dollars a million tasks', ...heads],
    ...[...(costs[0] ?? new Map<string, number>()).keys()].map((part) => [
      part,
      ...measured.map((one, index) => million(costs[index]?.get(part) ?? 0, one)),
    ]),
    ['all', ...measured.map((one, index) => million(sum(costs[index] ?? new Map()), one))],
  ]),
);
const sizes = (found: readonly Record<string, AttributeValue>[]): string => {
  const bytes = found.map(itemBytes).sort((one, other) => one - other);
  return `${bytes[0] ?? 0} to ${bytes.at(-1) ?? 0} bytes`;
};
print('\nitems, without and with a callback:');
for (const [type, found] of Map.groupBy(stored, (item) => item['type']?.S)) print(`  ${type}: ${sizes(found)}`);
print(`  view: ${sizes(views.filter((item) => item['state'] !== undefined))}`);
process.exit(0);
