import { eventBridgeClient } from '../../adapters/aws/clients.ts';
import { EventBridgeBus } from '../../adapters/aws/eventbridge-bus.ts';
import { systemRandom } from '../../adapters/crypto/random.ts';
import type { Clock, EventBus } from '../../application/ports.ts';
import { busEntries } from '../../application/render-event.ts';
import type { Values } from '../environment.ts';
import type { Telemetry } from '../telemetry.ts';

/** The bus of the environment; every event that it takes is counted. */
export function wireBus(values: Values<'ERRAND_BUS_NAME'>, clock: Clock, telemetry: Telemetry): EventBus {
  const bus = new EventBridgeBus({
    client: eventBridgeClient(),
    busName: values.ERRAND_BUS_NAME,
    entriesOf: busEntries,
    sleep: (ms) => clock.sleep(ms),
    random: () => systemRandom.next(),
  });
  return {
    async publish(events) {
      const refused = await bus.publish(events);
      telemetry.count('EventsPublished', events.length - refused.length);
      return refused;
    },
  };
}
