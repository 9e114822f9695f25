import { callbackDelaysMs, callbackJitter, limits } from '../limits.ts';
import type { Action, CallbackSpec, Header, Labels, Origin, TaskDefinition } from '../task/events.ts';
import type { BodyRef, TaskState } from '../task/state.ts';
import { checkTaskId, fallbackTaskId, stepTaskId } from './child-ids.ts';
import type { ChildSeen } from './commands.ts';
import { type BodyFrom, type ChildTemplate, checkOf, fallbackOf, type OrchestrationDefinition } from './definition.ts';
import { type Cancelled, isEnded, type Live, type OrchestrationState } from './state.ts';

export type ChildOrigin = Extract<Origin, { readonly orchestrationId: string }>;

/** The task that should be there now. The same as long as it is the one that its orchestration waits for. */
export type Child = {
  readonly taskId: string;
  readonly origin: ChildOrigin;
  readonly labels: Labels;
  /** Due as soon as it was named. */
  readonly runAt: number;
  /** Where the definition lies from which `taskOf` makes it. */
  readonly definition: BodyRef;
  /** What it is sent: its own body, the result of another task, or (a callback) how the orchestration ended. */
  readonly body: { readonly from: 'definition' } | { readonly from: 'task'; readonly taskId: string } | { readonly from: 'outcome' };
};

/** The child that should exist now, to be made if it is missing; null where the state waits for none. */
export function childOf(state: OrchestrationState): Child | null {
  if (isEnded(state)) {
    const { callback } = state;
    if (callback.status !== 'unconfirmed') return null;
    return { ...childNamed(state, callback, { step: 0, role: 'callback' }), body: { from: 'outcome' } };
  }
  if (state.status !== 'running') return null;
  const { position } = state;
  const planned = state.plan.steps[position.step - 1];
  switch (position.at) {
    case 'step':
      return {
        ...childNamed(state, position, { step: position.step, role: 'task' }),
        body: bodyFor(state, position.step, planned?.bodyFrom ?? null),
      };
    case 'check':
      return { ...childNamed(state, position, { step: position.step, role: 'check' }), body: { from: 'definition' } };
    case 'fallback':
      return {
        ...childNamed(state, position, { step: position.step, role: 'fallback' }),
        body: bodyFor(state, position.step, planned?.fallback?.bodyFrom ?? null),
      };
    case 'step-due':
    case 'check-due':
    case 'fallback-due':
    case 'end':
      return null;
    default:
      return position satisfies never;
  }
}

function childNamed(
  state: Live,
  named: { readonly taskId: string; readonly namedAt: number },
  of: Pick<ChildOrigin, 'step' | 'role'>,
): Omit<Child, 'body'> {
  const { id, labels, definition } = state;
  return { taskId: named.taskId, origin: { orchestrationId: id, ...of }, labels, runAt: named.namedAt, definition };
}

function bodyFor(state: Live, step: number, bodyFrom: BodyFrom): Child['body'] {
  return bodyFrom === 'previous' ? { from: 'task', taskId: stepTaskId(state.id, step - 1) } : { from: 'definition' };
}

/** What a child looks like from its orchestration: `task` is the folded stream of the child's id. */
export function seenAs(child: Child, task: TaskState): ChildSeen {
  if (task.status === 'missing') return { status: 'missing' };
  const known = task.status === 'deleted' ? task.ended : task;
  // An erased task does not say any more whose it was: it is not there, and never will be again.
  if (known === null) return { status: 'deleted' };
  if (!isOwn(child.origin, known.definition.origin)) return { status: 'foreign' };
  switch (task.status) {
    case 'scheduled':
    case 'running':
    case 'waiting':
      return { status: 'open' };
    case 'succeeded':
      return { status: 'succeeded', truncated: task.result.truncated };
    case 'failed':
      return { status: 'failed', error: { kind: task.failure.error.kind, message: task.failure.error.message } };
    case 'cancelled':
    case 'deleted':
      return { status: task.status };
    default:
      return task satisfies never;
  }
}

function isOwn(expected: ChildOrigin, origin: Origin | null): boolean {
  if (origin === null || !('orchestrationId' in origin)) return false;
  return origin.orchestrationId === expected.orchestrationId && origin.step === expected.step && origin.role === expected.role;
}

/**
 * The tasks that a cancel may have left open: of the step that it broke off, the child that was named last. What the state does not say
 * any more, whether that was a check or the fallback, leaves two of them; either may not be there.
 */
