import * as z from 'zod';
import type { TaskEvent } from '../../domain/task/events.ts';
import { action, bodyNote, callback, count, error, labels, origin, result, retry, taskTemplate, time } from './parts.ts';

/** The data of each type of task event, as stored. Times are epoch milliseconds. */
export const taskEventSchemas = {
  TaskScheduled: z.object({
    ...taskTemplate,
    runAt: time,
    origin: origin.nullable(),
    contentHash: z.string(),
  }),
  TaskRescheduled: z.object({
    runAt: time.optional(),
    action: action.optional(),
    timeoutMs: count.optional(),
    retry: retry.optional(),
    callback: callback.nullable().optional(),
    labels: labels.optional(),
  }),
  TaskStarted: z.object({ attempt: count, run: count, leaseUntil: time }),
  TaskAccepted: z.object({ startedVersion: count, response: result, completeBy: time }),
  TaskHeartbeat: z.object({ startedVersion: count, completeBy: time }),
  TaskContinued: z.object({ startedVersion: count, runAt: time, body: bodyNote.optional() }),
  TaskSucceeded: z.object({
    startedVersion: count,
    result,
    durationMs: z.number(),
    answerHash: z.string().optional(),
    emitted: z.object({ detailType: z.string(), detail: z.unknown() }).optional(),
  }),
  TaskFailed: z.object({ startedVersion: count.optional(), error, result: result.optional(), retryAt: time.nullable() }),
  TaskCancelled: z.object({ reason: z.string().nullable() }),
  TaskRetried: z.object({ runAt: time }),
  TaskDeleted: z.object({}),
  CallbackSucceeded: z.object({ outcomeVersion: count, attempt: count, result: z.object({ status: z.number().int() }) }),
  CallbackFailed: z.object({ outcomeVersion: count, attempt: count, error, retryAt: time.nullable() }),
  CallbackReopened: z.object({ outcomeVersion: count }),
  Erased: z.object({}),
} as const satisfies Record<TaskEvent['type'], z.ZodType>;
