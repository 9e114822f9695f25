import type { Recorded } from '../decision.ts';
import type { BodyNote, TaskEvent, TaskResult } from './events.ts';
import {
  type BodyRef,
  type CallbackState,
  type Finished,
  isFinished,
  type Live,
  openCallback,
  type Running,
  type Scheduled,
  type StoredResult,
  type TaskState,
  type Waiting,
} from './state.ts';

type RecordedTaskEvent = Recorded<TaskEvent>;
type Of<Type extends TaskEvent['type']> = Extract<RecordedTaskEvent, { readonly type: Type }>;

/**
 * The state after one more event. Pure and total over every history a correct writer can leave;
 * an event that does not fit its state means the log itself is broken, and throws.
 */
export function evolve(state: TaskState, event: RecordedTaskEvent): TaskState {
  if (event.version !== state.version + 1) {
    throw new Error(`stream ${event.stream} has version ${event.version} after ${state.version}: the log has a gap`);
  }
  switch (event.type) {
    case 'TaskScheduled':
      return state.status === 'missing' ? scheduled(event) : broken(state, event);
    case 'Erased':
      if (state.status !== 'missing') return broken(state, event);
      return { status: 'deleted', id: idOf(event.stream), ...stamp(event), createdAt: event.occurredAt, ended: null };
    case 'TaskRescheduled':
      return state.status === 'scheduled' ? rescheduled(state, event) : broken(state, event);
    case 'TaskStarted':
      return state.status === 'scheduled' ? started(state, event) : broken(state, event);
    case 'TaskAccepted':
      return state.status === 'running' ? accepted(state, event) : broken(state, event);
    case 'TaskHeartbeat':
      if (state.status !== 'running' && state.status !== 'waiting') return broken(state, event);
      return { ...state, ...stamp(event), completeBy: event.data.completeBy };
    case 'TaskContinued':
      return state.status === 'running' ? continued(state, event) : broken(state, event);
    case 'TaskSucceeded':
      return isUnderWay(state) ? succeeded(state, event) : broken(state, event);
    case 'TaskFailed':
      return isUnderWay(state) ? failed(state, event) : broken(state, event);
    case 'TaskCancelled':
      return state.status === 'scheduled' || state.status === 'waiting' ? cancelled(state, event) : broken(state, event);
    case 'TaskRetried':
      return state.status === 'failed' ? nextRun(state, event, event.data.runAt) : broken(state, event);
    case 'TaskDeleted':
      if (state.status === 'missing' || state.status === 'deleted' || state.status === 'running') return broken(state, event);
      return {
        status: 'deleted',
        id: state.id,
        ...stamp(event),
        createdAt: state.createdAt,
        ended: isFinished(state) ? state : cancelled(state, event),
      };
    case 'CallbackSucceeded':
    case 'CallbackFailed':
    case 'CallbackReopened':
      return told(state, event);
    default:
      return event satisfies never;
  }
}

function broken(state: TaskState, event: RecordedTaskEvent): never {
  throw new Error(`stream ${event.stream}: ${event.type} at version ${event.version} cannot follow status ${state.status}`);
}

function idOf(stream: string): string {
  return stream.slice(stream.indexOf('#') + 1);
}

function stamp(event: RecordedTaskEvent): { readonly version: number; readonly updatedAt: number } {
  return { version: event.version, updatedAt: event.occurredAt };
}

function refTo(event: RecordedTaskEvent, bytes: number): BodyRef {
  return { version: event.version, commitId: event.commitId, bytes };
}

function bodyOf(event: RecordedTaskEvent, note: BodyNote | null): BodyRef | null {
  return note === null || note.bytes === 0 ? null : refTo(event, note.bytes);
}

function stored(event: RecordedTaskEvent, result: TaskResult): StoredResult {
  return { ...result, body: result.bytes === 0 ? null : refTo(event, result.bytes) };
}

function isUnderWay(state: TaskState): state is Scheduled | Running | Waiting {
  return state.status === 'scheduled' || state.status === 'running' || state.status === 'waiting';
}

/** The fields every state of a task shares; leaves behind those that mean something in one status only. */
function existing(state: Live, event: RecordedTaskEvent) {
  return {
    id: state.id,
    ...stamp(event),
    createdAt: state.createdAt,
    definition: state.definition,
    body: state.body,
    runAt: state.runAt,
    run: state.run,
    attempt: state.attempt,
    changes: state.changes,
    redeliveries: state.redeliveries,
  };
}

function scheduled(event: Of<'TaskScheduled'>): Scheduled {
  const { runAt, ...definition } = event.data;
  return {
    status: 'scheduled',
    id: idOf(event.stream),
    ...stamp(event),
    createdAt: event.occurredAt,
    definition,
    body: bodyOf(event, definition.action.body),
    runAt,
    nextAttemptAt: runAt,
    run: 1,
    attempt: 0,
    changes: 0,
    redeliveries: 0,
    lastFailure: null,
  };
}

