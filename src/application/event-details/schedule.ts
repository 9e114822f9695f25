import * as z from 'zod';
import type { ScheduleEvent } from '../../domain/schedule/events.ts';
import { scheduleEventSchemas as stored } from '../event-schemas/schedule.ts';
import { template, timing } from '../shown-parts.ts';
import { action, bodyOmitted, retry, time } from './parts.ts';

/** When the schedule fires next, with its jitter; null if never again. */
const next = z
  .strictObject({ dueAt: time, fireAt: time })
  .nullable()
  .meta({ description: 'The next regular time, and when it fires with its jitter; null if there is none left.' });

const definition = {
  ...timing,
  startAt: time.nullable(),
  endAt: time.nullable(),
  task: template.extend({ ...action, retry }).meta({ id: 'TaskTemplate' }),
};
const [skipped, taken] = stored.OccurrencesSkipped.options;

/** The data of each type of schedule event in its outside form. Where `next` is absent it stays as it was. */
export const scheduleEventData = {
  ScheduleCreated: z.strictObject({ ...definition, bodyOmitted, next }),
  ScheduleChanged: z.strictObject({ ...z.strictObject(definition).partial().shape, bodyOmitted, next: next.optional() }),
  SchedulePaused: stored.SchedulePaused,
  ScheduleResumed: stored.ScheduleResumed.extend({ next }),
  OccurrenceFired: stored.OccurrenceFired.extend({ dueAt: time, next: next.optional() }),
  OccurrenceBuffered: stored.OccurrenceBuffered.extend({ dueAt: time, next }),
  OccurrencesSkipped: z.union([
    skipped.extend({ from: time, to: time, next }),
    taken.extend({ from: time, to: time, next: next.optional() }),
  ]),
  OccurrenceTriggered: stored.OccurrenceTriggered.extend({ dueAt: time }),
  ChildConfirmed: stored.ChildConfirmed,
  ScheduleFinished: stored.ScheduleFinished,
  ScheduleDeleted: stored.ScheduleDeleted,
  Erased: stored.Erased,
} as const satisfies Record<ScheduleEvent['type'], z.ZodType>;
