import type { DatabaseSync } from 'node:sqlite';
import { type StoredEvent, UnreadableEvent } from '../../application/ports.ts';

export type Row = Readonly<Record<string, unknown>>;
/** Checks what comes out of the file: the log is a boundary like any other. */
export type ParseEvent = (event: StoredEvent) => StoredEvent;
/** An event that is in the log, does not read and is left out: where it lies, and why it does not. */
export type SkippedEvent = { readonly position: number; readonly stream: string; readonly version: number; readonly error: unknown };

export const eventColumns = 'position, stream, version, type, schema_version, occurred_at, commit_id, data, facts, body, imported';

/** Throws `UnreadableEvent`, naming stream and version, if the row is no event. */
export function decodeEvent(row: Row, parse: ParseEvent): StoredEvent {
  const { body } = row;
  const [stream, version] = [String(row['stream']), Number(row['version'])];
  return parse({
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

function parseJson(what: string, text: unknown) {
  try {
    return JSON.parse(String(text));
  } catch (cause) {
    throw new UnreadableEvent(`${what} does not read as JSON`, { cause });
  }
}

/** What the parts of a row without a bound of their own weigh: bytes of the body, characters of the rest. */
export function weightOf(row: Row): number {
  const { body } = row;
  return String(row['data']).length + String(row['facts']).length + (body instanceof Uint8Array ? body.length : 0);
}

/**
 * Throws if the log holds events of a later schema version than is known. Leaving these out, as damaged ones are, would fold
 * every stream they are in into something that never was: after a downgrade the whole log is refused.
 */
export function refuseNewerEvents(database: DatabaseSync, known: number): void {
  // The first condition is that of the index, which has no entries in a log that was never newer than this.
  const newer = 'SELECT stream, version, schema_version FROM events WHERE schema_version > 1 AND schema_version > ?';
  const row = database.prepare(`${newer} ORDER BY schema_version, position LIMIT 1`).get(known);
  if (row === undefined) return;
  const { stream, version, schema_version: schema } = row;
  throw new Error(`${stream}@${version} has schema version ${schema}, this Errand knows ${known}: the log was written by a newer Errand`);
}
