import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Database } from '../adapters/sqlite/database.ts';
import type { SqliteEventLog } from '../adapters/sqlite/event-log.ts';
import { SqliteReadModelRows } from '../adapters/sqlite/read-model-rows.ts';
import { SqliteReadModels } from '../adapters/sqlite/read-models.ts';
import { systemClock } from '../adapters/system-clock.ts';
import { compareReadModels, type LogPart, rebuild } from '../projections/rebuild.ts';
import { haveTodaysShape, openScratchViews, openViewsDatabase, startViewsAnew, viewsFile } from '../server/storage.ts';
import { differencesShown, sayComparison } from './comparison.ts';
import type { Tell } from './log-host.ts';
import { count, createProgress, inBrief } from './progress.ts';

/** Events projected in one transaction. */
const partSize = 2_000;

async function* partsAfter(log: SqliteEventLog, start: number): AsyncGenerator<LogPart> {
  for (let events = log.readAll(start, partSize); events.length > 0; ) {
    const position = events.at(-1)?.position ?? log.head();
    yield { events, position };
    events = log.readAll(position, partSize);
  }
}

/** Projects the log after a position and tells how far it has come. Gives the number of events. */
async function projectAfter(log: SqliteEventLog, database: Database, start: number, tell: Tell): Promise<number> {
  const onBroken = (stream: string, error: unknown): void => tell(`${stream} does not fold and is left out: ${inBrief(error)}`);
  const progress = createProgress(tell, '', log.head() - start);
  return rebuild({ log, views: new SqliteReadModels(database), onBroken, parts: partsAfter(log, start), progress });
}

/**
 * Drops the read models and makes them anew. How far the dispatch feed has come cannot be made from the log, and stays where it was.
 * Gives what was done, in a sentence.
 */
export async function rebuildServerViews(dataDir: string, log: SqliteEventLog, tell: Tell): Promise<string> {
  const beganAt = systemClock.monotonic();
  const database = dropServerViews(dataDir, log);
  try {
    const events = await projectAfter(log, database, 0, tell);
    const streams = Number(database.prepare('SELECT count(*) AS streams FROM views').get()?.['streams']);
    const seconds = ((systemClock.monotonic() - beganAt) / 1_000).toFixed(1);
    return `The read models of ${count(streams)} streams were rebuilt from ${count(events)} events in ${seconds} s.`;
  } finally {
    database.close();
  }
}

/** Read models that are empty, in a new file, to be made anew from the log by whoever opens them next. */
export function dropServerViews(dataDir: string, log: SqliteEventLog): Database {
  const dispatched = dispatchedSoFar(dataDir);
  for (const ending of ['', '-wal', '-shm', '-journal']) rmSync(join(dataDir, viewsFile + ending), { force: true });
  const database = openViewsDatabase(dataDir);
  try {
    startViewsAnew(new SqliteReadModels(database), Math.min(dispatched, log.head()));
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * The old file may be what is broken, so whatever it says is only taken if it can be read. Without it everything is dispatched once
 * more: slow, and harmless.
 */
function dispatchedSoFar(dataDir: string): number {
  try {
    const database = openViewsDatabase(dataDir);
    try {
      return new SqliteReadModels(database).checkpoint('dispatch');
    } finally {
      database.close();
    }
  } catch {
    return 0;
  }
}

/** Gives whether the present read models are what the log makes of them. `say` hears what was found. */
export async function checkServerViews(dataDir: string, log: SqliteEventLog, tell: Tell, say: Tell): Promise<boolean> {
  const present = openViewsDatabase(dataDir);
  const scratch = openScratchViews();
  try {
    const views = new SqliteReadModels(present);
    if (!haveTodaysShape(views)) {
      say(
        'The read models were written by another version of Errand. The server makes them anew when it starts, as does `npm run rebuild`.',
      );
      return false;
    }
    const start = views.checkpoint('project');
    const caughtUp = await projectAfter(log, present, Math.min(start, log.head()), tell);
    if (caughtUp > 0) say(`The read models were ${count(caughtUp)} events behind the log and have caught up.`);
    const events = await projectAfter(log, scratch, 0, tell);
    const compared = await compareReadModels(new SqliteReadModelRows(present), new SqliteReadModelRows(scratch), differencesShown);
    sayComparison(say, compared, events, 'Run `npm run rebuild` to make them anew from the log.');
    return compared.found === 0;
  } finally {
    scratch.close();
    present.close();
  }
}
