import * as z from 'zod';
import type { Recorded } from '../domain/decision.ts';
import type { Facts } from '../domain/facts.ts';
import type { OrchestrationEvent } from '../domain/orchestration/events.ts';
import type { ScheduleEvent } from '../domain/schedule/events.ts';
import { kindOf, type StreamEvent, type StreamKind } from '../domain/streams.ts';
import type { TaskEvent } from '../domain/task/events.ts';
import { orchestrationEventSchemas } from './event-schemas/orchestration.ts';
import { count, labels, origin, time } from './event-schemas/parts.ts';
import { scheduleEventSchemas } from './event-schemas/schedule.ts';
import { taskEventSchemas } from './event-schemas/task.ts';
import { type StoredEvent, UnreadableEvent } from './ports.ts';

/** The shape in which today's code writes events. A changed shape gets the next number and an upcaster from this one. */
export const eventSchemaVersion = 1;

const statuses = [
  'missing',
  'scheduled',
  'running',
  'waiting',
  'succeeded',
  'failed',
  'cancelled',
  'active',
  'paused',
  'finished',
  'deleted',
] as const;

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

const schemas: Readonly<Record<StreamKind, Readonly<Record<string, z.ZodType<object>>>>> = {
  task: taskEventSchemas,
  schedule: scheduleEventSchemas,
  orchestration: orchestrationEventSchemas,
};

function schemaOf({ stream, type }: StoredEvent): z.ZodType<object> | undefined {
  try {
    const ofKind = schemas[kindOf(stream)];
    return Object.hasOwn(ofKind, type) ? ofKind[type] : undefined;
  } catch (cause) {
    throw new UnreadableEvent(`${stream} is a stream of no known kind`, { cause });
  }
}

/** Checks an event that comes from outside the process. Throws `UnreadableEvent`, naming stream and version, if it is none that this code knows. */
export function parseStoredEvent(event: StoredEvent): StoredEvent {
  const at = `${event.stream}@${event.version}`;
  const schema = schemaOf(event);
  if (schema === undefined) throw new UnreadableEvent(`${at} has the unknown event type ${event.type}`);
  if (event.schemaVersion !== eventSchemaVersion) throw new UnreadableEvent(`${at} has the unknown schema version ${event.schemaVersion}`);
  const parsed = schema.safeParse(event.data);
  if (!parsed.success) throw new UnreadableEvent(`${at} (${event.type}) does not read: ${z.prettifyError(parsed.error)}`);
  const known = facts.safeParse(event.facts);
  if (!known.success) throw new UnreadableEvent(`the facts of ${at} (${event.type}) do not read: ${z.prettifyError(known.error)}`);
  return { ...event, data: parsed.data };
}

/** A stored event of a task as the domain knows it. Its data was checked by `parseStoredEvent` when it entered the process. */
export function taskEvent(event: StoredEvent): Recorded<TaskEvent> {
  return event as StoredEvent & Recorded<TaskEvent>;
}

/** The same for a schedule. */
export function scheduleEvent(event: StoredEvent): Recorded<ScheduleEvent> {
  return event as StoredEvent & Recorded<ScheduleEvent>;
}

/** The same for an orchestration. */
export function orchestrationEvent(event: StoredEvent): Recorded<OrchestrationEvent> {
  return event as StoredEvent & Recorded<OrchestrationEvent>;
}

/** The same for a stream of any kind, which its name tells. */
export function streamEvent(event: StoredEvent): StreamEvent {
  return event as StoredEvent & StreamEvent;
}
