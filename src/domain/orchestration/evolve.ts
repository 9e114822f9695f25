import type { Recorded } from '../decision.ts';
import type { FinishedStatus } from '../task/events.ts';
import { callbackTaskId } from './child-ids.ts';
import type { Plan, PlannedStep } from './definition.ts';
import type { OrchestrationEvent, StepError } from './events.ts';
import {
  type CallbackChild,
  type Cancelled,
  type Ended,
  isEnded,
  type Live,
  type OrchestrationState,
  type Position,
  type Running,
  type Scheduled,
  type StepProgress,
} from './state.ts';

type RecordedEvent = Recorded<OrchestrationEvent>;
type Of<Type extends OrchestrationEvent['type']> = Extract<RecordedEvent, { readonly type: Type }>;

/**
 * The state after one more event. Pure and total over every history a correct writer can leave;
 * an event that does not fit its state means the log itself is broken, and throws.
 */
export function evolve(state: OrchestrationState, event: RecordedEvent): OrchestrationState {
  if (event.version !== state.version + 1) {
    throw new Error(`stream ${event.stream} has version ${event.version} after ${state.version}: the log has a gap`);
  }
  switch (event.type) {
    case 'OrchestrationScheduled':
      return state.status === 'missing' ? scheduled(event) : broken(state, event);
    case 'Erased':
      if (state.status !== 'missing') return broken(state, event);
      return { status: 'deleted', id: idOf(event.stream), ...stamp(event), createdAt: event.occurredAt };
    case 'OrchestrationChanged':
      return state.status === 'scheduled' ? changed(state, event) : broken(state, event);
    case 'OrchestrationCancelled':
      return state.status === 'scheduled' || state.status === 'running' ? cancelled(state, event) : broken(state, event);
    case 'OrchestrationFinished':
      return state.status === 'running' && state.position.at === 'end' ? finished(state, event) : broken(state, event);
    case 'ChildConfirmed':
      return isEnded(state) ? confirmed(state, event) : broken(state, event);
    case 'StepStarted':
      return stepStarted(state, event);
    case 'StepFinished':
    case 'CheckStarted':
    case 'CheckFinished':
    case 'FallbackStarted':
    case 'FallbackFinished': {
      const step = state.status === 'running' ? moved(state, event) : null;
      return step ?? broken(state, event);
    }
    default:
      return event satisfies never;
  }
}

function broken(state: OrchestrationState, event: RecordedEvent): never {
  const status = state.status === 'running' ? `running (${state.position.at} of step ${state.position.step})` : state.status;
  throw new Error(`stream ${event.stream}: ${event.type} at version ${event.version} cannot follow status ${status}`);
}

function idOf(stream: string): string {
  return stream.slice(stream.indexOf('#') + 1);
}

function stamp(event: RecordedEvent): { readonly version: number; readonly updatedAt: number } {
  return { version: event.version, updatedAt: event.occurredAt };
}

function definitionOf(event: RecordedEvent, plan: Plan) {
  return { version: event.version, commitId: event.commitId, bytes: plan.definition.bytes };
}

function scheduled(event: Of<'OrchestrationScheduled'>): Scheduled {
  const { runAt, plan, labels, contentHash } = event.data;
  return {
    status: 'scheduled',
    id: idOf(event.stream),
    ...stamp(event),
    createdAt: event.occurredAt,
    plan,
    definition: definitionOf(event, plan),
    labels,
    contentHash,
    runAt,
    changes: 0,
  };
}

function changed(state: Scheduled, event: Of<'OrchestrationChanged'>): Scheduled {
  const { plan, ...rest } = event.data;
  const replanned = plan === undefined ? {} : { plan, definition: definitionOf(event, plan) };
  return { ...state, ...stamp(event), ...rest, ...replanned, changes: state.changes + 1 };
}

/** The fields every state shares; leaves behind those that mean something in one status only. */
function existing(state: Live, event: RecordedEvent) {
  const { id, createdAt, plan, definition, labels, contentHash, runAt, changes } = state;
  return { id, ...stamp(event), createdAt, plan, definition, labels, contentHash, runAt, changes };
}

const unreached: StepProgress = { status: 'running', startedAt: null, finishedAt: null, checks: 0, truncated: false, error: null };

function stepStarted(state: OrchestrationState, event: Of<'StepStarted'>): Running {
  const { step, taskId } = event.data;
  const isFirst = state.status === 'scheduled' && step === 1;
  const isNext = state.status === 'running' && state.position.at === 'step-due' && state.position.step === step;
  if (!isFirst && !isNext) return broken(state, event);
  const steps = state.status === 'running' ? state.steps : [];
  return {
    ...existing(state, event),
    status: 'running',
    steps: [...steps, { ...unreached, startedAt: event.occurredAt }],
    position: { at: 'step', step, taskId, namedAt: event.occurredAt },
  };
}

type StepEvent = Of<'StepFinished' | 'CheckStarted' | 'CheckFinished' | 'FallbackStarted' | 'FallbackFinished'>;

