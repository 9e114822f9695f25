import * as z from 'zod';
import type { StreamKind, StreamStates } from '../domain/streams.ts';
import { orchestrationEventData } from './event-details/orchestration.ts';
import { origin, time } from './event-details/parts.ts';
import { scheduleEventData } from './event-details/schedule.ts';
import { taskEventData } from './event-details/task.ts';
import { count, labels, type Shown } from './shown-parts.ts';

const statuses = {
  task: ['scheduled', 'running', 'waiting', 'succeeded', 'failed', 'cancelled', 'deleted'],
  schedule: ['active', 'paused', 'finished', 'deleted'],
  orchestration: ['scheduled', 'running', 'succeeded', 'failed', 'cancelled', 'deleted'],
} as const satisfies { readonly [Kind in StreamKind]: readonly StreamStates[Kind]['status'][] };

/** What only a task has: it belongs to somebody, and makes attempts. */
const ofTasks = {
  origin: origin.nullable(),
  attempt: z.int().min(1).optional().meta({ description: 'Attempts started in this run, if any was.' }),
  callback: z.literal(true).optional().meta({ description: 'This event opened a callback.' }),
};

function detailOf(kind: StreamKind, type: string, data: z.ZodType): z.ZodType {
  return z.strictObject({
    id: z.string().meta({ description: 'The same at every delivery of one event: tell repeats by it.' }),
    [`${kind}Id`]: z.string(),
    version: z.int().min(1).meta({ description: 'Counts the events of one stream from 1: order by it.' }),
    type: z.literal(type),
    occurredAt: time,
    status: z.enum(statuses[kind]).meta({ description: 'After this event.' }),
    labels,
    run: count.meta({ description: 'From 1; 0 for what has no runs.' }),
    ...(kind === 'task' ? ofTasks : { origin: z.null() }),
    data,
  });
}

/** The data of each type of event, by the kind of its stream. */
export const eventData = {
  task: taskEventData,
  schedule: scheduleEventData,
  orchestration: orchestrationEventData,
} as const satisfies Readonly<Record<StreamKind, Readonly<Record<string, z.ZodType>>>>;

/** What the data of an event has to be rendered as. */
export type EventData<
  Kind extends StreamKind,
  Type extends keyof (typeof eventData)[Kind],
> = (typeof eventData)[Kind][Type] extends infer Schema ? (Schema extends z.ZodType ? Shown<Schema> : never) : never;

export type EventDetail = { readonly kind: StreamKind; readonly type: string; readonly schema: z.ZodType };

/** The outside form of every event: what the bus carries as its detail, and server-sent events as their data. */
export const eventDetails: readonly EventDetail[] = (Object.keys(eventData) as StreamKind[]).flatMap((kind) =>
  Object.entries<z.ZodType>(eventData[kind]).map(([type, data]) => ({ kind, type, schema: detailOf(kind, type, data) })),
);
