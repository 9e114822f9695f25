import { sqsClient } from '../adapters/aws/clients.ts';
import { scanLog } from '../adapters/aws/log-scan.ts';
import { DynamoReadModelRows, keysPerBatch, viewRowOf } from '../adapters/aws/read-model-rows.ts';
import { SqsWakeQueue } from '../adapters/aws/sqs-wake-queue.ts';
import { createSweepMarks } from '../adapters/aws/sweep-marks.ts';
import type { Database } from '../adapters/sqlite/database.ts';
import { SqliteReadModelRows } from '../adapters/sqlite/read-model-rows.ts';
import { SqliteReadModels } from '../adapters/sqlite/read-models.ts';
import { viewOf } from '../adapters/sqlite/view-rows.ts';
import { systemClock } from '../adapters/system-clock.ts';
import { parseStoredEvent } from '../application/event-schemas.ts';
import type { ReadModels, View, Wake, WakeQueue } from '../application/ports.ts';
import { limits } from '../domain/limits.ts';
import { factsOfStream } from '../domain/streams.ts';
import type { Environment } from '../handlers/environment.ts';
import { wireViews } from '../handlers/wiring/dynamodb.ts';
import { compareReadModels, type LogPart, rebuild, type StoredRow, type StoredRows } from '../projections/rebuild.ts';
import { openScratchViews } from '../server/storage.ts';
import { retryPorts, type Tables } from './aws-environment.ts';
import { differencesShown, sayComparison } from './comparison.ts';
import type { Tell } from './log-host.ts';
import { count, createProgress, inBrief } from './progress.ts';

const segments = 4;
const minuteMs = 60_000;
/** What statistics are read for. */
const minutesRead = 60;

/** Events that do not read are told of and passed over, and their streams left out, as a server does. */
async function* partsOf({ client, values }: Tables, tell: Tell): AsyncGenerator<LogPart> {
  const onUnreadable = (error: Error): void => tell(`an event is passed over: ${inBrief(error)}`);
  const eventsTable = values.ERRAND_EVENTS_TABLE;
  for await (const events of scanLog({ client, eventsTable, segments, ...retryPorts, parse: parseStoredEvent, onUnreadable }))
    yield { events };
}

function projectAll(tables: Tables, views: ReadModels, tell: Tell): Promise<number> {
  const onBroken = (stream: string, error: unknown): void => tell(`${stream} does not fold and is left out: ${inBrief(error)}`);
  return rebuild({ log: tables.log, views, onBroken, parts: partsOf(tables, tell), progress: createProgress(tell, 'projected ', null) });
}

/**
 * Carries the whole log into the read models, forward: what is there and as new as the log stays as it is. Gives what was done, in
 * a sentence.
 */
export async function rebuildAwsViews(environment: Environment, tables: Tables, tell: Tell): Promise<string> {
  const views = wireViews(tables.values, systemClock, tables.client);
  const wakes = wakesIn(environment);
  if (wakes === null) tell('ERRAND_WAKE_QUEUE_URL and ERRAND_WAKE_LONG_QUEUE_URL are not set: what is due soon is left to the sweep');
  let written = 0;
  let sent = 0;
  const writing: ReadModels = {
    read: (streams) => views.read(streams),
    due: (query) => views.due(query),
    list: (query) => views.list(query),
    statistics: (now) => views.statistics(now),
    async write(writes) {
      const behind = await views.write(writes);
      const done = writes.filter(({ after }) => !behind.includes(after.stream));
      written += done.length;
      if (wakes !== null)
        sent += await sendNear(
          wakes,
          done.map(({ after }) => factsAsWake(after)),
          tell,
        );
      return behind;
    },
  };
  const events = await projectAll(tables, writing, tell);
  await haveSweepLoadAll(tables);
  return `${count(events)} events were projected: ${count(written)} views were written forward, ${count(sent)} wakes sent.`;
}

/**
 * The sweep has gone past the time of what is overdue already, and would come upon it an hour later. This is done whatever was written
 * and sent by this run, as one before it may have been cut off; a second wake does no harm.
 */
