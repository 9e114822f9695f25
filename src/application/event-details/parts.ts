import * as z from 'zod';
import { limits } from '../../domain/limits.ts';
import * as shown from '../shown-parts.ts';

// The parts that have a name in the JSON Schemas and in the types for subscribers.
export const time = shown.time.meta({ id: 'Time' });
export const origin = shown.origin.meta({ id: 'Origin', description: 'The schedule or the orchestration that a task belongs to.' });
export const retry = shown.retry.meta({ id: 'Retry', description: 'Durations in milliseconds.' });
/** Kinds of errors are added now and then: who checks an event against an older schema must not refuse it for a newer kind. */
const open = <Kinds extends z.ZodType<string>>(kinds: Kinds) => z.union([kinds, z.string()]).meta({ description: 'More kinds may come.' });
export const taskError = shown.error.extend({ kind: open(shown.error.shape.kind) }).meta({ id: 'TaskError' });
export const stepError = shown.stepError.extend({ kind: open(shown.stepError.shape.kind) }).meta({ id: 'StepError' });
export const callback = shown.callback.extend({ error: taskError.optional(), nextAttemptAt: time.optional() }).meta({ id: 'Callback' });

export const isOmitted = z
  .literal(true)
  .meta({ description: `The body has more than ${limits.publishedBodyBytes} bytes, and is read from the API instead.` });
export const bodyOmitted = isOmitted.optional();

/** What a target answered, in the outside form. */
export const result = z
  .strictObject({ ...shown.result.shape, body: z.string().optional(), bodyBytes: shown.count.optional(), bodyOmitted })
  .meta({ id: 'Result' });

/** What is done when a task is due: one of the three. */
export const action = {
  ...shown.actionParts,
  request: shown.actionParts.request.unwrap().meta({ id: 'TaskRequest' }).optional(),
};
