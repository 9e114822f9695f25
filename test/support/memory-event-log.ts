import { parseStoredEvent } from '../../src/application/event-schemas.ts';
import type { AppendOutcome, EventLog, Snapshot, StoredEvent } from '../../src/application/ports.ts';
import { limits } from '../../src/domain/limits.ts';

type Row = Omit<StoredEvent, 'data' | 'facts' | 'body'> & {
  readonly data: string;
  readonly facts: string;
  readonly body: Uint8Array | null;
};
type Stream = { readonly rows: Map<number, Row>; readonly bodies: Map<string, Uint8Array>; readonly snapshots: Snapshot[] };

/** What goes wrong with an append: the request is lost, or it is applied and its reply is lost. */
export type AppendFault = 'request-lost' | 'reply-lost';

/** The event log in memory, as a table of items keyed by stream and version: no positions, no order between streams. */
export class MemoryEventLog implements EventLog {
  readonly #streams = new Map<string, Stream>();
  /** Every event in the order in which it was appended: what a change feed would tell. */
  readonly records: StoredEvent[] = [];
  /** Decides what goes wrong with an append; nothing by default. */
  fault: (event: StoredEvent) => AppendFault | null = () => null;

  async append(event: StoredEvent, snapshot?: Snapshot): Promise<AppendOutcome> {
    const fault = this.fault(event);
    if (fault === 'request-lost') throw new Error('the log did not take the append');
    const outcome = this.#put(event, snapshot);
    if (fault === 'reply-lost') throw new Error('the log did not answer');
    return outcome;
  }

  async read(
    stream: string,
    range: { readonly after: number; readonly upTo?: number; readonly limit?: number },
  ): Promise<readonly StoredEvent[]> {
    return this.events(stream)
      .filter(({ version }) => version > range.after && version <= (range.upTo ?? Number.MAX_SAFE_INTEGER))
      .slice(0, range.limit ?? Number.MAX_SAFE_INTEGER);
  }

  async load(
    stream: string,
    snapshotSchema: number,
  ): Promise<{ readonly snapshot: Snapshot | null; readonly events: readonly StoredEvent[] }> {
    const usable = (this.#streams.get(stream)?.snapshots ?? []).filter(({ schemaVersion }) => schemaVersion === snapshotSchema);
    const snapshot = usable.sort((left, right) => right.version - left.version)[0] ?? null;
    return { snapshot, events: await this.read(stream, { after: snapshot?.version ?? 0 }) };
  }

  async readBody(stream: string, at: { readonly version: number; readonly commitId: string }): Promise<Uint8Array> {
    const found = this.#streams.get(stream);
    const bytes = found?.rows.get(at.version)?.body ?? found?.bodies.get(at.commitId);
    if (bytes === undefined) throw new Error(`the body beside version ${at.version} of ${stream} is gone`);
    return bytes.slice();
  }

  /** All events of a stream as they are now, oldest first. */
  events(stream: string): readonly StoredEvent[] {
    return [...(this.#streams.get(stream)?.rows.values() ?? [])].sort((left, right) => left.version - right.version).map(decode);
  }

  streams(): readonly string[] {
    return [...this.#streams.keys()];
  }

  #put(event: StoredEvent, snapshot: Snapshot | undefined): AppendOutcome {
    const stream = this.#stream(event.stream);
    const held = stream.rows.get(event.version);
    if (held !== undefined) return held.commitId === event.commitId ? 'appended' : 'conflict';
    const { body, data, facts, ...rest } = event;
    const apart = body !== undefined && body.length > limits.inlineBodyBytes;
    if (apart) stream.bodies.set(event.commitId, body.slice());
    const row: Row = { ...rest, data: JSON.stringify(data), facts: JSON.stringify(facts), body: apart ? null : (body?.slice() ?? null) };
    stream.rows.set(event.version, row);
    if (snapshot !== undefined) stream.snapshots.push(snapshot);
    this.records.push(decode(row));
    return 'appended';
  }

  #stream(name: string): Stream {
    const known = this.#streams.get(name);
    if (known !== undefined) return known;
    const stream: Stream = { rows: new Map(), bodies: new Map(), snapshots: [] };
    this.#streams.set(name, stream);
    return stream;
  }
}

function decode({ body, data, facts, ...rest }: Row): StoredEvent {
  return parseStoredEvent({ ...rest, data: JSON.parse(data), facts: JSON.parse(facts), ...(body === null ? {} : { body: body.slice() }) });
}
