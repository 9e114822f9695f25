import { limits } from '../domain/limits.ts';
import type { TaskEvent } from '../domain/task/events.ts';
import { evolve, fold } from '../domain/task/evolve.ts';
import { type BodyRef, factsOf, initialTask, type TaskState } from '../domain/task/state.ts';
import { eventSchemaVersion, taskEvent } from './event-schemas.ts';
import { LogUnavailable } from './log-unavailable.ts';
import { type AppendOutcome, type EventLog, type Ids, type Snapshot, type StoredEvent, UnreadableEvent } from './ports.ts';

/** The shape of a folded state as stored with every 32nd event. Another number makes older ones unread, never wrong. */
export const snapshotSchemaVersion = 1;

export function taskStream(id: string): string {
  return `task#${id}`;
}

export function taskIdOf(stream: string): string {
  return stream.slice('task#'.length);
}

/** A folded stream, with the newest small body that is needed to act on it. */
export type LoadedTask = { readonly state: TaskState; readonly bodies: ReadonlyMap<number, Uint8Array> };

export type TaskStore = {
  /**
   * The folded stream. Whoever has heard of a version asks for at least that one: the feed tells of an event as soon as it is
   * committed, which may be before its append has come back here.
   */
  load(stream: string, atLeastVersion?: number): Promise<LoadedTask>;
  /** Appends one event decided against `loaded`; the outcome carries the state after it. `conflict`: load again and decide anew. */
  append(
    stream: string,
    loaded: LoadedTask,
    event: TaskEvent,
    at: { readonly now: number; readonly body?: Uint8Array | undefined },
  ): Promise<{ readonly outcome: AppendOutcome; readonly loaded: LoadedTask }>;
  body(stream: string, loaded: LoadedTask, ref: BodyRef): Promise<Uint8Array>;
  /**
   * Waits for one's turn on a stream among those of this process who lost a race on it, so that they do not go on losing to each
   * other. Resolves with what ends the turn.
   */
  turn(stream: string): Promise<() => void>;
};

export type TaskStoreOptions = {
  readonly log: EventLog;
  readonly ids: Ids;
  /**
   * How many folded streams to keep. Only a host that alone writes the log may read from the cache;
   * with 0 every load asks the log.
   */
  readonly cacheEntries: number;
};

/** What a create starts from: a stream that is not there. */
export const missingTask: LoadedTask = { state: initialTask, bodies: new Map() };

/** Loads, folds and appends: the only way application code meets the log of tasks. */
export function createTaskStore({ log, ids, cacheEntries }: TaskStoreOptions): TaskStore {
  const cache = new Map<string, LoadedTask>();
  const turns = new Map<string, Promise<void>>();

  function remember(stream: string, loaded: LoadedTask): void {
    if (cacheEntries === 0) return;
    const held = cache.get(stream);
    if (isHeavy(loaded.state)) {
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

  async function load(stream: string, atLeastVersion = 0): Promise<LoadedTask> {
    const held = cache.get(stream);
    if (held !== undefined && held.state.version >= atLeastVersion) return held;
    const { snapshot, events } = await log.load(stream, snapshotSchemaVersion).catch((error: unknown) => {
      if (error instanceof UnreadableEvent) throw error;
      throw new LogUnavailable(`${stream} could not be read: ${String(error)}`, { cause: error });
    });
    const base = snapshot === null ? initialTask : (JSON.parse(snapshot.state) as TaskState);
    const state = fold(base, events.map(taskEvent));
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
      const occurredAt = before.status === 'missing' ? now : Math.max(now, before.updatedAt);
      const envelope = { stream, version, occurredAt, commitId: ids.commitId(), schemaVersion: eventSchemaVersion };
      const recorded = { ...event, ...envelope };
      const state = evolve(before, recorded);
      const stored: StoredEvent = { ...recorded, facts: factsOf(state), ...(body === undefined ? {} : { body }) };
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

    async turn(stream) {
      const before = turns.get(stream);
      const { promise, resolve } = Promise.withResolvers<void>();
      turns.set(stream, promise);
      await before;
      return () => {
        if (turns.get(stream) === promise) turns.delete(stream);
        resolve();
      };
    },

    async body(stream, loaded, ref) {
      return loaded.bodies.get(ref.version) ?? (await log.readBody(stream, ref));
    },
  };
}

/** Headers make a state heavy; few are, and those are read again rather than crowd out hundreds of others. */
function isHeavy(state: TaskState): boolean {
  if (state.status === 'missing' || state.status === 'deleted') return false;
  const { action, callback } = state.definition;
  const headers = [...(action.kind === 'http' ? action.headers : []), ...(callback?.headers ?? [])];
  let characters = 0;
  for (const header of headers) characters += header.name.length + ('sealed' in header ? header.sealed.length : header.value.length);
  return characters > limits.cachedHeaderCharacters;
}

function snapshotOf(state: TaskState): Snapshot | undefined {
  if (state.version % limits.snapshotEvery !== 0) return undefined;
  return { version: state.version, schemaVersion: snapshotSchemaVersion, state: JSON.stringify(state) };
}

type Bodied = { readonly version: number; readonly body?: Uint8Array };

function carried(loaded: LoadedTask): Bodied[] {
  return Array.from(loaded.bodies, ([version, body]) => ({ version, body }));
}

const noBodies: ReadonlyMap<number, Uint8Array> = new Map();

/** Keeps the small bodies that the state still refers to, so that acting on it needs no second read. */
function bodiesOf(state: TaskState, events: readonly Bodied[]): ReadonlyMap<number, Uint8Array> {
  if (state.status === 'missing' || state.status === 'deleted') return noBodies;
  const wanted = [state.body, state.status === 'succeeded' ? state.result.body : null];
  let bodies: Map<number, Uint8Array> | undefined;
  for (const { version, body } of events) {
    if (body === undefined || body.length > limits.cachedBodyBytes || !wanted.some((ref) => ref?.version === version)) continue;
    bodies ??= new Map();
    bodies.set(version, body);
  }
  return bodies ?? noBodies;
}
