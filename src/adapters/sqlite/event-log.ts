import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { AppendOutcome, EventLog, Snapshot, StoredEvent } from '../../application/ports.ts';
import { limits } from '../../domain/limits.ts';
import { eventColumns as columns, decodeEvent, type ParseEvent, type Row, type SkippedEvent, weightOf } from './event-rows.ts';
import { RecentEvents } from './recent-events.ts';

/** A page read from the file ends here, however many events were asked for; pages are handled as a whole. */
const pageWeight = 4 * 1_024 * 1_024;
/** So many unreadable events are told of once; with more of them, some are told of again. */
const rememberedUnreadable = 10_000;

/** The log as one sequence: what feeds and server-sent events read. Positions grow by one; where streams were taken out there are none. */
export type PositionedLog = {
  /**
   * Events after a position, in order, small bodies included: a page, which may be shorter than `limit` although more follows.
   * Those that do not read are left out; the page is empty only if no readable one follows up to the head.
   */
  readAll(after: number, limit: number): readonly StoredEvent[];
  head(): number;
  /** Rings after each commit that added something. Carries nothing: whoever hears it reads on from its own position. */
  onCommit(listener: () => void): () => void;
  /** Appends that wait for their commit: a sign of overload. */
  backlog(): number;
};

export type SqliteEventLogOptions = {
  readonly database: DatabaseSync;
  readonly parse: ParseEvent;
  /** How many of the newest events are kept in memory for the feeds. */
  readonly recentEvents: number;
  /** Hears of each event that `readAll` leaves out because it does not read, the first time. */
  readonly onUnreadable: (event: SkippedEvent) => void;
};

type Pending = {
  readonly event: StoredEvent;
  readonly data: string;
  readonly facts: string;
  readonly snapshot: Snapshot | undefined;
  readonly resolve: (outcome: AppendOutcome) => void;
  readonly reject: (error: unknown) => void;
};

/** The event log on one SQLite file. All appends of one turn of the event loop share a transaction and an fsync. */
export class SqliteEventLog implements EventLog, PositionedLog {
  readonly #database: DatabaseSync;
  readonly #parse: ParseEvent;
  readonly #onUnreadable: SqliteEventLogOptions['onUnreadable'];
  readonly #unreadable = new Set<number>();
  readonly #insert: StatementSync;
  readonly #insertBody: StatementSync;
  readonly #insertSnapshot: StatementSync;
  readonly #dropSnapshots: StatementSync;
  readonly #commitOf: StatementSync;
  readonly #range: StatementSync;
  readonly #newest: StatementSync;
  readonly #snapshot: StatementSync;
  readonly #inlineBody: StatementSync;
  readonly #body: StatementSync;
  readonly #page: StatementSync;
  readonly #newestPosition: StatementSync;
  readonly #listeners = new Set<() => void>();
  readonly #recent: RecentEvents;
  #head = 0;
  /** Whether `#head` is where the log ends. Not after a failed commit: it may have been applied all the same. */
  #headIsKnown = false;
  #pending: Pending[] = [];

