import { type Decision, happened, refused, unchanged } from '../decision.ts';
import { limits } from '../limits.ts';
import { sameValue } from '../same-value.ts';
import { checkTaskId, fallbackTaskId, stepTaskId } from './child-ids.ts';
import type { ChildSeen, OrchestrationCommand, OrchestrationRefusal } from './commands.ts';
import type { BodyFrom, Plan } from './definition.ts';
import type { ChildOutcome, OrchestrationEvent, StepError } from './events.ts';
import { type Ended, firstStepAt, isEnded, type Live, type OrchestrationState, type Running } from './state.ts';

type OrchestrationDecision = Decision<OrchestrationEvent, OrchestrationRefusal>;
type Command<Type extends OrchestrationCommand['type']> = Extract<OrchestrationCommand, { readonly type: Type }>;

/** One decision yields at most one event. Every command may be repeated: the second time yields nothing new. */
export function decide(state: OrchestrationState, command: OrchestrationCommand): OrchestrationDecision {
  if (command.type === 'schedule') return schedule(state, command);
  if (state.status === 'missing') return refused({ reason: 'missing' });
  if (state.status === 'deleted') return refused({ reason: 'deleted' });
  switch (command.type) {
    case 'change':
      return change(state, command);
    case 'advance':
      return advance(state, command);
    case 'cancel':
      return cancel(state, command);
    default:
      return command satisfies never;
  }
}

function wrongStatus(state: Live): OrchestrationDecision {
  return refused({ reason: 'wrong-status', status: state.status, at: enteredAt(state) });
}

/** When the orchestration entered the status it is in. */
function enteredAt(state: Live): number {
  if (isEnded(state)) return state.finishedAt;
  return state.status === 'running' ? (state.steps[0]?.startedAt ?? state.updatedAt) : state.updatedAt;
}

/** What no plan may be; null for one that is fit to run. */
function problemOf(plan: Plan): OrchestrationRefusal | null {
  const { steps, definition } = plan;
  if (steps.length === 0 || steps.length > limits.stepsPerOrchestration) {
    return { reason: 'limit', limit: 'steps', value: limits.stepsPerOrchestration };
  }
  return definition.bytes > limits.definitionBytes ? { reason: 'limit', limit: 'definition', value: limits.definitionBytes } : null;
}

function schedule(state: OrchestrationState, command: Command<'schedule'>): OrchestrationDecision {
  if (state.status === 'deleted') return refused({ reason: 'deleted' });
  if (state.status !== 'missing') return command.sameContent ? unchanged : refused({ reason: 'different-content' });
  const { runAt, plan, labels, contentHash } = command;
  const problem = problemOf(plan);
  return problem === null
    ? happened({ type: 'OrchestrationScheduled', data: { runAt, plan, labels, contentHash } })
    : refused<OrchestrationRefusal>(problem);
}

function change(state: Live, { runAt, replan, labels }: Command<'change'>): OrchestrationDecision {
  if (state.status !== 'scheduled') return wrongStatus(state);
  const isReplanned = replan !== undefined && !sameValue(replan.plan, state.plan);
  const problem = isReplanned ? problemOf(replan.plan) : null;
  if (problem !== null) return refused(problem);
  if (isReplanned && replan.madeFrom !== state.definition.version) return refused({ reason: 'stale' });
  const data = {
    ...(runAt === undefined || runAt === state.runAt ? {} : { runAt }),
    ...(isReplanned ? { plan: replan.plan } : {}),
    ...(labels === undefined || sameValue(labels, state.labels) ? {} : { labels }),
  };
  if (Object.keys(data).length === 0) return unchanged;
  if (state.changes >= limits.changesPerOrchestration) {
    return refused({ reason: 'limit', limit: 'changes', value: limits.changesPerOrchestration });
  }
  return happened({ type: 'OrchestrationChanged', data });
}

function cancel(state: Live, { reason }: Command<'cancel'>): OrchestrationDecision {
  if (state.status === 'cancelled') return unchanged;
  if (state.status === 'succeeded' || state.status === 'failed') return wrongStatus(state);
  return happened({ type: 'OrchestrationCancelled', data: { reason } });
}

