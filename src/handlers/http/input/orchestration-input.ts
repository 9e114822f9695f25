import * as z from 'zod';
import type {
  CheckInput,
  ChildInput,
  OrchestrationChangesInput,
  OrchestrationInput,
  StepInput,
  StepTaskInput,
} from '../../../application/orchestration-input.ts';
import type { InputError, ParseResult } from '../../../application/reading.ts';
import { limits } from '../../../domain/limits.ts';
import { childRetryPolicy } from '../../../domain/orchestration/definition.ts';
import { duration } from './duration.ts';
import { callback, httpRequest } from './http-request.ts';
import { orchestrationId } from './identifier.ts';
import { labels } from './labels.ts';
import { failed, parseWith } from './parse-result.ts';
import { retryWith } from './retry.ts';
import { text, wholeNumber } from './scalars.ts';
import { actionOf, checkAddress, type TaskInputContext, under } from './task-action.ts';
import { actionFields, attemptFields, runAtOf, timingFields } from './task-input.ts';

const defaultTimeoutMs = 30_000;
const defaultCompleteWithinMs = 3_600_000;
const defaultGapMs = 1_000;
const pause = { minMs: 0, maxMs: limits.scheduleAheadMs };

const retry = retryWith(childRetryPolicy).optional();
const bodyFrom = z
  .literal('previous', { error: 'must be "previous"' })
  .optional()
  .meta({ description: "Sends the previous step's result body, with its content type." });
const childTask = z
  .strictObject({ ...actionFields, ...attemptFields, retry, bodyFrom })
  .meta({ description: 'Exactly one of request, runner and event.' });
const check = z.strictObject({
  request: httpRequest,
  delay: duration(pause, { default: '0s', description: 'After the step.' }).optional(),
  retries: wholeNumber(0, limits.checkRetries).optional().meta({ default: 0, description: 'How often it is tried once more.' }),
  gap: duration(pause, { default: '1s', description: 'Between the tries.' }).optional(),
  timeout: attemptFields.timeout,
});
const step = z.strictObject({
  name: text({ min: 1, max: limits.stepNameLength }).optional(),
  delay: duration(pause, { default: '0s', description: 'Before the step.' }).optional(),
  task: childTask,
  check: check.nullable().optional().meta({ description: 'null switches a default off.' }),
  fallback: childTask.nullable().optional(),
});
const stepCount = `must be a list of 1 to ${limits.stepsPerOrchestration} steps`;
const steps = z.array(step, stepCount).min(1, stepCount).max(limits.stepsPerOrchestration, stepCount);

/** The body of `POST /orchestrations`. */
export const orchestration = z.strictObject({
  id: orchestrationId.optional(),
  ...timingFields,
  steps,
  check: check.optional().meta({ description: 'The default of every step.' }),
  fallback: childTask.optional().meta({ description: 'The default of every step.' }),
  callback: callback.optional(),
  labels: labels.optional(),
});

/** The body of `PATCH /orchestrations/{id}`. */
export const orchestrationChanges = z
  .strictObject({
    ...timingFields,
    steps: steps.optional(),
    check: check.nullable().optional(),
    fallback: childTask.nullable().optional(),
    callback: callback.nullable().optional(),
    labels: labels.optional(),
  })
  .meta({ description: 'At least one field; each replaces the whole field. Only while scheduled.' });

/** Collects what is wrong below a path. */
function below<Made>(path: string, errors: InputError[], make: (wrong: InputError[]) => Made): Made {
  const wrong: InputError[] = [];
  const made = make(wrong);
  errors.push(...wrong.map((error) => ({ path: under(path, error.path), message: error.message })));
  return made;
}

type GivenTask = z.output<typeof childTask>;

function taskOf(path: string, given: GivenTask, context: TaskInputContext, errors: InputError[]): StepTaskInput | null {
  return below(path, errors, (wrong) => {
    const action = actionOf(given, context, wrong);
    if (given.strategy === 'async' && given.request === undefined)
      wrong.push({ path: 'strategy', message: 'can be async only with a request' });
    if (action === null) return null;
    const { strategy = 'await', timeout = defaultTimeoutMs, completeWithin = defaultCompleteWithinMs } = given;
    const child: ChildInput = {
      action,
      strategy,
      timeoutMs: timeout,
      completeWithinMs: completeWithin,
      retry: given.retry ?? childRetryPolicy,
    };
    return { ...child, bodyFrom: given.bodyFrom ?? null };
  });
}