function rescheduled(state: Scheduled, event: Of<'TaskRescheduled'>): Scheduled {
  const { runAt, ...changes } = event.data;
  return {
    ...state,
    ...stamp(event),
    definition: { ...state.definition, ...changes },
    body: changes.action === undefined ? state.body : bodyOf(event, changes.action.body),
    runAt: runAt ?? state.runAt,
    nextAttemptAt: runAt ?? state.nextAttemptAt,
    changes: state.changes + 1,
  };
}

function started(state: Scheduled, event: Of<'TaskStarted'>): Running {
  return {
    ...existing(state, event),
    status: 'running',
    attempt: event.data.attempt,
    startedVersion: event.version,
    startedAt: event.occurredAt,
    leaseUntil: event.data.leaseUntil,
    completeBy: null,
    lastFailure: state.lastFailure,
  };
}

function accepted(state: Running, event: Of<'TaskAccepted'>): Waiting {
  return {
    ...existing(state, event),
    status: 'waiting',
    startedVersion: state.startedVersion,
    startedAt: state.startedAt,
    acceptedAt: event.occurredAt,
    completeBy: event.data.completeBy,
    lastFailure: state.lastFailure,
  };
}

function continued(state: Running, event: Of<'TaskContinued'>): Scheduled {
  const next = nextRun(state, event, event.data.runAt);
  const { body } = event.data;
  if (body === undefined) return next;
  const definition = { ...next.definition, action: { ...next.definition.action, body } };
  return { ...next, definition, body: bodyOf(event, body) };
}

function nextRun(state: Live, event: RecordedTaskEvent, runAt: number): Scheduled {
  return {
    ...existing(state, event),
    status: 'scheduled',
    runAt,
    nextAttemptAt: runAt,
    run: state.run + 1,
    attempt: 0,
    lastFailure: null,
  };
}

function succeeded(state: Live, event: Of<'TaskSucceeded'>): Finished {
  return {
    ...existing(state, event),
    status: 'succeeded',
    finishedAt: event.occurredAt,
    result: stored(event, event.data.result),
    answerHash: event.data.answerHash ?? null,
    callback: openCallback(state.definition.callback, 'succeeded', event.version, event.occurredAt),
  };
}

function failed(state: Scheduled | Running | Waiting, event: Of<'TaskFailed'>): Scheduled | Finished {
  const { error, result, retryAt } = event.data;
  const failure = { error, result: result === undefined ? null : stored(event, result) };
  const common = existing(state, event);
  if (retryAt !== null) return { ...common, status: 'scheduled', nextAttemptAt: retryAt, lastFailure: failure };
  return {
    ...common,
    status: 'failed',
    finishedAt: event.occurredAt,
    failure,
    callback: openCallback(state.definition.callback, 'failed', event.version, event.occurredAt),
  };
}

function cancelled(state: Scheduled | Waiting, event: Of<'TaskCancelled' | 'TaskDeleted'>): Finished {
  return {
    ...existing(state, event),
    status: 'cancelled',
    finishedAt: event.occurredAt,
    reason: event.type === 'TaskCancelled' ? event.data.reason : 'deleted',
    lastFailure: state.lastFailure,
    callback: openCallback(state.definition.callback, 'cancelled', event.version, event.occurredAt),
  };
}

function told(state: TaskState, event: Of<'CallbackSucceeded' | 'CallbackFailed' | 'CallbackReopened'>): TaskState {
  if (state.status === 'deleted' && state.ended !== null) {
    return { ...state, ...stamp(event), ended: { ...state.ended, callback: callbackAfter(event) } };
  }
  if (!isFinished(state)) return broken(state, event);
  const redeliveries = state.redeliveries + (event.type === 'CallbackReopened' ? 1 : 0);
  return { ...state, ...stamp(event), redeliveries, callback: callbackAfter(event) };
}

function callbackAfter(event: Of<'CallbackSucceeded' | 'CallbackFailed' | 'CallbackReopened'>): CallbackState {
  const { outcomeVersion } = event.data;
  switch (event.type) {
    case 'CallbackSucceeded':
      return { status: 'delivered', outcomeVersion, attempt: event.data.attempt, responseStatus: event.data.result.status };
    case 'CallbackFailed': {
      const { attempt, error, retryAt } = event.data;
      if (retryAt === null) return { status: 'failed', outcomeVersion, attempt, error };
      return { status: 'pending', outcomeVersion, attempt, nextAttemptAt: retryAt, error };
    }
    case 'CallbackReopened':
      return { status: 'pending', outcomeVersion, attempt: 0, nextAttemptAt: event.occurredAt, error: null };
    default:
      return event satisfies never;
  }
}

/** Folds events onto a state, oldest first. */
export function fold(state: TaskState, events: Iterable<RecordedTaskEvent>): TaskState {
  let folded = state;
  for (const event of events) folded = evolve(folded, event);
  return folded;
}
