import { expect, it } from 'vitest';
import type { OrchestrationEventType } from '../../src/domain/orchestration/events.ts';
import type { ScheduleEventType } from '../../src/domain/schedule/events.ts';
import { foldStream, kindOf, type StreamEvent, type StreamKind, type StreamState } from '../../src/domain/streams.ts';
import type { TaskEventType } from '../../src/domain/task/events.ts';
import { recordedStreams } from '../support/stored-streams.ts';

const underWay = ['scheduled', 'running', 'waiting'];
const over = ['succeeded', 'failed', 'cancelled'];
const live = ['active', 'paused', 'finished'];

/** After which states each event may be folded; after all others the log is broken. A running orchestration is called after where it stands. */
const mayFollow: {
  readonly task: Record<TaskEventType, readonly string[]>;
  readonly schedule: Record<ScheduleEventType, readonly string[]>;
  readonly orchestration: Record<OrchestrationEventType, readonly string[]>;
} = {
  task: {
    TaskScheduled: ['missing'],
    Erased: ['missing'],
    TaskRescheduled: ['scheduled'],
    TaskStarted: ['scheduled'],
    TaskAccepted: ['running'],
    TaskHeartbeat: ['running', 'waiting'],
    TaskContinued: ['running'],
    TaskSucceeded: underWay,
    TaskFailed: underWay,
    TaskCancelled: ['scheduled', 'waiting'],
    TaskRetried: ['failed'],
    TaskDeleted: ['scheduled', 'waiting', ...over],
    CallbackSucceeded: [...over, 'deleted'],
    CallbackFailed: [...over, 'deleted'],
    CallbackReopened: [...over, 'deleted'],
  },
  schedule: {
    ScheduleCreated: ['missing'],
    Erased: ['missing'],
    ScheduleChanged: live,
    SchedulePaused: ['active'],
    ScheduleResumed: ['paused'],
    OccurrenceFired: ['active'],
    OccurrenceBuffered: ['active'],
    OccurrencesSkipped: live,
    OccurrenceTriggered: live,
    ChildConfirmed: live,
    ScheduleFinished: ['active'],
    ScheduleDeleted: live,
  },
  orchestration: {
    OrchestrationScheduled: ['missing'],
    Erased: ['missing'],
    OrchestrationChanged: ['scheduled'],
    StepStarted: ['scheduled', 'step-due'],
    StepFinished: ['step', 'step-due'],
    CheckStarted: ['check-due'],
    CheckFinished: ['check'],
    FallbackStarted: ['fallback-due'],
    FallbackFinished: ['fallback', 'fallback-due'],
    OrchestrationFinished: ['end'],
    OrchestrationCancelled: ['scheduled', 'step-due', 'step', 'check-due', 'check', 'fallback-due', 'fallback', 'end'],
    ChildConfirmed: over,
  },
};

function nameOf(state: StreamState): string {
  if (state.status === 'deleted' && 'ended' in state && state.ended === null) return 'erased';
  return 'position' in state ? state.position.at : state.status;
}

/** The event as the next one of a state, about the very step and try that the state is at, so that nothing but its kind can be wrong. */
function after(state: StreamState, event: StreamEvent): StreamEvent {
  const position = 'position' in state ? { step: state.position.step, ...('n' in state.position ? { n: state.position.n } : {}) } : {};
  const data = 'step' in event.data ? { ...event.data, ...position } : event.data;
  return { ...event, version: state.version + 1, data } as StreamEvent;
}

const streamsOf = (kind: StreamKind) =>
  recordedStreams.filter(({ events: [first] }) => first !== undefined && kindOf(first.stream) === kind);

/** Every state that the recorded histories of a kind pass through. */
function statesOf(kind: StreamKind): readonly StreamState[] {
  return streamsOf(kind).flatMap(({ events }) =>
    [0, ...events.keys()].map((count) => foldStream(`${kind}#a`, null, events.slice(0, count + 1))),
  );
}

it.each(['task', 'schedule', 'orchestration'] as const)('no event of a %s is folded after a state that it cannot follow', (kind) => {
  const states = [foldStream(`${kind}#a`, null, []), ...statesOf(kind)];
  const events = streamsOf(kind).flatMap(({ events }) => events);
  const tried = new Set<string>();
  for (const state of states) {
    for (const event of events) {
      const allowed: readonly string[] = (mayFollow[kind] as Record<string, readonly string[]>)[event.type] ?? [];
      if (allowed.includes(nameOf(state))) continue;
      tried.add(`${event.type} after ${nameOf(state)}`);
      expect(() => foldStream(`${kind}#a`, state, [after(state, event)]), `${event.type} after ${nameOf(state)}`).toThrow(
        new RegExp(`^stream .*: ${event.type} at version ${state.version + 1} cannot follow status ${state.status}`),
      );
    }
  }
  expect(tried.size).toBeGreaterThan(30);
});
