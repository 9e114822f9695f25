import { vi } from 'vitest';
import type { Clock, Wake } from '../../src/application/ports.ts';
import { Scheduler } from '../../src/server/scheduler.ts';
import { epoch } from '../domain/task-histories.ts';
import { MemoryWakeQueue } from '../support/memory-wake-queue.ts';
import { silentLogger } from '../support/silent-logger.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { wakeQueueContract } from './wake-queue.contract.ts';

type Received = { readonly wake: Wake; readonly at: number };

wakeQueueContract('in memory', async () => {
  const clock = new VirtualClock(epoch);
  const queue = new MemoryWakeQueue();
  const received: Received[] = [];
  const take = () => {
    for (const wake of queue.takeDue(clock.now())) received.push({ wake, at: clock.now() });
  };
  return {
    queue,
    received,
    now: () => clock.now(),
    async passTime(ms) {
      for (let passed = 0; passed < ms; passed += 1_000) {
        take();
        await clock.advance(Math.min(1_000, ms - passed));
      }
      take();
    },
    close: () => undefined,
  };
});

wakeQueueContract('of the server host', async () => {
  vi.useFakeTimers({ now: epoch });
  const clock: Clock = { now: () => Date.now(), monotonic: () => performance.now(), sleep: async () => undefined };
  const received: Received[] = [];
  const queue = new Scheduler({
    clock,
    logger: silentLogger,
    concurrency: 64,
    capacity: 1_000,
    waitingPerTarget: 1_000,
    run: async ({ wake }) => {
      received.push({ wake, at: clock.now() });
    },
    loadDue: async () => [],
  });
  await queue.start();
  return {
    queue,
    received,
    now: () => clock.now(),
    passTime: async (ms) => void (await vi.advanceTimersByTimeAsync(ms)),
    async close() {
      await queue.stop();
      vi.useRealTimers();
    },
  };
});
