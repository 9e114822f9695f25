import { type Facts, noLabels } from '../facts.ts';
import { limits } from '../limits.ts';
import type { Action, CallbackSpec, FinishedStatus, TaskDefinition, TaskError, TaskResult } from './events.ts';

/** Where the bytes of a body lie: beside the event of that version, which was appended by that commit. */
export type BodyRef = { readonly version: number; readonly commitId: string; readonly bytes: number };
export type StoredResult = TaskResult & { readonly body: BodyRef | null };
export type Failure = { readonly error: TaskError; readonly result: StoredResult | null };

export type CallbackState =
  | { readonly status: 'none' }
  | {
      readonly status: 'pending';
      /** The version of the terminal event that is told, and so part of the callback's idempotency key. */
      readonly outcomeVersion: number;
      readonly attempt: number;
      readonly nextAttemptAt: number;
      readonly error: TaskError | null;
    }
  | { readonly status: 'delivered'; readonly outcomeVersion: number; readonly attempt: number; readonly responseStatus: number }
  | { readonly status: 'failed'; readonly outcomeVersion: number; readonly attempt: number; readonly error: TaskError };

type Existing = {
  readonly id: string;
  readonly version: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly definition: TaskDefinition;
  readonly body: BodyRef | null;
  readonly runAt: number;
  readonly run: number;
  /** Attempts started in the current run. */
  readonly attempt: number;
  readonly changes: number;
  readonly redeliveries: number;
};

export type Scheduled = Existing & {
  readonly status: 'scheduled';
  readonly nextAttemptAt: number;
  readonly lastFailure: Failure | null;
};
export type Running = Existing & {
  readonly status: 'running';
  readonly startedVersion: number;
  readonly startedAt: number;
  readonly leaseUntil: number;
  readonly completeBy: number | null;
  readonly lastFailure: Failure | null;
};
export type Waiting = Existing & {
  readonly status: 'waiting';
  readonly startedVersion: number;
  readonly startedAt: number;
  readonly acceptedAt: number;
  readonly completeBy: number;
  readonly lastFailure: Failure | null;
};
export type Succeeded = Existing & {
  readonly status: 'succeeded';
  readonly finishedAt: number;
  readonly result: StoredResult;
  readonly answerHash: string | null;
  readonly callback: CallbackState;
};
export type Failed = Existing & {
  readonly status: 'failed';
  readonly finishedAt: number;
  readonly failure: Failure;
  readonly callback: CallbackState;
};
export type Cancelled = Existing & {
  readonly status: 'cancelled';
  readonly finishedAt: number;
  readonly reason: string | null;
  readonly lastFailure: Failure | null;
  readonly callback: CallbackState;
};
export type Finished = Succeeded | Failed | Cancelled;
export type Live = Scheduled | Running | Waiting | Finished;
/** What is left of a deleted task: its id for ever, and how it ended, which a callback may still tell and later events are labelled by. */
export type Deleted = {
  readonly status: 'deleted';
  readonly id: string;
  readonly version: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly ended: Finished | null;
};
export type Missing = { readonly status: 'missing'; readonly version: 0 };

export type TaskState = Missing | Live | Deleted;
export type TaskStatus = Live['status'];

export const initialTask: Missing = { status: 'missing', version: 0 };

export function isFinished(state: TaskState): state is Finished {
  return state.status === 'succeeded' || state.status === 'failed' || state.status === 'cancelled';
}

/** The finished state whose outcome a callback may still have to tell, also after a deletion. */
export function endedOf(state: TaskState): Finished | null {
  if (state.status === 'deleted') return state.ended;
  return isFinished(state) ? state : null;
}

/** The callback that the given outcome opens, if the task asks for one. `at` is when the outcome happened. */
export function openCallback(spec: CallbackSpec | null, status: FinishedStatus, version: number, at: number): CallbackState {
  if (spec === null || !spec.on.includes(status)) return { status: 'none' };
  return { status: 'pending', outcomeVersion: version, attempt: 0, nextAttemptAt: at + limits.callbackHealMs, error: null };
}

/**
 * When the stream next needs a look, in epoch milliseconds; null exactly when nothing is left to happen by itself.
 * The due index is this function of every stream, projected.
 */
export function wakeAt(state: TaskState): number | null {
  switch (state.status) {
    case 'missing':
      return null;
    case 'scheduled':
      return state.nextAttemptAt;
    case 'running':
      return state.leaseUntil + limits.clockSkewMs;
    case 'waiting':
      return state.completeBy;
    case 'succeeded':
    case 'failed':
    case 'cancelled':
      return state.callback.status === 'pending' ? state.callback.nextAttemptAt : null;
    case 'deleted':
      return state.ended === null ? null : wakeAt(state.ended);
    default:
      return state satisfies never;
  }
}

/** What the next call of an action occupies a slot of: the target's origin, or the kind of code that runs. */
function targetOf(action: Action): string {
  switch (action.kind) {
    case 'http':
      return action.target;
    case 'runner':
      return `runner:${action.name}`;
    case 'event':
      return 'event:';
    default:
      return action satisfies never;
  }
}

/** The facts stored beside each event. */
export function factsOf(state: TaskState): Facts<TaskState['status']> {
  const task = state.status === 'deleted' ? state.ended : state;
  const common = { status: state.status, wakeAt: wakeAt(state) };
  if (task === null || task.status === 'missing') {
    return { ...common, run: 0, attempt: 0, labels: noLabels, origin: null, callback: false, lane: 'short', target: null };
  }
  const { definition } = task;
  const ended = isFinished(task) ? task : null;
  const pending = ended?.callback.status === 'pending' ? ended.callback : null;
  const timedOut = 'lastFailure' in task && task.lastFailure?.error.kind === 'timeout';
  return {
    ...common,
    run: task.run,
    attempt: task.attempt,
    labels: definition.labels,
    origin: definition.origin,
    callback: pending !== null && pending.outcomeVersion === state.version,
    lane: ended === null && (timedOut || definition.timeoutMs > limits.shortLaneTimeoutMs) ? 'long' : 'short',
    target: ended === null ? targetOf(definition.action) : (definition.callback?.target ?? null),
  };
}
