import type { Recorded } from './decision.ts';
import type { Facts } from './facts.ts';
import type { OrchestrationEvent } from './orchestration/events.ts';
import { fold as foldOrchestration } from './orchestration/evolve.ts';
import { factsOf as factsOfOrchestration, initialOrchestration, type OrchestrationState } from './orchestration/state.ts';
import type { ScheduleEvent } from './schedule/events.ts';
import { fold as foldSchedule } from './schedule/evolve.ts';
import { factsOf as factsOfSchedule, initialSchedule, type ScheduleState } from './schedule/state.ts';
import type { TaskEvent } from './task/events.ts';
import { fold as foldTask } from './task/evolve.ts';
import { factsOf as factsOfTask, initialTask, type TaskState } from './task/state.ts';

/** What each kind of stream folds to. */
export type StreamStates = {
  readonly task: TaskState;
  readonly schedule: ScheduleState;
  readonly orchestration: OrchestrationState;
};
export type StreamKind = keyof StreamStates;
export type StreamState = StreamStates[StreamKind];
/** The states of streams that are there and were not deleted: what lists show. */
export type LiveState<Kind extends StreamKind = StreamKind> = Exclude<StreamStates[Kind], { readonly status: 'missing' | 'deleted' }>;
/** An event of any kind of stream, whose name says of which. */
export type StreamEvent = Recorded<TaskEvent> | Recorded<ScheduleEvent> | Recorded<OrchestrationEvent>;

const prefixes = ['task#', 'schedule#', 'orchestration#'] as const satisfies readonly `${StreamKind}#`[];

/** The kind of a stream by its prefix. Throws for a name that is none of ours. */
export function kindOf(stream: string): StreamKind {
  const prefix = prefixes.find((known) => stream.startsWith(known));
  if (prefix === undefined) throw new Error(`${stream} is a stream of no known kind`);
  return prefix.slice(0, -1) as StreamKind;
}

export function streamOf(kind: StreamKind, id: string): string {
  return `${kind}#${id}`;
}

/** The id that a stream is known by outside, whatever its kind. */
export function idOf(stream: string): string {
  return stream.slice(stream.indexOf('#') + 1);
}

export function isListed(state: StreamState): state is LiveState {
  return state.status !== 'missing' && state.status !== 'deleted';
}

/** Folds the events of one stream onto its state, null for a stream of which nothing is known yet. Both must be of the stream's kind. */
export function foldStream(stream: string, state: StreamState | null, events: Iterable<StreamEvent>): StreamState {
  const kind = kindOf(stream);
  switch (kind) {
    case 'task':
      return foldTask((state ?? initialTask) as TaskState, events as Iterable<Recorded<TaskEvent>>);
    case 'schedule':
      return foldSchedule((state ?? initialSchedule) as ScheduleState, events as Iterable<Recorded<ScheduleEvent>>);
    case 'orchestration':
      return foldOrchestration((state ?? initialOrchestration) as OrchestrationState, events as Iterable<Recorded<OrchestrationEvent>>);
    default:
      return kind satisfies never;
  }
}

/** The facts of a stream in the given state, which must be of the stream's kind. */
export function factsOfStream(stream: string, state: StreamState): Facts {
  const kind = kindOf(stream);
  switch (kind) {
    case 'task':
      return factsOfTask(state as TaskState);
    case 'schedule':
      return factsOfSchedule(state as ScheduleState);
    case 'orchestration':
      return factsOfOrchestration(state as OrchestrationState);
    default:
      return kind satisfies never;
  }
}
