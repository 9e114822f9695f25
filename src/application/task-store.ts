import { streamOf } from '../domain/streams.ts';
import type { TaskEvent } from '../domain/task/events.ts';
import { evolve, fold } from '../domain/task/evolve.ts';
import { type BodyRef, factsOf, initialTask, type TaskState } from '../domain/task/state.ts';
import {
  type Aggregate,
  type AggregateStore,
  createAggregateStore,
  hasHeavyHeaders,
  type Loaded,
  type StoreOptions,
} from './aggregate-store.ts';
import { taskEvent } from './event-schemas.ts';

export type LoadedTask = Loaded<TaskState>;
export type TaskStore = AggregateStore<TaskState, TaskEvent>;

export function taskStream(id: string): string {
  return streamOf('task', id);
}

/** What a create starts from: a stream that is not there. */
export const missingTask: LoadedTask = { state: initialTask, bodies: new Map() };

const none: readonly BodyRef[] = [];

const tasks: Aggregate<TaskState, TaskEvent> = {
  initial: initialTask,
  evolve,
  fold,
  factsOf,
  eventOf: taskEvent,
  updatedAt: (state) => (state.status === 'missing' ? 0 : state.updatedAt),
  bodiesOf(state) {
    if (state.status === 'missing' || state.status === 'deleted') return none;
    return [state.body, state.status === 'succeeded' ? state.result.body : null];
  },
  isHeavy: (state) => state.status !== 'missing' && state.status !== 'deleted' && hasHeavyHeaders(state.definition),
};

/** The store of tasks. */
export function createTaskStore(options: StoreOptions): TaskStore {
  return createAggregateStore(tasks, options);
}
