import { parseStoredEvent } from '../../../src/application/event-schemas.ts';
import type { AppendOutcome, EventLog, Snapshot, StoredEvent } from '../../../src/application/ports.ts';
import { limits } from '../../../src/domain/limits.ts';
import type { SimulatedProcess } from '../kernel/process.ts';
import type { World } from '../kernel/world.ts';

/** An event in the log, with when it came there and who sent it. */
export type Entry = { readonly event: StoredEvent; readonly at: number; readonly by: string };
type Range = { readonly after: number; readonly upTo?: number; readonly limit?: number };

/** As the adapters do: what may pass is tried again before whoever appends hears of it. */
const triesToAppend = 3;

/** The log that all processes of a world share: what is in it stays, whoever dies. Holds the first law itself. */
export class EventTable {
  readonly entries: Entry[] = [];
  readonly #byStream = new Map<string, Entry[]>();
  readonly #snapshots = new Map<string, Snapshot[]>();
  readonly #bodies = new Map<string, Uint8Array>();
  readonly #world: World;
  readonly #listeners = new Set<(entry: Entry) => void>();

  constructor(world: World) {
    this.#world = world;
  }

  onAppend(listener: (entry: Entry) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  streams(): readonly string[] {
    return [...this.#byStream.keys()];
  }

  of(stream: string): readonly Entry[] {
    return this.#byStream.get(stream) ?? [];
  }

  /** The log as one process sees it; `inside` that very process, whoever appends hears of it before any feed does. */
  from(process: SimulatedProcess, inside = false): EventLog {
    return {
      append: (event, snapshot) => this.#appendFrom(process, event, snapshot, inside),
      read: (stream, range) => process.call(`a read of ${stream}`, 5, () => this.#read(stream, range)),
      load: (stream, schema) => process.call(`a load of ${stream}`, 5, () => this.#load(stream, schema)),
      readBody: (stream, at) => process.call(`a read of a body of ${stream}`, 5, () => this.#body(stream, at.version)),
    };
  }

  async #appendFrom(
    process: SimulatedProcess,
    event: StoredEvent,
    snapshot: Snapshot | undefined,
    inside: boolean,
  ): Promise<AppendOutcome> {
    for (let tried = 1; ; tried += 1) {
      try {
        return await process.call(
          `the append of ${event.stream}@${event.version} ${event.type}`,
          10,
          () => this.#append(process, event, snapshot),
          inside,
        );
      } catch (error) {
        if (tried === triesToAppend) throw error;
      }
    }
  }

  #append(process: SimulatedProcess, given: StoredEvent, snapshot: Snapshot | undefined): AppendOutcome {
    const { stream, version } = given;
    const known = this.of(stream);
    const held = known[version - 1];
    if (held !== undefined) return held.event.commitId === given.commitId ? 'appended' : 'conflict';
    if (version !== known.length + 1) this.#world.violate('S1', `${stream} has ${known.length} events and got version ${version}`);
    const { body, ...rest } = given;
    // Through JSON, as in every store: what does not come back from there is not to be relied upon.
    const parsed = parseStoredEvent(JSON.parse(JSON.stringify(rest)) as StoredEvent);
    const isInline = body !== undefined && body.length <= limits.inlineBodyBytes;
    const event: StoredEvent = isInline ? { ...parsed, body: body.slice() } : parsed;
    if (body !== undefined) this.#bodies.set(`${stream}@${version}`, body.slice());
    const entry: Entry = { event, at: this.#world.now, by: process.name };
    this.#byStream.set(stream, [...known, entry]);
    if (snapshot !== undefined) this.#snapshots.set(stream, [...(this.#snapshots.get(stream) ?? []), snapshot]);
    this.entries.push(entry);
    if (this.#world.faults.strike('death after an append')) process.kill(`after the append of ${stream}@${version} ${event.type}`);
    this.#world.note(() => `${process.name} appended ${stream}@${version} ${event.type} ${JSON.stringify(event.data).slice(0, 160)}`);
    for (const listener of this.#listeners) listener(entry);
    return 'appended';
  }

  #read(stream: string, { after, upTo = Number.MAX_SAFE_INTEGER, limit = Number.MAX_SAFE_INTEGER }: Range): readonly StoredEvent[] {
    return this.of(stream)
      .slice(after, Math.min(upTo, after + limit))
      .map(({ event }) => event);
  }

  #load(stream: string, schema: number): { readonly snapshot: Snapshot | null; readonly events: readonly StoredEvent[] } {
    const usable = this.#snapshots.get(stream)?.filter(({ schemaVersion }) => schemaVersion === schema) ?? [];
    const snapshot = usable.toSorted((left, right) => right.version - left.version)[0] ?? null;
    return { snapshot, events: this.#read(stream, { after: snapshot?.version ?? 0 }) };
  }

  #body(stream: string, version: number): Uint8Array {
    const body = this.#bodies.get(`${stream}@${version}`);
    if (body === undefined) throw new Error(`the body beside version ${version} of ${stream} is gone`);
    return body.slice();
  }
}
