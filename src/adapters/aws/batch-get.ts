import { BatchGetItemCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Item } from './event-item.ts';
import { maxTries, pauseMs, type RetryPorts, retrying } from './failures.ts';

/** What BatchGetItem takes (API reference). */
const keysPerBatch = 100;

/**
 * Consistent reads of any number of items, those that exist, in no order. Keys come back unread from an answer that is full, which is
 * nothing but progress, and from a table that is throttled, which is waited for a bounded number of times and then thrown.
 */
export async function getItems(
  options: RetryPorts & { readonly client: DynamoDBClient; readonly table: string },
  keys: readonly Item[],
): Promise<Item[]> {
  const { client, table, sleep, random } = options;
  const found: Item[] = [];
  for (let first = 0; first < keys.length; first += keysPerBatch) {
    let left: Item[] = keys.slice(first, first + keysPerBatch);
    let inVain = 0;
    while (left.length > 0) {
      const command = new BatchGetItemCommand({ RequestItems: { [table]: { Keys: left, ConsistentRead: true } } });
      const { Responses = {}, UnprocessedKeys = {} } = await retrying(options, () => client.send(command));
      found.push(...(Responses[table] ?? []));
      const unread = UnprocessedKeys[table]?.Keys ?? [];
      inVain = unread.length < left.length ? 0 : inVain + 1;
      left = unread;
      if (inVain >= maxTries) throw throttled(table);
      if (inVain > 0) await sleep(pauseMs(inVain, random()));
    }
  }
  return found;
}

function throttled(table: string): Error {
  const error = new Error(`of ${table} nothing could be read: its answers were empty`);
  error.name = 'ThrottlingException';
  return error;
}