function advance(state: Live, command: Command<'advance'>): OrchestrationDecision {
  // Time and the child were looked at together with one state. In another one the same look would mean another child.
  if (state.version !== command.version) return refused({ reason: 'stale' });
  const { now, child } = command;
  if (isEnded(state)) return confirmCallback(state, child);
  if (state.status === 'scheduled') return startStep(state, { step: 1, dueAt: firstStepAt(state) }, now);
  const { position } = state;
  switch (position.at) {
    case 'step-due':
      return startStep(state, position, now);
    case 'check-due': {
      const { step, n, dueAt } = position;
      if (now < dueAt) return refused({ reason: 'not-due', dueAt });
      return happened({ type: 'CheckStarted', data: { step, n, taskId: checkTaskId(state.id, step, n) } });
    }
    case 'fallback-due':
      return startFallback(state, position.step);
    case 'step': {
      const outcome = outcomeOf(position.taskId, child);
      if (outcome === null) return unfinished(position.taskId);
      return happened({ type: 'StepFinished', data: { step: position.step, outcome } });
    }
    case 'check': {
      const { step, n, taskId } = position;
      const outcome = outcomeOf(taskId, child);
      if (outcome === null) return unfinished(taskId);
      if (outcome.status === 'succeeded') return happened({ type: 'CheckFinished', data: { step, n, passed: true } });
      return happened({ type: 'CheckFinished', data: { step, n, passed: false, error: outcome.error } });
    }
    case 'fallback': {
      const outcome = outcomeOf(position.taskId, child);
      if (outcome === null) return unfinished(position.taskId);
      return happened({ type: 'FallbackFinished', data: { step: position.step, outcome } });
    }
    case 'end':
      return happened({ type: 'OrchestrationFinished', data: position.end });
    default:
      return position satisfies never;
  }
}

function unfinished(taskId: string): OrchestrationDecision {
  return refused({ reason: 'child-unfinished', taskId });
}

/** Why there is nothing to send from the step before; null where nothing stands in the way. */
function truncatedBefore(state: Live, step: number, bodyFrom: BodyFrom): ChildOutcome | null {
  const previous = state.status === 'running' ? state.steps[step - 2] : undefined;
  if (bodyFrom !== 'previous' || previous?.truncated !== true) return null;
  const message = `the result of step ${step - 1} is larger than the ${limits.resultBytes} bytes that are kept of it`;
  return { status: 'failed', error: { kind: 'truncated', message } };
}

type Due = { readonly step: number; readonly dueAt: number };

function startStep(state: Live, { step, dueAt }: Due, now: number): OrchestrationDecision {
  if (now < dueAt) return refused({ reason: 'not-due', dueAt });
  const outcome = truncatedBefore(state, step, state.plan.steps[step - 1]?.bodyFrom ?? null);
  if (outcome !== null) return happened({ type: 'StepFinished', data: { step, outcome } });
  return happened({ type: 'StepStarted', data: { step, taskId: stepTaskId(state.id, step) } });
}

/** Due as soon as the budget is spent. */
function startFallback(state: Running, step: number): OrchestrationDecision {
  const outcome = truncatedBefore(state, step, state.plan.steps[step - 1]?.fallback?.bodyFrom ?? null);
  if (outcome !== null) return happened({ type: 'FallbackFinished', data: { step, outcome } });
  return happened({ type: 'FallbackStarted', data: { step, taskId: fallbackTaskId(state.id, step) } });
}

/** What the child came to; null while it has not ended. */
function outcomeOf(taskId: string, child: ChildSeen | null): ChildOutcome | null {
  if (child === null) return null;
  switch (child.status) {
    case 'missing':
    case 'open':
      return null;
    case 'succeeded':
      return { status: 'succeeded', truncated: child.truncated };
    case 'failed':
      return failure(child.error.kind, child.error.message);
    case 'cancelled':
    case 'deleted':
      return failure('cancelled', `the task ${taskId} was ${child.status}`);
    case 'foreign':
      return failure('id-taken', `the id ${taskId} belongs to a task that is not of this orchestration`);
    default:
      return child satisfies never;
  }
}

function failure(kind: StepError['kind'], message: string): ChildOutcome {
  // Cut between the halves of a character, a text would not be one any more.
  return { status: 'failed', error: { kind, message: message.slice(0, limits.childErrorLength).toWellFormed() } };
}

function confirmCallback({ callback }: Ended, child: ChildSeen | null): OrchestrationDecision {
  if (callback.status !== 'unconfirmed') return unchanged;
  const { taskId } = callback;
  if (child === null || child.status === 'missing') return unfinished(taskId);
  return happened({ type: 'ChildConfirmed', data: { taskId, ...(child.status === 'foreign' ? { foreign: true } : {}) } });
}
