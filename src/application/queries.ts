import { fold } from '../domain/task/evolve.ts';
import { initialTask, type Live, type TaskState } from '../domain/task/state.ts';
import { taskEvent } from './event-schemas.ts';
import { historyOf } from './history.ts';
import type { EventLog, StoredEvent } from './ports.ts';
import { resultOf, type TaskBodies } from './render-task.ts';
import { type LoadedTask, missingTask, type TaskStore, taskStream } from './task-store.ts';

export type QueryPorts = { readonly store: TaskStore; readonly log: EventLog };

/** A point in a task's history: a version, or a time in epoch milliseconds. */
export type AsOf = { readonly version: number } | { readonly time: number };

export function isLive(state: TaskState): state is Live {
  return state.status !== 'missing' && state.status !== 'deleted';
}

/** The task as it is now; null if there is none or it was deleted. Always fresh: read from the log, not from a view. */
export async function findTask(ports: QueryPorts, id: string): Promise<{ readonly state: Live; readonly loaded: LoadedTask } | null> {
  const loaded = await ports.store.load(taskStream(id));
  return isLive(loaded.state) ? { state: loaded.state, loaded } : null;
}

/** The task as it was; null before it existed, after its newest version, and for a deleted task. */
export async function findTaskAsOf(
  ports: QueryPorts,
  id: string,
  asOf: AsOf,
): Promise<{ readonly state: Live; readonly loaded: LoadedTask } | null> {
  const newest = await findTask(ports, id);
  if (newest === null) return null;
  if ('version' in asOf && (asOf.version < 1 || asOf.version > newest.state.version)) return null;
  const upTo = 'version' in asOf ? asOf.version : newest.state.version;
  const events = await ports.log.read(taskStream(id), { after: 0, upTo });
  const until = 'time' in asOf ? events.filter((event) => event.occurredAt <= asOf.time) : events;
  const state = fold(initialTask, until.map(taskEvent));
  return isLive(state) ? { state, loaded: { ...missingTask, state } } : null;
}

/** The bytes that a full rendering of the task shows. */
export async function taskBodies(ports: QueryPorts, state: Live, loaded: LoadedTask): Promise<TaskBodies> {
  const stream = taskStream(state.id);
  const result = resultOf(state)?.body ?? null;
  const read = async (ref: typeof result) => (ref === null ? null : ports.store.body(stream, loaded, ref));
  return { body: await read(state.body), result: await read(result) };
}

/** One page of a task's history, oldest first, after a version. `next` is where the following page starts, if there is one. */
export async function taskHistory(
  ports: QueryPorts,
  id: string,
  page: { readonly after: number; readonly limit: number },
): Promise<{ readonly events: readonly StoredEvent[]; readonly next: number | null } | null> {
  const found = await findTask(ports, id);
  if (found === null) return null;
  return historyOf(ports.log, taskStream(id), { ...page, newest: found.state.version });
}
