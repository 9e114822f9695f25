import type { EventLog, ReadModels, StoredEvent } from '../application/ports.ts';
import { sameValue } from '../domain/same-value.ts';
import { project } from './project.ts';

/** A part of the log, in any order, as `project` takes it. `position` is where the part ends, on a host that has positions. */
export type LogPart = { readonly events: readonly StoredEvent[]; readonly position?: number };

export type RebuildPorts = {
  readonly log: EventLog;
  readonly views: ReadModels;
  readonly onBroken: (stream: string, error: unknown) => void;
  /** The whole log from some point on, part by part: by position on the server host, by parallel scans on AWS. */
  readonly parts: AsyncIterable<LogPart>;
  /** Called after each part with the number of events read so far. */
  readonly progress: (events: number) => void;
};

/**
 * Folds every part of the log into the read models and gives the number of events read. Whether this catches up or rebuilds
 * depends on what the read models hold and where the parts begin: both are the same projection.
 */
export async function rebuild({ log, views, onBroken, parts, progress }: RebuildPorts): Promise<number> {
  let events = 0;
  for await (const part of parts) {
    await project({ log, views, onBroken, readFirst: true }, part.events, part.position);
    events += part.events.length;
    progress(events);
  }
  return events;
}

/** One row as it is stored. `key` names it within its table; `columns` are all of its values, the key's included. */
export type StoredRow = { readonly key: readonly (string | number)[]; readonly columns: Readonly<Record<string, unknown>> };

/** Read models as they lie in their store, to be compared row by row. */
export type StoredRows = {
  readonly tables: readonly string[];
  /** Every row of a table once, in any order. */
  scan(table: string): AsyncIterable<StoredRow> | Iterable<StoredRow>;
  find(table: string, key: StoredRow['key']): Promise<StoredRow | null>;
};

/** A row in which the stored read models are not what the log makes of them. */
export type Difference = {
  readonly table: string;
  readonly key: StoredRow['key'];
  /** `missing`: the log asks for it; `unexpected`: nothing in the log does; `different`: these columns are not what they should be. */
  readonly kind: 'missing' | 'unexpected' | 'different';
  readonly columns: readonly { readonly name: string; readonly stored: unknown; readonly rebuilt: unknown }[];
};

export type Comparison = {
  /** How many rows were looked at, by table. */
  readonly rows: ReadonlyMap<string, number>;
  /** The first differences, and how many there are in all. */
  readonly differences: readonly Difference[];
  readonly found: number;
};

/** Compares every row of every table, both ways. At most `shown` differences are kept; all are counted. */
export async function compareReadModels(stored: StoredRows, rebuilt: StoredRows, shown: number): Promise<Comparison> {
  const rows = new Map<string, number>();
  const differences: Difference[] = [];
  let found = 0;
  const note = (difference: Difference): void => {
    found += 1;
    if (differences.length < shown) differences.push(difference);
  };
  for (const table of rebuilt.tables) {
    let seen = 0;
    for await (const row of rebuilt.scan(table)) {
      seen += 1;
      const other = await stored.find(table, row.key);
      if (other === null) {
        note({ table, key: row.key, kind: 'missing', columns: [] });
        continue;
      }
      const columns = differingColumns(other, row);
      if (columns.length > 0) note({ table, key: row.key, kind: 'different', columns });
    }
    for await (const { key } of stored.scan(table)) {
      if ((await rebuilt.find(table, key)) !== null) continue;
      seen += 1;
      note({ table, key, kind: 'unexpected', columns: [] });
    }
    rows.set(table, seen);
  }
  return { rows, differences, found };
}

function differingColumns(stored: StoredRow, rebuilt: StoredRow): Difference['columns'] {
  const names = new Set([...Object.keys(rebuilt.columns), ...Object.keys(stored.columns)]);
  return [...names].flatMap((name) => {
    const [is, shouldBe] = [stored.columns[name], rebuilt.columns[name]];
    const same = is === shouldBe || (name === 'state' && isSameState(is, shouldBe));
    return same ? [] : [{ name, stored: is, rebuilt: shouldBe }];
  });
}

/** States are kept as JSON, in which the order of fields, that of whoever folded them, means nothing. */
function isSameState(stored: unknown, rebuilt: unknown): boolean {
  if (typeof stored !== 'string' || typeof rebuilt !== 'string') return false;
  try {
    return sameValue(JSON.parse(stored), JSON.parse(rebuilt));
  } catch {
    return false;
  }
}