  constructor(options: SqliteEventLogOptions) {
    const { database } = options;
    this.#database = database;
    this.#parse = options.parse;
    this.#onUnreadable = options.onUnreadable;
    this.#recent = new RecentEvents(options.recentEvents);
    // Losing a race is an answer, not an error: the insert does nothing and the winner's commit id is compared. A position that
    // is taken is no lost race, and fails.
    this.#insert = database.prepare(
      `INSERT INTO events (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (stream, version) DO NOTHING`,
    );
    this.#insertBody = database.prepare('INSERT INTO bodies (stream, commit_id, bytes) VALUES (?, ?, ?) ON CONFLICT DO NOTHING');
    this.#insertSnapshot = database.prepare(
      'INSERT OR REPLACE INTO snapshots (stream, version, schema_version, state) VALUES (?, ?, ?, ?)',
    );
    this.#dropSnapshots = database.prepare('DELETE FROM snapshots WHERE stream = ? AND schema_version = ? AND version < ?');
    this.#commitOf = database.prepare('SELECT commit_id FROM events WHERE stream = ? AND version = ?');
    this.#range = database.prepare(
      `SELECT ${columns} FROM events WHERE stream = ? AND version > ? AND version <= ? ORDER BY version LIMIT ?`,
    );
    this.#newest = database.prepare(`SELECT ${columns} FROM events WHERE stream = ? ORDER BY version DESC LIMIT ?`);
    this.#snapshot = database.prepare(
      'SELECT version, schema_version, state FROM snapshots WHERE stream = ? AND schema_version = ? ORDER BY version DESC LIMIT 1',
    );
    this.#inlineBody = database.prepare('SELECT body FROM events WHERE stream = ? AND version = ?');
    this.#body = database.prepare('SELECT bytes FROM bodies WHERE stream = ? AND commit_id = ?');
    this.#page = database.prepare(`SELECT ${columns} FROM events WHERE position > ? ORDER BY position LIMIT ?`);
    this.#newestPosition = database.prepare('SELECT max(position) AS head FROM events');
    this.#findHead();
  }

  append(event: StoredEvent, snapshot?: Snapshot): Promise<AppendOutcome> {
    return new Promise((resolve, reject) => {
      // Made here, so that what cannot be written as JSON fails its own append and none of those that share the transaction.
      const [data, facts] = [JSON.stringify(event.data), JSON.stringify(event.facts)];
      this.#pending.push({ event, data, facts, snapshot, resolve, reject });
      if (this.#pending.length === 1) setImmediate(() => this.#commit());
    });
  }

  /** One transaction for everything that waits. A failure of the disk fails all of it: nothing was acknowledged. */
  #commit(): void {
    const batch = this.#pending;
    this.#pending = [];
    const outcomes: AppendOutcome[] = [];
    const appended: Pending[] = [];
    try {
      this.#database.exec('BEGIN IMMEDIATE');
      if (!this.#headIsKnown) this.#findHead();
      for (const pending of batch) {
        const outcome = this.#write(pending, this.#head + appended.length + 1);
        outcomes.push(outcome === 'new' || outcome === 'mine' ? 'appended' : 'conflict');
        if (outcome === 'new') appended.push(pending);
      }
      this.#database.exec('COMMIT');
    } catch (error) {
      // Whoever waits is told first: undoing may fail too, as with a file that was closed.
      for (const { reject } of batch) reject(error);
      this.#recover();
      return;
    }
    for (const { event, data, facts } of appended) {
      this.#head += 1;
      this.#recent.add(event, this.#head, data.length + facts.length);
    }
    batch.forEach(({ resolve }, index) => {
      resolve(outcomes[index] ?? 'conflict');
    });
    if (appended.length > 0) this.#ring();
  }

  /**
   * After a failed commit. SQLite may already have rolled back by itself (a full disk does that), or be closed; then there is
   * nothing left to undo. Or the commit was applied and only its end went wrong: then the log has grown.
   */
  #recover(): void {
    const before = this.#head;
    this.#headIsKnown = false;
    try {
      if (this.#database.isOpen && this.#database.isTransaction) this.#database.exec('ROLLBACK');
      this.#findHead();
    } catch {
      // Whoever appends next looks again, and is told if it still fails.
    }
    if (this.#head > before) this.#ring();
  }

  #findHead(): void {
    this.#head = Number(this.#newestPosition.get()?.['head'] ?? 0);
    this.#headIsKnown = true;
  }

  #ring(): void {
    for (const listener of this.#listeners) listener();
  }

  #write({ event, data, facts, snapshot }: Pending, position: number): 'new' | 'mine' | 'theirs' {
    const { stream, version, commitId, body } = event;
    const apart = body !== undefined && body.length > limits.inlineBodyBytes;
    const { changes } = this.#insert.run(
      position,
      stream,
      version,
      event.type,
      event.schemaVersion,
      event.occurredAt,
      commitId,
      data,
      facts,
      apart || body === undefined ? null : body,
      event.imported === true ? 1 : 0,
    );
    if (changes === 0) return this.#commitOf.get(stream, version)?.['commit_id'] === commitId ? 'mine' : 'theirs';
    if (apart) this.#insertBody.run(stream, commitId, body);
    if (snapshot !== undefined) {
      this.#insertSnapshot.run(stream, snapshot.version, snapshot.schemaVersion, snapshot.state);
      // The newest one is all that is ever read, by this version of Errand and by one before it that may come back.
      this.#dropSnapshots.run(stream, snapshot.schemaVersion, snapshot.version);
    }
    return 'new';
  }

  async read(
    stream: string,
    range: { readonly after: number; readonly upTo?: number; readonly limit?: number },
  ): Promise<readonly StoredEvent[]> {
    const rows = this.#range.all(stream, range.after, range.upTo ?? Number.MAX_SAFE_INTEGER, range.limit ?? -1);
    return rows.map((row) => decodeEvent(row, this.#parse));
  }

  async load(
    stream: string,
    snapshotSchema: number,
  ): Promise<{ readonly snapshot: Snapshot | null; readonly events: readonly StoredEvent[] }> {
    // Nearly every stream is short: one look at its newest events is the whole of it, or all that follows its snapshot.
    const newest = this.#newest.all(stream, limits.snapshotEvery + 1).reverse();
    const oldest = Number(newest[0]?.['version'] ?? 1);
    const found = oldest === 1 ? undefined : this.#snapshot.get(stream, snapshotSchema);
    const after = Number(found?.['version'] ?? 0);
    const snapshot = found === undefined ? null : { version: after, schemaVersion: snapshotSchema, state: String(found['state']) };
    const older = after + 1 < oldest ? this.#range.all(stream, after, oldest - 1, -1) : [];
    const rows = [...older, ...newest.filter((row) => Number(row['version']) > after)];
    return { snapshot, events: rows.map((row) => decodeEvent(row, this.#parse)) };
  }

  async readBody(stream: string, at: { readonly version: number; readonly commitId: string }): Promise<Uint8Array> {
    const bytes = this.#inlineBody.get(stream, at.version)?.['body'] ?? this.#body.get(stream, at.commitId)?.['bytes'];
    if (bytes instanceof Uint8Array) return bytes;
    throw new Error(`the body beside version ${at.version} of ${stream} is gone`);
  }

  readAll(after: number, limit: number): readonly StoredEvent[] {
    const wanted = Math.min(limit, this.#head - after);
    if (wanted <= 0) return [];
    return this.#recent.after(after, wanted) ?? this.#readPage(after, limit);
  }

  /** A page from the file. Whoever reads on from its last event must not be held up by events that do not read. */
  #readPage(after: number, limit: number): readonly StoredEvent[] {
    const events: StoredEvent[] = [];
    for (let [position, rowsRead] = [after, 1]; events.length === 0 && rowsRead > 0; ) {
      let weight = 0;
      rowsRead = 0;
      for (const row of this.#page.iterate(position, limit)) {
        rowsRead += 1;
        position = Number(row['position']);
        const event = this.#readable(row);
        if (event !== null) events.push(event);
        weight += weightOf(row);
        if (weight >= pageWeight) break;
      }
    }
    return events;
  }

  #readable(row: Row): StoredEvent | null {
    try {
      return decodeEvent(row, this.#parse);
    } catch (error) {
      const position = Number(row['position']);
      if (this.#unreadable.has(position)) return null;
      if (this.#unreadable.size >= rememberedUnreadable) this.#unreadable.clear();
      this.#unreadable.add(position);
      this.#onUnreadable({ position, stream: String(row['stream']), version: Number(row['version']), error });
      return null;
    }
  }

  head(): number {
    return this.#head;
  }

  onCommit(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  backlog(): number {
    return this.#pending.length;
  }
}
