import { MemoryEventBus } from '../support/memory-event-bus.ts';
import { eventBusContract } from './event-bus.contract.ts';

eventBusContract('in memory', async () => {
  const bus = new MemoryEventBus();
  return { bus, delivered: async () => bus.entries.map(({ detail }) => ({ ...detail })) };
});
