import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { AppendOutcome, EventLog, Snapshot, StoredEvent } from '../../application/ports.ts';
import { limits } from '../../domain/limits.ts';
import type { Migrations } from './database.ts';

export const eventLogMigrations: Migrations = [
  `CREATE TABLE events (
     position INTEGER PRIMARY KEY,
     stream TEXT NOT NULL,
     version INTEGER NOT NULL,
     type TEXT NOT NULL,
     schema_version INTEGER NOT NULL,
     occurred_at INTEGER NOT NULL,
     commit_id TEXT NOT NULL,
     data TEXT NOT NULL,
     facts TEXT NOT NULL,
     body BLOB,
     imported INTEGER NOT NULL DEFAULT 0
   ) STRICT;
   CREATE UNIQUE INDEX events_by_stream ON events (stream, version);
   CREATE TABLE bodies (stream TEXT NOT NULL, commit_id TEXT NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (stream, commit_id)) STRICT;
   CREATE TABLE snapshots (
     stream TEXT NOT NULL, version INTEGER NOT NULL, schema_version INTEGER NOT NULL, state TEXT NOT NULL,
     PRIMARY KEY (stream, version)
   ) STRICT`,
];

/** The log as one sequence: what feeds and server-sent events read. Positions grow by one. */
export type PositionedLog = {
  /** Events after a position, in order, small bodies included. */
  readAll(after: number, limit: number): readonly StoredEvent[];
  head(): number;
  /** Rings after each commit that added something. Carries nothing: whoever hears it reads on from its own position. */
  onCommit(listener: () => void): () => void;
  /** Appends that wait for their commit: a sign of overload. */
  backlog(): number;
};

export type SqliteEventLogOptions = {
  readonly database: DatabaseSync;
  /** Checks what comes out of the file: the log is a boundary like any other. */
  readonly parse: (event: StoredEvent) => StoredEvent;
  /** How many of the newest events are kept in memory for the feeds. */
  readonly recentEvents: number;
};

type Pending = {
  readonly event: StoredEvent;
  readonly data: string;
  readonly facts: string;
  readonly snapshot: Snapshot | undefined;
  readonly resolve: (outcome: AppendOutcome) => void;
  readonly reject: (error: unknown) => void;
};
type Row = Record<string, unknown>;

const columns = 'position, stream, version, type, schema_version, occurred_at, commit_id, data, facts, body, imported';

/** The event log on one SQLite file. All appends of one turn of the event loop share a transaction and an fsync. */
export class SqliteEventLog implements EventLog, PositionedLog {
  readonly #database: DatabaseSync;
  readonly #parse: (event: StoredEvent) => StoredEvent;
  readonly #insert: StatementSync;
  readonly #insertBody: StatementSync;
  readonly #insertSnapshot: StatementSync;
  readonly #commitOf: StatementSync;
  readonly #range: StatementSync;
  readonly #newest: StatementSync;
  readonly #snapshot: StatementSync;
  readonly #inlineBody: StatementSync;
  readonly #body: StatementSync;
  readonly #page: StatementSync;
  readonly #listeners = new Set<() => void>();
  readonly #recent: (StoredEvent | undefined)[];
  #head: number;
  #pending: Pending[] = [];

  constructor(options: SqliteEventLogOptions) {
    const { database } = options;
    this.#database = database;
    this.#parse = options.parse;
    this.#recent = new Array<StoredEvent | undefined>(options.recentEvents);
    // Losing a race is an answer, not an error: the insert does nothing and the winner's commit id is compared.
    this.#insert = database.prepare(`INSERT INTO events (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`);
    this.#insertBody = database.prepare('INSERT INTO bodies (stream, commit_id, bytes) VALUES (?, ?, ?) ON CONFLICT DO NOTHING');
    this.#insertSnapshot = database.prepare(
      'INSERT OR REPLACE INTO snapshots (stream, version, schema_version, state) VALUES (?, ?, ?, ?)',
    );
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
    this.#head = Number(database.prepare('SELECT max(position) AS head FROM events').get()?.['head'] ?? 0);
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
    const appended: StoredEvent[] = [];
    try {
      this.#database.exec('BEGIN IMMEDIATE');
      for (const pending of batch) {
        const position = this.#head + appended.length + 1;
        const outcome = this.#write(pending, position);
        outcomes.push(outcome === 'new' || outcome === 'mine' ? 'appended' : 'conflict');
        if (outcome === 'new') appended.push({ ...pending.event, position });
      }
      this.#database.exec('COMMIT');
    } catch (error) {
      // Whoever waits is told first: undoing may fail too, as with a file that was closed.
      for (const { reject } of batch) reject(error);
      this.#rollBack();
      return;
    }
    for (const event of appended) this.#remember(event);
    batch.forEach(({ resolve }, index) => {
      resolve(outcomes[index] ?? 'conflict');
    });
    if (appended.length > 0) for (const listener of this.#listeners) listener();
  }