function haveSweepLoadAll({ client, values }: Tables): Promise<void> {
  const marks = createSweepMarks({ client, viewsTable: values.ERRAND_VIEWS_TABLE, ...retryPorts });
  return marks.write({ loadedUntil: 0, loadedPast: null, healedAt: systemClock.now() });
}

function wakesIn({ ERRAND_WAKE_QUEUE_URL: short, ERRAND_WAKE_LONG_QUEUE_URL: long }: Environment): WakeQueue | null {
  if (!short || !long) return null;
  return new SqsWakeQueue({ client: sqsClient(), queueUrls: { short, long }, now: () => systemClock.now(), ...retryPorts });
}

function factsAsWake({ stream, version, state }: View): Wake | null {
  const { wakeAt, target, lane } = factsOfStream(stream, state);
  return wakeAt === null ? null : { stream, version, dueAt: wakeAt, target, lane };
}

/**
 * Whoever writes a due row that comes near sends its wake: the sweep may have loaded that time already. A wake that is lost is healed
 * by the sweep. Gives how many were sent.
 */
async function sendNear(wakes: WakeQueue, rows: readonly (Wake | null)[], tell: Tell): Promise<number> {
  const until = systemClock.now() + limits.sweepHorizonMs;
  const near = rows.filter((row) => row !== null).filter(({ dueAt }) => dueAt <= until);
  if (near.length === 0) return 0;
  const unsent = await wakes.send(near);
  if (unsent.length > 0) tell(`${count(unsent.length)} wakes could not be sent and are left to the sweep`);
  return near.length - unsent.length;
}

export function storedRows({ client, values }: Tables): DynamoReadModelRows {
  const fromMinute = Math.floor(systemClock.now() / minuteMs) - minutesRead + 1;
  return new DynamoReadModelRows({ client, viewsTable: values.ERRAND_VIEWS_TABLE, fromMinute, ...retryPorts });
}

/**
 * Rebuilds the read models beside the present ones, in a temporary file, and compares every item both ways, counters by their sums.
 * Gives whether there is no difference; `say` hears what was found.
 */
export async function checkAwsViews(tables: Tables, tell: Tell, say: Tell): Promise<boolean> {
  const scratch = openScratchViews();
  try {
    const events = await projectAll(tables, new SqliteReadModels(scratch), tell);
    const stored = storedRows(tables);
    const compared = await compareReadModels(stored, rebuiltRows(scratch, tables.values.ERRAND_SHARDS, stored), differencesShown);
    sayComparison(
      say,
      compared,
      events,
      'What is missing or behind is written by `npm run rebuild`; what is wrong is not overwritten: rebuild into an empty table of views.',
    );
    return compared.found === 0;
  } finally {
    scratch.close();
  }
}

/** The rows that DynamoDB ought to hold, made from the scratch read models. While they are read, those to compare are fetched ahead. */
function rebuiltRows(scratch: Database, shards: number, stored: DynamoReadModelRows): StoredRows {
  const rows = new SqliteReadModelRows(scratch);
  const viewRow = ({ columns }: StoredRow): StoredRow => viewRowOf(viewOf(columns), shards);
  const fromMinute = stored.fromMinute;
  const isRead = ({ key: [minute] }: StoredRow): boolean => Number(minute) >= fromMinute;

  async function* views(): AsyncGenerator<StoredRow> {
    let batch: StoredRow[] = [];
    for (const row of rows.scan('views')) {
      batch.push(viewRow(row));
      if (batch.length < keysPerBatch) continue;
      await stored.prefetch(batch.map(({ key: [stream] }) => String(stream)));
      yield* batch;
      batch = [];
    }
    await stored.prefetch(batch.map(({ key: [stream] }) => String(stream)));
    yield* batch;
  }

  return {
    tables: stored.tables,
    async *scan(table) {
      if (table === 'views') yield* views();
      else for (const row of rows.scan(table)) if (table !== 'minutes' || isRead(row)) yield row;
    },
    async find(table, key) {
      const row = await rows.find(table, key);
      if (row === null) return null;
      return table === 'views' ? viewRow(row) : row;
    },
  };
}
