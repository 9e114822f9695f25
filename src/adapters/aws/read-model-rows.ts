import { type DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import type { Tally, View } from '../../application/ports.ts';
import { getItems } from './batch-get.ts';
import { type Item, numberAt, textAt } from './event-item.ts';
import { type RetryPorts, retrying } from './failures.ts';
import { viewAttributes } from './view-item.ts';

type Key = readonly (string | number)[];
type StoredRow = { readonly key: Key; readonly columns: Readonly<Record<string, unknown>> };

/** How many views are fetched at once: as many as one request may ask for. */
export const keysPerBatch = 100;

export type DynamoReadModelRowsOptions = RetryPorts & {
  readonly client: DynamoDBClient;
  readonly viewsTable: string;
  /** The oldest minute (epoch minutes) that is looked at: older ones are not read by anybody and expire some time. */
  readonly fromMinute: number;
};

/**
 * The read models as they lie in DynamoDB, for comparing them with what the log makes of them. Counters are spread over several
 * items of which only the sum is read, so it is the sums that are rows here.
 */
export class DynamoReadModelRows {
  readonly tables: readonly string[] = ['views', 'counts', 'minutes'];
  readonly fromMinute: number;
  readonly #options: DynamoReadModelRowsOptions;
  #counters: Promise<ReadonlyMap<string, StoredRow>> | undefined;
  #fetched = new Map<string, StoredRow>();

  constructor(options: DynamoReadModelRowsOptions) {
    this.#options = options;
    this.fromMinute = options.fromMinute;
  }

  async *scan(table: string): AsyncGenerator<StoredRow> {
    if (table === 'views') yield* this.#views();
    else for (const [name, row] of await this.#sums()) if (name.startsWith(`${table} `)) yield row;
  }

  async find(table: string, key: Key): Promise<StoredRow | null> {
    const [first = ''] = key;
    if (table !== 'views') return (await this.#sums()).get(`${table} ${first}`) ?? null;
    const known = this.#fetched.get(String(first));
    if (known !== undefined) return known;
    const [item] = await this.#get([String(first)]);
    return item === undefined ? null : viewRow(item);
  }

  /** Fetches views that will be looked for next, instead of those fetched before. At most `keysPerBatch`. */
  async prefetch(streams: readonly string[]): Promise<void> {
    const items = await this.#get(streams);
    this.#fetched = new Map(items.map((item) => [textAt(item, 'pk') ?? '', viewRow(item)]));
  }

  async *#views(): AsyncGenerator<StoredRow> {
    for await (const item of this.#scan('attribute_exists(#state)', { '#state': 'state' })) yield viewRow(item);
  }

  #sums(): Promise<ReadonlyMap<string, StoredRow>> {
    this.#counters ??= this.#sumUp();
    return this.#counters;
  }

  async #sumUp(): Promise<ReadonlyMap<string, StoredRow>> {
    const counts = new Map<string, number>();
    const minutes = new Map<number, Tally>();
    for await (const item of this.#scan('attribute_not_exists(#state)', { '#state': 'state' })) {
      const [kind, name = ''] = (textAt(item, 'pk') ?? '').split('#');
      if (kind === 'counts') addCounts(counts, item);
      if (kind === 'minute' && Number(name) >= this.fromMinute) addMinute(minutes, Number(name), item);
    }
    const rows = new Map<string, StoredRow>();
    // A status that no task is in any more says the same as one that none ever was in.
    for (const [status, tasks] of counts) if (tasks !== 0) rows.set(`counts ${status}`, { key: [status], columns: { status, tasks } });
    // As one of whose events none is left in the log.
    for (const [minute, tally] of minutes) if (isCounted(tally)) rows.set(`minutes ${minute}`, { key: [minute], columns: tally });
    return rows;
  }

  async *#scan(FilterExpression: string, ExpressionAttributeNames: Record<string, string>): AsyncGenerator<Item> {
    const { client, viewsTable: TableName } = this.#options;
    const input = { TableName, ConsistentRead: true, FilterExpression, ExpressionAttributeNames };
    let start: Item | undefined;
    do {
      const command = new ScanCommand({ ...input, ...(start === undefined ? {} : { ExclusiveStartKey: start }) });
      const { Items = [], LastEvaluatedKey } = await retrying(this.#options, () => client.send(command));
      yield* Items;
      start = LastEvaluatedKey;
    } while (start !== undefined);
  }

  #get(streams: readonly string[]): Promise<Item[]> {
    const { viewsTable: table, ...common } = this.#options;
    return getItems(
      { ...common, table },
      streams.map((stream) => ({ pk: { S: stream } })),
    );
  }
}

/** The row that a view ought to have. */
export function viewRowOf(view: View, shards: number): StoredRow {
  return viewRow(viewAttributes(view, shards));
}

function viewRow(item: Item): StoredRow {
  const columns = Object.entries(item).map(([name, value]) => [
    name,
    value.S ?? (value.N === undefined ? mapText(value.M) : Number(value.N)),
  ]);
  return { key: [textAt(item, 'pk') ?? ''], columns: Object.fromEntries(columns) };
}

/** A map of texts, in one order. */
function mapText(map: Item | undefined): string {
  const entries = Object.entries(map ?? {}).map(([name, value]) => [name, value.S ?? null]);
  return JSON.stringify(entries.sort(([left], [right]) => (String(left) < String(right) ? -1 : 1)));
}

function addCounts(counts: Map<string, number>, item: Item): void {
  for (const name of Object.keys(item)) {
    if (name !== 'pk') counts.set(name, (counts.get(name) ?? 0) + (numberAt(item, name) ?? 0));
  }
}

function isCounted({ started, succeeded, failed, retried }: Tally): boolean {
  return started !== 0 || succeeded !== 0 || failed !== 0 || retried !== 0;
}

function addMinute(minutes: Map<number, Tally>, minute: number, item: Item): void {
  const sum = minutes.get(minute) ?? { minute, started: 0, succeeded: 0, failed: 0, retried: 0 };
  minutes.set(minute, {
    minute,
    started: sum.started + (numberAt(item, 'started') ?? 0),
    succeeded: sum.succeeded + (numberAt(item, 'succeeded') ?? 0),
    failed: sum.failed + (numberAt(item, 'failed') ?? 0),
    retried: sum.retried + (numberAt(item, 'retried') ?? 0),
  });
}
