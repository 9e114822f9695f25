import { decodeWake } from '../adapters/aws/sqs-wake-queue.ts';
import { handleWake, type WakePorts } from '../application/wake.ts';
import { limits } from '../domain/limits.ts';
import type { BatchResponse } from './batch.ts';
import { withinInvocation } from './deadline.ts';
import type { InvocationContext } from './lambda.ts';
import { eachMessage } from './sqs-messages.ts';

export type WakeBatchPorts = Omit<WakePorts, 'stopping' | 'lane'> & { readonly lane: 'short' | 'long' };

/** The longest call that the workers of a lane make. */
const longestCallMs = {
  short: Math.max(limits.shortLaneTimeoutMs, limits.callbackTimeoutMs),
  long: limits.attemptTimeoutMaxMs,
} as const;

/** Looks at the streams of one batch of wakes side by side. A call that would outlive the invocation is not begun. */
export function wakeBatch(ports: WakeBatchPorts, event: unknown, context: InvocationContext): Promise<BatchResponse> {
  return withinInvocation(ports.clock, context, ({ stopping, require }) =>
    eachMessage(event, ports.logger, async ({ body }) => {
      const wake = decodeWake(body);
      if (wake === null) throw new Error('the message is no wake');
      require(longestCallMs[ports.lane]);
      await handleWake({ ...ports, stopping }, wake);
    }),
  );
}
