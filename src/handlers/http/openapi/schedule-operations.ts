import * as z from 'zod';
import { count, template, time, timing } from '../../../application/shown-parts.ts';
import { eventsQuery, scheduleListQuery } from '../input/list-query.ts';
import { schedule, scheduleChanges } from '../input/schedule-input.ts';
import { historyAnswer, taskAnswer } from './answers.ts';
import { labelParameter, type Operations } from './operation.ts';

/** A schedule as every route shows it. */
export const scheduleAnswer = z
  .strictObject({
    id: z.string(),
    status: z.enum(['active', 'paused', 'finished']),
    version: z.int().min(1),
    ...timing,
    task: template,
    occurrences: count.meta({ description: 'Fired so far.' }),
    skipped: count,
    nextRuns: z.array(time).meta({ description: 'The next ten times, before jitter.' }),
    lastRuns: z.array(z.strictObject({ occurrence: count, dueAt: time, taskId: z.string(), status: z.string() })),
    createdAt: time,
    updatedAt: time,
    finishedAt: time.nullable(),
  })
  .meta({ id: 'Schedule' });

const missing = 'there is no such schedule';
const changed = { 200: scheduleAnswer, 404: missing, 409: 'what stands in the way, and since when', 412: 'If-Match' };
const nothing = z.strictObject({});

export const scheduleOperations: Operations = {
  '/schedules': {
    post: {
      summary: 'Create a schedule, or find the one the same content made before',
      body: schedule,
      idempotencyKey: true,
      answers: { 201: scheduleAnswer, 200: scheduleAnswer, 409: 'the id is taken by other content, or was deleted' },
    },
    get: {
      summary: 'List schedules, newest first',
      query: scheduleListQuery,
      extraParameters: [labelParameter],
      answers: { 200: z.strictObject({ schedules: z.array(scheduleAnswer), cursor: z.string().optional() }) },
    },
  },
  '/schedules/{id}': {
    get: { summary: 'Read a schedule', answers: { 200: scheduleAnswer, 404: missing } },
    patch: { summary: 'Change a schedule from its next time on', body: scheduleChanges, ifMatch: true, answers: changed },
    delete: { summary: 'Delete a schedule; its tasks stay', ifMatch: true, answers: { ...changed, 200: null, 204: null } },
  },
  '/schedules/{id}/pause': {
    post: { summary: 'Let no occurrence fire', body: nothing, bodyIsOptional: true, ifMatch: true, answers: changed },
  },
  '/schedules/{id}/resume': {
    post: { summary: 'Go on with the next regular time', body: nothing, bodyIsOptional: true, ifMatch: true, answers: changed },
  },
  '/schedules/{id}/trigger': {
    post: {
      summary: 'Make a task now, outside the count',
      body: nothing,
      bodyIsOptional: true,
      idempotencyKey: true,
      answers: { 201: taskAnswer, 200: taskAnswer, 404: missing, 409: 'the id of the task is taken, or the task of this key was deleted' },
    },
  },
  '/schedules/{id}/events': {
    get: { summary: 'Read the history, oldest first', query: eventsQuery, answers: { 200: historyAnswer, 404: missing } },
  },
};
