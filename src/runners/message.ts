import * as z from 'zod';
import { type Runner, zodRunner } from './zod-runner.ts';

const text = z
  .string()
  .min(1)
  .max(64 * 1_024);

/** Logs a message for a recipient and tells it on the bus as `MessageSent`. */
export const message: Runner = zodRunner(z.strictObject({ message: text, recipient: text }), async (sent, { taskId, logger }) => {
  logger.info('message sent', { taskId, recipient: sent.recipient });
  return { completed: true, result: sent, emit: { detailType: 'MessageSent', detail: { ...sent, taskId } } };
});
