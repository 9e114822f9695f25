import type { Recorded } from '../domain/decision.ts';
import type { Facts } from '../domain/facts.ts';
import { limits } from '../domain/limits.ts';
import type { Action, CallbackSpec } from '../domain/task/events.ts';
import type { BodyRef } from '../domain/task/state.ts';
import { eventSchemaVersion } from './event-schemas.ts';
import { LogUnavailable } from './log-unavailable.ts';
import { type AppendOutcome, type EventLog, type Ids, type Snapshot, type StoredEvent, UnreadableEvent } from './ports.ts';
import { createTurns } from './turns.ts';

/**
 * The shape of folded states, of every kind of stream, as stored with every 32nd event and in the read models. Another number makes older
 * ones unread, never wrong.
 */
export const snapshotSchemaVersion = 1;

type AnyState = { readonly status: string; readonly version: number };
type AnyEvent = { readonly type: string; readonly data: object };

/** What a store has to know of an aggregate. */
export type Aggregate<State extends AnyState, Event extends AnyEvent> = {
  readonly initial: State;
  evolve(state: State, event: Recorded<Event>): State;
  fold(state: State, events: Iterable<Recorded<Event>>): State;
  factsOf(state: State): Facts;
  /** A stored event, checked before, as the aggregate knows it. */
  eventOf(stored: StoredEvent): Recorded<Event>;
  /** When the state came about, in epoch milliseconds; nothing after it is dated before. */
  updatedAt(state: State): number;
  /** The bodies that are needed to act on the state: small ones stay in memory beside it. */
  bodiesOf(state: State): readonly (BodyRef | null)[];
  /** Whether the state takes as much memory as hundreds of others; such a one is read again instead of kept. */
  isHeavy(state: State): boolean;
};

/** A folded stream, with the newest small bodies that are needed to act on it. */
export type Loaded<State> = { readonly state: State; readonly bodies: ReadonlyMap<number, Uint8Array> };

export type AggregateStore<State, Event> = {
  /**
   * The folded stream. Whoever has heard of a version asks for at least that one: the feed tells of an event as soon as it is
   * committed, which may be before its append has come back here.
   */
  load(stream: string, atLeastVersion?: number): Promise<Loaded<State>>;
  /** Appends one event decided against `loaded`; the outcome carries the state after it. `conflict`: load again and decide anew. */
  append(
    stream: string,
    loaded: Loaded<State>,
    event: Event,
    at: { readonly now: number; readonly body?: Uint8Array | undefined },
  ): Promise<{ readonly outcome: AppendOutcome; readonly loaded: Loaded<State> }>;
  body(stream: string, loaded: Loaded<State>, ref: BodyRef): Promise<Uint8Array>;
  /**
   * Waits for one's turn on a stream among those of this process who lost a race on it, so that they do not go on losing to each
   * other. Resolves with what ends the turn.
   */
  turn(stream: string): Promise<() => void>;
};

export type StoreOptions = {
  readonly log: EventLog;
  readonly ids: Ids;
  /**
   * How many folded streams to keep. Only a host that alone writes the log may read from the cache;
   * with 0 every load asks the log.
   */
  readonly cacheEntries: number;
};

