import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, openDatabase } from '../adapters/sqlite/database.ts';
import { type PositionedLog, SqliteEventLog, type SqliteEventLogOptions } from '../adapters/sqlite/event-log.ts';
import { eventLogMigrations } from '../adapters/sqlite/event-log-schema.ts';
import { refuseNewerEvents } from '../adapters/sqlite/event-rows.ts';
import { readModelMigrations } from '../adapters/sqlite/read-model-schema.ts';
import { SqliteReadModels } from '../adapters/sqlite/read-models.ts';
import { snapshotSchemaVersion } from '../application/aggregate-store.ts';
import { eventSchemaVersion, parseStoredEvent } from '../application/event-schemas.ts';
import type { EventLog, Logger, ReadModels } from '../application/ports.ts';

/** How many of the newest events the feeds find in memory: a burst of some seconds. */
const recentEvents = 16_384;

/** Read models that remember how far the feeds have come. */
export type CheckpointedViews = ReadModels &
  Pick<SqliteReadModels, 'checkpoint' | 'saveCheckpoint' | 'stateSchema' | 'startAnew' | 'streamsWithStatus'>;
export type Storage = {
  readonly log: EventLog & PositionedLog;
  readonly views: CheckpointedViews;
  close(): void;
};

/**
 * Opens the data directory for this process alone. The log is synced to disk at every commit; the read models are
 * not, as they can always be made again from it. Throws `DataDirInUse` if another process holds the directory, and an error
 * that names the event if a newer Errand has written to the log.
 */
export function openStorage(dataDir: string, logger: Logger): Storage {
  const opened: Database[] = [];
  const close = (): void => {
    for (const database of opened.splice(0).reverse()) database.close();
  };
  try {
    const logDatabase = openLogDatabase(dataDir);
    opened.push(logDatabase);
    refusePartOfLog(dataDir);
    const log = createLog(logDatabase, ({ error, ...at }) =>
      logger.error('an event in the log does not read and is passed over', { ...at, error: String(error) }),
    );
    const viewsDatabase = openViewsDatabase(dataDir);
    opened.push(viewsDatabase);
    return { log, views: new SqliteReadModels(viewsDatabase), close };
  } catch (error) {
    close();
    throw error;
  }
}

/**
 * Where projection goes on. Read models that are ahead of the log belong to another one, and those whose states have another
 * shape than today's to another Errand: both are made anew.
 */
export function startOfViews({ log, views }: Storage): number {
  const [position, dispatched, head] = [views.checkpoint('project'), views.checkpoint('dispatch'), log.head()];
  if (position > head || !haveTodaysShape(views)) startViewsAnew(views, Math.min(dispatched, head));
  // Ahead of the log, the feed would pass over what comes next.
  else if (dispatched > head) views.saveCheckpoint('dispatch', head);
  return views.checkpoint('project');
}

export function haveTodaysShape(views: Pick<CheckpointedViews, 'stateSchema'>): boolean {
  return views.stateSchema() === snapshotSchemaVersion;
}

export function startViewsAnew(views: Pick<CheckpointedViews, 'startAnew'>, dispatched: number): void {
  views.startAnew({ stateSchema: snapshotSchemaVersion, dispatched });
}

export const logFile = 'events.db';
export const viewsFile = 'views.db';

/** Lies in the data directory while the log in it is only a part of the one that is being imported. */
export const importMarkFile = 'import-unfinished';

/** Acting on a part of a log would run again what has long ended in the rest of it. */
export function refusePartOfLog(dataDir: string): void {
  if (!existsSync(join(dataDir, importMarkFile))) return;
  throw new Error(`an import into ${dataDir} is not finished: run it again with the same file (\`npm run import -- --from FILE\`)`);
}

/** Whoever holds the log holds the data directory. */
export function openLogDatabase(dataDir: string): Database {
  return openDatabase({ dir: dataDir, file: logFile, migrations: eventLogMigrations, synchronous: 'FULL' });
}

export function openViewsDatabase(dataDir: string): Database {
  return openDatabase({ dir: dataDir, file: viewsFile, migrations: readModelMigrations, synchronous: 'NORMAL' });
}

/** Read models of nobody else, gone when they are closed; SQLite moves to a temporary file what does not fit its cache. */
export function openScratchViews(): Database {
  return openDatabase({ dir: ':scratch:', file: viewsFile, migrations: readModelMigrations, synchronous: 'NORMAL' });
}

/** Throws, naming an event, if a newer Errand has written to it. */
export function createLog(database: Database, onUnreadable: SqliteEventLogOptions['onUnreadable']): SqliteEventLog {
  refuseNewerEvents(database, eventSchemaVersion);
  return new SqliteEventLog({ database, parse: parseStoredEvent, recentEvents, onUnreadable });
}
