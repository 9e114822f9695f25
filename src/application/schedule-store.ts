import type { ScheduleEvent } from '../domain/schedule/events.ts';
import { evolve, fold } from '../domain/schedule/evolve.ts';
import { factsOf, initialSchedule, isLive, type ScheduleState } from '../domain/schedule/state.ts';
import { streamOf } from '../domain/streams.ts';
import {
  type Aggregate,
  type AggregateStore,
  createAggregateStore,
  hasHeavyHeaders,
  type Loaded,
  type StoreOptions,
} from './aggregate-store.ts';
import { scheduleEvent } from './event-schemas.ts';

export type LoadedSchedule = Loaded<ScheduleState>;
export type ScheduleStore = AggregateStore<ScheduleState, ScheduleEvent>;

export function scheduleStream(id: string): string {
  return streamOf('schedule', id);
}

/** What a create starts from: a stream that is not there. */
export const missingSchedule: LoadedSchedule = { state: initialSchedule, bodies: new Map() };

const schedules: Aggregate<ScheduleState, ScheduleEvent> = {
  initial: initialSchedule,
  evolve,
  fold,
  factsOf,
  eventOf: scheduleEvent,
  updatedAt: (state) => (state.status === 'missing' ? 0 : state.updatedAt),
  bodiesOf: (state) => (isLive(state) ? [state.body] : []),
  isHeavy: (state) => isLive(state) && hasHeavyHeaders(state.definition.template),
};

/** The store of schedules. */
export function createScheduleStore(options: StoreOptions): ScheduleStore {
  return createAggregateStore(schedules, options);
}
