import * as z from 'zod';
import { type CallbackPorts, deliverCallback } from '../application/callback.ts';
import { limits } from '../domain/limits.ts';
import type { BatchResponse } from './batch.ts';
import { withinInvocation } from './deadline.ts';
import type { InvocationContext } from './lambda.ts';
import { eachMessage } from './sqs-messages.ts';

export type CallbackBatchPorts = Omit<CallbackPorts, 'stopping'>;

/** The part of a bus event that is used. Its id names the terminal event; ids of tasks may hold an @ themselves. */
const busEvent = z.object({
  detail: z.object({ id: z.string().regex(/^.+@[1-9]\d{0,14}$/s), callback: z.literal(true) }),
});

/** Makes the first try of the callbacks that the bus asks for, side by side. */
export function callbackBatch(ports: CallbackBatchPorts, event: unknown, context: InvocationContext): Promise<BatchResponse> {
  return withinInvocation(ports.clock, context, ({ stopping, require }) =>
    eachMessage(event, ports.logger, async ({ body }) => {
      const { id } = busEvent.parse(JSON.parse(body)).detail;
      const end = id.lastIndexOf('@');
      const [stream, version] = [id.slice(0, end), Number(id.slice(end + 1))];
      require(limits.callbackTimeoutMs);
      await deliverCallback({ ...ports, stopping }, stream, await ports.store.load(stream, version), true);
    }),
  );
}
