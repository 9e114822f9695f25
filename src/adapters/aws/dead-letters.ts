import type { SQSClient } from '@aws-sdk/client-sqs';
import type { RetryPorts } from './failures.ts';
import { sendMessages } from './message-batches.ts';

/** What was refused, as it came, and why. `field` is the path of the first thing wrong with it, empty if that is the whole. */
export type DeadLetter = { readonly body: string; readonly status: number; readonly field: string; readonly detail: string };
export type DeadLetters = {
  /** Resolves once the queue has it. Throws if it could not be sent: the queue it came from brings it again then. */
  send(letter: DeadLetter): Promise<void>;
};

/** Nobody reads further, and attributes count as part of a message, which may have 1 MiB. */
const attributeCharacters = 1_000;

/**
 * Puts messages into a dead-letter queue with their reason, in attributes called as those in which EventBridge tells why a rule could not
 * send an event (EventBridge user guide, "Using dead-letter queues"): ERROR_CODE, ERROR_MESSAGE, and ERROR_FIELD of our own.
 */
export function createDeadLetters(options: RetryPorts & { readonly client: SQSClient; readonly queueUrl: string }): DeadLetters {
  const entryOf = ({ body, status, field, detail }: DeadLetter) => ({
    MessageBody: body,
    MessageAttributes: {
      ERROR_CODE: attribute(String(status)),
      ERROR_MESSAGE: attribute(detail),
      // An attribute cannot be empty.
      ...(field === '' ? {} : { ERROR_FIELD: attribute(field) }),
    },
  });
  return {
    async send(letter) {
      const unsent = await sendMessages({ ...options, entryOf }, [letter]);
      if (unsent.length > 0) throw new Error('the dead letters did not take a message');
    },
  };
}

/** SQS refuses some characters beyond ASCII. */
function attribute(text: string) {
  return { DataType: 'String', StringValue: text.slice(0, attributeCharacters).replace(/[^ -~]/g, '?') };
}
