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
  const logDatabase = openDatabase({ dir: dataDir, file: 'events.db', migrations: eventLogMigrations, synchronous: 'FULL' });
  let viewsDatabase: Database;
  try {
    viewsDatabase = openDatabase({ dir: dataDir, file: 'views.db', migrations: readModelMigrations, synchronous: 'NORMAL' });
  } catch (error) {
    logDatabase.close();
    throw error;
  }
  return {
    log: new SqliteEventLog({ database: logDatabase, parse: parseStoredEvent, recentEvents }),
    views: new SqliteReadModels(viewsDatabase),
    viewsDatabase,
    close() {
      viewsDatabase.close();
      logDatabase.close();
    },
  };
}
