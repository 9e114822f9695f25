import {
  type DynamoDBClient,
  TransactionCanceledException,
  type TransactWriteItem,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import type { Tally, ViewWrite } from '../../application/ports.ts';
import { isListed, kindOf, type StreamState } from '../../domain/streams.ts';
import { countsKey, minuteKey } from './dynamodb-statistics.ts';
import { failureKind, maxTries, pauseMs, type RetryPorts } from './failures.ts';
import { shardOf, viewAttributes } from './view-item.ts';

/** Views in one transaction: with their counters well below the 100 items and 4 MB that one may have (API reference). */
const viewsPerTransaction = 20;
/** Minutes are read for an hour; older ones are not written, and DynamoDB removes them some time after. */
const minutesRead = 61;
const minuteKeptS = 2 * 3_600;

export type ViewWritesOptions = RetryPorts & {
  readonly client: DynamoDBClient;
  readonly viewsTable: string;
  readonly shards: number;
  readonly counters: number;
  readonly token: () => string;
  /** Epoch milliseconds. */
  readonly now: () => number;
};

/**
 * Writes views forward, each in one transaction with the counters it changes, so that statistics never drift. Gives back the
 * streams that somebody else wrote in between.
 */
export async function writeViews(options: ViewWritesOptions, writes: readonly ViewWrite[]): Promise<readonly string[]> {
  const byCounter = new Map<string, ViewWrite[]>();
  for (const write of writes) {
    const counter = shardOf(write.after.stream, options.counters);
    byCounter.set(counter, [...(byCounter.get(counter) ?? []), write]);
  }
  const behind = await Promise.all(
    [...byCounter].map(async ([counter, group]) => {
      const given: string[] = [];
      // One after the other: transactions on one counter would only get in each other's way.
      for (let first = 0; first < group.length; first += viewsPerTransaction) {
        given.push(...(await writeTogether(options, counter, group.slice(first, first + viewsPerTransaction))));
      }
      return given;
    }),
  );
  return behind.flat();
}

async function writeTogether(options: ViewWritesOptions, counter: string, group: readonly ViewWrite[]): Promise<string[]> {
  const behind: string[] = [];
  let left = group;
  let token = options.token();
  for (let attempt = 1; left.length > 0; attempt += 1) {
    const items = [...left.map((write) => putView(options, write)), ...countersOf(options, counter, left)];
    try {
      await options.client.send(new TransactWriteItemsCommand({ TransactItems: items, ClientRequestToken: token }));
      return behind;
    } catch (error) {
      const lost = lostRaces(error, left);
      if (lost.size > 0) {
        behind.push(...[...lost].map(({ after }) => after.stream));
        left = left.filter((write) => !lost.has(write));
        // Another content needs another token; only an unchanged transaction may be taken for the one before.
        token = options.token();
        continue;
      }
      if (failureKind(error) !== 'transient' || attempt >= maxTries) throw error;
      await options.sleep(pauseMs(attempt, options.random()));
    }
  }
  return behind;
}

function reasonsOf(error: TransactionCanceledException): readonly string[] {
  return (error.CancellationReasons ?? []).map(({ Code = 'None' }) => Code);
}

function lostRaces(error: unknown, writes: readonly ViewWrite[]): ReadonlySet<ViewWrite> {
  if (!(error instanceof TransactionCanceledException)) return new Set();
  const reasons = reasonsOf(error);
  return new Set(writes.filter((_write, index) => failureKind(reasons[index] ?? 'None') === 'condition'));
}

/** Whoever folded from another version than the stored one would count twice or leave something out. */
function putView(options: ViewWritesOptions, { before, after }: ViewWrite): TransactWriteItem {
  const condition =
    before === null
      ? { ConditionExpression: 'attribute_not_exists(pk)' }
      : { ConditionExpression: 'version = :before', ExpressionAttributeValues: { ':before': { N: String(before.version) } } };
  return { Put: { TableName: options.viewsTable, Item: viewAttributes(after, options.shards), ...condition } };
}

function countersOf(options: ViewWritesOptions, counter: string, writes: readonly ViewWrite[]): TransactWriteItem[] {
  const counts = new Map<string, number>();
  const add = (state: StreamState, difference: number) => {
    if (isListed(state)) counts.set(state.status, (counts.get(state.status) ?? 0) + difference);
  };
  const minutes = new Map<number, Tally[]>();
  for (const { before, after, tallies } of writes) {
    // Statistics are of tasks; whatever else there is has no tallies either.
    if (kindOf(after.stream) !== 'task') continue;
    if (before !== null) add(before.state, -1);
    add(after.state, 1);
    for (const tally of tallies) minutes.set(tally.minute, [...(minutes.get(tally.minute) ?? []), tally]);
  }
  const oldest = Math.floor(options.now() / 60_000) - minutesRead;
  const changed = [...counts].filter(([, difference]) => difference !== 0);
  return [
    ...(changed.length === 0 ? [] : [addTo(options, countsKey(counter), Object.fromEntries(changed))]),
    ...[...minutes]
      .filter(([minute]) => minute >= oldest)
      .map(([minute, tallies]) => addTo(options, minuteKey(minute, counter), sums(tallies), minute * 60 + minuteKeptS)),
  ];
}

function sums(tallies: readonly Tally[]): Record<string, number> {
  const total = (name: 'started' | 'succeeded' | 'failed' | 'retried') => tallies.reduce((sum, tally) => sum + tally[name], 0);
  const all = { started: total('started'), succeeded: total('succeeded'), failed: total('failed'), retried: total('retried') };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== 0));
}

function addTo(options: ViewWritesOptions, pk: string, values: Readonly<Record<string, number>>, expiresAtS?: number): TransactWriteItem {
  const entries = Object.entries(values);
  const expiry = expiresAtS === undefined ? '' : ' SET expiresAt = :expiresAt';
  return {
    Update: {
      TableName: options.viewsTable,
      Key: { pk: { S: pk } },
      UpdateExpression: `ADD ${entries.map((_entry, index) => `#name${index} :value${index}`).join(', ')}${expiry}`,
      ExpressionAttributeNames: Object.fromEntries(entries.map(([name], index) => [`#name${index}`, name])),
      ExpressionAttributeValues: {
        ...Object.fromEntries(entries.map(([, value], index) => [`:value${index}`, { N: String(value) }])),
        ...(expiresAtS === undefined ? {} : { ':expiresAt': { N: String(expiresAtS) } }),
      },
    },
  };
}
