import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { DeleteMessageCommand, GetQueueAttributesCommand, ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { localAccess } from '../../support/local-access.ts';
import { type Environment, type Errand, temporaryFolder } from './errand.ts';
import { hostName } from './host.ts';
import { until } from './until.ts';

/** What a producer tells. `detail` is a body of `POST /tasks`. */
export type ProducerEvent = { readonly source: string; readonly 'detail-type': string; readonly detail: unknown };
export type Refusal = {
  /** The event as it was handed over. */
  readonly event: ProducerEvent & { readonly id: string };
  readonly status: number;
  readonly detail: string;
  readonly field: string | undefined;
};

/** A producer of events beside one Errand, by the way of its host: the event bus, or the folder. */
export type Producer = {
  /** What Errand is to be started with. */
  readonly environment: Environment;
  connect(errand: Errand): void;
  /** Hands an event over and gives its id. */
  publish(event: ProducerEvent): Promise<string>;
  /** What transports that deliver at least once do: the same event, or one that claims to be, comes again. */
  deliver(event: ProducerEvent & { readonly id: string }): Promise<void>;
  /** The refusal of the event of this id, once it is there. */
  refusal(id: string): Promise<Refusal>;
  /** Resolves once everything that was handed over has been taken, one way or the other. */
  idle(): Promise<void>;
  close(): void;
};

export function createProducer(): Producer {
  return hostName === 'aws' ? onBus() : inFolder();
}

function inFolder(): Producer {
  const folder = join(temporaryFolder(), 'ingest');
  let files = 0;
  const deliver = async (event: ProducerEvent & { readonly id: string }): Promise<void> => {
    files += 1;
    mkdirSync(folder, { recursive: true });
    const draft = join(folder, `${files}.draft`);
    writeFileSync(draft, JSON.stringify(event));
    renameSync(draft, join(folder, `${files}.json`));
  };
  return {
    environment: { ERRAND_INGEST_DIR: folder },
    connect: () => undefined,
    async publish(event) {
      const id = randomUUID();
      await deliver({ id, ...event });
      return id;
    },
    deliver,
    refusal: (id) =>
      until(`the refusal of ${id}`, () => {
        const refused = join(folder, 'refused');
        for (const name of existsSync(refused) ? readdirSync(refused) : []) {
          if (name.endsWith('.problem.json')) continue;
          const event = JSON.parse(readFileSync(join(refused, name), 'utf8'));
          if (event.id !== id) continue;
          const { status, detail, errors } = JSON.parse(readFileSync(join(refused, name.replace(/json$/, 'problem.json')), 'utf8'));
          return { event, status, detail, field: errors?.[0].path };
        }
        return undefined;
      }),
    idle: () =>
      until('an empty folder', () => (readdirSync(folder).some((name) => name.endsWith('.json')) ? undefined : true)).then(() => undefined),
    close: () => undefined,
  };
}

function onBus(): Producer {
  let bus: { readonly name: string; readonly client: EventBridgeClient };
  let queue: { readonly url: string; readonly deadLetters: string; readonly client: SQSClient };
  const refusals = new Map<string, Refusal>();
  return {
    environment: {},
    connect({ announced }) {
      const line = /^The bus (\S+) takes events at (\S+); what is refused goes to (\S+)$/.exec(announced.join('\n'));
      if (line === null) throw new Error(`the host does not say where its bus is: ${announced.join('\n')}`);
      const [, name = '', endpoint = '', deadLetters = ''] = line;
      bus = { name, client: new EventBridgeClient({ ...localAccess, endpoint }) };
      queue = {
        url: deadLetters.replace(/IngestDeadLetters$/, 'IngestQueue'),
        deadLetters,
        client: new SQSClient({ ...localAccess, endpoint: new URL(deadLetters).origin }),
      };
    },
    async publish({ source, detail, 'detail-type': type }) {
      const entry = { EventBusName: bus.name, Source: source, DetailType: type, Detail: JSON.stringify(detail) };
      const { Entries: [entered] = [] } = await bus.client.send(new PutEventsCommand({ Entries: [entry] }));
      if (entered?.EventId === undefined) throw new Error(`the bus did not take it: ${entered?.ErrorMessage}`);
      return entered.EventId;
    },
    async deliver(event) {
      await queue.client.send(new SendMessageCommand({ QueueUrl: queue.url, MessageBody: JSON.stringify({ version: '0', ...event }) }));
    },
    refusal: (id) =>
      until(`the refusal of ${id}`, async () => {
        const { Messages = [] } = await queue.client.send(
          new ReceiveMessageCommand({
            QueueUrl: queue.deadLetters,
            MaxNumberOfMessages: 10,
            WaitTimeSeconds: 0,
            MessageAttributeNames: ['All'],
          }),
        );
        for (const { Body = '', MessageAttributes = {}, ReceiptHandle } of Messages) {
          const event = JSON.parse(Body);
          const attribute = (name: string) => MessageAttributes[name]?.StringValue;
          refusals.set(event.id, {
            event,
            status: Number(attribute('ERROR_CODE')),
            detail: attribute('ERROR_MESSAGE') ?? '',
            field: attribute('ERROR_FIELD'),
          });
          await queue.client.send(new DeleteMessageCommand({ QueueUrl: queue.deadLetters, ReceiptHandle }));
        }
        return refusals.get(id);
      }),
    idle: () =>
      until('an empty queue', async () => {
        const names = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'] as const;
        const { Attributes = {} } = await queue.client.send(
          new GetQueueAttributesCommand({ QueueUrl: queue.url, AttributeNames: [...names] }),
        );
        return names.every((name) => Attributes[name] === '0') ? true : undefined;
      }).then(() => undefined),
    close() {
      bus.client.destroy();
      queue.client.destroy();
    },
  };
}
