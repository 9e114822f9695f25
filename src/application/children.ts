import { sameValue } from '../domain/same-value.ts';
import { streamOf } from '../domain/streams.ts';
import type { Origin, TaskDefinition } from '../domain/task/events.ts';
import type { TaskState } from '../domain/task/state.ts';
import { execute } from './execute.ts';
import type { Clock } from './ports.ts';
import { missingTask, type TaskStore, taskStream } from './task-store.ts';

export type ChildPorts = { readonly store: TaskStore; readonly clock: Clock };

/** A task as its schedule or orchestration makes it. `runAt` is in epoch milliseconds; a time that has passed means now. */
export type NewChild = { readonly definition: TaskDefinition; readonly runAt: number; readonly body: Uint8Array | undefined };

/** The stream of the schedule or the orchestration that a task belongs to. */
export function parentOf(origin: Origin): string {
  return 'scheduleId' in origin ? streamOf('schedule', origin.scheduleId) : streamOf('orchestration', origin.orchestrationId);
}

/**
 * Makes a child unless its id is taken, by itself or by somebody else: the state tells which. However often it is asked, and by however
 * many hosts, there is one such task.
 */
export async function createChild(ports: ChildPorts, taskId: string, { definition, runAt, body }: NewChild): Promise<TaskState> {
  const outcome = await execute(ports, {
    stream: taskStream(taskId),
    startFrom: missingTask,
    body: body === undefined || body.length === 0 ? undefined : body,
    command: (now) => ({ type: 'schedule', definition, runAt: Math.max(now, runAt), sameContent: true }),
  });
  const { state } = outcome.loaded;
  if (state.status === 'missing') throw new Error(`the task ${taskId} could not be made: others write to it all the time`);
  return state;
}

/** The child as it is, made if it is missing. `make` is asked only then. */
export async function makeSureOfChild(ports: ChildPorts, taskId: string, make: () => Promise<NewChild>): Promise<TaskState> {
  const { state } = await ports.store.load(taskStream(taskId));
  return state.status === 'missing' ? createChild(ports, taskId, await make()) : state;
}

/** Whether a task is the one that its parent named, also after it was deleted. One that was erased does not say: it was made, once. */
export function isOwnChild(state: TaskState, origin: Origin): boolean {
  if (state.status === 'missing') return false;
  const known = state.status === 'deleted' ? state.ended : state;
  return known === null || sameValue(known.definition.origin, origin);
}

/** Whether nothing more comes of a task by itself. One that failed may be retried by hand; its parent has moved on by then. */
export function isOver(state: TaskState): boolean {
  return state.status !== 'scheduled' && state.status !== 'running' && state.status !== 'waiting';
}
