import {
  type AttributeValue,
  BatchExecuteStatementCommand,
  type BatchStatementRequest,
  type DynamoDBClient,
  QueryCommand,
  type QueryCommandInput,
} from '@aws-sdk/client-dynamodb';
import type { AppendOutcome, EventLog, Snapshot, StoredEvent } from '../../application/ports.ts';
import { limits } from '../../domain/limits.ts';
import { bytesAt, decodeEvent, eventAttributes, type Item, snapshotOf } from './event-item.ts';
import { failureKind, maxTries, noResponse, pauseMs, type RetryPorts, retrying } from './failures.ts';

/** What BatchExecuteStatement takes (API reference). */
const statementsPerBatch = 25;

export type DynamoEventLogOptions = RetryPorts & {
  readonly client: DynamoDBClient;
  readonly eventsTable: string;
  readonly bodiesTable: string;
  /** Checks what comes out of the table: the log is a boundary like any other. */
  readonly parse: (event: StoredEvent) => StoredEvent;
  /** Runs its argument once the current turn has issued all its appends. */
  readonly soon: (work: () => void) => void;
};

/** The code of a statement, or what failed the whole request. */
type Failure = string | Error;

type Pending = {
  readonly event: StoredEvent;
  readonly item: Item;
  readonly resolve: (outcome: AppendOutcome) => void;
  readonly reject: (error: unknown) => void;
};

/**
 * The event log on DynamoDB: one item per event, key (stream, version). An append is a PartiQL INSERT, which fails with
 * DuplicateItem if the key exists; IAM grants nothing that could change or remove an item. Appends of different streams that
 * are issued together share one request; each succeeds or fails on its own.
 */
export class DynamoEventLog implements EventLog {
  readonly #options: DynamoEventLogOptions;
  #pending: Pending[] = [];

  constructor(options: DynamoEventLogOptions) {
    this.#options = options;
  }

  append(event: StoredEvent, snapshot?: Snapshot): Promise<AppendOutcome> {
    return new Promise((resolve, reject) => {
      // Made here, so that what cannot be written as JSON fails its own append and none of those that share the request.
      this.#pending.push({ event, item: eventAttributes(event, snapshot), resolve, reject });
      if (this.#pending.length === 1) this.#options.soon(() => this.#flush());
    });
  }

  #flush(): void {
    const waiting = this.#pending;
    this.#pending = [];
    for (const batch of batches(waiting)) void this.#write(batch);
  }

