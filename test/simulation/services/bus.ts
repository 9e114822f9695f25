import type { EventBus, StoredEvent } from '../../../src/application/ports.ts';
import { busEntries } from '../../../src/application/render-event.ts';
import type { SimulatedProcess } from '../kernel/process.ts';
import type { World } from '../kernel/world.ts';

export const eventId = ({ stream, version }: { readonly stream: string; readonly version: number }): string => `${stream}@${version}`;

/** The event bus: takes some of what it is given, and tells subscribers at least once. */
export class SimulatedBus {
  /** How often each event was told. */
  readonly told = new Map<string, number>();
  /** What subscribers were told, in the outside form. */
  readonly details: object[] = [];
  readonly #world: World;
  readonly #subscribe: (event: StoredEvent) => void;

  constructor(world: World, subscribe: (event: StoredEvent) => void) {
    this.#world = world;
    this.#subscribe = subscribe;
  }

  from(process: SimulatedProcess): EventBus {
    return {
      publish: (events) =>
        process.call(`the publishing of ${events.length} events`, 30, () => {
          const refused = this.#world.faults.strike('partly taken') ? events.filter((_event, index) => index % 2 === 0) : [];
          for (const event of events) {
            if (refused.includes(event)) continue;
            this.details.push(...busEntries(event).map(({ detail }) => detail));
            this.told.set(eventId(event), (this.told.get(eventId(event)) ?? 0) + 1);
            this.#subscribe(event);
          }
          return refused;
        }),
    };
  }
}
