import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { DueQuery, ListPage, ListQuery, ReadModels, Statistics, Tally, View, ViewWrite, Wake } from '../../application/ports.ts';
import { factsOfStream, isListed, kindOf, type StreamKind, type StreamState, type StreamStates } from '../../domain/streams.ts';
import type { TaskStatus } from '../../domain/task/state.ts';
import { listStatement } from './list-statement.ts';
import { readModelTables } from './read-model-schema.ts';
import { addTally, labelsOf, viewOf, wakeOf } from './view-rows.ts';

const statuses: readonly TaskStatus[] = ['scheduled', 'running', 'waiting', 'succeeded', 'failed', 'cancelled'];
/** Streams that seldom change any more. */
const settled: ReadonlySet<string> = new Set(['succeeded', 'failed', 'cancelled', 'finished', 'deleted']);
const windowMinutes = 60;
/** As many as tasks may well be under way at once; a view is about a kilobyte, and heavy ones are not kept. */
const recentViews = 8_192;
const keptStateLength = 8 * 1_024;

/** Read models as SQLite tables: one row per stream, written in one transaction with the counters and the checkpoint. */
export class SqliteReadModels implements ReadModels {
  readonly #database: DatabaseSync;
  readonly #select: StatementSync;
  readonly #insert: StatementSync;
  readonly #update: StatementSync;
  readonly #addLabel: StatementSync;
  readonly #dropLabel: StatementSync;
  readonly #count: StatementSync;
  readonly #minute: StatementSync;
  readonly #setCheckpoint: StatementSync;
  readonly #due: StatementSync;
  readonly #dueOfTarget: StatementSync;
  readonly #lists = new Map<string, StatementSync>();
  /** Views written last: a task under way is written again soon, and this process alone writes them. */
  readonly #recent = new Map<string, View>();

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#select = database.prepare('SELECT stream, version, state FROM views WHERE stream = ?');
    // Whoever folded from another version than the stored one would count twice or leave something out: neither statement
    // then changes anything, and the stream is given back.
    this.#insert = database.prepare(
      `INSERT INTO views (version, status, created_at, due_at, target, lane, state, kind, id, stream) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO NOTHING`,
    );
    this.#update = database.prepare(
      `UPDATE views SET version = ?, status = ?, created_at = ?, due_at = ?, target = ?, lane = ?, state = ? WHERE stream = ? AND version = ?`,
    );
    // Labels that differ only in broken surrogates become the same text in the file; such a task must not stop the projection.
    this.#addLabel = database.prepare(
      'INSERT INTO labels (name, value, kind, created_at, id) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
    );
    this.#dropLabel = database.prepare('DELETE FROM labels WHERE name = ? AND value = ? AND kind = ? AND created_at = ? AND id = ?');
    this.#count = database.prepare(
      'INSERT INTO counts (status, tasks) VALUES (?, ?) ON CONFLICT (status) DO UPDATE SET tasks = tasks + excluded.tasks',
    );
    this.#minute = database.prepare(
      `INSERT INTO minutes (minute, started, succeeded, failed, retried) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (minute) DO UPDATE SET started = started + excluded.started, succeeded = succeeded + excluded.succeeded,
         failed = failed + excluded.failed, retried = retried + excluded.retried`,
    );
    this.#setCheckpoint = database.prepare(
      'INSERT INTO checkpoints (consumer, position) VALUES (?, ?) ON CONFLICT (consumer) DO UPDATE SET position = excluded.position',
    );
    const due = 'SELECT stream, version, due_at, target, lane FROM views';
    const order = 'AND (due_at, stream) > (?, ?) ORDER BY due_at, stream LIMIT ?';
    this.#due = database.prepare(`${due} WHERE due_at IS NOT NULL AND due_at <= ? ${order}`);
    this.#dueOfTarget = database.prepare(`${due} WHERE target IS ? AND due_at IS NOT NULL AND due_at <= ? ${order}`);
  }

  async read(streams: readonly string[]): Promise<ReadonlyMap<string, View>> {
    const views = new Map<string, View>();
    for (const stream of streams) {
      const recent = this.#recent.get(stream);
      const row = recent === undefined ? this.#select.get(stream) : undefined;
      if (recent !== undefined) views.set(stream, recent);
      else if (row !== undefined) views.set(stream, viewOf(row));
    }
    return views;
  }

  async write(writes: readonly ViewWrite[], checkpoint?: number): Promise<readonly string[]> {
    const behind: string[] = [];
    const heavy = new Set<string>();
    const counts = new Map<string, number>();
    const minutes = new Map<number, Tally>();
    this.#transaction(() => {
      for (const write of writes) {
        const length = this.#writeView(write, counts);
        if (length === null) {
          behind.push(write.after.stream);
          continue;
        }
        if (length > keptStateLength) heavy.add(write.after.stream);
        for (const tally of write.tallies) addTally(minutes, tally);
      }
      for (const [status, difference] of counts) if (difference !== 0) this.#count.run(status, difference);
      for (const { minute, started, succeeded, failed, retried } of minutes.values()) {
        this.#minute.run(minute, started, succeeded, failed, retried);
      }
      if (checkpoint !== undefined && behind.length === 0) this.#setCheckpoint.run('project', checkpoint);
    });
    this.#remember(writes, behind, heavy);
    return behind;
  }

  /** Only what was committed, and only what is light and likely to be needed again: what has ended seldom changes. */
  #remember(writes: readonly ViewWrite[], behind: readonly string[], heavy: ReadonlySet<string>): void {
    for (const { after } of writes) {
      this.#recent.delete(after.stream);
      if (heavy.has(after.stream)) continue;
      if (!settled.has(after.state.status)) this.#recent.set(after.stream, after);
    }
    for (const stream of behind) this.#recent.delete(stream);
    for (const oldest of this.#recent.keys()) {
      if (this.#recent.size <= recentViews) break;
      this.#recent.delete(oldest);
    }
  }

  /** Gives the length of the state as text; null if the stored view is not the one before. */
  #writeView({ before, after }: ViewWrite, counts: Map<string, number>): number | null {
    const { stream, version, state } = after;
    if (state.status === 'missing') throw new Error(`the view of ${stream} would be empty`);
    const facts = factsOfStream(stream, state);
    const kind = kindOf(stream);
    const created = isListed(state) ? state.createdAt : null;
    const text = JSON.stringify(state);
    const values = [version, state.status, created, facts.wakeAt, facts.target, facts.lane, text] as const;
    const { changes } =
      before === null ? this.#insert.run(...values, kind, state.id, stream) : this.#update.run(...values, stream, before.version);
    if (changes === 0) return null;
    const was = before?.state;
    if (kind === 'task') {
      if (was !== undefined && isListed(was)) counts.set(was.status, (counts.get(was.status) ?? 0) - 1);
      if (isListed(state)) counts.set(state.status, (counts.get(state.status) ?? 0) + 1);
    }
    this.#writeLabels(stream, was, state);
    return text.length;
  }

  #writeLabels(stream: string, was: StreamState | undefined, is: StreamState): void {
    const [old, current] = [labelsOf(stream, was), labelsOf(stream, is)];
    if (old.labels === current.labels || JSON.stringify(old.labels) === JSON.stringify(current.labels)) return;
    for (const [name, value] of Object.entries(old.labels)) this.#dropLabel.run(name, value, old.kind, old.createdAt, old.id);
    for (const [name, value] of Object.entries(current.labels)) {
      this.#addLabel.run(name, value, current.kind, current.createdAt, current.id);
    }
  }

  async due(query: DueQuery): Promise<readonly Wake[]> {
    const { until, limit, target, after } = query;
    const [dueAt, stream] = [after?.dueAt ?? Number.MIN_SAFE_INTEGER, after?.stream ?? ''];
    const rows =
      target === undefined ? this.#due.all(until, dueAt, stream, limit) : this.#dueOfTarget.all(target, until, dueAt, stream, limit);
    return rows.map(wakeOf);
  }

  async list<Kind extends StreamKind>(query: ListQuery<Kind>): Promise<ListPage<Kind>> {
    const { sql, parameters } = listStatement(query);
    let statement = this.#lists.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#lists.set(sql, statement);
    }
    // Only rows of the kind that was asked for.
    const views = statement.all(...parameters).map((row) => viewOf(row) as View<StreamStates[Kind]>);
    const last = views.length < query.limit ? undefined : views.at(-1)?.state;
    const next = last === undefined || last.status === 'missing' ? null : { createdAt: last.createdAt, id: last.id };
    return { views, next };
  }

  async statistics(now: number): Promise<Statistics> {
    const stored = new Map(
      this.#database
        .prepare('SELECT status, tasks FROM counts')
        .all()
        .map((row) => [String(row['status']), Number(row['tasks'])]),
    );
    const counts = Object.fromEntries(statuses.map((status) => [status, stored.get(status) ?? 0])) as Record<TaskStatus, number>;
    // What waits for its tasks may be overdue for long: walked over, as few do.
    const oldest = this.#database
      .prepare("SELECT due_at FROM views WHERE due_at IS NOT NULL AND kind = 'task' ORDER BY due_at, stream LIMIT 1")
      .get()?.['due_at'];
    const sums = ['started', 'succeeded', 'failed', 'retried'].map((name) => `coalesce(sum(${name}), 0) AS ${name}`).join(', ');
    const hour = this.#database.prepare(`SELECT ${sums} FROM minutes WHERE minute > ?`).get(Math.floor(now / 60_000) - windowMinutes) ?? {};
    return {
      counts,
      oldestDueAt: oldest === null || oldest === undefined ? null : Number(oldest),
      lastHour: {
        started: Number(hour['started']),
        succeeded: Number(hour['succeeded']),
        failed: Number(hour['failed']),
        retried: Number(hour['retried']),
      },
    };
  }

  /** How far a consumer of the feed has come. */
  checkpoint(consumer: 'project' | 'dispatch'): number {
    return Number(this.#database.prepare('SELECT position FROM checkpoints WHERE consumer = ?').get(consumer)?.['position'] ?? 0);
  }

  saveCheckpoint(consumer: 'dispatch', position: number): void {
    this.#setCheckpoint.run(consumer, position);
  }

  /** The shape of the folded states in the views, as `startAnew` was told; 0 if it never was. */
  stateSchema(): number {
    return Number(this.#database.prepare("SELECT value FROM meta WHERE name = 'state schema'").get()?.['value'] ?? 0);
  }

  /** Empties the read models, for states of this shape to be projected from the beginning. What was dispatched stays so. */
  startAnew({ stateSchema, dispatched }: { readonly stateSchema: number; readonly dispatched: number }): void {
    this.#transaction(() => {
      for (const table of readModelTables) this.#database.exec(`DELETE FROM ${table}`);
      this.#setCheckpoint.run('dispatch', dispatched);
      this.#database.prepare("INSERT OR REPLACE INTO meta (name, value) VALUES ('state schema', ?)").run(stateSchema);
    });
    this.#recent.clear();
  }

  /** Streams of tasks that are in a status, as projected. */
  streamsWithStatus(status: TaskStatus): readonly string[] {
    return this.#database
      .prepare("SELECT stream FROM views WHERE kind = 'task' AND status = ? AND created_at IS NOT NULL")
      .all(status)
      .map((row) => String(row['stream']));
  }

  #transaction(work: () => void): void {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      work();
      this.#database.exec('COMMIT');
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }
}
