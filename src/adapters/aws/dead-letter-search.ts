import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import * as z from 'zod';
import { streamOf } from '../../domain/streams.ts';
import { type RetryPorts, retrying } from './failures.ts';

/** Of ReceiveMessage and the batches (API reference). */
const messagesPerRequest = 10;
/** A queue asks some of its servers only, so that one empty answer means little; a long poll asks all of them. */
const emptyAnswers = 3;
/** Longer than a queue of dead letters takes to look through, within which nothing is received twice. */
const hiddenForS = 1_800;

/** An event that asked for a task: what it was refused for may be that the task of this id is there already. */
const asking = z.object({ 'detail-type': z.literal('ScheduleTask'), detail: z.object({ id: z.string() }) });
const message = z.union([z.object({ stream: z.string() }), z.object({ detail: z.object({ id: z.string() }) })]);

/**
 * The stream that a message is about: a wake or an event to repair names it, an event of the bus has an id that begins with it, and one
 * that asks for a task may name that task.
 */
export function streamOfMessage(body: string): string | null {
  try {
    const value: unknown = JSON.parse(body);
    const asked = asking.safeParse(value).data;
    if (asked !== undefined) return streamOf('task', asked.detail.id);
    const read = message.parse(value);
    return 'stream' in read ? read.stream : read.detail.id.slice(0, read.detail.id.lastIndexOf('@'));
  } catch {
    return null;
  }
}

type Looked = { readonly seen: number; readonly removed: number };

/**
 * Looks through a queue that nobody reads, such as one of dead letters, and removes what is about these streams. The other messages are
 * hidden meanwhile, and shown again at the end. A queue that is read would lose messages to its own dead letters: each look counts as a try.
 */
export async function removeMessages(
  options: RetryPorts & { readonly client: SQSClient; readonly queueUrl: string },
  streams: ReadonlySet<string>,
): Promise<Looked> {
  const { client, queueUrl: QueueUrl } = options;
  const seen = new Set<string>();
  const kept: Message[] = [];
  let removed = 0;
  try {
    for (let empty = 0; empty < emptyAnswers; ) {
      const receive = new ReceiveMessageCommand({
        QueueUrl,
        MaxNumberOfMessages: messagesPerRequest,
        VisibilityTimeout: hiddenForS,
        WaitTimeSeconds: 1,
      });
      const { Messages = [] } = await retrying(options, () => client.send(receive));
      const fresh = Messages.filter(({ MessageId = '' }) => !seen.has(MessageId));
      empty = fresh.length === 0 ? empty + 1 : 0;
      for (const { MessageId = '' } of fresh) seen.add(MessageId);
      const about = Messages.filter(({ Body = '' }) => streams.has(streamOfMessage(Body) ?? ''));
      kept.push(...Messages.filter((each) => !about.includes(each)));
      if (about.length === 0) continue;
      const Entries = about.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
      const { Failed = [] } = await retrying(options, () => client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries })));
      if (Failed.length > 0) throw new Error(`${Failed.length} messages could not be deleted from ${QueueUrl}: ${Failed[0]?.Code}`);
      removed += about.length;
    }
  } finally {
    for (let first = 0; first < kept.length; first += messagesPerRequest) {
      const Entries = kept
        .slice(first, first + messagesPerRequest)
        .map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle, VisibilityTimeout: 0 }));
      await retrying(options, () => client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries })));
    }
  }
  return { seen: seen.size, removed };
}
