import * as z from 'zod';
import { errorKinds } from '../../domain/task/events.ts';

/** What the data of events is made of, as stored. Times are epoch milliseconds. */
export const time = z.number().int();
export const count = z.number().int().nonnegative();
export const bodyNote = z.object({ kind: z.enum(['text', 'json', 'binary']), bytes: count, digest: z.string().optional() });
const header = z.union([z.object({ name: z.string(), value: z.string() }), z.object({ name: z.string(), sealed: z.string() })]);
export const outgoing = {
  url: z.string(),
  target: z.string(),
  method: z.string(),
  headers: z.array(header),
  secretHeaders: z.array(z.string()),
};
export const action = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('http'), ...outgoing, body: bodyNote.nullable() }),
  z.object({ kind: z.literal('runner'), name: z.string(), body: bodyNote.nullable() }),
  z.object({ kind: z.literal('event'), detailType: z.string(), body: bodyNote.nullable() }),
]);
export const retry = z.union([
  z.object({
    backoff: z.enum(['exponential', 'fixed']),
    maxAttempts: count,
    initialDelayMs: z.number(),
    factor: z.number(),
    maxDelayMs: z.number(),
    jitter: z.number(),
  }),
  z.object({ backoff: z.literal('delays'), maxAttempts: count, delaysMs: z.array(z.number()), jitter: z.number() }),
]);
export const callback = z.object({ ...outgoing, on: z.array(z.enum(['succeeded', 'failed', 'cancelled'])) });
export const labels = z.record(z.string(), z.string());
export const origin = z.union([
  z.object({ scheduleId: z.string(), occurrence: z.number().int() }),
  z.object({ orchestrationId: z.string(), step: z.number().int(), role: z.enum(['task', 'check', 'fallback', 'callback']) }),
]);
export const result = z.object({
  status: z.number().int(),
  headers: z.record(z.string(), z.string()),
  bytes: count,
  truncated: z.boolean(),
  durationMs: z.number(),
});
export const error = z.object({ kind: z.enum(errorKinds), message: z.string(), status: z.number().int().optional() });

/** What a task is asked to do, and how: what a definition has in common with a schedule's template. */
export const taskTemplate = {
  action,
  strategy: z.enum(['await', 'async']),
  timeoutMs: count,
  completeWithinMs: count,
  retry,
  callback: callback.nullable(),
  labels,
  priority: z.number().int(),
  startBeforeMs: count.nullable(),
};
