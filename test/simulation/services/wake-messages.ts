import { encodeWake } from '../../../src/adapters/aws/sqs-wake-queue.ts';
import type { Wake, WakeQueue } from '../../../src/application/ports.ts';
import { limits } from '../../../src/domain/limits.ts';
import type { SimulatedProcess } from '../kernel/process.ts';
import type { MessageQueue } from './message-queue.ts';

const second = 1_000;

/** Wakes as one process sends them: messages of a queue for each lane, delayed by whole seconds; what is due later than that is dropped. */
export function wakeMessages(process: SimulatedProcess, queueOf: (lane: Wake['lane']) => MessageQueue): WakeQueue {
  const { faults } = process.world;
  return {
    send: (wakes) =>
      process.call(`the sending of ${wakes.length} wakes`, 20, () => {
        const refused = faults.strike('partly taken') ? wakes.filter((_wake, index) => index % 2 === 0) : [];
        const now = process.clock.now();
        for (const wake of wakes) {
          if (refused.includes(wake) || wake.dueAt >= now + limits.wakeHorizonMs + second) continue;
          const delayMs = Math.floor(Math.min(limits.wakeHorizonMs, Math.max(0, wake.dueAt - now)) / second) * second;
          queueOf(wake.lane).send(encodeWake(wake), delayMs);
        }
        return refused;
      }),
  };
}
