import * as z from 'zod';
import type { OrchestrationEvent } from '../../domain/orchestration/events.ts';
import { errorKinds } from '../../domain/task/events.ts';
import { action, callback, count, labels, retry, time } from './parts.ts';

const step = z.number().int().positive();
const bodyFrom = z.literal('previous').nullable();
const checkTimes = { delayMs: count, retries: count, gapMs: count };
const plan = z.object({
  steps: z.array(
    z.object({
      name: z.string().nullable(),
      delayMs: count,
      bodyFrom,
      check: z.object(checkTimes).nullable(),
      fallback: z.object({ bodyFrom }).nullable(),
    }),
  ),
  callbackOn: z.array(z.enum(['succeeded', 'failed', 'cancelled'])),
  definition: z.object({ bytes: count, digest: z.string() }),
});
const error = z.object({ kind: z.enum([...errorKinds, 'id-taken']), message: z.string() });
const outcome = z.union([
  z.object({ status: z.literal('succeeded'), truncated: z.boolean() }),
  z.object({ status: z.literal('failed'), error }),
]);

/** The data of each type of orchestration event, as stored. Times are epoch milliseconds. */
export const orchestrationEventSchemas = {
  OrchestrationScheduled: z.object({ runAt: time, plan, labels, contentHash: z.string() }),
  OrchestrationChanged: z.object({ runAt: time.optional(), plan: plan.optional(), labels: labels.optional() }),
  StepStarted: z.object({ step, taskId: z.string() }),
  StepFinished: z.object({ step, outcome }),
  CheckStarted: z.object({ step, n: step, taskId: z.string() }),
  CheckFinished: z.union([
    z.object({ step, n: step, passed: z.literal(true) }),
    z.object({ step, n: step, passed: z.literal(false), error }),
  ]),
  FallbackStarted: z.object({ step, taskId: z.string() }),
  FallbackFinished: z.object({ step, outcome }),
  OrchestrationFinished: z.union([
    z.object({ status: z.literal('succeeded'), outcome: z.literal('completed') }),
    z.object({
      status: z.literal('failed'),
      outcome: z.enum(['step-failed', 'check-failed', 'fallback-succeeded', 'fallback-failed']),
    }),
  ]),
  OrchestrationCancelled: z.object({ reason: z.string().nullable() }),
  ChildConfirmed: z.object({ taskId: z.string(), foreign: z.literal(true).optional() }),
  Erased: z.object({}),
} as const satisfies Record<OrchestrationEvent['type'], z.ZodType>;

const template = {
  action,
  bodyAt: count.nullable(),
  strategy: z.enum(['await', 'async']),
  timeoutMs: count,
  completeWithinMs: count,
  retry,
};
const stepTemplate = z.object({ ...template, bodyFrom });
const check = z.object({ ...checkTimes, task: z.object(template) });

/** A definition as it lies beside the event that brought it. */
export const orchestrationDefinition = z.object({
  steps: z.array(
    z.object({
      name: z.string().nullable(),
      delayMs: count,
      task: stepTemplate,
      check: check.nullable().exactOptional(),
      fallback: stepTemplate.nullable().exactOptional(),
    }),
  ),
  check: check.nullable(),
  fallback: stepTemplate.nullable(),
  callback: callback.nullable(),
});
