import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { EraseLog, Erasure } from '../../application/ports.ts';
import { eventColumns } from './event-rows.ts';

/** Takes streams out of a log on SQLite, all of one call in one transaction. Nobody else may have the file open. */
export class SqliteEraseLog implements EraseLog {
  readonly #database: DatabaseSync;
  readonly #newest: StatementSync;
  readonly #removals: readonly StatementSync[];
  readonly #insert: StatementSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
    // What is deleted is overwritten with zeros where it lay (https://www.sqlite.org/pragma.html#pragma_secure_delete).
    database.exec('PRAGMA secure_delete = ON');
    this.#newest = database.prepare(
      `SELECT version, type, commit_id, (SELECT max(position) FROM events WHERE stream = newest.stream) AS position
       FROM events AS newest WHERE stream = ? ORDER BY version DESC LIMIT 1`,
    );
    this.#removals = ['events', 'bodies', 'snapshots'].map((table) => database.prepare(`DELETE FROM ${table} WHERE stream = ?`));
    this.#insert = database.prepare(`INSERT INTO events (${eventColumns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, 0)`);
  }

  async erase(erasures: readonly Erasure[]): Promise<readonly string[]> {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      const left = erasures.filter((erasure) => !this.#eraseOne(erasure)).map(({ stub }) => stub.stream);
      this.#database.exec('COMMIT');
      return left;
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  #eraseOne({ stub, newest }: Erasure): boolean {
    const row = this.#newest.get(stub.stream);
    if (row === undefined) return false;
    const [version, commitId] = [Number(row['version']), String(row['commit_id'])];
    // A stub has nothing left to lose: its other events and what lay beside them went in one transaction.
    if (version === 1 && row['type'] === stub.type) return true;
    if (!newest.some((known) => known.version === version && known.commitId === commitId)) return false;
    for (const removal of this.#removals) removal.run(stub.stream);
    const { stream, type, schemaVersion, occurredAt, commitId: commit, data, facts } = stub;
    // At the place of the newest event, so that the log never ends earlier than it did: a position is not given out twice, and whoever
    // reads on from the last one misses nothing.
    const position = Number(row['position']);
    this.#insert.run(position, stream, stub.version, type, schemaVersion, occurredAt, commit, JSON.stringify(data), JSON.stringify(facts));
    return true;
  }

  /**
   * Writes the file anew from what is in it, so that no free page and no write-ahead log holds what was removed, or what was overwritten
   * before. Takes up to twice the size of the file in free space, half of it among temporary files (https://www.sqlite.org/lang_vacuum.html).
   */
  writeAnew(): void {
    // Temporary tables are kept in memory otherwise, and the copy is one.
    this.#database.exec('PRAGMA temp_store = FILE; VACUUM');
    const { busy } = this.#database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get() ?? {};
    if (busy !== 0) throw new Error('the write-ahead log could not be emptied: somebody reads the file');
  }
}
