import { sqsClient } from '../../adapters/aws/clients.ts';
import { createDeadLetters, type DeadLetters } from '../../adapters/aws/dead-letters.ts';
import { createRepairQueue, type RepairQueue } from '../../adapters/aws/repair-queue.ts';
import { SqsWakeQueue } from '../../adapters/aws/sqs-wake-queue.ts';
import { systemRandom } from '../../adapters/crypto/random.ts';
import type { Clock, WakeQueue } from '../../application/ports.ts';
import type { Values, wakeVariables } from '../environment.ts';
import type { Telemetry } from '../telemetry.ts';

/** The wake queues of both lanes; every wake that they take is counted. */
export function wireWakes(
  values: Values<(typeof wakeVariables)[number]>,
  clock: Clock,
  telemetry: Telemetry,
  client = sqsClient(),
): WakeQueue {
  const queue = new SqsWakeQueue({
    client,
    queueUrls: { short: values.ERRAND_WAKE_QUEUE_URL, long: values.ERRAND_WAKE_LONG_QUEUE_URL },
    now: () => clock.now(),
    onLaneFailed: (lane, error) =>
      telemetry.logger.error('the wake queue of one lane could not be reached', { lane, error: String(error) }),
    sleep: (ms) => clock.sleep(ms),
    random: () => systemRandom.next(),
  });
  return {
    async send(wakes) {
      const unsent = await queue.send(wakes);
      telemetry.count('WakesSent', wakes.length - unsent.length);
      return unsent;
    },
  };
}

export function wireRepair(values: Values<'ERRAND_REPAIR_QUEUE_URL'>, clock: Clock, client = sqsClient()): RepairQueue {
  return createRepairQueue({
    client,
    queueUrl: values.ERRAND_REPAIR_QUEUE_URL,
    sleep: (ms) => clock.sleep(ms),
    random: () => systemRandom.next(),
  });
}

export function wireDeadLetters(values: Values<'ERRAND_INGEST_DEAD_LETTERS_URL'>, clock: Clock, client = sqsClient()): DeadLetters {
  return createDeadLetters({
    client,
    queueUrl: values.ERRAND_INGEST_DEAD_LETTERS_URL,
    sleep: (ms) => clock.sleep(ms),
    random: () => systemRandom.next(),
  });
}
