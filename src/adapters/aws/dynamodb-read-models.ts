import { type DynamoDBClient, QueryCommand, type QueryCommandInput } from '@aws-sdk/client-dynamodb';
import type { DueQuery, ListPage, ListQuery, ReadModels, Statistics, View, ViewWrite, Wake } from '../../application/ports.ts';
import { factsOfStream, isListed, kindOf, type StreamKind, type StreamStates } from '../../domain/streams.ts';
import { getItems } from './batch-get.ts';
import { countsKey, minuteKey, type StatisticsOptions, statisticsOf } from './dynamodb-statistics.ts';
import { type Item, numberAt, textAt } from './event-item.ts';
import { type RetryPorts, retrying } from './failures.ts';
import { listConditions, mergePages, type ShardPage } from './list-page.ts';
import { decodeDueRow, decodeView, listShardOf } from './view-item.ts';
import { writeViews } from './view-writes.ts';

export type DynamoReadModelsOptions = RetryPorts &
  StatisticsOptions & {
    readonly client: DynamoDBClient;
    readonly viewsTable: string;
    /** Partitions of the due index and of the list. Changing it needs a rebuild. */
    readonly shards: number;
    /** Makes the token that tells a repeated transaction from a new one. */
    readonly token: () => string;
    /** Epoch milliseconds. */
    readonly now: () => number;
  };

const pageOfOthers = 100;

/** Read models on one DynamoDB table: an item per stream, sparse sharded indexes, counters written with what they count. */
export class DynamoReadModels implements ReadModels {
  readonly #options: DynamoReadModelsOptions;

  constructor(options: DynamoReadModelsOptions) {
    this.#options = options;
  }

  async read(streams: readonly string[]): Promise<ReadonlyMap<string, View>> {
    const items = await this.#get(streams.map((stream) => ({ pk: { S: stream } })));
    return new Map(items.map((item) => decodeView(item)).map((view) => [view.stream, view]));
  }

  write(writes: readonly ViewWrite[]): Promise<readonly string[]> {
    return writeViews(this.#options, writes);
  }

  async due(query: DueQuery): Promise<readonly Wake[]> {
    const { until, limit, target, after } = query;
    const from = after?.dueAt ?? 0;
    if (until < from) return [];
    const pages = await Promise.all(
      this.#shards().map((shard) => this.#firstDue(this.#dueBetween(shard, from, until, target), limit, after)),
    );
    return pages.flat().sort(byDue).slice(0, limit);
  }

  #dueBetween(shard: string, from: number, until: number, target?: string | null): QueryCommandInput {
    return {
      TableName: this.#options.viewsTable,
      IndexName: 'due',
      KeyConditionExpression: 'dueShard = :shard AND dueAt BETWEEN :from AND :until',
      ExpressionAttributeValues: {
        ':shard': { S: shard },
        ':from': { N: String(Math.max(0, Math.floor(from))) },
        ':until': { N: String(Math.floor(until)) },
        ...(target == null ? {} : { ':target': { S: target } }),
      },
      ...(target === undefined ? {} : { FilterExpression: target === null ? 'attribute_not_exists(target)' : 'target = :target' }),
    };
  }

