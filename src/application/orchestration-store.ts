import type { OrchestrationEvent } from '../domain/orchestration/events.ts';
import { evolve, fold } from '../domain/orchestration/evolve.ts';
import { factsOf, initialOrchestration, type OrchestrationState } from '../domain/orchestration/state.ts';
import { streamOf } from '../domain/streams.ts';
import { type Aggregate, type AggregateStore, createAggregateStore, type Loaded, type StoreOptions } from './aggregate-store.ts';
import { orchestrationEvent } from './event-schemas.ts';

export type LoadedOrchestration = Loaded<OrchestrationState>;
export type OrchestrationStore = AggregateStore<OrchestrationState, OrchestrationEvent>;

export function orchestrationStream(id: string): string {
  return streamOf('orchestration', id);
}

/** What a create starts from: a stream that is not there. */
export const missingOrchestration: LoadedOrchestration = { state: initialOrchestration, bodies: new Map() };

/** A step is planned and shown in a hundred bytes or two; as many as make a state weigh like many others are few. */
const heavySteps = 32;

const orchestrations: Aggregate<OrchestrationState, OrchestrationEvent> = {
  initial: initialOrchestration,
  evolve,
  fold,
  factsOf,
  eventOf: orchestrationEvent,
  updatedAt: (state) => (state.status === 'missing' ? 0 : state.updatedAt),
  bodiesOf: (state) => (state.status === 'scheduled' || state.status === 'running' ? [state.definition] : []),
  isHeavy: (state) => 'plan' in state && state.plan.steps.length > heavySteps,
};

/** The store of orchestrations. */
export function createOrchestrationStore(options: StoreOptions): OrchestrationStore {
  return createAggregateStore(orchestrations, options);
}
