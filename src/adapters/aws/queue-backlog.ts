import { GetQueueAttributesCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { retrying } from './failures.ts';

/** Nothing waits for it but the sweep's look at what is overdue, which comes again in a minute. */
const atOnce = { sleep: async () => undefined, random: () => 0 };

/**
 * How many messages of these queues could be received now, all together: about, as SQS counts. Delayed ones and those that a worker has
 * are not among them. Tries again at once: what fails most is a kept connection that was closed while the function was frozen.
 */
export async function queueBacklog(client: SQSClient, queueUrls: readonly string[]): Promise<number> {
  const counts = await Promise.all(queueUrls.map((queueUrl) => retrying(atOnce, () => visibleMessages(client, queueUrl))));
  return counts.reduce((sum, count) => sum + count, 0);
}

async function visibleMessages(client: SQSClient, QueueUrl: string): Promise<number> {
  const command = new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['ApproximateNumberOfMessages'] });
  const { Attributes } = await client.send(command);
  return Number(Attributes?.['ApproximateNumberOfMessages'] ?? 0);
}
