import {
  DeleteItemCommand,
  type DynamoDBClient,
  QueryCommand,
  type QueryCommandInput,
  type TransactWriteItem,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import type { EraseLog, Erasure } from '../../application/ports.ts';
import { eventAttributes, type Item, numberAt, textAt } from './event-item.ts';
import { failureKind, type RetryPorts, retrying } from './failures.ts';

/** Events that go together with the first one; with it well below the 100 items and 4 MB of a transaction (API reference). */
const removedTogether = 25;
const streamsAtOnce = 16;

export type DynamoEraseLogOptions = RetryPorts & {
  readonly client: DynamoDBClient;
  readonly eventsTable: string;
  readonly bodiesTable: string;
};

type Held = { readonly version: number; readonly commitId: string; readonly type: string };

/**
 * Takes streams out of a log on DynamoDB. The stub replaces the first event in one transaction with the removal of the next; what a long
 * stream has besides goes afterwards, oldest first. In between such a stream does not fold, or folds by its newest stored state: it never
 * looks like one that something is left to do for.
 */
export class DynamoEraseLog implements EraseLog {
  readonly #options: DynamoEraseLogOptions;

  constructor(options: DynamoEraseLogOptions) {
    this.#options = options;
  }

  async erase(erasures: readonly Erasure[]): Promise<readonly string[]> {
    const left: string[] = [];
    const waiting = erasures.values();
    const eraseNext = async (): Promise<void> => {
      for (const erasure of waiting) if (!(await this.#eraseOne(erasure))) left.push(erasure.stub.stream);
    };
    await Promise.all(Array.from({ length: streamsAtOnce }, eraseNext));
    return left;
  }

  async #eraseOne({ stub, newest }: Erasure): Promise<boolean> {
    const held = await this.#held(stub.stream);
    const [first, last] = [held[0], held.at(-1)];
    if (first === undefined || last === undefined) return false;
    const others = held.slice(1);
    if (first.type !== stub.type) {
      if (!newest.some(({ version, commitId }) => version === last.version && commitId === last.commitId)) return false;
      if (!(await this.#replace(stub, first, last, others.splice(0, removedTogether)))) return false;
    }
    for (const { version } of others) await this.#remove(this.#options.eventsTable, this.#keyOf(stub.stream, version));
    // After the events that name them; and those that none names, of appends that lost their race.
    for (const commit of await this.#bodies(stub.stream)) {
      await this.#remove(this.#options.bodiesTable, { pk: { S: stub.stream }, sk: { S: commit } });
    }
    return true;
  }

  /** Whether the stream was as it was read: its first event the same, and nothing after its last one. */
  async #replace(stub: Erasure['stub'], first: Held, last: Held, removed: readonly Held[]): Promise<boolean> {
    const { client, eventsTable: TableName } = this.#options;
    const commit = { ExpressionAttributeNames: { '#commit': 'commit' }, ExpressionAttributeValues: { ':commit': { S: first.commitId } } };
    const items: TransactWriteItem[] = [
      { Put: { TableName, Item: eventAttributes(stub, undefined), ConditionExpression: '#commit = :commit', ...commit } },
      {
        ConditionCheck: {
          TableName,
          Key: this.#keyOf(stub.stream, last.version + 1),
          ConditionExpression: 'attribute_not_exists(pk)',
        },
      },
      ...removed.map(({ version }) => ({ Delete: { TableName, Key: this.#keyOf(stub.stream, version) } })),
    ];
    // By its token a repeat after a lost reply is taken for the same.
    const command = new TransactWriteItemsCommand({ TransactItems: items, ClientRequestToken: stub.commitId.slice(-36) });
    try {
      await retrying(this.#options, () => client.send(command));
      return true;
    } catch (error) {
      if (failureKind(error) === 'condition') return false;
      throw error;
    }
  }

  #keyOf(stream: string, version: number): Item {
    return { pk: { S: stream }, sk: { N: String(version) } };
  }

  async #remove(TableName: string, Key: Item): Promise<void> {
    const { client } = this.#options;
    await retrying(this.#options, () => client.send(new DeleteItemCommand({ TableName, Key })));
  }

  async #held(stream: string): Promise<readonly Held[]> {
    const items = await this.#query(stream, {
      TableName: this.#options.eventsTable,
      ProjectionExpression: 'sk, #commit, #type',
      ExpressionAttributeNames: { '#commit': 'commit', '#type': 'type' },
    });
    return items.map((item) => ({
      version: numberAt(item, 'sk') ?? 0,
      commitId: textAt(item, 'commit') ?? '',
      type: textAt(item, 'type') ?? '',
    }));
  }

  async #bodies(stream: string): Promise<readonly string[]> {
    const items = await this.#query(stream, { TableName: this.#options.bodiesTable, ProjectionExpression: 'sk' });
    return items.map((item) => textAt(item, 'sk') ?? '');
  }

  /** All items of a stream in a table, by their sort keys. */
  async #query(stream: string, input: QueryCommandInput): Promise<readonly Item[]> {
    const { client } = this.#options;
    const items: Item[] = [];
    let start: Item | undefined;
    do {
      const command = new QueryCommand({
        ...input,
        KeyConditionExpression: 'pk = :stream',
        ExpressionAttributeValues: { ':stream': { S: stream } },
        ConsistentRead: true,
        ...(start === undefined ? {} : { ExclusiveStartKey: start }),
      });
      const { Items = [], LastEvaluatedKey } = await retrying(this.#options, () => client.send(command));
      items.push(...Items);
      start = LastEvaluatedKey;
    } while (start !== undefined);
    return items;
  }
}
