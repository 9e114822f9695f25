import * as z from 'zod';
import { errorKinds } from '../domain/task/events.ts';

/** What a part looks like from outside, as the function that renders it has to give it. */
export type Shown<Schema extends z.ZodType> = DeepReadonly<z.output<Schema>>;
type DeepReadonly<Value> = Value extends readonly (infer Item)[]
  ? readonly DeepReadonly<Item>[]
  : Value extends object
    ? { readonly [Key in keyof Value]: DeepReadonly<Value[Key]> }
    : Value;

// What reads and events show alike. Nothing is shown that is not named here: both are tested against it.
export const time = z.iso.datetime({ offset: false }).meta({ description: 'UTC, with milliseconds' });
export const count = z.int().min(0);
export const labels = z.record(z.string(), z.string());
export const error = z.strictObject({ kind: z.enum(errorKinds), message: z.string(), status: z.int().optional() });
/** What a step failed of: what its task failed of, or that somebody else's task holds the id. */
export const stepError = z.strictObject({ kind: z.enum([...errorKinds, 'id-taken']), message: z.string() });

/** Headers as a map, or as a list where a name occurs more than once. Values of sealed headers read `***`. */
export const headers = z.union([z.record(z.string(), z.string()), z.array(z.strictObject({ key: z.string(), value: z.string() }))]);
const outgoing = { url: z.string(), method: z.string(), headers, secretHeaders: z.array(z.string()).optional() };

/** One of the three: what is done when the task is due. */
export const actionParts = {
  request: z.strictObject({ ...outgoing, body: z.unknown().optional(), bodyBase64: z.string().optional() }).optional(),
  runner: z.strictObject({ name: z.string(), params: z.unknown().optional() }).optional(),
  event: z.strictObject({ detailType: z.string(), detail: z.unknown().optional() }).optional(),
};

export const callbackSpec = z.strictObject({ ...outgoing, on: z.array(z.enum(['succeeded', 'failed', 'cancelled'])) });
export const callback = z.strictObject({
  ...callbackSpec.shape,
  status: z.enum(['none', 'pending', 'delivered', 'failed']),
  attempt: count,
  response: z.strictObject({ status: z.int() }).optional(),
  error: error.optional(),
  nextAttemptAt: time.optional(),
});

export const result = z.strictObject({
  status: z.int(),
  headers: z.record(z.string(), z.string()),
  body: z.string().optional().meta({ description: 'The bytes as received; left out in lists.' }),
  encoding: z.enum(['utf8', 'base64']).optional(),
  truncated: z.boolean(),
  durationMs: z.number().min(0),
});

export const retry = z.union([
  z.strictObject({
    maxAttempts: count,
    backoff: z.enum(['exponential', 'fixed']),
    initialDelay: z.number(),
    factor: z.number(),
    maxDelay: z.number(),
    jitter: z.number(),
  }),
  z.strictObject({ delays: z.array(z.number()), jitter: z.number() }),
]);

export const origin = z.union([
  z.strictObject({ scheduleId: z.string(), occurrence: z.int() }),
  z.strictObject({ orchestrationId: z.string(), step: z.int(), role: z.enum(['task', 'check', 'fallback', 'callback']) }),
]);

/** What a schedule makes its tasks from. */
export const template = z.strictObject({
  ...actionParts,
  strategy: z.enum(['await', 'async']),
  timeout: count,
  completeWithin: count,
  retry,
  startBefore: count.optional(),
  callback: callbackSpec.optional(),
  labels,
  priority: z.int(),
});

/** When a schedule runs and what it does about times that overlap or were missed. */
export const timing = {
  cron: z.string().optional(),
  every: count.optional(),
  recurrence: z.enum(['daily', 'weekly', 'monthly']).optional(),
  timezone: z.string(),
  startAt: time.nullable(),
  endAt: time.nullable(),
  maxOccurrences: count.nullable(),
  jitter: count,
  overlap: z.enum(['skip', 'allow', 'buffer-one']),
  misfire: z.enum(['run-once', 'skip', 'run-all']),
  catchUpWithin: count,
  labels,
};