  /** The first rows of one shard after a given one. */
  async #firstDue(input: QueryCommandInput, limit: number, after: Wake | undefined): Promise<Wake[]> {
    let rows: Wake[] = [];
    let start: Item | undefined;
    do {
      const { Items = [], LastEvaluatedKey } = await this.#query({
        ...input,
        Limit: limit,
        ...(start === undefined ? {} : { ExclusiveStartKey: start }),
      });
      const found = Items.map(decodeDueRow).filter((row) => after === undefined || byDue(row, after) > 0);
      // More than the first are never kept, however many are due at once.
      rows = [...rows, ...found].sort(byDue).slice(0, limit);
      start = LastEvaluatedKey;
      // Within one time the index has no order of its own: what is still unread of the last row's time may come before it.
    } while (start !== undefined && (rows.length < limit || rows.at(-1)?.dueAt === numberAt(start, 'dueAt')));
    return rows;
  }

  async list<Kind extends StreamKind>(query: ListQuery<Kind>): Promise<ListPage<Kind>> {
    const conditions = listConditions(query);
    if (conditions === null) return { views: [], next: null };
    const pages = await Promise.all(
      this.#shards().map(async (shard): Promise<ShardPage> => {
        const { Items = [], LastEvaluatedKey } = await this.#query({
          TableName: this.#options.viewsTable,
          IndexName: 'list',
          ScanIndexForward: false,
          Limit: query.limit,
          ...conditions.expressions,
          ExpressionAttributeValues: { ...conditions.values, ':shard': { S: listShardOf(query.kind, shard) } },
        });
        const rows = Items.map((item) => ({ stream: textAt(item, 'pk') ?? '', order: textAt(item, 'order') ?? '' }));
        return { rows, seenTo: LastEvaluatedKey === undefined ? null : (LastEvaluatedKey['order']?.S ?? '') };
      }),
    );
    const { rows, next } = mergePages(pages, query.limit);
    const views = await this.read(rows.map(({ stream }) => stream));
    // The partitions asked hold streams of one kind.
    const found = rows.flatMap(({ stream }) => (views.get(stream) ?? []) as View<StreamStates[Kind]>[]);
    return { views: found.filter((view) => stillFits(view, query)), next };
  }

  async statistics(now: number): Promise<Statistics> {
    const minute = Math.floor(now / 60_000);
    const counters = Array.from({ length: this.#options.counters }, (_unused, index) => String(index));
    const minutes = Array.from({ length: 60 }, (_unused, back) => minute - back);
    const keys = [
      ...counters.map((counter) => countsKey(counter)),
      ...minutes.flatMap((each) => counters.map((counter) => minuteKey(each, counter))),
    ];
    const [items, oldest] = await Promise.all([
      this.#get(keys.map((pk) => ({ pk: { S: pk } }))),
      Promise.all(this.#shards().map((shard) => this.#oldestTask(shard))),
    ]);
    const [first] = oldest.flat().sort(byDue);
    return { ...statisticsOf(items), oldestDueAt: first?.dueAt ?? null };
  }

  /** What waits for its tasks may be overdue for long: walked over, page by page, as few do. */
  async #oldestTask(shard: string): Promise<Wake[]> {
    let start: Item | undefined;
    do {
      const { Items = [], LastEvaluatedKey } = await this.#query({
        TableName: this.#options.viewsTable,
        IndexName: 'due',
        KeyConditionExpression: 'dueShard = :shard',
        ExpressionAttributeValues: { ':shard': { S: shard } },
        Limit: start === undefined ? 1 : pageOfOthers,
        ...(start === undefined ? {} : { ExclusiveStartKey: start }),
      });
      const first = Items.map(decodeDueRow).find(({ stream }) => kindOf(stream) === 'task');
      if (first !== undefined) return [first];
      start = LastEvaluatedKey;
    } while (start !== undefined);
    return [];
  }

  #shards(): string[] {
    return Array.from({ length: this.#options.shards }, (_unused, index) => String(index));
  }

  #query(input: QueryCommandInput) {
    return retrying(this.#options, () => this.#options.client.send(new QueryCommand(input)));
  }

  #get(keys: readonly Item[]): Promise<Item[]> {
    const { viewsTable: table, ...options } = this.#options;
    return getItems({ ...options, table }, keys);
  }
}

function byDue(left: Wake, right: Wake): number {
  return left.dueAt - right.dueAt || (left.stream < right.stream ? -1 : left.stream > right.stream ? 1 : 0);
}

/** The index lags behind the items: what has changed since is judged by the item. */
function stillFits({ stream, state }: View, query: ListQuery): boolean {
  if (!isListed(state) || (query.status !== null && state.status !== query.status)) return false;
  const { labels } = factsOfStream(stream, state);
  return query.labels.every(([name, value]) => labels[name] === value);
}
