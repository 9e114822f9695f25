import type { DeadLetters } from '../adapters/aws/dead-letters.ts';
import type { BatchResponse } from './batch.ts';
import { createFromEvent, type TaskEventPorts } from './http/task-event.ts';
import { eachMessage } from './sqs-messages.ts';
import type { Telemetry } from './telemetry.ts';

export type IngestBatchPorts = TaskEventPorts & { readonly deadLetters: DeadLetters; readonly telemetry: Telemetry };

/**
 * Makes the tasks that events of the bus ask for, side by side. What is refused would be refused at every try: it goes to the dead
 * letters at once, with its reason. Whatever else fails comes again, for as long as the queue allows.
 */
export function ingestBatch(ports: IngestBatchPorts, event: unknown): Promise<BatchResponse> {
  const { telemetry, deadLetters } = ports;
  return eachMessage(event, telemetry.logger, async ({ messageId, body }) => {
    const made = await createFromEvent(ports, body);
    if (made.outcome === 'done') {
      if (made.isNew) telemetry.count('TasksIngested', 1);
      return;
    }
    const { status, detail, errors } = made.problem;
    await deadLetters.send({ body, status, detail, field: errors?.[0]?.path ?? '' });
    telemetry.logger.warn('an event was refused', { messageId, status, detail });
    telemetry.count('EventsRefused', 1);
  });
}
