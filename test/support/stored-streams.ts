import { readdirSync, readFileSync } from 'node:fs';
import { eventSchemaVersion } from '../../src/application/event-schemas.ts';
import type { StoredEvent } from '../../src/application/ports.ts';
import { factsOfStream, foldStream, type StreamEvent, type StreamState } from '../../src/domain/streams.ts';

const folder = new URL('../fixtures/streams/', import.meta.url);

/** The recorded histories, of streams of every kind. */
export const recordedStreams: readonly { readonly name: string; readonly events: readonly StreamEvent[] }[] = readdirSync(folder).map(
  (name) => ({ name, ...JSON.parse(readFileSync(new URL(name, folder), 'utf8')) }),
);

/** Every event of a stream as a log holds it, and the state after it. `bytes` lie beside each that speaks of a body. */
export function storedAlong(
  events: readonly StreamEvent[],
  bytes?: Uint8Array,
): readonly { readonly stored: StoredEvent; readonly state: StreamState }[] {
  let state: StreamState | null = null;
  return events.map((event) => {
    state = foldStream(event.stream, state, [event]);
    const facts = factsOfStream(event.stream, state);
    return { stored: { ...event, schemaVersion: eventSchemaVersion, facts, ...(bytes === undefined ? {} : { body: bytes }) }, state };
  });
}