/** Loads, folds and appends: the only way application code meets the log of an aggregate. */
export function createAggregateStore<State extends AnyState, Event extends AnyEvent>(
  aggregate: Aggregate<State, Event>,
  { log, ids, cacheEntries }: StoreOptions,
): AggregateStore<State, Event> {
  const cache = new Map<string, Loaded<State>>();

  function remember(stream: string, loaded: Loaded<State>): void {
    if (cacheEntries === 0) return;
    const held = cache.get(stream);
    if (aggregate.isHeavy(loaded.state)) {
      cache.delete(stream);
      return;
    }
    // Two loads may finish in either order; the cache only ever moves forward.
    if (held !== undefined && held.state.version > loaded.state.version) return;
    cache.delete(stream);
    cache.set(stream, loaded);
    if (cache.size <= cacheEntries) return;
    for (const oldest of cache.keys()) {
      cache.delete(oldest);
      break;
    }
  }

  /** Keeps the small bodies that the state still refers to, so that acting on it needs no second read. */
  function bodiesOf(state: State, events: readonly Bodied[]): ReadonlyMap<number, Uint8Array> {
    const wanted = aggregate.bodiesOf(state);
    let bodies: Map<number, Uint8Array> | undefined;
    for (const { version, body } of events) {
      if (body === undefined || body.length > limits.cachedBodyBytes || !wanted.some((ref) => ref?.version === version)) continue;
      bodies ??= new Map();
      bodies.set(version, body);
    }
    return bodies ?? noBodies;
  }

  async function load(stream: string, atLeastVersion = 0): Promise<Loaded<State>> {
    const held = cache.get(stream);
    if (held !== undefined && held.state.version >= atLeastVersion) return held;
    const { snapshot, events } = await log.load(stream, snapshotSchemaVersion).catch((error: unknown) => {
      if (error instanceof UnreadableEvent) throw error;
      throw new LogUnavailable(`${stream} could not be read: ${String(error)}`, { cause: error });
    });
    const base = snapshot === null ? aggregate.initial : (JSON.parse(snapshot.state) as State);
    const state = aggregate.fold(base, events.map(aggregate.eventOf));
    const loaded = { state, bodies: bodiesOf(state, events) };
    if (state.status !== 'missing') remember(stream, loaded);
    return loaded;
  }

  return {
    load,

    async append(stream, loaded, event, { now, body }) {
      const before = loaded.state;
      const version = before.version + 1;
      // Clocks differ and jump; within a stream time never runs backwards.
      const occurredAt = before.status === 'missing' ? now : Math.max(now, aggregate.updatedAt(before));
      const envelope = { stream, version, occurredAt, commitId: ids.commitId(), schemaVersion: eventSchemaVersion };
      const recorded = { ...event, ...envelope };
      const state = aggregate.evolve(before, recorded);
      const stored: StoredEvent = { ...recorded, facts: aggregate.factsOf(state), ...(body === undefined ? {} : { body }) };
      const outcome = await log.append(stored, snapshotOf(state)).catch((error: unknown) => {
        // Whether it was written is unknown, and so whether what is cached is still the newest.
        cache.delete(stream);
        throw new LogUnavailable(`${stream}@${version} could not be appended: ${String(error)}`, { cause: error });
      });
      if (outcome === 'conflict') {
        cache.delete(stream);
        return { outcome, loaded };
      }
      const after = {
        state,
        bodies: loaded.bodies.size === 0 && body === undefined ? noBodies : bodiesOf(state, [...carried(loaded), stored]),
      };
      remember(stream, after);
      return { outcome, loaded: after };
    },

    turn: createTurns(),

    async body(stream, loaded, ref) {
      return loaded.bodies.get(ref.version) ?? (await log.readBody(stream, ref));
    },
  };
}

/** Headers make a state heavy; few are, and those are read again rather than crowd out hundreds of others. */
export function hasHeavyHeaders({ action, callback }: { readonly action: Action; readonly callback: CallbackSpec | null }): boolean {
  let characters = 0;
  const headers = [...(action.kind === 'http' ? action.headers : []), ...(callback?.headers ?? [])];
  for (const header of headers) characters += header.name.length + ('sealed' in header ? header.sealed.length : header.value.length);
  return characters > limits.cachedHeaderCharacters;
}

function snapshotOf(state: AnyState): Snapshot | undefined {
  if (state.version % limits.snapshotEvery !== 0) return undefined;
  return { version: state.version, schemaVersion: snapshotSchemaVersion, state: JSON.stringify(state) };
}

type Bodied = { readonly version: number; readonly body?: Uint8Array };

function carried(loaded: Loaded<unknown>): Bodied[] {
  return Array.from(loaded.bodies, ([version, body]) => ({ version, body }));
}

const noBodies: ReadonlyMap<number, Uint8Array> = new Map();
