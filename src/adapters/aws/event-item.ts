import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { type Snapshot, type StoredEvent, UnreadableEvent } from '../../application/ports.ts';
import { limits } from '../../domain/limits.ts';

export type Item = Record<string, AttributeValue>;

/**
 * An event as an item: `pk` stream, `sk` version, and what readers of the table's stream need in plain attributes.
 * Small bodies lie in the item, larger ones in the table of bodies.
 */
export function eventAttributes(event: StoredEvent, snapshot: Snapshot | undefined): Item {
  const inline = event.body !== undefined && event.body.length <= limits.inlineBodyBytes ? event.body : undefined;
  return {
    pk: { S: event.stream },
    sk: { N: String(event.version) },
    type: { S: event.type },
    schema: { N: String(event.schemaVersion) },
    at: { N: String(event.occurredAt) },
    commit: { S: event.commitId },
    data: { S: JSON.stringify(event.data) },
    facts: { S: JSON.stringify(event.facts) },
    ...(inline === undefined ? {} : { body: { B: inline } }),
    ...(event.imported === true ? { imported: { BOOL: true } } : {}),
    ...(snapshot === undefined ? {} : { state: { S: snapshot.state }, stateSchema: { N: String(snapshot.schemaVersion) } }),
  };
}

/** The event an item holds. Throws `UnreadableEvent`, naming the item, if it holds none: what then to do is the caller's to decide. */
export function decodeEvent(item: Item): StoredEvent {
  const [stream, version] = [textAt(item, 'pk'), numberAt(item, 'sk')];
  const at = `the item ${stream ?? '?'}@${version ?? '?'}`;
  const [type, schemaVersion, occurredAt, commitId] = [
    textAt(item, 'type'),
    numberAt(item, 'schema'),
    numberAt(item, 'at'),
    textAt(item, 'commit'),
  ];
  const [data, facts] = [textAt(item, 'data'), textAt(item, 'facts')];
  if (
    stream === null ||
    version === null ||
    type === null ||
    schemaVersion === null ||
    occurredAt === null ||
    commitId === null ||
    data === null ||
    facts === null
  ) {
    throw new UnreadableEvent(`${at} is not an event`);
  }
  const body = bytesAt(item, 'body');
  return {
    stream,
    version,
    type,
    schemaVersion,
    occurredAt,
    commitId,
    data: jsonOf(data, at),
    facts: jsonOf(facts, at),
    ...(body === null ? {} : { body }),
    ...(item['imported']?.BOOL === true ? { imported: true } : {}),
  };
}

function jsonOf(text: string, at: string) {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UnreadableEvent(`${at} does not hold JSON`, { cause });
  }
}

/** The folded state stored with an event, if there is one in the shape that is asked for. */
export function snapshotOf(item: Item, schemaVersion: number): Snapshot | null {
  const [state, version] = [textAt(item, 'state'), numberAt(item, 'sk')];
  if (state === null || version === null || numberAt(item, 'stateSchema') !== schemaVersion) return null;
  return { version, schemaVersion, state };
}

export function textAt(item: Item, name: string): string | null {
  return item[name]?.S ?? null;
}

export function numberAt(item: Item, name: string): number | null {
  const text = item[name]?.N;
  return text === undefined ? null : Number(text);
}

/** In a stream record as Lambda hands it over the bytes are base64 text. */
export function bytesAt(item: Item | undefined, name: string): Uint8Array | null {
  const value: unknown = item?.[name]?.B;
  if (value instanceof Uint8Array) return value;
  return typeof value === 'string' ? Buffer.from(value, 'base64') : null;
}
