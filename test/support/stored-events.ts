import fc from 'fast-check';
import { eventSchemaVersion } from '../../src/application/event-schemas.ts';
import type { StoredEvent, View } from '../../src/application/ports.ts';
import type { TaskDefinition } from '../../src/domain/task/events.ts';
import { evolve } from '../../src/domain/task/evolve.ts';
import { factsOf, initialTask, type TaskState } from '../../src/domain/task/state.ts';
import { anyDefinition, anySteps, type Step, takeSteps } from '../domain/task-arbitraries.ts';
import {
  definitionWith,
  epoch,
  type History,
  hour,
  minute,
  noHistory,
  perform,
  type RecordedTaskEvent,
  second,
} from '../domain/task-histories.ts';

/** A history as a log holds it: with facts after each event, and as many bytes beside it as its data speaks of. */
export function storedEvents(history: Pick<History, 'events'>): readonly StoredEvent[] {
  let state: TaskState = initialTask;
  return history.events.map((event) => {
    state = evolve(state, event);
    return stored(event, state);
  });
}

export function stored(event: RecordedTaskEvent, after: TaskState): StoredEvent {
  const bytes = bodyBytes(event);
  const body = bytes === 0 ? {} : { body: jsonOfLength(bytes) };
  return { ...event, schemaVersion: eventSchemaVersion, facts: factsOf(after), ...body };
}

/** Valid JSON of exactly so many bytes: a number. */
function jsonOfLength(bytes: number): Uint8Array {
  return new TextEncoder().encode('7'.repeat(bytes));
}

function bodyBytes(event: RecordedTaskEvent): number {
  switch (event.type) {
    case 'TaskScheduled':
    case 'TaskRescheduled':
      return event.data.action?.body?.bytes ?? 0;
    case 'TaskContinued':
      return event.data.body?.bytes ?? 0;
    case 'TaskAccepted':
      return event.data.response.bytes;
    case 'TaskSucceeded':
      return event.data.result.bytes;
    case 'TaskFailed':
      return event.data.result?.bytes ?? 0;
    default:
      return 0;
  }
}

/** A stream that was just created. */
export function created(stream: string, parts: Partial<TaskDefinition> = {}, now = epoch, runAt = now): History {
  const start: History = { ...noHistory, stream, now };
  return perform(start, { type: 'schedule', definition: definitionWith(parts), runAt, sameContent: false }).history;
}

/** A history and the view of it. */
export function viewOf(history: History): View {
  return { stream: history.stream, version: history.state.version, state: history.state };
}

const labelSets = [{}, { customer: '1' }, { customer: '2' }, { customer: '1', region: 'north' }, { region: 'north' }] as const;

export type StreamPlan = {
  readonly definition: TaskDefinition;
  readonly labels: TaskDefinition['labels'];
  readonly createdAt: number;
  readonly delayMs: number;
  readonly steps: readonly Step[];
};

export function anyStreamPlan(maxSteps: number): fc.Arbitrary<StreamPlan> {
  return fc.record({
    definition: anyDefinition,
    labels: fc.constantFrom(...labelSets),
    createdAt: fc.constantFrom(0, 1, second, minute, 50 * minute, 3 * hour).map((ms) => epoch + ms),
    delayMs: fc.constantFrom(0, second, hour),
    steps: anySteps(maxSteps),
  });
}

export function historyOf(plan: StreamPlan, stream: string): History {
  const { definition, labels, createdAt, delayMs, steps } = plan;
  return takeSteps(created(stream, { ...definition, labels }, createdAt, createdAt + delayMs), steps);
}

/** Several tasks with reachable histories, in streams of their own, some created at the same millisecond. */
export function anyHistories(shape: { readonly tasks: number; readonly steps: number }): fc.Arbitrary<readonly History[]> {
  return fc
    .array(anyStreamPlan(shape.steps), { minLength: 1, maxLength: shape.tasks })
    .map((plans) => plans.map((plan, index) => historyOf(plan, `task#t${index}`)));
}
