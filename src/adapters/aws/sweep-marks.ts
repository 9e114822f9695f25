import { type DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { numberAt, textAt } from './event-item.ts';
import { type RetryPorts, retrying } from './failures.ts';

/** How far the sweep came, in epoch milliseconds (see the sweep of the due index). */
export type StoredSweepMarks = { readonly loadedUntil: number; readonly loadedPast: string | null; readonly healedAt: number };

/** In the table of the views, under a key that no stream has; without attributes that an index is made of. */
export const sweepMarksKey = 'sweep#marks';

/** The marks of the sweep as an item of their own. One sweep runs at a time, so the last write is the newest. */
export function createSweepMarks(options: RetryPorts & { readonly client: DynamoDBClient; readonly viewsTable: string }) {
  const { client, viewsTable } = options;
  return {
    async read(): Promise<StoredSweepMarks | null> {
      const { Item = {} } = await retrying(options, () =>
        client.send(new GetItemCommand({ TableName: viewsTable, Key: { pk: { S: sweepMarksKey } }, ConsistentRead: true })),
      );
      const [loadedUntil, healedAt] = [numberAt(Item, 'loadedUntil'), numberAt(Item, 'healedAt')];
      return loadedUntil === null || healedAt === null ? null : { loadedUntil, loadedPast: textAt(Item, 'loadedPast'), healedAt };
    },
    async write({ loadedUntil, loadedPast, healedAt }: StoredSweepMarks): Promise<void> {
      const item = {
        pk: { S: sweepMarksKey },
        loadedUntil: { N: String(loadedUntil) },
        ...(loadedPast === null ? {} : { loadedPast: { S: loadedPast } }),
        healedAt: { N: String(healedAt) },
      };
      await retrying(options, () => client.send(new PutItemCommand({ TableName: viewsTable, Item: item })));
    },
  };
}
