import type { EventBus, StoredEvent } from '../application/ports.ts';

/** Hears each published event, at least once and in no particular order. Must not throw. */
export type Subscriber = (event: StoredEvent) => void;

/** The bus of the single-node host: subscribers in the same process. Clients subscribe to server-sent events instead. */
export class InProcessBus implements EventBus {
  readonly #subscribers = new Set<Subscriber>();

  subscribe(subscriber: Subscriber): () => void {
    this.#subscribers.add(subscriber);
    return () => this.#subscribers.delete(subscriber);
  }

  async publish(events: readonly StoredEvent[]): Promise<readonly StoredEvent[]> {
    for (const event of events) for (const subscriber of this.#subscribers) subscriber(event);
    return [];
  }
}
