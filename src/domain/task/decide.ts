import { type Decision, happened, refused, unchanged } from '../decision.ts';
import { limits } from '../limits.ts';
import { callbackDelayMs, retryDelayMs } from '../retry-policy.ts';
import { sameValue } from '../same-value.ts';
import type { TaskCommand, TaskRefusal } from './commands.ts';
import type { TaskChanges, TaskError, TaskEvent, TaskResult } from './events.ts';
import { endedOf, isFinished, type Live, type Running, type Scheduled, type TaskState, type Waiting } from './state.ts';

type TaskDecision = Decision<TaskEvent, TaskRefusal>;
type Command<Type extends TaskCommand['type']> = Extract<TaskCommand, { readonly type: Type }>;

/** One decision yields at most one event. Every command may be repeated: the second time yields nothing new. */
export function decide(state: TaskState, command: TaskCommand): TaskDecision {
  if (command.type === 'schedule') return schedule(state, command);
  if (command.type === 'record-callback') return recordCallback(state, command);
  if (state.status === 'missing') return refused({ reason: 'missing' });
  if (state.status === 'deleted') return refused({ reason: 'deleted' });
  switch (command.type) {
    case 'reschedule':
      return reschedule(state, command);
    case 'run-now':
      return runNow(state, command);
    case 'start':
      return start(state, command);
    case 'accept':
      return accept(state, command);
    case 'heartbeat':
      return heartbeat(state, command);
    case 'continue':
      return continueRun(state, command);
    case 'succeed':
      return succeed(state, command);
    case 'answer':
      return answer(state, command);
    case 'fail':
      return fail(state, command);
    case 'expire-lease':
      return expireLease(state, command);
    case 'expire-wait':
      return expireWait(state, command);
    case 'cancel':
      return cancel(state, command);
    case 'retry':
      return retry(state, command);
    case 'redeliver':
      return redeliver(state);
    case 'delete':
      return state.status === 'running' ? wrongStatus(state) : happened({ type: 'TaskDeleted', data: {} });
    default:
      return command satisfies never;
  }
}

function wrongStatus(state: Live): TaskDecision {
  return refused({ reason: 'wrong-status', status: state.status, attempt: state.attempt, at: enteredAt(state) });
}

/** When the task entered the status it is in. */
function enteredAt(state: Live): number {
  switch (state.status) {
    case 'scheduled':
      return state.updatedAt;
    case 'running':
      return state.startedAt;
    case 'waiting':
      return state.acceptedAt;
    case 'succeeded':
    case 'failed':
    case 'cancelled':
      return state.finishedAt;
    default:
      return state satisfies never;
  }
}

function schedule(state: TaskState, command: Command<'schedule'>): TaskDecision {
  if (state.status === 'missing') return happened({ type: 'TaskScheduled', data: { ...command.definition, runAt: command.runAt } });
  if (state.status === 'deleted') return refused({ reason: 'deleted' });
  return command.sameContent ? unchanged : refused({ reason: 'different-content' });
}

function reschedule(state: Live, command: Command<'reschedule'>): TaskDecision {
  if (state.status !== 'scheduled') return wrongStatus(state);
  const { action } = state.definition;
  if (command.changes.action !== undefined && action.kind !== 'http') return refused({ reason: 'different-action', action: action.kind });
  const { retry: policy } = command.changes;
  if (policy !== undefined && policy.maxAttempts <= state.attempt) return refused({ reason: 'attempts-spent', attempt: state.attempt });
  const moved = command.runAt !== undefined && (command.runAt !== state.nextAttemptAt || command.runAt !== state.runAt);
  if (!moved && !changesSomething(state, command.changes)) return unchanged;
  if (state.changes >= limits.changesPerTask) return refused({ reason: 'limit', limit: 'changes', value: limits.changesPerTask });
  const data = command.runAt === undefined ? command.changes : { ...command.changes, runAt: command.runAt };
  return happened({ type: 'TaskRescheduled', data });
}

function changesSomething(state: Scheduled, changes: TaskChanges): boolean {
  const current: Record<string, unknown> = state.definition;
  return Object.entries(changes).some(([name, value]) => !sameValue(current[name], value));
}

