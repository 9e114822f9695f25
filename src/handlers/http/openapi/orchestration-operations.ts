import * as z from 'zod';
import { callbackSpec, count, labels, stepError, time } from '../../../application/shown-parts.ts';
import { eventsQuery, orchestrationListQuery } from '../input/list-query.ts';
import { orchestration, orchestrationChanges } from '../input/orchestration-input.ts';
import { cancel } from '../input/task-input.ts';
import { historyAnswer } from './answers.ts';
import { labelParameter, type Operations } from './operation.ts';

/** An orchestration as every route shows it. */
export const orchestrationAnswer = z
  .strictObject({
    id: z.string(),
    status: z.enum(['scheduled', 'running', 'succeeded', 'failed', 'cancelled']),
    outcome: z.enum(['completed', 'step-failed', 'check-failed', 'fallback-succeeded', 'fallback-failed']).nullable(),
    version: z.int().min(1),
    runAt: time,
    currentStep: count.nullable(),
    steps: z.array(
      z.strictObject({
        name: z.string().nullable(),
        status: z.enum(['pending', 'running', 'checking', 'fallback', 'succeeded', 'failed', 'cancelled']),
        taskId: z.string().nullable(),
        checks: count.meta({ description: 'Checks started.' }),
        startedAt: time.nullable(),
        finishedAt: time.nullable(),
        error: stepError.optional(),
      }),
    ),
    labels,
    reason: z.string().nullable().optional().meta({ description: 'Why it was cancelled.' }),
    callback: z
      .strictObject({ on: callbackSpec.shape.on, taskId: z.string(), status: z.enum(['none', 'unconfirmed', 'confirmed', 'id-taken']) })
      .nullable()
      .meta({
        description:
          'The ends it is told of, and the task that tells it. none: not yet, or not of this end. unconfirmed: about to be made. confirmed: made; its own status says whether it was delivered. id-taken: its id belongs to somebody else, and nothing is told.',
      }),
    createdAt: time,
    updatedAt: time,
    finishedAt: time.nullable(),
  })
  .meta({ id: 'Orchestration' });

const missing = 'there is no such orchestration';
const changed = { 200: orchestrationAnswer, 404: missing, 409: 'what stands in the way, and since when', 412: 'If-Match' };

export const orchestrationOperations: Operations = {
  '/orchestrations': {
    post: {
      summary: 'Create an orchestration, or find the one the same content made before',
      body: orchestration,
      idempotencyKey: true,
      answers: { 201: orchestrationAnswer, 200: orchestrationAnswer, 409: 'the id is taken by other content' },
    },
    get: {
      summary: 'List orchestrations, newest first',
      query: orchestrationListQuery,
      extraParameters: [labelParameter],
      answers: { 200: z.strictObject({ orchestrations: z.array(orchestrationAnswer), cursor: z.string().optional() }) },
    },
  },
  '/orchestrations/{id}': {
    get: { summary: 'Read an orchestration', answers: { 200: orchestrationAnswer, 404: missing } },
    patch: { summary: 'Change an orchestration while it is scheduled', body: orchestrationChanges, ifMatch: true, answers: changed },
  },
  '/orchestrations/{id}/cancel': {
    post: { summary: 'Let nothing more of it start', body: cancel, bodyIsOptional: true, ifMatch: true, answers: changed },
  },
  '/orchestrations/{id}/events': {
    get: { summary: 'Read the history, oldest first', query: eventsQuery, answers: { 200: historyAnswer, 404: missing } },
  },
};
