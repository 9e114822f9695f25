import type { SQSClient } from '@aws-sdk/client-sqs';
import * as z from 'zod';
import type { RetryPorts } from './failures.ts';
import { sendMessages } from './message-batches.ts';

/** An event that could not be acted upon with the others of its batch. The event itself is in the log. */
export type RepairItem = { readonly stream: string; readonly version: number };

export type RepairQueue = {
  /** Gives back what could not be sent. Throws if the queue is not there or may not be used. */
  send(items: readonly RepairItem[]): Promise<readonly RepairItem[]>;
};

/** Where events are parked that would otherwise hold up those behind them in a shard. */
export function createRepairQueue(options: RetryPorts & { readonly client: SQSClient; readonly queueUrl: string }): RepairQueue {
  const entryOf = ({ stream, version }: RepairItem) => ({ MessageBody: JSON.stringify({ stream, version }) });
  return { send: (items) => sendMessages({ ...options, entryOf }, items) };
}

const message = z.object({ stream: z.string().min(1), version: z.int().positive() });

/** What a message asks to repair; null if it asks for nothing that can be understood. */
export function decodeRepair(body: string): RepairItem | null {
  try {
    return message.safeParse(JSON.parse(body)).data ?? null;
  } catch {
    return null;
  }
}
