import { type AttributeValue, DeleteItemCommand, PutItemCommand, QueryCommand } from '@aws-sdk/client-dynamodb';
import { PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { expect } from 'vitest';
import { sweepMarksKey } from '../../src/adapters/aws/sweep-marks.ts';
import { taskEventType } from '../../src/handlers/http/task-event.ts';
import { createClient } from '../e2e/harness/client.ts';
import type { Target } from '../e2e/harness/target.ts';
import { until } from '../e2e/harness/until.ts';
import { header } from '../e2e/harness/webhook.ts';
import type { RecordedHost } from './recorded-host.ts';

type Item = Record<string, AttributeValue>;

/** Above what lies in the event's own item, so that it lies in the table of bodies. */
const large = 'x'.repeat(20_000);
const timeoutOf = { short: '5s', long: '60s' } as const;
const lanes = ['short', 'long'] as const;
const minuteMs = 60_000;

/** What users do. */
export async function ordinaryDays(host: RecordedHost, target: Target): Promise<void> {
  const client = createClient(host.url);
  const create = async (task: Readonly<Record<string, unknown>>): Promise<void> => {
    const { status, text } = await client.post('/tasks', task);
    expect(status, text).toBe(201);
  };
  const largeAnswer = () => ({ headers: { 'content-type': 'text/plain' }, body: large });
  target.on('/large', largeAnswer);
  target.on('/flaky', (_receipt, _response, nth) => (nth === 1 ? { status: 500 } : undefined));
  target.on('/later', () => ({ status: 202 }));
  const callback = { url: `${target.url}/told` };
  const soon = { backoff: 'fixed', initialDelay: '20ms' };

  // Large bodies and answers in both lanes; the callback tells a large result.
  for (const lane of lanes) {
    await create({ id: `large-${lane}`, request: { url: `${target.url}/large`, body: large }, timeout: timeoutOf[lane], callback });
  }
  await create({ id: 'flaky', request: { url: `${target.url}/flaky` }, retry: soon });
  await create({ id: 'later', request: { url: `${target.url}/later` }, strategy: 'async' });
  await create({ id: 'changed', request: { url: `${target.url}/plain` }, delay: '5m' });
  expect((await client.patch('/tasks/changed', { request: { url: `${target.url}/plain`, body: large } })).status).toBe(200);
  await create({ id: 'cancelled', request: { url: `${target.url}/plain` }, delay: '5m' });
  expect((await client.post('/tasks/cancelled/cancel')).status).toBe(200);
  const tasks = Array.from({ length: 30 }, () => ({ request: { url: `${target.url}/plain` } }));
  expect((await client.post('/tasks/batch', { tasks })).status).toBe(200);

  // Events of a producer: one that becomes a task, the same again, and one that is refused.
  const asked = { id: 'asked', request: { url: `${target.url}/plain`, body: large } };
  for (const detail of [asked, asked, { id: 'asked', request: {} }]) await publish(host, detail);

  for (const id of ['large-short', 'large-long', 'flaky']) expect((await client.taskFinished(id)).status).toBe('succeeded');
  await client.taskWhen('later', 'waits', ({ status }) => status === 'waiting');
  const answerUrl = header(target.receipts('/later')[0], 'errand-callback-url') ?? '';
  expect((await fetch(answerUrl, { method: 'POST', body: large })).status).toBe(200);
  await target.received('/told', 2);
  for (const path of ['/tasks', '/stats', '/tasks/large-short', '/tasks/large-long/events', '/tasks/later/result', '/health']) {
    expect((await client.get(path)).status).toBe(200);
  }
}

/** What happens to messages and records on AWS, and seldom by itself. */
export async function rareDays(host: RecordedHost, target: Target): Promise<void> {
  const client = createClient(host.url);
  // Due in five minutes: near enough for wakes, too far for them to be acted upon here.
  for (const lane of lanes) {
    const request = { url: `${target.url}/plain` };
    await client.post('/tasks', { id: `waiting-${lane}`, request, delay: '5m', timeout: timeoutOf[lane] });
    expect((await client.patch(`/tasks/waiting-${lane}`, { labels: { changed: 'yes' } })).status).toBe(200);
  }

  // Wakes that come far too early are sent again; one that came into the short lane by mistake is forwarded.
  const wake = (lane: (typeof lanes)[number]) => ({ stream: `task#waiting-${lane}`, version: 2, dueAt: Date.now(), target: null, lane });
  await send(host, 'ERRAND_WAKE_QUEUE_URL', wake('short'));
  await send(host, 'ERRAND_WAKE_QUEUE_URL', wake('long'));
  await send(host, 'ERRAND_WAKE_LONG_QUEUE_URL', wake('long'));

  // A record that no code can read.
  await put(host, { pk: { S: 'task#unreadable' }, sk: { N: '1' }, type: { S: 'TaskScheduled' } });

  for (const lane of lanes) {
    const history = await eventsOf(host, `task#waiting-${lane}`);
    // Seen by both readers, two minutes after it was written.
    for (const event of history) await put(host, copyOf(event, `task#late-${lane}`, 2 * minuteMs));
    // Passed over by both, as if their time in the stream had run out, and asked for by the message of a parked record.
    const lost = history.map((event) => copyOf(event, `task#lost-${lane}`, 2 * minuteMs));
    for (const event of lost) await putUnseen(host, event);
    await send(host, 'ERRAND_REPAIR_QUEUE_URL', { stream: `task#lost-${lane}`, version: 1 });
    await send(host, 'ERRAND_REPAIR_QUEUE_URL', { stream: `task#lost-${lane}`, version: 2 });
  }
  // The second event is seen, the first one was not: a gap.
  const [first, second] = await eventsOf(host, 'task#waiting-short');
  if (first === undefined || second === undefined) throw new Error('the task has no second event');
  await putUnseen(host, copyOf(first, 'task#gap', 0));
  await put(host, copyOf(second, 'task#gap', 0));

  // A sweep that knows of none before it loads whatever is near; the next one also looks at what is overdue.
  await until('the due rows of what comes near', async () => ((await client.get('/stats')).body.counts.scheduled >= 4 ? true : undefined));
  await host.dynamodb.send(new DeleteItemCommand({ TableName: host.variable('ERRAND_VIEWS_TABLE'), Key: { pk: { S: sweepMarksKey } } }));
  for (let sweep = 0; sweep < 2; sweep += 1) await host.invoke('sweep', {});
}

async function send(host: RecordedHost, queue: string, message: object): Promise<void> {
  await host.sqs.send(new SendMessageCommand({ QueueUrl: host.variable(queue), MessageBody: JSON.stringify(message) }));
}

async function publish(host: RecordedHost, detail: object): Promise<void> {
  const EventBusName = host.variable('ERRAND_BUS_NAME');
  const entry = { EventBusName, Source: 'producer', DetailType: taskEventType, Detail: JSON.stringify(detail) };
  await host.events.send(new PutEventsCommand({ Entries: [entry] }));
}

async function put(host: RecordedHost, item: Item): Promise<void> {
  await host.dynamodb.send(new PutItemCommand({ TableName: host.variable('ERRAND_EVENTS_TABLE'), Item: item }));
}

/** The readers are told of inserts of events only: of neither a key alone, nor of what is added to it. */
async function putUnseen(host: RecordedHost, item: Item): Promise<void> {
  const { pk, sk } = item;
  if (pk === undefined || sk === undefined) throw new Error('an event has a key');
  await put(host, { pk, sk });
  await put(host, item);
}

async function eventsOf(host: RecordedHost, stream: string): Promise<readonly Item[]> {
  const { Items = [] } = await host.dynamodb.send(
    new QueryCommand({
      TableName: host.variable('ERRAND_EVENTS_TABLE'),
      KeyConditionExpression: 'pk = :stream',
      ExpressionAttributeValues: { ':stream': { S: stream } },
    }),
  );
  return Items;
}

/** The event in another stream, so much older. */
function copyOf(event: Item, stream: string, olderMs: number): Item {
  return { ...event, pk: { S: stream }, at: { N: String(Number(event['at']?.N) - olderMs) } };
}
