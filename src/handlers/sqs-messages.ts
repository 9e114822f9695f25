import * as z from 'zod';
import type { Logger } from '../application/ports.ts';
import { type BatchResponse, failing } from './batch.ts';

/** A message of a batch as Lambda hands it over. */
export type Message = { readonly messageId: string; readonly body: string };

const batch = z.object({ Records: z.array(z.object({ messageId: z.string(), body: z.string() })) });

/** Reads a batch of SQS messages; throws if it is none. */
export function readMessages(event: unknown): readonly Message[] {
  return batch.parse(event).Records;
}

/**
 * Handles the messages of a batch side by side. Those whose handling throws are given back to the queue and come again after its
 * visibility timeout; having come too often, they end in its dead letters. So does what does not read: nothing else would tell
 * anybody of it, while what it was about is found in the due index all the same.
 */
export async function eachMessage(event: unknown, logger: Logger, handle: (message: Message) => Promise<void>): Promise<BatchResponse> {
  const messages = readMessages(event);
  const outcomes = await Promise.allSettled(messages.map(async (message) => handle(message)));
  const failed: string[] = [];
  outcomes.forEach((outcome, index) => {
    const message = messages[index];
    if (outcome.status === 'fulfilled' || message === undefined) return;
    logger.error('a message could not be handled', { messageId: message.messageId, error: String(outcome.reason) });
    failed.push(message.messageId);
  });
  return failing(failed);
}
