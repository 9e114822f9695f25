import { DeleteMessageBatchCommand, type Message, ReceiveMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { Clock, Logger } from '../../../src/application/ports.ts';
import type { LambdaFunction } from '../lambda/function.ts';
import type { Pattern } from '../patterns.ts';
import { region } from '../stack/intrinsics.ts';
import type { MappingResource } from '../stack/stack.ts';
import { failuresIn } from './partial-failures.ts';

export type QueueMappingPorts = {
  readonly sqs: SQSClient;
  readonly queueUrl: string;
  readonly lambda: LambdaFunction;
  readonly matches: Pattern | null;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Milliseconds from a message's receipt to its invocation. */
  readonly delay: () => number;
};
/** What a mapping is stopped by: it receives nothing more, and ends when its last batch has. */
export type Running = { readonly ended: Promise<void>; stop(): void };

const receivedAtOnce = 10;
const longPollS = 20;
const defaultBatch = 10;
/** Invocations at once, where the mapping itself sets no bound: those of a function without a reservation. */
const defaultConcurrency = 1_000;
const pauseAfterErrorMs = 200;

/**
 * An event source mapping from a queue: long polls, one batch to an invocation, as many at once as the mapping allows. What an invocation
 * does not take off the queue comes back by itself, and ends among the dead letters: that is the queue's work.
 */
export function runQueueMapping(mapping: MappingResource, ports: QueueMappingPorts): Running {
  const { sqs, queueUrl, lambda, clock, logger } = ports;
  const batchSize = mapping.BatchSize ?? defaultBatch;
  const atMost = mapping.ScalingConfig?.MaximumConcurrency ?? defaultConcurrency;
  const underWay = new Set<Promise<void>>();
  let stopping = false;

  async function receive(waitS: number, most: number): Promise<Message[]> {
    const command = new ReceiveMessageCommand({
      QueueUrl: queueUrl,
      MaxNumberOfMessages: Math.min(receivedAtOnce, most),
      WaitTimeSeconds: waitS,
      MessageSystemAttributeNames: ['All'],
      MessageAttributeNames: ['All'],
    });
    try {
      return (await sqs.send(command)).Messages ?? [];
    } catch (error) {
      if (!stopping) logger.warn('a queue could not be read', { queueUrl, error: String(error) });
      await clock.sleep(pauseAfterErrorMs);
      return [];
    }
  }

  /** The first messages to come and, within the window, those that follow them. */
  async function nextBatch(): Promise<Message[]> {
    const messages = await receive(longPollS, batchSize);
    const endsAt = clock.now() + mapping.MaximumBatchingWindowInSeconds * 1_000;
    while (!stopping && messages.length > 0 && messages.length < batchSize && clock.now() < endsAt) {
      messages.push(...(await receive(Math.ceil((endsAt - clock.now()) / 1_000), batchSize - messages.length)));
    }
    return messages;
  }

  async function remove(messages: readonly Message[]): Promise<void> {
    for (let start = 0; start < messages.length; start += receivedAtOnce) {
      const Entries = messages
        .slice(start, start + receivedAtOnce)
        .map(({ ReceiptHandle = '' }, index) => ({ Id: String(index), ReceiptHandle }));
      await sqs.send(new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries }));
    }
  }

  async function handle(received: readonly Message[]): Promise<void> {
    const records = received.map((message) => ({ message, record: recordOf(message, mapping.EventSourceArn) }));
    // What no filter lets through is taken off the queue (https://docs.aws.amazon.com/lambda/latest/dg/with-sqs-filtering.html).
    const matching = records.filter(({ record }) => ports.matches === null || ports.matches({ ...record, body: jsonOr(record.body) }));
    await remove(records.filter((entry) => !matching.includes(entry)).map(({ message }) => message));
    if (matching.length === 0) return;
    try {
      const response = await lambda.invoke({ Records: matching.map(({ record }) => record) });
      const ids = new Set(matching.map(({ record }) => record.messageId));
      const failed = mapping.FunctionResponseTypes.length === 0 ? new Set<string>() : failuresIn(response, ids);
      if (failed === 'all') throw new Error('the function did not say which messages failed');
      if (failed.size > 0) logger.warn('messages failed and come back', { function: lambda.name, messages: failed.size });
      await remove(matching.filter(({ record }) => !failed.has(record.messageId)).map(({ message }) => message));
    } catch (error) {
      logger.error('a batch failed; its messages come back', { function: lambda.name, messages: matching.length, error: String(error) });
    }
  }

  async function poll(): Promise<void> {
    while (!stopping) {
      if (underWay.size >= atMost) {
        await Promise.race(underWay);
        continue;
      }
      const messages = await nextBatch();
      if (messages.length === 0) continue;
      const delayMs = ports.delay();
      const work = (delayMs > 0 ? clock.sleep(delayMs).then(() => handle(messages)) : handle(messages)).finally(() =>
        underWay.delete(work),
      );
      underWay.add(work);
    }
    await Promise.all(underWay);
  }

  return {
    ended: poll(),
    stop: () => {
      stopping = true;
    },
  };
}

/** A message as a function sees it (https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html). */
function recordOf(message: Message, eventSourceARN: string) {
  const { MessageId = '', ReceiptHandle, Body = '', MD5OfBody, Attributes, MessageAttributes = {} } = message;
  const messageAttributes = Object.fromEntries(
    Object.entries(MessageAttributes).map(([name, { StringValue, DataType }]) => [name, { stringValue: StringValue, dataType: DataType }]),
  );
  return {
    messageId: MessageId,
    receiptHandle: ReceiptHandle,
    body: Body,
    attributes: Attributes ?? {},
    messageAttributes,
    md5OfBody: MD5OfBody,
    eventSource: 'aws:sqs',
    eventSourceARN,
    awsRegion: region,
  };
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
