import type { Wake } from '../../src/application/ports.ts';
import { eventBusContract } from '../contract/event-bus.contract.ts';
import { eventLogContract } from '../contract/event-log.contract.ts';
import { readModelsContract } from '../contract/read-models.contract.ts';
import { wakeQueueContract } from '../contract/wake-queue.contract.ts';
import { epoch } from '../domain/task-histories.ts';
import { SimulatedProcess } from './kernel/process.ts';
import { World } from './kernel/world.ts';
import { SimulatedBus } from './services/bus.ts';
import { EventTable } from './services/event-table.ts';
import { MessageQueue } from './services/message-queue.ts';
import { ViewTable } from './services/view-table.ts';
import { wakeMessages } from './services/wake-messages.ts';

/** A world without faults, whose time passes by itself as long as it is open. */
function openWorld() {
  const world = new World(1, epoch, new Set());
  let isOpen = true;
  const passed = async (ms: number): Promise<void> => {
    const end = world.now + ms;
    while (world.now < end) await new Promise((resolve) => setImmediate(resolve));
  };
  void (async () => {
    while (isOpen) await world.timeline.run(world.now + 100);
  })();
  return {
    world,
    process: new SimulatedProcess(world, 'contract'),
    passed,
    close: () => {
      isOpen = false;
    },
  };
}

eventLogContract('of the simulation', async () => {
  const { world, process, close } = openWorld();
  return { log: new EventTable(world).from(process), close };
});

readModelsContract('of the simulation', async () => {
  const { world, process, passed, close } = openWorld();
  return { models: new ViewTable(world).from(process), settled: () => passed(1_000), close };
});

eventBusContract('of the simulation', async () => {
  const { world, process } = openWorld();
  const bus = new SimulatedBus(world, () => undefined);
  return { bus: bus.from(process), delivered: async () => bus.details as Record<string, unknown>[] };
});

wakeQueueContract('of the simulation', async () => {
  const { world, process, passed, close } = openWorld();
  const received: { readonly wake: Wake; readonly at: number }[] = [];
  const queue = new MessageQueue(world, {
    name: 'wake',
    visibilityMs: 60_000,
    maxReceives: 5,
    mayLose: false,
    batch: 10,
    concurrency: 4,
    invoke: async ({ Records }) => {
      for (const { body } of Records) received.push({ wake: JSON.parse(body) as Wake, at: world.now });
      return { batchItemFailures: [] };
    },
  });
  return { queue: wakeMessages(process, () => queue), received, now: () => world.now, passTime: passed, close };
});