function runNow(state: Live, command: Command<'run-now'>): TaskDecision {
  if (state.status !== 'scheduled') return wrongStatus(state);
  if (state.nextAttemptAt <= command.now) return unchanged;
  if (state.changes >= limits.changesPerTask) return refused({ reason: 'limit', limit: 'changes', value: limits.changesPerTask });
  return happened({ type: 'TaskRescheduled', data: { runAt: command.now } });
}

function start(state: Live, { now }: Command<'start'>): TaskDecision {
  if (state.status !== 'scheduled') return wrongStatus(state);
  if (now < state.nextAttemptAt) return refused({ reason: 'not-due' });
  const { startBeforeMs, timeoutMs } = state.definition;
  if (state.attempt === 0 && startBeforeMs !== null && now > state.runAt + startBeforeMs) {
    const error: TaskError = { kind: 'expired', message: `not started within ${startBeforeMs} ms of its time` };
    return happened({ type: 'TaskFailed', data: { error, retryAt: null } });
  }
  const leaseUntil = now + limits.startWindowMs + timeoutMs + limits.leaseMarginMs;
  return happened({ type: 'TaskStarted', data: { attempt: state.attempt + 1, run: state.run, leaseUntil } });
}

/** The fence: an outcome belongs to one TaskStarted and is taken only while that is the current one. */
function isCurrent(state: Live, startedVersion: number): state is Running | Waiting {
  return (state.status === 'running' || state.status === 'waiting') && state.startedVersion === startedVersion;
}

const superseded = refused({ reason: 'superseded' } as const);

function accept(state: Live, { now, startedVersion, response }: Command<'accept'>): TaskDecision {
  if (!isCurrent(state, startedVersion)) return superseded;
  if (state.status === 'waiting') return unchanged;
  const completeBy = Math.max(state.completeBy ?? 0, now + state.definition.completeWithinMs);
  return happened({ type: 'TaskAccepted', data: { startedVersion, response, completeBy } });
}

function heartbeat(state: Live, { now, startedVersion }: Command<'heartbeat'>): TaskDecision {
  if (!isCurrent(state, startedVersion)) return superseded;
  const { completeWithinMs } = state.definition;
  const completeBy = now + completeWithinMs;
  // A chatty target must not make its stream long: small gains are acknowledged and forgotten.
  if (state.completeBy !== null && completeBy - state.completeBy < completeWithinMs / 10) return unchanged;
  return happened({ type: 'TaskHeartbeat', data: { startedVersion, completeBy } });
}

function continueRun(state: Live, { startedVersion, runAt, body }: Command<'continue'>): TaskDecision {
  if (!isCurrent(state, startedVersion) || state.status !== 'running') return superseded;
  if (state.run >= limits.runsPerTask) {
    const error: TaskError = { kind: 'rejected', message: `the target asked to continue after run ${limits.runsPerTask}, the last one` };
    return happened({ type: 'TaskFailed', data: { startedVersion, error, retryAt: null } });
  }
  return happened({ type: 'TaskContinued', data: { startedVersion, runAt, ...(body === undefined ? {} : { body }) } });
}

function succeed(state: Live, { startedVersion, result, emitted }: Command<'succeed'>): TaskDecision {
  if (!isCurrent(state, startedVersion) || state.status !== 'running') return superseded;
  const data = { startedVersion, result, durationMs: result.durationMs, ...(emitted === undefined ? {} : { emitted }) };
  return happened({ type: 'TaskSucceeded', data });
}

function answer(state: Live, command: Command<'answer'>): TaskDecision {
  if (state.run !== command.run) return refused({ reason: 'run-over' });
  if (isFinished(state)) {
    if (state.status !== 'succeeded' || state.answerHash === null) return refused({ reason: 'run-over' });
    return state.answerHash === command.answerHash ? unchanged : refused({ reason: 'different-answer' });
  }
  if (state.attempt === 0) return refused({ reason: 'run-over' });
  const { startedVersion, result, answerHash } = command;
  return happened({ type: 'TaskSucceeded', data: { startedVersion, result, durationMs: result.durationMs, answerHash } });
}

