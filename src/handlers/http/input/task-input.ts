import * as z from 'zod';
import { durationText } from '../../../application/durations.ts';
import type { InputError, ParseResult } from '../../../application/reading.ts';
import type { CallbackInput, TaskChangesInput, TaskInput, TemplateInput } from '../../../application/task-input.ts';
import { limits } from '../../../domain/limits.ts';
import { defaultRetryPolicy } from '../../../domain/retry-policy.ts';
import { duration } from './duration.ts';
import { callback, httpRequest, type WithAddress } from './http-request.ts';
import { taskId } from './identifier.ts';
import { labels } from './labels.ts';
import { failed, parseWith } from './parse-result.ts';
import { retry } from './retry.ts';
import { oneOf, text, wholeNumber } from './scalars.ts';
import { actionOf, checkAddress, event, httpAction, runner, type TaskInputContext } from './task-action.ts';
import { time } from './time.ts';

export type { TaskInputContext } from './task-action.ts';

const defaultTimeoutMs = 30_000;
const defaultCompleteWithinMs = 3_600_000;

const timeoutRange = { minMs: limits.attemptTimeoutMinMs, maxMs: limits.attemptTimeoutMaxMs };
const completeWithinRange = { minMs: limits.completeWithinMinMs, maxMs: limits.completeWithinMaxMs };

/** What makes a task do what it does, and how: the fields that a schedule's template and an orchestration's step have too. */
export const actionFields = {
  request: httpRequest.optional(),
  runner: runner.optional(),
  event: event.optional(),
};
export const timingFields = {
  runAt: time({ description: 'At most one of runAt and delay; neither means now, and so does a time that has passed.' }).optional(),
  delay: duration({ minMs: 0, maxMs: limits.scheduleAheadMs }, { description: 'From now.' }).optional(),
};
export const attemptFields = {
  strategy: oneOf(['await', 'async'])
    .optional()
    .meta({ default: 'await', description: 'async, for a request only: the target answers 2xx now and posts its result later.' }),
  timeout: duration(timeoutRange, { default: '30s', description: 'One attempt, from the connect to the last byte.' }).optional(),
  completeWithin: duration(completeWithinRange, {
    default: '1h',
    description: 'async only: how long after its 2xx the target may take.',
  }).optional(),
  retry: retry.optional(),
};

const furtherFields = {
  startBefore: duration(
    { minMs: 0, maxMs: limits.startBeforeMaxMs },
    { description: 'Not started by runAt + this, the run fails as expired.' },
  ).optional(),
  callback: callback.optional(),
  labels: labels.optional(),
  priority: wholeNumber(-limits.priorityMagnitude, limits.priorityMagnitude)
    .optional()
    .meta({ default: 0, description: 'Kept and shown; reserved.' }),
};

/** The body of `POST /tasks`. */
export const task = z
  .strictObject({ id: taskId.optional(), ...actionFields, ...timingFields, ...attemptFields, ...furtherFields })
  .meta({ description: 'Exactly one of request, runner and event.' });

/** What a schedule makes its tasks from: a task without an id and a time of its own. */
export const template = z
  .strictObject({ ...actionFields, ...attemptFields, ...furtherFields })
  .meta({ description: 'As the body of POST /tasks, without id, runAt and delay.' });

/** The body of `PATCH /tasks/{id}`. */
export const taskChanges = z
  .strictObject({
    ...timingFields,
    request: httpRequest.optional(),
    timeout: duration(timeoutRange).optional(),
    retry: retry.optional(),
    callback: callback.nullable().optional(),
    labels: labels.optional(),
  })
  .meta({ description: 'At least one field; each replaces the whole field.' });

/** The body of `POST /tasks/batch`. Its tasks are parsed one by one, so that a bad one does not spoil the rest. */
export const batch = z.strictObject({
  tasks: z
    .array(z.unknown(), `must be a list of 1 to ${limits.tasksPerBatch} tasks`)
    .min(1, `must be a list of 1 to ${limits.tasksPerBatch} tasks`)
    .max(limits.tasksPerBatch, `must be a list of 1 to ${limits.tasksPerBatch} tasks`)
    .meta({ description: 'Each as the body of POST /tasks.' }),
});

/** The body of `POST /tasks/{id}/cancel`, if there is one. */
export const cancel = z.strictObject({
  reason: text({ min: 0, max: limits.cancelReasonLength }).optional(),
});

const nothing = z.strictObject({});

type Timing = { readonly runAt?: number | undefined; readonly delay?: number | undefined };