function checkOf(path: string, given: z.output<typeof check>, context: TaskInputContext, errors: InputError[]): CheckInput | null {
  return below(path, errors, (wrong) => {
    const action = actionOf({ request: given.request }, context, wrong);
    if (action === null) return null;
    const task: ChildInput = {
      action,
      strategy: 'await',
      timeoutMs: given.timeout ?? defaultTimeoutMs,
      completeWithinMs: defaultCompleteWithinMs,
      retry: childRetryPolicy,
    };
    return { task, delayMs: given.delay ?? 0, retries: given.retries ?? 0, gapMs: given.gap ?? defaultGapMs };
  });
}

function stepOf(path: string, given: z.output<typeof step>, context: TaskInputContext, errors: InputError[]): StepInput | null {
  const task = taskOf(`${path}.task`, given.task, context, errors);
  const ownCheck = given.check == null ? given.check : checkOf(`${path}.check`, given.check, context, errors);
  const ownFallback = given.fallback == null ? given.fallback : taskOf(`${path}.fallback`, given.fallback, context, errors);
  if (task === null) return null;
  return {
    name: given.name ?? null,
    delayMs: given.delay ?? 0,
    task,
    ...(ownCheck === undefined ? {} : { check: ownCheck }),
    ...(ownFallback === undefined ? {} : { fallback: ownFallback }),
  };
}

type GivenParts = z.output<typeof orchestrationChanges>;

/** The parts that are given, checked; those that are not are absent. */
function partsOf(given: Omit<GivenParts, 'runAt' | 'delay'>, context: TaskInputContext, errors: InputError[]) {
  const made = given.steps?.map((each, index) => stepOf(`steps[${index}]`, each, context, errors));
  const told = given.callback;
  if (told != null) checkAddress('callback.url', told.address, context, errors);
  return {
    ...(made === undefined ? {} : { steps: made.flatMap((each) => each ?? []) }),
    ...(given.check === undefined ? {} : { check: given.check && checkOf('check', given.check, context, errors) }),
    ...(given.fallback === undefined ? {} : { fallback: given.fallback && taskOf('fallback', given.fallback, context, errors) }),
    ...(told === undefined ? {} : { callback: told === null ? null : told.input }),
    ...(given.labels === undefined ? {} : { labels: given.labels }),
  };
}

/** Parses the body of `POST /orchestrations`. */
export function parseOrchestration(value: unknown, context: TaskInputContext): ParseResult<OrchestrationInput> {
  const shaped = parseWith(orchestration, value);
  if (!shaped.ok) return shaped;
  const { id = null, runAt: _at, delay, ...given } = shaped.value;
  const errors: InputError[] = [];
  const runAt = runAtOf(shaped.value, context.now, errors) ?? context.now;
  const parts = partsOf(given, context, errors);
  if (errors.length > 0) return { ok: false, errors };
  const delayMs = delay ?? (shaped.value.runAt === undefined ? 0 : null);
  return { ok: true, value: { id, runAt, delayMs, steps: [], check: null, fallback: null, callback: null, labels: {}, ...parts } };
}

/** Parses the body of `PATCH /orchestrations/{id}`. A new delay counts from when it is decided. */
export function parseOrchestrationChanges(value: unknown, context: TaskInputContext): ParseResult<OrchestrationChangesInput> {
  const shaped = parseWith(orchestrationChanges, value, (key, path) =>
    path.length === 0 && key === 'id' ? 'cannot be changed' : 'is not a known field',
  );
  if (!shaped.ok) return shaped;
  const { runAt: _at, delay, ...given } = shaped.value;
  const errors: InputError[] = [];
  const runAt = runAtOf(shaped.value, context.now, errors);
  const parts = partsOf(given, context, errors);
  if (errors.length > 0) return { ok: false, errors };
  const changes = { ...parts, ...(runAt === null ? {} : { runAt }), ...(delay === undefined ? {} : { delayMs: delay }) };
  if (Object.keys(changes).length > 0) return { ok: true, value: changes };
  return failed('', `at least one of ${Object.keys(orchestrationChanges.shape).join(', ')} must be given`);
}
