import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { taskEventType } from '../../src/handlers/http/task-event.ts';
import { forbidden, none, throttled } from '../aws-host/faults/faults.ts';
import { startWorld, type World } from '../aws-host/faults/world.ts';
import { until } from '../e2e/harness/until.ts';
import { localAccess } from '../support/local-access.ts';

vi.setConfig({ testTimeout: 60_000 });
let world: World;
let bus: EventBridgeClient;
beforeAll(async () => {
  world = await startWorld();
  bus = new EventBridgeClient({ ...localAccess, endpoint: world.endpoints.others });
});
afterEach(() => world.proxy.inject(() => none));
afterAll(async () => {
  bus?.destroy();
  await world?.stop();
});

async function publish(detail: object): Promise<void> {
  const entry = { EventBusName: 'errand-dev', Source: 'shop', DetailType: taskEventType, Detail: JSON.stringify(detail) };
  await bus.send(new PutEventsCommand({ Entries: [entry] }));
}
const deadLetters = (): string =>
  (world.environment['ERRAND_INGEST_DEAD_LETTERS_URL'] ?? '').replace(/^https?:\/\/[^/]+/, world.endpoints.sqs);
const queue = (): string => deadLetters().replace(/DeadLetters$/, 'Queue');
/** So many messages have failed: they are hidden until their visibility timeout passes, and no invocation is under way. */
const held = (count: number, invocationsBefore: number) =>
  until(
    'messages given back',
    async () => {
      const { underWay, invocations } = world.valve('ingest');
      if (underWay > 0 || invocations === invocationsBefore) return undefined;
      return (await world.messagesIn(queue())).held === count ? true : undefined;
    },
    40_000,
  );
const callsOf = (task: string) => world.target.calls.filter((call) => call.task === task);

test('events that come while the tables take nothing wait in their queue, and become tasks when these take them again', async () => {
  world.proxy.inject(({ operation }) => (operation === 'BatchExecuteStatement' ? throttled : none));
  const ids = ['one', 'two', 'three'];
  const { invocations } = world.valve('ingest');
  await Promise.all(ids.map((id) => publish({ id, request: { url: `${world.target.url}/ok` } })));
  await held(ids.length, invocations);
  expect((await world.get('/tasks/one')).status).toBe(404);

  world.proxy.inject(() => none);
  await world.valve('ingest').giveBack();
  for (const id of ids) expect((await world.taskFinished(id)).status).toBe('succeeded');

  expect(ids.map((id) => callsOf(id).length)).toEqual([1, 1, 1]);
  expect(await world.messagesIn(deadLetters())).toEqual({ visible: 0, held: 0 });
});

test('an event that cannot be put aside comes again, and is put aside once it can be, with its reason', async () => {
  world.proxy.inject(({ operation, resource }) =>
    operation === 'SendMessageBatch' && resource.endsWith('IngestDeadLetters') ? forbidden : none,
  );
  const { invocations } = world.valve('ingest');
  await publish({ id: 'refused', request: {} });
  await held(1, invocations);
  expect(await world.messagesIn(deadLetters())).toEqual({ visible: 0, held: 0 });

  world.proxy.inject(() => none);
  await world.valve('ingest').giveBack();
  await until('the dead letter', async () => ((await world.messagesIn(deadLetters())).visible === 1 ? true : undefined));

  const { Messages: [letter] = [] } = await world.access.sqs.send(
    new ReceiveMessageCommand({ QueueUrl: deadLetters(), MessageAttributeNames: ['All'] }),
  );
  expect(letter?.MessageAttributes).toMatchObject({
    ERROR_CODE: { StringValue: '400' },
    ERROR_FIELD: { StringValue: 'detail.request.url' },
  });
  expect(await world.messagesIn(queue())).toEqual({ visible: 0, held: 0 });
});
