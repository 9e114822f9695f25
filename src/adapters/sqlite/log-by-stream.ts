import type { StoredEvent } from '../../application/ports.ts';
import type { Database } from './database.ts';
import { decodeEvent, eventColumns, type ParseEvent, type Row } from './event-rows.ts';

/**
 * Every event of the log once, stream by stream and oldest first, with all bytes beside it: whoever folds it holds one stream at a time.
 * The order is that of the index over streams, so nothing is sorted. Throws `UnreadableEvent` for one that does not read.
 */
export function* eventsByStream(database: Database, parse: ParseEvent): Generator<StoredEvent> {
  const columns = eventColumns.split(', ').map((name) => `events.${name}`);
  const rows = database
    .prepare(
      `SELECT ${columns.join(', ')}, bodies.bytes AS apart FROM events
       LEFT JOIN bodies ON bodies.stream = events.stream AND bodies.commit_id = events.commit_id ORDER BY events.stream, events.version`,
    )
    .iterate();
  for (const row of rows) yield decodeEvent(withBody(row), parse);
}

function withBody(row: Row): Row {
  const { apart, ...event } = row;
  return event['body'] === null && apart instanceof Uint8Array ? { ...event, body: apart } : event;
}

export function countEvents(database: Database): number {
  return Number(database.prepare('SELECT count(*) AS events FROM events').get()?.['events']);
}
