import {
  type BatchResultErrorEntry,
  SendMessageBatchCommand,
  type SendMessageBatchRequestEntry,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { failureKind, type RetryPorts } from './failures.ts';
import { sendInBatches } from './partial-batches.ts';

/** What SendMessageBatch takes: ten messages, and 1 MiB of bodies (API reference; our attributes are short, and go one message at a time). */
const messagesPerRequest = 10;
const bytesPerRequest = 1_048_576;

export type MessageBatchOptions<Item> = RetryPorts & {
  readonly client: SQSClient;
  readonly queueUrl: string;
  /** Made anew for each try, as delays are counted from the moment of sending. */
  readonly entryOf: (item: Item) => Omit<SendMessageBatchRequestEntry, 'Id' | 'MessageBody'> & { readonly MessageBody: string };
  /** Hears of items that are given back because the queue will never take them. */
  readonly onRefused?: (item: Item) => void;
};

/**
 * Sends items as messages. Gives back those that were not taken. A message whose reply was lost may have been sent, and is sent again.
 * Throws what trying again would not change: a queue that is not there, or may not be used.
 */
export function sendMessages<Item>(options: MessageBatchOptions<Item>, items: readonly Item[]): Promise<readonly Item[]> {
  const { client, queueUrl, entryOf, onRefused, sleep, random } = options;
  const request = async (batch: readonly Item[]) => {
    const Entries = batch.map((item, index) => ({ ...entryOf(item), Id: String(index) }));
    const { Successful = [], Failed = [] } = await client.send(new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries }));
    const taken = new Set(Successful.map(({ Id }) => Id));
    const refused = new Set(Failed.flatMap((failure) => (mayPass(failure) ? [] : [failure.Id])));
    return batch.flatMap((item, index) => {
      const id = String(index);
      if (taken.has(id)) return [];
      if (refused.has(id)) onRefused?.(item);
      return [{ item, mayPass: !refused.has(id) }];
    });
  };
  const bytesOf = (item: Item): number => Buffer.byteLength(entryOf(item).MessageBody);
  return sendInBatches({ itemsPerRequest: messagesPerRequest, bytesPerRequest, bytesOf, request, sleep, random }, items);
}

/** `SenderFault` means that the message is at fault, except that being too fast counts as a fault too. */
function mayPass({ SenderFault, Code }: BatchResultErrorEntry): boolean {
  return SenderFault !== true || (Code !== undefined && failureKind(Code) === 'transient');
}