function fail(state: Live, command: Command<'fail'>): TaskDecision {
  if (!isCurrent(state, command.startedVersion)) return superseded;
  return attemptFailed(state, command);
}

function expireLease(state: Live, { now, random }: Command<'expire-lease'>): TaskDecision {
  if (state.status !== 'running') return wrongStatus(state);
  if (now < state.leaseUntil + limits.clockSkewMs) return refused({ reason: 'not-due' });
  const error: TaskError = { kind: 'interrupted', message: 'the process that ran this attempt went away before recording its outcome' };
  return attemptFailed(state, { now, random, error, retryable: true, retryAfterMs: null });
}

function expireWait(state: Live, { now, random }: Command<'expire-wait'>): TaskDecision {
  if (state.status !== 'waiting') return wrongStatus(state);
  if (now < state.completeBy) return refused({ reason: 'not-due' });
  const error: TaskError = { kind: 'timeout', message: 'the target accepted the task and did not answer in time' };
  return attemptFailed(state, { now, random, error, retryable: true, retryAfterMs: null });
}

function attemptFailed(
  state: Running | Waiting,
  failure: {
    readonly now: number;
    readonly random: number;
    readonly error: TaskError;
    readonly result?: TaskResult;
    readonly retryable: boolean;
    readonly retryAfterMs: number | null;
  },
): TaskDecision {
  const { attempt, startedVersion } = state;
  const delayMs = failure.retryable ? retryDelayMs(state.definition.retry, { ...failure, attempt }) : null;
  const result = failure.result === undefined ? {} : { result: failure.result };
  const retryAt = delayMs === null ? null : failure.now + delayMs;
  return happened({ type: 'TaskFailed', data: { startedVersion, error: failure.error, ...result, retryAt } });
}

function cancel(state: Live, { reason }: Command<'cancel'>): TaskDecision {
  if (state.status === 'cancelled') return unchanged;
  if (state.status !== 'scheduled' && state.status !== 'waiting') return wrongStatus(state);
  return happened({ type: 'TaskCancelled', data: { reason } });
}

function retry(state: Live, { now }: Command<'retry'>): TaskDecision {
  if (state.status !== 'failed') return wrongStatus(state);
  if (state.run >= limits.runsPerTask) return refused({ reason: 'limit', limit: 'runs', value: limits.runsPerTask });
  return happened({ type: 'TaskRetried', data: { runAt: now } });
}

function redeliver(state: Live): TaskDecision {
  if (!isFinished(state)) return wrongStatus(state);
  const { callback } = state;
  if (callback.status === 'none') return refused({ reason: 'no-callback' });
  if (callback.status === 'pending' && callback.attempt === 0) return unchanged;
  if (state.redeliveries >= limits.redeliveriesPerTask) {
    return refused({ reason: 'limit', limit: 'redeliveries', value: limits.redeliveriesPerTask });
  }
  return happened({ type: 'CallbackReopened', data: { outcomeVersion: callback.outcomeVersion } });
}

function recordCallback(state: TaskState, command: Command<'record-callback'>): TaskDecision {
  const callback = endedOf(state)?.callback;
  const { outcomeVersion, attempt, outcome } = command;
  // A new run, a redelivery or a faster twin has moved on: this try told nothing that still matters.
  if (callback?.status !== 'pending' || callback.outcomeVersion !== outcomeVersion || callback.attempt + 1 !== attempt) return superseded;
  if (outcome.delivered) {
    return happened({ type: 'CallbackSucceeded', data: { outcomeVersion, attempt, result: { status: outcome.status } } });
  }
  const { error, retryable, retryAfterMs } = outcome;
  const delayMs = retryable ? callbackDelayMs({ attempt, random: command.random, retryAfterMs }) : null;
  const retryAt = delayMs === null ? null : command.now + delayMs;
  return happened({ type: 'CallbackFailed', data: { outcomeVersion, attempt, error, retryAt } });
}
