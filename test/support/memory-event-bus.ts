import type { EventBus, StoredEvent } from '../../src/application/ports.ts';
import { type BusEntry, busEntries } from '../../src/application/render-event.ts';

/** A bus that remembers what it was told, in the form in which subscribers get it. */
export class MemoryEventBus implements EventBus {
  readonly entries: BusEntry[] = [];
  readonly published: StoredEvent[] = [];
  /** Which events are not taken. */
  refuses: (event: StoredEvent) => boolean = () => false;

  async publish(events: readonly StoredEvent[]): Promise<readonly StoredEvent[]> {
    const refused = events.filter((event) => this.refuses(event));
    for (const event of events) {
      if (refused.includes(event)) continue;
      this.published.push(event);
      this.entries.push(...busEntries(event));
    }
    return refused;
  }
}
