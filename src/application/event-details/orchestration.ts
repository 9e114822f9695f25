import * as z from 'zod';
import type { OrchestrationEvent } from '../../domain/orchestration/events.ts';
import { orchestrationEventSchemas as stored } from '../event-schemas/orchestration.ts';
import { count, labels } from '../shown-parts.ts';
import { stepError, time } from './parts.ts';

const plan = {
  steps: z.array(
    z
      .strictObject({
        name: z.string().nullable(),
        delay: count,
        bodyFrom: z.literal('previous').optional(),
        check: z.strictObject({ delay: count, retries: count, gap: count }).nullable(),
        fallback: z.boolean(),
      })
      .meta({ id: 'PlannedStep', description: 'Durations in milliseconds.' }),
  ),
  callbackOn: z.array(z.enum(['succeeded', 'failed', 'cancelled'])),
};

/** How the task of a step or a fallback ended. `truncated`: its result is larger than what is kept of it. */
const outcome = z
  .union([
    z.strictObject({ status: z.literal('succeeded'), truncated: z.boolean() }),
    z.strictObject({ status: z.literal('failed'), error: stepError }),
  ])
  .meta({ id: 'StepOutcome' });
const [passed, notPassed] = stored.CheckFinished.options;

/** The data of each type of orchestration event in its outside form. What its requests are is read from the tasks. */
export const orchestrationEventData = {
  OrchestrationScheduled: z.strictObject({ runAt: time, ...plan, labels }),
  OrchestrationChanged: z.strictObject({ runAt: time, ...plan, labels }).partial(),
  StepStarted: stored.StepStarted,
  StepFinished: stored.StepFinished.extend({ outcome }),
  CheckStarted: stored.CheckStarted,
  CheckFinished: z.union([passed, notPassed.extend({ error: stepError })]),
  FallbackStarted: stored.FallbackStarted,
  FallbackFinished: stored.FallbackFinished.extend({ outcome }),
  OrchestrationFinished: stored.OrchestrationFinished,
  OrchestrationCancelled: stored.OrchestrationCancelled,
  ChildConfirmed: stored.ChildConfirmed,
  Erased: stored.Erased,
} as const satisfies Record<OrchestrationEvent['type'], z.ZodType>;
