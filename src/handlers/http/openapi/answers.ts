import * as z from 'zod';
import { errorKinds } from '../../../domain/task/events.ts';

const time = z.iso.datetime({ offset: false }).meta({ description: 'UTC, with milliseconds' });
const count = z.int().min(0);
const status = z.enum(['scheduled', 'running', 'waiting', 'succeeded', 'failed', 'cancelled']);
const error = z.strictObject({ kind: z.enum(errorKinds), message: z.string(), status: z.int().optional() });

/** Headers as a map, or as a list where a name occurs more than once. Values of sealed headers read `***`. */
const headers = z.union([z.record(z.string(), z.string()), z.array(z.strictObject({ key: z.string(), value: z.string() }))]);
export const outgoing = { url: z.string(), method: z.string(), headers, secretHeaders: z.array(z.string()).optional() };

const result = z.strictObject({
  status: z.int(),
  headers: z.record(z.string(), z.string()),
  body: z.string().optional().meta({ description: 'The bytes as received; left out in lists.' }),
  encoding: z.enum(['utf8', 'base64']).optional(),
  truncated: z.boolean(),
  durationMs: z.number().min(0),
});

const callback = z.strictObject({
  ...outgoing,
  on: z.array(z.enum(['succeeded', 'failed', 'cancelled'])),
  status: z.enum(['none', 'pending', 'delivered', 'failed']),
  attempt: count,
  response: z.strictObject({ status: z.int() }).optional(),
  error: error.optional(),
  nextAttemptAt: time.optional(),
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
  z.strictObject({ maxAttempts: count, delays: z.array(z.number()), jitter: z.number() }),
]);

const origin = z.union([
  z.strictObject({ scheduleId: z.string(), occurrence: z.int() }),
  z.strictObject({ orchestrationId: z.string(), step: z.int(), role: z.enum(['task', 'check', 'fallback', 'callback']) }),
]);

/** A task as every route shows it. */
export const taskAnswer = z
  .strictObject({
    id: z.string(),
    status,
    version: z.int().min(1),
    attempt: count.meta({ description: 'Attempts started in the current run.' }),
    maxAttempts: count,
    action: z.enum(['http', 'runner', 'event']),
    request: z.strictObject({ ...outgoing, body: z.unknown().optional(), bodyBase64: z.string().optional() }).optional(),
    runner: z.strictObject({ name: z.string(), params: z.unknown().optional() }).optional(),
    event: z.strictObject({ detailType: z.string(), detail: z.unknown().optional() }).optional(),
    run: z.int().min(1),
    runAt: time,
    nextAttemptAt: time.nullable(),
    createdAt: time,
    updatedAt: time,
    finishedAt: time.nullable(),
    strategy: z.enum(['await', 'async']),
    timeoutMs: count,
    completeWithinMs: count,
    retry,
    startBeforeMs: count.nullable(),
    labels: z.record(z.string(), z.string()),
    priority: z.int(),
    result: result.nullable(),
    error: error.nullable(),
    reason: z.string().nullable().optional().meta({ description: 'Why it was cancelled.' }),
    completeBy: time.optional().meta({ description: 'While waiting: until when the target may answer.' }),
    callback: callback.nullable(),
    origin: origin.nullable(),
  })
  .meta({ id: 'Task' });

export const problemAnswer = z
  .strictObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    errors: z.array(z.strictObject({ path: z.string(), message: z.string() })).optional(),
  })
  .meta({ id: 'Problem', description: 'RFC 9457' });

const cursor = z.string().optional().meta({ description: 'Where the next page starts, if there is one.' });

export const listAnswer = z.strictObject({ tasks: z.array(taskAnswer), cursor });
export const batchAnswer = z.strictObject({
  results: z.array(
    z.union([z.strictObject({ status: z.int(), task: taskAnswer }), z.strictObject({ status: z.int(), problem: problemAnswer })]),
  ),
});
export const statusAnswer = z.strictObject({ id: z.string(), status, version: z.int(), attempt: count, nextAttemptAt: time.nullable() });
export const resultAnswer = z.strictObject({
  id: z.string(),
  status,
  result: result.optional(),
  error: error.optional(),
  callback: callback.optional(),
});
export const historyAnswer = z.strictObject({
  events: z.array(z.strictObject({ version: z.int().min(1), type: z.string(), occurredAt: time, data: z.record(z.string(), z.unknown()) })),
  cursor,
});
export const answeredAnswer = z.strictObject({ id: z.string(), status });
export const statisticsAnswer = z.strictObject({
  counts: z.strictObject({
    scheduled: count,
    running: count,
    waiting: count,
    succeeded: count,
    failed: count,
    cancelled: count,
  }),
  oldestOverdueMs: z.number().min(0),
  feedLagMs: z.number().min(0),
  lastHour: z.strictObject({ started: count, succeeded: count, failed: count, retried: count }),
});
export const healthAnswer = z.looseObject({ status: z.literal('ok'), version: z.string(), host: z.enum(['server', 'aws']) });
