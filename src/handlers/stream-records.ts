import * as z from 'zod';
import { decodeEvent, type Item } from '../adapters/aws/event-item.ts';
import type { RepairItem } from '../adapters/aws/repair-queue.ts';
import { parseStoredEvent } from '../application/event-schemas.ts';
import type { Logger, StoredEvent } from '../application/ports.ts';
import { allDone, type BatchResponse, failing } from './batch.ts';

/** A record of the table's stream that holds an event. */
export type EventRecord = { readonly sequence: string; readonly event: StoredEvent };
/** One whose item is none that this code can read, by its key. */
export type UnreadableRecord = { readonly sequence: string; readonly item: RepairItem };
export type StreamBatch = {
  /** The sequence numbers of all records, in the order of the batch, which is that of the shard. */
  readonly sequences: readonly string[];
  readonly records: readonly EventRecord[];
  readonly unreadable: readonly UnreadableRecord[];
};

const attributes = z.record(z.string(), z.unknown());
const key = z.object({ pk: z.object({ S: z.string() }), sk: z.object({ N: z.string().regex(/^\d{1,15}$/) }) });
/** As Lambda hands over a stream of DynamoDB (developer guide, "Using AWS Lambda with Amazon DynamoDB"): binary attributes are base64. */
const batch = z.object({
  Records: z.array(
    z.object({
      eventName: z.string().optional(),
      dynamodb: z.object({ SequenceNumber: z.string(), Keys: attributes.optional(), NewImage: attributes.optional() }),
    }),
  ),
});

/**
 * Reads a batch of the event table's stream. Only inserts are events: nothing else may change the table but the operator's own jobs.
 * Throws if the batch is not one of a DynamoDB stream at all.
 */
export function readStreamBatch(event: unknown, logger: Logger): StreamBatch {
  const records: EventRecord[] = [];
  const unreadable: UnreadableRecord[] = [];
  const sequences: string[] = [];
  for (const { eventName, dynamodb } of batch.parse(event).Records) {
    const { SequenceNumber: sequence, Keys, NewImage } = dynamodb;
    sequences.push(sequence);
    if (eventName !== 'INSERT') continue;
    try {
      records.push({ sequence, event: parseStoredEvent(decodeEvent((NewImage ?? {}) as Item)) });
    } catch (error) {
      const named = key.safeParse(Keys ?? NewImage);
      logger.error('a record does not read as an event', { sequence, keys: Keys, error: String(error) });
      // The table's key schema rules this out; there would be nothing to find it by.
      if (!named.success) continue;
      unreadable.push({ sequence, item: { stream: named.data.pk.S, version: Number(named.data.sk.N) } });
    }
  }
  return { sequences, records, unreadable };
}

/** Everything from the earliest of these records on is to come again: a stream goes on from one place (same guide, "Batch failures"). */
export function failFrom({ sequences }: StreamBatch, affected: readonly string[]): BatchResponse {
  if (affected.length === 0) return allDone;
  const places = affected.map((sequence) => sequences.indexOf(sequence));
  return failing(sequences.slice(Math.min(...places), Math.min(...places) + 1));
}
