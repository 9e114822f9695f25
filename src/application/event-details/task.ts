import * as z from 'zod';
import type { TaskEvent } from '../../domain/task/events.ts';
import { taskEventSchemas as stored } from '../event-schemas/task.ts';
import { action, bodyOmitted, callback, isOmitted, origin, result, retry, taskError, time } from './parts.ts';

/** The data of each type of task event in its outside form: as stored, but for times, bodies and what is not shown. */
export const taskEventData = {
  TaskScheduled: stored.TaskScheduled.omit({ contentHash: true }).extend({
    action: z.enum(['http', 'runner', 'event']),
    ...action,
    bodyOmitted,
    runAt: time,
    retry,
    callback: callback.nullable(),
    origin: origin.nullable(),
  }),
  TaskRescheduled: stored.TaskRescheduled.omit({ action: true }).extend({
    ...action,
    bodyOmitted,
    runAt: time.optional(),
    retry: retry.optional(),
    callback: callback.nullable().optional(),
  }),
  TaskStarted: stored.TaskStarted.extend({ leaseUntil: time }),
  TaskAccepted: stored.TaskAccepted.extend({ response: result, completeBy: time }),
  TaskHeartbeat: stored.TaskHeartbeat.extend({ completeBy: time }),
  TaskContinued: stored.TaskContinued.extend({
    runAt: time,
    body: z.unknown().optional().meta({ description: 'What the next run is sent, if it is another body.' }),
    bodyOmitted,
  }),
  TaskSucceeded: stored.TaskSucceeded.omit({ answerHash: true }).extend({
    result,
    answered: z.literal(true).optional().meta({ description: 'An asynchronous target posted this result.' }),
    emitted: z
      .union([
        z.strictObject({ detailType: z.string(), detail: z.unknown() }),
        z.strictObject({ detailType: z.string(), bodyOmitted: isOmitted }),
      ])
      .optional()
      .meta({ description: 'What the task put on the bus, where it is an entry of the source errand.task.' }),
  }),
  TaskFailed: stored.TaskFailed.extend({
    error: taskError,
    result: result.optional(),
    retryAt: time.nullable().meta({ description: 'When the next attempt follows; null after the last one.' }),
  }),
  TaskCancelled: stored.TaskCancelled,
  TaskRetried: stored.TaskRetried.extend({ runAt: time }),
  TaskDeleted: stored.TaskDeleted,
  CallbackSucceeded: stored.CallbackSucceeded,
  CallbackFailed: stored.CallbackFailed.extend({ error: taskError, retryAt: time.nullable() }),
  CallbackReopened: stored.CallbackReopened,
  Erased: stored.Erased,
} as const satisfies Record<TaskEvent['type'], z.ZodType>;
