import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { afterAll } from 'vitest';
import { EventBridgeBus } from '../../src/adapters/aws/eventbridge-bus.ts';
import { busEntries } from '../../src/application/render-event.ts';
import { startFakeEventBridge } from '../support/fake-event-bridge.ts';
import { localAccess } from '../support/local-access.ts';
import { eventBusContract } from './event-bus.contract.ts';

let close: () => Promise<void> = async () => undefined;
afterAll(() => close());

eventBusContract('on EventBridge', async () => {
  await close();
  const heard: Record<string, unknown>[] = [];
  const service = await startFakeEventBridge({
    accept(busName, { detail }) {
      if (busName === 'errand-test') heard.push({ ...detail });
    },
  });
  close = () => service.close();
  const client = new EventBridgeClient({ ...localAccess, endpoint: service.endpoint });
  const options = { client, busName: 'errand-test', entriesOf: busEntries, sleep: async () => undefined, random: () => 0.5 };
  return { bus: new EventBridgeBus(options), delivered: async () => heard };
});
