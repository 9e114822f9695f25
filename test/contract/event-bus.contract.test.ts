import { renderDetail } from '../../src/application/render-event.ts';
import { InProcessBus } from '../../src/server/in-process-bus.ts';
import { MemoryEventBus } from '../support/memory-event-bus.ts';
import { eventBusContract } from './event-bus.contract.ts';

eventBusContract('in memory', async () => {
  const bus = new MemoryEventBus();
  return { bus, delivered: async () => bus.entries.map(({ detail }) => ({ ...detail })) };
});

eventBusContract('of the server host', async () => {
  const bus = new InProcessBus();
  const heard: Record<string, unknown>[] = [];
  bus.subscribe((event) => heard.push({ ...renderDetail(event) }));
  return { bus, delivered: async () => heard };
});
