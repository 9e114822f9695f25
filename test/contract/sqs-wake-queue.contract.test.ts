import { DeleteMessageCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { vi } from 'vitest';
import { decodeWake, SqsWakeQueue } from '../../src/adapters/aws/sqs-wake-queue.ts';
import type { Wake } from '../../src/application/ports.ts';
import { epoch } from '../domain/task-histories.ts';
import { startQueues } from '../support/queues.ts';
import { wakeQueueContract } from './wake-queue.contract.ts';

wakeQueueContract('on SQS', async () => {
  // Only the clock is moved: connections keep their own time.
  vi.useFakeTimers({ toFake: ['Date'], now: epoch });
  const queues = await startQueues();
  const { client } = queues;
  const queueUrls = { short: await queues.create(), long: await queues.create() };
  const urls = Object.values(queueUrls);
  const received: { wake: Wake; at: number }[] = [];

  async function receiveAll(QueueUrl: string): Promise<void> {
    for (;;) {
      const { Messages = [] } = await client.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 0 }));
      if (Messages.length === 0) return;
      for (const { Body = '', ReceiptHandle } of Messages) {
        const wake = decodeWake(Body);
        if (wake === null) throw new Error(`not a wake: ${Body}`);
        received.push({ wake, at: Date.now() });
        await client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
      }
    }
  }

  /** The next time after now at which a message can be received that cannot be yet. */
  async function nextChange(): Promise<number> {
    const messages = (await Promise.all(urls.map((url) => queues.inspect(url)))).flat();
    return Math.min(...messages.map(({ delayUntil = 0 }) => delayUntil).filter((at) => at > Date.now()));
  }

  return {
    queue: new SqsWakeQueue({ client, queueUrls, now: () => Date.now(), sleep: async () => undefined, random: () => 0.5 }),
    received,
    now: () => Date.now(),
    async passTime(ms) {
      const end = Date.now() + ms;
      for (;;) {
        await Promise.all(urls.map(receiveAll));
        if (Date.now() === end) return;
        vi.setSystemTime(Math.min(end, await nextChange()));
      }
    },
    close: () => void vi.useRealTimers(),
  };
});
