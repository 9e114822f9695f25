import * as z from 'zod';
import type { Recorded } from '../domain/decision.ts';
import type { TaskEvent } from '../domain/task/events.ts';
import type { Facts } from '../domain/task/state.ts';
import { type StoredEvent, UnreadableEvent } from './ports.ts';

/** The shape in which today's code writes events. A changed shape gets the next number and an upcaster from this one. */
export const eventSchemaVersion = 1;

const time = z.number().int();
const count = z.number().int().nonnegative();
const bodyNote = z.object({ kind: z.enum(['text', 'json', 'binary']), bytes: count, digest: z.string().optional() });
const header = z.union([z.object({ name: z.string(), value: z.string() }), z.object({ name: z.string(), sealed: z.string() })]);
const outgoing = {
  url: z.string(),
  target: z.string(),
  method: z.string(),
  headers: z.array(header),
  secretHeaders: z.array(z.string()),
};
const action = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('http'), ...outgoing, body: bodyNote.nullable() }),
  z.object({ kind: z.literal('runner'), name: z.string(), body: bodyNote.nullable() }),
  z.object({ kind: z.literal('event'), detailType: z.string(), body: bodyNote.nullable() }),
]);
const retry = z.union([
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
const callback = z.object({ ...outgoing, on: z.array(z.enum(['succeeded', 'failed', 'cancelled'])) });
const labels = z.record(z.string(), z.string());
const origin = z.union([
  z.object({ scheduleId: z.string(), occurrence: z.number().int() }),
  z.object({ orchestrationId: z.string(), step: z.number().int(), role: z.enum(['task', 'check', 'fallback', 'callback']) }),
]);
const result = z.object({
  status: z.number().int(),
  headers: z.record(z.string(), z.string()),
  bytes: count,
  truncated: z.boolean(),
  durationMs: z.number(),
});
const kinds = ['http', 'timeout', 'network', 'egress', 'expired', 'interrupted', 'rejected', 'runner', 'truncated', 'cancelled'] as const;
const error = z.object({ kind: z.enum(kinds), message: z.string(), status: z.number().int().optional() });

/** The data of each type of task event, as stored. Times are epoch milliseconds. */
export const taskEventSchemas = {
  TaskScheduled: z.object({
    action,
    runAt: time,
    strategy: z.enum(['await', 'async']),
    timeoutMs: count,
    completeWithinMs: count,
    retry,
    callback: callback.nullable(),
    labels,
    priority: z.number().int(),
    startBeforeMs: count.nullable(),
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

const statuses = ['missing', 'scheduled', 'running', 'waiting', 'succeeded', 'failed', 'cancelled', 'deleted'] as const;

/** The small facts beside the data: the timing path acts on them without another look. */
const facts = z.object({
  status: z.enum(statuses),
  wakeAt: time.nullable(),
  run: count,
  attempt: count,
  labels,
  origin: origin.nullable(),
  callback: z.boolean(),
  lane: z.enum(['short', 'long']),
  target: z.string().nullable(),
}) satisfies z.ZodType<Facts>;

function isTaskEventType(type: string): type is TaskEvent['type'] {
  return Object.hasOwn(taskEventSchemas, type);
}

/** Checks an event that comes from outside the process. Throws `UnreadableEvent`, naming stream and version, if it is none that this code knows. */
export function parseStoredEvent(event: StoredEvent): StoredEvent {
  const at = `${event.stream}@${event.version}`;
  if (!isTaskEventType(event.type)) throw new UnreadableEvent(`${at} has the unknown event type ${event.type}`);
  if (event.schemaVersion !== eventSchemaVersion) throw new UnreadableEvent(`${at} has the unknown schema version ${event.schemaVersion}`);
  const parsed = taskEventSchemas[event.type].safeParse(event.data);
  if (!parsed.success) throw new UnreadableEvent(`${at} (${event.type}) does not read: ${z.prettifyError(parsed.error)}`);
  const known = facts.safeParse(event.facts);
  if (!known.success) throw new UnreadableEvent(`the facts of ${at} (${event.type}) do not read: ${z.prettifyError(known.error)}`);
  return { ...event, data: parsed.data };
}

/** A stored event as the domain knows it. Its data was checked by `parseStoredEvent` when it entered the process. */
export function taskEvent(event: StoredEvent): Recorded<TaskEvent> {
  return event as StoredEvent & Recorded<TaskEvent>;
}
