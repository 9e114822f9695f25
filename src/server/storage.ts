import { type Database, openDatabase } from '../adapters/sqlite/database.ts';
import { eventLogMigrations, SqliteEventLog } from '../adapters/sqlite/event-log.ts';
import { readModelMigrations, SqliteReadModels } from '../adapters/sqlite/read-models.ts';
import { parseStoredEvent } from '../application/event-schemas.ts';

/** How many of the newest events the feeds find in memory: a burst of some seconds. */
const recentEvents = 16_384;

export type Storage = {
  readonly log: SqliteEventLog;
  readonly views: SqliteReadModels;
  readonly viewsDatabase: Database;
  close(): void;
};

/**
 * Opens the data directory for this process alone. The log is synced to disk at every commit; the read models are
 * not, as they can always be made again from it. Throws `DataDirInUse` if another process holds the directory.
 */
export function openStorage(dataDir: string): Storage {
  const logDatabase = openLogDatabase(dataDir);
  let viewsDatabase: Database;
  try {
    viewsDatabase = openViewsDatabase(dataDir);
  } catch (error) {
    logDatabase.close();
    throw error;
  }
  return {
    log: createLog(logDatabase),
    views: new SqliteReadModels(viewsDatabase),
    viewsDatabase,
    close() {
      viewsDatabase.close();
      logDatabase.close();
    },
  };
}

export const logFile = 'events.db';
export const viewsFile = 'views.db';

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

export function createLog(database: Database): SqliteEventLog {
  return new SqliteEventLog({ database, parse: parseStoredEvent, recentEvents });
}
