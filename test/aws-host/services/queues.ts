import { CreateQueueCommand, SetQueueAttributesCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { buildApp } from 'fauxqs';
import { account, region } from '../stack/intrinsics.ts';
import type { QueueResource } from '../stack/stack.ts';

/** The parts of fauxqs that are used below; they are not among its exports. */
type SqsStore = { persistence?: object; shutdown(): void; allQueues(): Iterable<{ persistence?: object }> };
type Persistence = { loadSqsAndSns(sqs: SqsStore, sns: object): void; close(): void };

export type Queues = {
  readonly endpoint: string;
  url(queueName: string): string;
  /** Lets every long poll return at once, empty. */
  endPolls(): void;
  stop(): Promise<void>;
};

/**
 * fauxqs in this process. Put together here from its parts, as its own `startFauxqs` listens on every address of the machine (2.4.1,
 * dist/app.js) and this endpoint asks nobody who he is.
 */
export async function startQueues(dataDir: string): Promise<Queues> {
  const part = (file: string): Promise<Record<string, new (...given: unknown[]) => unknown>> =>
    import(new URL(file, import.meta.resolve('fauxqs')).href);
  const [{ SqsStore }, { SnsStore }, { S3Store }, { PersistenceManager }] = await Promise.all([
    part('./sqs/sqsStore.js'),
    part('./sns/snsStore.js'),
    part('./s3/s3Store.js'),
    part('./persistence.js'),
  ]);
  if (SqsStore === undefined || SnsStore === undefined || S3Store === undefined || PersistenceManager === undefined) {
    throw new Error('fauxqs is not built as it was in 2.4.1');
  }
  const sqsStore = new SqsStore() as SqsStore;
  const snsStore = new SnsStore() as object;
  const stores = { sqsStore, snsStore, s3Store: new S3Store() } as NonNullable<NonNullable<Parameters<typeof buildApp>[0]>['stores']>;
  let persistence: Persistence | undefined;
  if (dataDir !== ':memory:') {
    persistence = new PersistenceManager(dataDir) as Persistence;
    // Loaded first: what is loaded into a store with persistence is written once more.
    persistence.loadSqsAndSns(sqsStore, snsStore);
    sqsStore.persistence = persistence;
    for (const queue of sqsStore.allQueues()) queue.persistence = persistence;
  }
  const app = buildApp({ logger: false, defaultRegion: region, stores });
  const endpoint = await app.listen({ host: '127.0.0.1', port: 0 });
  return {
    endpoint,
    // It finds a queue by the end of its address alone.
    url: (queueName) => `${endpoint}/${account}/${queueName}`,
    endPolls: () => sqsStore.shutdown(),
    async stop() {
      await app.close();
      persistence?.close();
    },
  };
}

/** Makes the queues of the stack, or brings those of an earlier process up to date; dead-letter queues are found by their ARN when needed. */
export async function createQueues(client: SQSClient, queues: readonly QueueResource[], url: Queues['url']): Promise<void> {
  for (const queue of queues) {
    await client.send(new CreateQueueCommand({ QueueName: queue.QueueName }));
    await client.send(new SetQueueAttributesCommand({ QueueUrl: url(queue.QueueName), Attributes: attributesOf(queue) }));
  }
}

function attributesOf(queue: QueueResource): Record<string, string> {
  const numbers = ['VisibilityTimeout', 'MessageRetentionPeriod', 'ReceiveMessageWaitTimeSeconds', 'DelaySeconds'] as const;
  const given = numbers.flatMap((name) => (queue[name] === undefined ? [] : [[name, String(queue[name])] as const]));
  return {
    ...Object.fromEntries(given),
    ...(queue.RedrivePolicy === undefined ? {} : { RedrivePolicy: JSON.stringify(queue.RedrivePolicy) }),
  };
}