export function leftBy({ id, steps }: Cancelled): readonly { readonly taskId: string; readonly origin: ChildOrigin }[] {
  const brokenOff = steps.at(-1);
  if (brokenOff?.status !== 'cancelled') return [];
  const step = steps.length;
  const left = (taskId: string, role: ChildOrigin['role']) => ({ taskId, origin: { orchestrationId: id, step, role } });
  if (brokenOff.checks === 0) return [left(stepTaskId(id, step), 'task')];
  return [left(checkTaskId(id, step, brokenOff.checks), 'check'), left(fallbackTaskId(id, step), 'fallback')];
}

/**
 * Whether an attempt of a child may still make its call, asked after its start and before the call: a child may have been made from
 * a state that was cancelled meanwhile. The callback tells of the end, so that the end does not stop it.
 *
 * A child is over before its orchestration finishes: what is open afterwards was tried again by hand, in a run of its own, and is a task
 * like any other. In its first run it was made by a host that saw the task whose result it is sent, where another host saw that deleted
 * and let the step fail.
 */
export function mayCall(state: OrchestrationState, role: ChildOrigin['role'], run: number): boolean {
  if (role === 'callback') return true;
  if (state.status === 'cancelled') return false;
  return run > 1 || (state.status === 'running' && state.position.at !== 'end');
}

/** The bytes that a child is sent in place of its own body, and the content type that goes with them. */
export type GivenBody = { readonly bytes: number; readonly contentType: string | null };
/** A child as a task. `bodyAt` is where its own body begins among the bodies of the definition; null if it is sent another, or none. */
export type ChildTask = { readonly definition: TaskDefinition; readonly bodyAt: number | null };

/**
 * The task that a child is. `given` describes the bytes where `child.body` says that they come from elsewhere; null where they do not.
 * Throws if the definition is not the one that the child was named from.
 */
export function taskOf(child: Child, definition: OrchestrationDefinition, given: GivenBody | null): ChildTask {
  const { callback } = definition;
  const template = child.origin.role === 'callback' ? callback && callbackTemplate(callback) : templateOf(child.origin, definition);
  if (template === null || template === undefined) throw new Error(`the definition has nothing from which to make ${child.taskId}`);
  const { action, bodyAt, ...rest } = template;
  return {
    definition: {
      action: given === null ? action : withBody(action, given, child.body.from),
      strategy: rest.strategy,
      timeoutMs: rest.timeoutMs,
      completeWithinMs: rest.completeWithinMs,
      retry: rest.retry,
      callback: null,
      labels: child.labels,
      priority: 0,
      startBeforeMs: null,
      origin: child.origin,
      // Nothing that a client sends has this hash: sent under a child's id, it is different content.
      contentHash: '',
    },
    bodyAt: given === null ? bodyAt : null,
  };
}

function templateOf({ step, role }: ChildOrigin, definition: OrchestrationDefinition): ChildTemplate | null | undefined {
  const defined = definition.steps[step - 1];
  if (defined === undefined) return null;
  if (role === 'task') return defined.task;
  return role === 'check' ? checkOf(definition, defined)?.task : fallbackOf(definition, defined);
}

/** A callback's tries and delays, as an ordinary task has them. */
function callbackTemplate({ on: _told, ...outgoing }: CallbackSpec): ChildTemplate {
  return {
    action: { kind: 'http', ...outgoing, body: null },
    bodyAt: null,
    strategy: 'await',
    timeoutMs: limits.callbackTimeoutMs,
    completeWithinMs: limits.completeWithinMaxMs,
    retry: { backoff: 'delays', maxAttempts: callbackDelaysMs.length + 1, delaysMs: callbackDelaysMs, jitter: callbackJitter },
  };
}

/**
 * The action with another body. A result brings its content type along, which replaces the action's own. Parameters of code, details
 * of events and what a callback tells are JSON.
 */
function withBody(action: Action, { bytes, contentType }: GivenBody, from: Child['body']['from']): Action {
  if (action.kind !== 'http') return { ...action, body: { kind: 'json', bytes } };
  if (from === 'outcome') return { ...action, body: { kind: 'json', bytes } };
  if (bytes === 0) return { ...action, body: null };
  const body = { kind: isJson(contentType) ? 'json' : 'binary', bytes } as const;
  if (contentType === null) return { ...action, body };
  const others = action.headers.filter(({ name }) => name.toLowerCase() !== 'content-type');
  const typed: Header = { name: 'content-type', value: contentType };
  return { ...action, headers: [...others, typed], body };
}

function isJson(contentType: string | null): boolean {
  return contentType !== null && /^application\/(?:[^;]*\+)?json\b/i.test(contentType.trim());
}