  /** SQLite may already have rolled back by itself (a full disk does that), or be closed; then there is nothing left to undo. */
  #rollBack(): void {
    if (this.#database.isOpen && this.#database.isTransaction) this.#database.exec('ROLLBACK');
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
    if (snapshot !== undefined) this.#insertSnapshot.run(stream, snapshot.version, snapshot.schemaVersion, snapshot.state);
    return 'new';
  }

  #remember(event: StoredEvent): void {
    this.#head = event.position ?? this.#head;
    const { body, ...rest } = event;
    // The feeds need no more of a body than what is published of it.
    const kept = body !== undefined && body.length > limits.publishedBodyBytes ? rest : event;
    this.#recent[this.#head % this.#recent.length] = kept;
  }

  async read(
    stream: string,
    range: { readonly after: number; readonly upTo?: number; readonly limit?: number },
  ): Promise<readonly StoredEvent[]> {
    const rows = this.#range.all(stream, range.after, range.upTo ?? Number.MAX_SAFE_INTEGER, range.limit ?? -1);
    return rows.map((row) => this.#decode(row));
  }

  async load(
    stream: string,
    snapshotSchema: number,
  ): Promise<{ readonly snapshot: Snapshot | null; readonly events: readonly StoredEvent[] }> {
    // Nearly every stream is short: one look at its newest events is the whole of it.
    const rows = this.#newest.all(stream, limits.snapshotEvery + 1);
    const oldest = rows.at(-1);
    if (oldest === undefined || oldest['version'] === 1) return { snapshot: null, events: rows.reverse().map((row) => this.#decode(row)) };
    const found = this.#snapshot.get(stream, snapshotSchema);
    if (found === undefined) return { snapshot: null, events: await this.read(stream, { after: 0 }) };
    const snapshot = { version: Number(found['version']), schemaVersion: snapshotSchema, state: String(found['state']) };
    return { snapshot, events: await this.read(stream, { after: snapshot.version }) };
  }

  async readBody(stream: string, at: { readonly version: number; readonly commitId: string }): Promise<Uint8Array> {
    const bytes = this.#inlineBody.get(stream, at.version)?.['body'] ?? this.#body.get(stream, at.commitId)?.['bytes'];
    if (bytes instanceof Uint8Array) return bytes;
    throw new Error(`the body beside version ${at.version} of ${stream} is gone`);
  }

  readAll(after: number, limit: number): readonly StoredEvent[] {
    const wanted = Math.min(limit, this.#head - after);
    if (wanted <= 0) return [];
    if (this.#head - after > this.#recent.length) return this.#page.all(after, limit).map((row) => this.#decode(row));
    const events: StoredEvent[] = [];
    for (let position = after + 1; position <= after + wanted; position += 1) {
      const event = this.#recent[position % this.#recent.length];
      if (event?.position !== position) return this.#page.all(after, limit).map((row) => this.#decode(row));
      events.push(event);
    }
    return events;
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

  #decode(row: Row): StoredEvent {
    const { body } = row;
    const [stream, version] = [String(row['stream']), Number(row['version'])];
    return this.#parse({
      stream,
      version,
      type: String(row['type']),
      schemaVersion: Number(row['schema_version']),
      occurredAt: Number(row['occurred_at']),
      commitId: String(row['commit_id']),
      data: parseJson(`the data of ${stream}@${version}`, row['data']),
      facts: parseJson(`the facts of ${stream}@${version}`, row['facts']),
      position: Number(row['position']),
      ...(body instanceof Uint8Array ? { body } : {}),
      ...(row['imported'] === 1 ? { imported: true } : {}),
    });
  }
}

function parseJson(what: string, text: unknown) {
  try {
    return JSON.parse(String(text));
  } catch (cause) {
    throw new Error(`${what} does not read as JSON`, { cause });
  }
}
