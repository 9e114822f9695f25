import { type BatchGetItemCommandInput, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { beforeEach, describe, expect, test } from 'vitest';
import { getItems } from '../../../src/adapters/aws/batch-get.ts';
import type { Item } from '../../../src/adapters/aws/event-item.ts';
import { failureKind, maxTries } from '../../../src/adapters/aws/failures.ts';
import { localAccess } from '../../support/local-access.ts';

const keysOf = (count: number): Item[] => Array.from({ length: count }, (_, index) => ({ pk: { S: `task#${index}` } }));

describe('reading many items', () => {
  let asked: number[];
  let pauses: number[];
  beforeEach(() => {
    asked = [];
    pauses = [];
  });

  /** A table that holds all that is asked for and answers as many keys of a request as it is told. */
  function read(keys: readonly Item[], answers: (nth: number) => number): Promise<Item[]> {
    const client = new DynamoDBClient(localAccess);
    client.middlewareStack.add(
      () => async (args) => {
        const { RequestItems: { views: { Keys = [] } = { Keys: [] } } = {} } = args.input as BatchGetItemCommandInput;
        asked.push(Keys.length);
        const read = answers(asked.length);
        const output = { $metadata: {}, Responses: { views: Keys.slice(0, read) }, UnprocessedKeys: { views: { Keys: Keys.slice(read) } } };
        return { output, response: undefined };
      },
      { step: 'initialize', priority: 'high' },
    );
    return getItems({ client, table: 'views', sleep: async (ms) => void pauses.push(ms), random: () => 1 }, keys);
  }

  test('asks for a hundred at a time', async () => {
    const keys = keysOf(250);
    expect(await read(keys, () => 100)).toEqual(keys);
    expect(asked).toEqual([100, 100, 50]);
  });

  test('goes on at once from an answer that was full', async () => {
    const keys = keysOf(10);
    expect(await read(keys, () => 4)).toEqual(keys);
    expect([asked, pauses]).toEqual([[10, 6, 2], []]);
  });

  test('waits longer each time that it reads nothing, and starts anew with what it reads', async () => {
    const keys = keysOf(10);
    expect(await read(keys, (nth) => (nth === 3 ? 1 : nth === 5 ? 9 : 0))).toEqual(keys);
    expect([asked, pauses]).toEqual([
      [10, 10, 10, 9, 9],
      [50, 100, 50],
    ]);
  });

  test('ends with an error that may pass if it goes on reading nothing', async () => {
    const failure = await read(keysOf(1), () => 0).catch((error: unknown) => error);

    expect(failureKind(failure)).toBe('transient');
    expect([asked.length, pauses.length]).toEqual([maxTries, maxTries - 1]);
  });
});