/** When to run first: never before now, never too far ahead. Null when neither field was given. */
export function runAtOf(given: Timing, now: number, errors: InputError[]): number | null {
  if (given.runAt !== undefined && given.delay !== undefined) {
    errors.push({ path: 'delay', message: 'cannot be given together with runAt' });
  }
  // The delay alone is known to be within the limit.
  if (given.delay !== undefined) return now + given.delay;
  if (given.runAt === undefined) return null;
  if (given.runAt - now > limits.scheduleAheadMs) {
    errors.push({ path: 'runAt', message: `must be at most 10 years (${durationText(limits.scheduleAheadMs)}) ahead` });
  }
  return Math.max(now, given.runAt);
}

function callbackOf(given: WithAddress<CallbackInput>, context: TaskInputContext, errors: InputError[]): CallbackInput {
  checkAddress('callback.url', given.address, context, errors);
  return given.input;
}

/** Parses the body of `POST /tasks`, or one task of a batch. Never throws, whatever the value. */
export function parseTask(value: unknown, context: TaskInputContext): ParseResult<TaskInput> {
  const shaped = parseWith(task, value);
  if (!shaped.ok) return shaped;
  const given = shaped.value;
  const errors: InputError[] = [];
  const made = templateOf(given, context, errors);
  const runAt = runAtOf(given, context.now, errors);
  if (made === null || errors.length > 0) return { ok: false, errors };
  const delayMs = given.delay ?? (given.runAt === undefined ? 0 : null);
  return { ok: true, value: { id: given.id ?? null, ...made, runAt: runAt ?? context.now, delayMs } };
}

/** What a task does and how, with defaults filled in; null if there is something wrong with it, which is then among the errors. */
export function templateOf(given: z.output<typeof template>, context: TaskInputContext, errors: InputError[]): TemplateInput | null {
  const action = actionOf(given, context, errors);
  if (given.strategy === 'async' && given.request === undefined) {
    errors.push({ path: 'strategy', message: 'can be async only with a request' });
  }
  const told = given.callback === undefined ? null : callbackOf(given.callback, context, errors);
  if (action === null) return null;
  return {
    action,
    strategy: given.strategy ?? 'await',
    timeoutMs: given.timeout ?? defaultTimeoutMs,
    completeWithinMs: given.completeWithin ?? defaultCompleteWithinMs,
    retry: given.retry ?? defaultRetryPolicy,
    callback: told,
    labels: given.labels ?? {},
    priority: given.priority ?? 0,
    startBeforeMs: given.startBefore ?? null,
  };
}

const fixedFields: ReadonlySet<string> = new Set(Object.keys(task.shape));

/** Parses the body of `PATCH /tasks/{id}`. A new delay counts from the context's now. */
export function parseTaskChanges(value: unknown, context: TaskInputContext): ParseResult<TaskChangesInput> {
  const shaped = parseWith(taskChanges, value, (key, path) =>
    path.length === 0 && fixedFields.has(key) ? 'cannot be changed' : 'is not a known field',
  );
  if (!shaped.ok) return shaped;
  const given = shaped.value;
  const errors: InputError[] = [];
  const runAt = runAtOf(given, context.now, errors);
  const changes: TaskChangesInput = {
    ...(runAt !== null && { runAt }),
    ...(given.delay !== undefined && { delayMs: given.delay }),
    ...(given.request !== undefined && { action: httpAction(given.request, context, errors) }),
    ...(given.timeout !== undefined && { timeoutMs: given.timeout }),
    ...(given.retry !== undefined && { retry: given.retry }),
    ...(given.callback !== undefined && { callback: given.callback && callbackOf(given.callback, context, errors) }),
    ...(given.labels !== undefined && { labels: given.labels }),
  };
  if (errors.length > 0) return { ok: false, errors };
  if (Object.keys(changes).length === 0) {
    return failed('', `at least one of ${Object.keys(taskChanges.shape).join(', ')} must be given`);
  }
  return { ok: true, value: changes };
}

/** Parses the body of a batch; the tasks in it are left for parseTask. */
export function parseBatch(value: unknown): ParseResult<{ readonly tasks: readonly unknown[] }> {
  return parseWith(batch, value);
}

/** Parses the body of a cancel, which may be absent. */
export function parseCancel(value: unknown): ParseResult<{ readonly reason: string | null }> {
  const shaped = parseWith(cancel, value === undefined ? {} : value);
  return shaped.ok ? { ok: true, value: { reason: shaped.value.reason ?? null } } : shaped;
}

/** Parses the body of a route that takes none: absent, or an empty object. */
export function parseNothing(value: unknown): ParseResult<null> {
  const shaped = parseWith(nothing, value === undefined ? {} : value);
  return shaped.ok ? { ok: true, value: null } : shaped;
}