/** A running orchestration after what happened to its step; null if that does not fit where it stands. */
function moved(state: Running, event: StepEvent): Running | null {
  const { position } = state;
  if (event.data.step !== position.step) return null;
  switch (event.type) {
    case 'StepFinished':
      if (position.at === 'step') return stepFinished(state, event);
      // What never started can only have failed.
      return position.at === 'step-due' && event.data.outcome.status === 'failed'
        ? stepFinished({ ...state, steps: [...state.steps, unreached] }, event)
        : null;
    case 'CheckStarted': {
      if (position.at !== 'check-due' || position.n !== event.data.n) return null;
      const { step, n, taskId } = event.data;
      return stepNow(state, event, { checks: n }, { at: 'check', step, n, taskId, namedAt: event.occurredAt });
    }
    case 'CheckFinished':
      return position.at === 'check' && position.n === event.data.n ? checkFinished(state, event) : null;
    case 'FallbackStarted': {
      if (position.at !== 'fallback-due') return null;
      const { step, taskId } = event.data;
      return stepNow(state, event, {}, { at: 'fallback', step, taskId, namedAt: event.occurredAt });
    }
    case 'FallbackFinished':
      if (position.at === 'fallback') return fallbackFinished(state, event);
      return position.at === 'fallback-due' && event.data.outcome.status === 'failed' ? fallbackFinished(state, event) : null;
    default:
      return event satisfies never;
  }
}

/** The state with its newest step changed and its position moved. */
function stepNow(state: Running, event: RecordedEvent, change: Partial<StepProgress>, position: Position): Running {
  const newest = state.steps.length - 1;
  const steps = state.steps.map((progress, index) => (index === newest ? { ...progress, ...change } : progress));
  return { ...state, ...stamp(event), steps, position };
}

function plannedStep(state: Running): PlannedStep {
  const planned = state.plan.steps[state.position.step - 1];
  if (planned === undefined) throw new Error(`the orchestration ${state.id} has no step ${state.position.step}`);
  return planned;
}

function stepFinished(state: Running, event: Of<'StepFinished'>): Running {
  const { step, outcome } = event.data;
  const at = event.occurredAt;
  if (outcome.status === 'failed') return failed(state, event, 'step-failed', outcome.error);
  const { truncated } = outcome;
  const { check } = plannedStep(state);
  if (check === null) return passed(state, event, { truncated });
  return stepNow(state, event, { status: 'checking', truncated }, { at: 'check-due', step, n: 1, dueAt: at + check.delayMs });
}

/** The step is done: the next one after its own delay, or the end. */
function passed(state: Running, event: StepEvent, change: Partial<StepProgress>): Running {
  const at = event.occurredAt;
  const next = state.plan.steps[event.data.step];
  const position: Position =
    next === undefined
      ? { at: 'end', step: event.data.step, end: { status: 'succeeded', outcome: 'completed' }, dueAt: at }
      : { at: 'step-due', step: event.data.step + 1, dueAt: at + next.delayMs };
  return stepNow(state, event, { ...change, status: 'succeeded', finishedAt: at, error: null }, position);
}

type FailedOutcome = 'step-failed' | 'check-failed' | 'fallback-succeeded' | 'fallback-failed';

/** The step has failed for good, and the orchestration with it. `error` where it is another one than is known already. */
function failed(state: Running, event: StepEvent, outcome: FailedOutcome, error?: StepError): Running {
  const at = event.occurredAt;
  const change = { status: 'failed', finishedAt: at, ...(error === undefined ? {} : { error }) } as const;
  return stepNow(state, event, change, { at: 'end', step: event.data.step, end: { status: 'failed', outcome }, dueAt: at });
}

function checkFinished(state: Running, event: Of<'CheckFinished'>): Running {
  if (event.data.passed) return passed(state, event, {});
  const { step, n, error } = event.data;
  const { check, fallback } = plannedStep(state);
  const at = event.occurredAt;
  // Somebody else's task stands where the check should: that says nothing of what was to be checked, so nothing falls back on it.
  if (error.kind === 'id-taken') return failed(state, event, 'step-failed', error);
  if (check !== null && n <= check.retries) {
    return stepNow(state, event, { error }, { at: 'check-due', step, n: n + 1, dueAt: at + check.gapMs });
  }
  if (fallback === null) return failed(state, event, 'check-failed', error);
  return stepNow(state, event, { status: 'fallback', error }, { at: 'fallback-due', step, dueAt: at });
}

function fallbackFinished(state: Running, event: Of<'FallbackFinished'>): Running {
  const { outcome } = event.data;
  if (outcome.status === 'succeeded') return failed(state, event, 'fallback-succeeded');
  return failed(state, event, 'fallback-failed', outcome.error);
}

function callbackChild(state: Live, status: FinishedStatus, at: number): CallbackChild {
  if (!state.plan.callbackOn.includes(status)) return { status: 'none' };
  return { status: 'unconfirmed', taskId: callbackTaskId(state.id), namedAt: at };
}

function finished(state: Running, event: Of<'OrchestrationFinished'>): Ended {
  const at = event.occurredAt;
  const callback = callbackChild(state, event.data.status, at);
  return { ...existing(state, event), ...event.data, steps: state.steps, finishedAt: at, callback };
}

function cancelled(state: Scheduled | Running, event: Of<'OrchestrationCancelled'>): Cancelled {
  const at = event.occurredAt;
  const steps = state.status === 'running' ? state.steps : [];
  return {
    ...existing(state, event),
    status: 'cancelled',
    reason: event.data.reason,
    steps: steps.map((step) => (step.finishedAt === null ? { ...step, status: 'cancelled', finishedAt: at } : step)),
    finishedAt: at,
    callback: callbackChild(state, 'cancelled', at),
  };
}

function confirmed(state: Ended, event: Of<'ChildConfirmed'>): Ended {
  const { callback } = state;
  if (callback.status !== 'unconfirmed' || callback.taskId !== event.data.taskId) return broken(state, event);
  const status = event.data.foreign === true ? 'id-taken' : 'confirmed';
  return { ...state, ...stamp(event), callback: { ...callback, status } };
}

/** Folds events onto a state, oldest first. */
export function fold(state: OrchestrationState, events: Iterable<RecordedEvent>): OrchestrationState {
  let folded = state;
  for (const event of events) folded = evolve(folded, event);
  return folded;
}
