import * as z from 'zod';
import type { ScheduleEvent } from '../../domain/schedule/events.ts';
import { count, labels, taskTemplate, time } from './parts.ts';

const rule = z.union([
  z.object({ kind: z.literal('cron'), expression: z.string() }),
  z.object({ kind: z.literal('every'), intervalMs: count }),
  z.object({ kind: z.enum(['daily', 'weekly', 'monthly']) }),
]);
const next = z.object({ dueAt: time, fireAt: time }).nullable();

/** What a client may replace. */
const changeable = {
  rule,
  timezone: z.string(),
  startAt: time.nullable(),
  endAt: time.nullable(),
  maxOccurrences: count.nullable(),
  jitterMs: count,
  overlap: z.enum(['skip', 'allow', 'buffer-one']),
  misfire: z.enum(['run-once', 'skip', 'run-all']),
  catchUpWithinMs: count,
  template: z.object(taskTemplate),
  labels,
};

/** The data of each type of schedule event, as stored. Times are epoch milliseconds. */
export const scheduleEventSchemas = {
  ScheduleCreated: z.object({ ...changeable, contentHash: z.string(), anchorAt: time, next }),
  ScheduleChanged: z.object({ ...z.object(changeable).partial().shape, anchorAt: time, next: next.optional() }),
  SchedulePaused: z.object({}),
  ScheduleResumed: z.object({ next }),
  OccurrenceFired: z.object({ occurrence: count, dueAt: time, taskId: z.string(), next: next.optional() }),
  OccurrenceBuffered: z.object({ dueAt: time, next }),
  OccurrencesSkipped: z.union([
    z.object({ from: time, to: time, count, why: z.enum(['misfire', 'overlap']), next }),
    z.object({ from: time, to: time, count: z.literal(1), why: z.literal('id-taken'), taskId: z.string(), next: next.optional() }),
  ]),
  OccurrenceTriggered: z.object({ taskId: z.string(), dueAt: time }),
  ChildConfirmed: z.object({ taskId: z.string() }),
  ScheduleFinished: z.object({}),
  ScheduleDeleted: z.object({}),
  Erased: z.object({}),
} as const satisfies Record<ScheduleEvent['type'], z.ZodType>;