  /** Bodies first: one that is never named is harmless, an event whose body is missing is not. */
  async #write(batch: readonly Pending[]): Promise<void> {
    try {
      await this.#insertBodies(batch);
    } catch (error) {
      for (const { reject } of batch) reject(error);
      return;
    }
    await this.#insertEvents(batch);
  }

  async #insertBodies(batch: readonly Pending[]): Promise<void> {
    const apart = batch.filter(({ event }) => event.body !== undefined && event.body.length > limits.inlineBodyBytes);
    await Promise.all(
      apart.map(({ event: { stream, commitId, body } }) =>
        retrying(this.#options, async () => {
          const item: Item = { pk: { S: stream }, sk: { S: commitId }, bytes: { B: body ?? new Uint8Array() } };
          const [code] = await this.#insert([statement(this.#options.bodiesTable, item)]);
          // A repeat after a lost reply finds its own body there already.
          if (code !== undefined && code !== null && failureKind(code) !== 'condition') throw failed('a body could not be stored', code);
        }),
      ),
    );
  }

  async #insertEvents(batch: readonly Pending[]): Promise<void> {
    let failures: readonly (Failure | null)[];
    try {
      failures = await this.#insert(batch.map(({ item }) => statement(this.#options.eventsTable, item)));
    } catch (error) {
      if (failureKind(error) !== 'transient') {
        for (const { reject } of batch) reject(error);
        return;
      }
      // The whole request failed, perhaps after it was applied: each statement is settled on its own.
      failures = batch.map(() => error as Error);
    }
    await Promise.all(batch.map((pending, index) => this.#settle(pending, failures[index] ?? null)));
  }

  async #settle(pending: Pending, failure: Failure | null): Promise<void> {
    try {
      pending.resolve(failure === null ? 'appended' : await this.#resolved(pending, failure));
    } catch (error) {
      pending.reject(error);
    }
  }

  async #resolved({ event, item }: Pending, first: Failure): Promise<AppendOutcome> {
    let failure: Failure | null = first;
    for (let attempt = 1; attempt < maxTries; attempt += 1) {
      const kind = failureKind(failure);
      if (kind === 'condition') return this.#outcomeOf(event);
      if (kind === 'permanent') break;
      await this.#options.sleep(pauseMs(attempt, this.#options.random()));
      failure = await this.#insertAgain(item);
      if (failure === null) return 'appended';
    }
    throw failed(`${event.stream}@${event.version} could not be appended`, failure);
  }

  async #insertAgain(item: Item): Promise<Failure | null> {
    try {
      const [code = null] = await this.#insert([statement(this.#options.eventsTable, item)]);
      return code;
    } catch (error) {
      if (failureKind(error) === 'transient') return error as Error;
      throw error;
    }
  }

  /** The key is taken: by this very commit if an earlier try was applied and only its reply was lost. */
  async #outcomeOf(event: StoredEvent): Promise<AppendOutcome> {
    const [item] = await this.#query({
      ...this.#keyAt(event.stream, event.version),
      ProjectionExpression: '#commit',
      ExpressionAttributeNames: { '#commit': 'commit' },
    });
    return item?.['commit']?.S === event.commitId ? 'appended' : 'conflict';
  }

  /** The code of each statement's failure, or null where it was applied. */
  async #insert(statements: BatchStatementRequest[]): Promise<readonly (string | null)[]> {
    const { Responses = [] } = await this.#options.client.send(new BatchExecuteStatementCommand({ Statements: statements }));
    return statements.map((_statement, index) => {
      const response = Responses[index];
      // What the reply says nothing of may have been applied, or not.
      if (response === undefined) return noResponse;
      return response.Error === undefined ? null : (response.Error.Code ?? 'Unknown');
    });
  }

  async read(
    stream: string,
    range: { readonly after: number; readonly upTo?: number; readonly limit?: number },
  ): Promise<readonly StoredEvent[]> {
    const upTo = range.upTo ?? Number.MAX_SAFE_INTEGER;
    if (upTo <= range.after || range.limit === 0) return [];
    const items = await this.#query(
      {
        TableName: this.#options.eventsTable,
        KeyConditionExpression: 'pk = :stream AND sk BETWEEN :from AND :to',
        ExpressionAttributeValues: { ':stream': { S: stream }, ':from': { N: String(range.after + 1) }, ':to': { N: String(upTo) } },
      },
      range.limit,
    );
    return items.map((item) => this.#options.parse(decodeEvent(item)));
  }

  async load(
    stream: string,
    snapshotSchema: number,
  ): Promise<{ readonly snapshot: Snapshot | null; readonly events: readonly StoredEvent[] }> {
    // Backwards from the newest: nearly every stream ends within the first page, and longer ones have a state in it.
    const newest = await this.#query(
      {
        TableName: this.#options.eventsTable,
        KeyConditionExpression: 'pk = :stream',
        ExpressionAttributeValues: { ':stream': { S: stream } },
        ScanIndexForward: false,
      },
      limits.snapshotEvery + 1,
    );
    const oldest = newest.at(-1);
    const index = newest.findIndex((item) => snapshotOf(item, snapshotSchema) !== null);
    const found = index === -1 ? undefined : newest[index];
    if (found !== undefined) {
      const events = newest
        .slice(0, index)
        .reverse()
        .map((item) => this.#options.parse(decodeEvent(item)));
      return { snapshot: snapshotOf(found, snapshotSchema), events };
    }
    if (oldest === undefined || oldest['sk']?.N === '1') {
      return { snapshot: null, events: newest.reverse().map((item) => this.#options.parse(decodeEvent(item))) };
    }
    return { snapshot: null, events: await this.read(stream, { after: 0 }) };
  }

  async readBody(stream: string, at: { readonly version: number; readonly commitId: string }): Promise<Uint8Array> {
    const [event] = await this.#query({ ...this.#keyAt(stream, at.version), ProjectionExpression: 'body' });
    const inline = bytesAt(event, 'body');
    if (inline !== null) return inline;
    const [body] = await this.#query({
      TableName: this.#options.bodiesTable,
      KeyConditionExpression: 'pk = :stream AND sk = :commit',
      ExpressionAttributeValues: { ':stream': { S: stream }, ':commit': { S: at.commitId } },
    });
    const bytes = bytesAt(body, 'bytes');
    if (bytes !== null) return bytes;
    throw new Error(`the body beside version ${at.version} of ${stream} is gone`);
  }

  #keyAt(stream: string, version: number): QueryCommandInput {
    return {
      TableName: this.#options.eventsTable,
      KeyConditionExpression: 'pk = :stream AND sk = :version',
      ExpressionAttributeValues: { ':stream': { S: stream }, ':version': { N: String(version) } },
    };
  }

  /** All pages of a consistent query, at most `limit` items. */
  async #query(input: QueryCommandInput, limit = Number.POSITIVE_INFINITY): Promise<Item[]> {
    const items: Item[] = [];
    let start: Record<string, AttributeValue> | undefined;
    do {
      const page = { ...input, ConsistentRead: true, ...(start === undefined ? {} : { ExclusiveStartKey: start }) };
      const left = limit - items.length;
      const bounded = Number.isFinite(left) ? { ...page, Limit: left } : page;
      const { Items = [], LastEvaluatedKey } = await retrying(this.#options, () => this.#options.client.send(new QueryCommand(bounded)));
      items.push(...Items);
      start = LastEvaluatedKey;
    } while (start !== undefined && items.length < limit);
    return items;
  }
}

/** At most 25 a request, and never two of one stream: the statements of a batch are not applied in order. */
function batches(waiting: readonly Pending[]): Pending[][] {
  const made: { readonly streams: Set<string>; readonly items: Pending[] }[] = [];
  for (const pending of waiting) {
    const { stream } = pending.event;
    const open = made.find(({ streams, items }) => items.length < statementsPerBatch && !streams.has(stream));
    if (open === undefined) made.push({ streams: new Set([stream]), items: [pending] });
    else {
      open.streams.add(stream);
      open.items.push(pending);
    }
  }
  return made.map(({ items }) => items);
}

/** `INSERT INTO "table" VALUE {'pk': ?, ...}`: the values travel as parameters. */
function statement(table: string, item: Item): BatchStatementRequest {
  const names = Object.keys(item);
  return {
    Statement: `INSERT INTO "${table}" VALUE {${names.map((name) => `'${name}': ?`).join(', ')}}`,
    Parameters: Object.values(item),
  };
}

/** Named as its reason, if that is the code of a statement, so that its kind can be told as that of any other error. */
function failed(what: string, reason: Failure): Error {
  const error = new Error(`${what}: ${String(reason)}`, { cause: reason });
  if (typeof reason === 'string') error.name = reason;
  return error;
}
