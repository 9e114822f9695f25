import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** An open file, for those who only hand it on. */
export type Database = DatabaseSync;

/** Another process holds the data directory. */
export class DataDirInUse extends Error {
  override readonly name = 'DataDirInUse';
}

/** How many statements a file has been through; each entry is run once, in order, and never changed afterwards. */
export type Migrations = readonly string[];

export type OpenOptions = {
  /** The data directory; or ':memory:'; or ':scratch:' for a temporary file of SQLite's own, which goes when it is closed. */
  readonly dir: string;
  readonly file: string;
  readonly migrations: Migrations;
  /** `FULL` waits for the disk at each commit: what makes an acknowledgement mean something. `NORMAL` never corrupts but may lose the tail. */
  readonly synchronous: 'FULL' | 'NORMAL';
};

/**
 * Opens a database file for this process alone. The exclusive lock is the operating system's and goes with the process,
 * however it ends; it also spares SQLite the shared-memory index (https://www.sqlite.org/wal.html#noshm).
 * Throws `DataDirInUse` if another process holds the file.
 */
export function openDatabase(options: OpenOptions): DatabaseSync {
  const database = new DatabaseSync(locationOf(options), { timeout: 0 });
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE');
    database.exec('PRAGMA journal_mode = WAL');
    database.exec(`PRAGMA synchronous = ${options.synchronous}`);
    // Small checkpoints often: a large one inside a commit held up everything for up to 60 ms where it was measured.
    database.exec('PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 1000');
    database.exec('BEGIN IMMEDIATE; COMMIT');
    migrate(database, options.migrations);
  } catch (error) {
    database.close();
    if (isBusy(error))
      throw new DataDirInUse(`another process holds the data directory ${options.dir}; stop it or choose another ERRAND_DATA_DIR`);
    throw error;
  }
  return database;
}

/** SQLite gives a private temporary database to whoever opens the empty name (https://www.sqlite.org/inmemorydb.html#temp_db). */
function locationOf({ dir, file }: OpenOptions): string {
  if (dir === ':memory:') return dir;
  if (dir === ':scratch:') return '';
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const path = join(dir, file);
  createPrivately(path);
  return path;
}

/**
 * Tasks carry what is nobody else's business. SQLite gives its write-ahead log the mode of the database file
 * (https://www.sqlite.org/src/file/src/os_unix.c, findCreateFileMode). A file that is there is left alone: its mode is the
 * operator's, and closing it here would let go of the locks that this process may hold on it.
 */
function createPrivately(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return;
    throw error;
  }
  // The mask of the process may have taken more than it should.
  chmodSync(path, 0o600);
}

function migrate(database: DatabaseSync, migrations: Migrations): void {
  const row = database.prepare('PRAGMA user_version').get();
  const done = Number(row?.['user_version'] ?? 0);
  if (done > migrations.length) {
    throw new Error(`the data was written by a newer Errand (schema ${done}, this one knows ${migrations.length})`);
  }
  for (let next = done; next < migrations.length; next += 1) {
    database.exec(`BEGIN; ${migrations[next]}; PRAGMA user_version = ${next + 1}; COMMIT`);
  }
}

/** SQLITE_BUSY (5) and SQLITE_LOCKED (6), with their extended codes (https://www.sqlite.org/rescode.html). */
function isBusy(error: unknown): boolean {
  const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : 0;
  return code === 5 || code === 6;
}
