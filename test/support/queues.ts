import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { buildApp } from 'fauxqs';
import { afterAll } from 'vitest';
import { localAccess } from './local-access.ts';

/** An SQS in this process. Its clock is `Date`: a test that moves that moves the delays of messages. */
export type Queues = {
  readonly endpoint: string;
  readonly client: SQSClient;
  /** A fresh queue, as its URL. */
  create(): Promise<string>;
  /** The messages in a queue that nobody has received, those first that could be. */
  inspect(queueUrl: string): Promise<readonly QueuedMessage[]>;
};
/** `delayUntil` in epoch milliseconds, if the message was sent with a delay. */
export type QueuedMessage = { readonly body: string; readonly delayUntil?: number };

let running: { readonly app: ReturnType<typeof buildApp>; readonly endpoint: Promise<string> } | undefined;
let made = 0;

// Registered when a test file imports this: a hook that is added while tests run is never called.
afterAll(async () => {
  await running?.app.close();
});

/** Starts the service once per test file, on loopback only (its own `startFauxqs` listens everywhere); it ends with the file. */
export async function startQueues(): Promise<Queues> {
  if (running === undefined) {
    const app = buildApp({ logger: false });
    running = { app, endpoint: app.listen({ host: '127.0.0.1', port: 0 }) };
  }
  const { app } = running;
  const endpoint = await running.endpoint;
  const client = new SQSClient({ ...localAccess, endpoint });
  return {
    endpoint,
    client,
    async create() {
      made += 1;
      const QueueName = `queue-${made}`;
      await client.send(new CreateQueueCommand({ QueueName }));
      // It finds a queue by the end of its URL alone, and the SDK sends to the host in that.
      return `${endpoint}/000000000000/${QueueName}`;
    },
    async inspect(queueUrl) {
      const answer = await app.inject({ url: `/_fauxqs/queues/${queueUrl.slice(queueUrl.lastIndexOf('/') + 1)}` });
      const { messages } = answer.json<{ messages: Record<'ready' | 'delayed', QueuedMessage[]> }>();
      return [...messages.ready, ...messages.delayed];
    },
  };
}
