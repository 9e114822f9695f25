import type { Database } from './database.ts';
import { readModelTables } from './read-model-schema.ts';

type Key = readonly (string | number)[];
type StoredRow = { readonly key: Key; readonly columns: Readonly<Record<string, unknown>> };

type Shape = { readonly key: readonly string[]; readonly counts: string };

/** The columns that name a row of each table, and which of its rows are part of the read models. */
const shapes: Readonly<Record<(typeof readModelTables)[number], Shape>> = {
  views: { key: ['stream'], counts: 'true' },
  labels: { key: ['name', 'value', 'kind', 'created_at', 'id'], counts: 'true' },
  // A status that no task is in any more says the same as one that none ever was in.
  counts: { key: ['status'], counts: 'tasks <> 0' },
  minutes: { key: ['minute'], counts: 'true' },
  // How far the dispatch feed has come is no read model: it cannot be made from the log.
  checkpoints: { key: ['consumer'], counts: "consumer = 'project'" },
};

/** The rows of the read models as they lie in the file, for comparing two of them. */
export class SqliteReadModelRows {
  readonly tables: readonly string[] = readModelTables;
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  *scan(table: string): Iterable<StoredRow> {
    const { key, counts } = shapeOf(table);
    const rows = this.#database.prepare(`SELECT * FROM ${table} WHERE ${counts}`).iterate();
    for (const row of rows) yield stored(row, key);
  }

  async find(table: string, key: Key): Promise<StoredRow | null> {
    const { key: names, counts } = shapeOf(table);
    const named = names.map((name) => `${name} = ?`).join(' AND ');
    const row = this.#prepared(`SELECT * FROM ${table} WHERE ${counts} AND ${named}`).get(...key);
    return row === undefined ? null : stored(row, names);
  }

  readonly #statements = new Map<string, ReturnType<Database['prepare']>>();

  #prepared(sql: string): ReturnType<Database['prepare']> {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

function shapeOf(table: string): Shape {
  const known = readModelTables.find((name) => name === table);
  if (known === undefined) throw new Error(`there is no table ${table} in the read models`);
  return shapes[known];
}

function stored(row: Readonly<Record<string, unknown>>, names: readonly string[]): StoredRow {
  const key = names.map((name) => {
    const value = row[name];
    return typeof value === 'number' ? value : String(value);
  });
  return { key, columns: row };
}
