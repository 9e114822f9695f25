import * as z from 'zod';
import { actionParts, callback, count, error, labels, origin, result, retry, time } from '../../../application/shown-parts.ts';

const status = z.enum(['scheduled', 'running', 'waiting', 'succeeded', 'failed', 'cancelled']);

/** A task as every route shows it. */
export const taskAnswer = z
  .strictObject({
    id: z.string(),
    status,
    version: z.int().min(1),
    attempt: count.meta({ description: 'Attempts started in the current run.' }),
    maxAttempts: count,
    action: z.enum(['http', 'runner', 'event']),
    ...actionParts,
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
    labels,
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
