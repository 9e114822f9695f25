import type { StoredEvent } from '../../application/ports.ts';
import { limits } from '../../domain/limits.ts';

/** Heavier events are read from the file: as many as are kept would otherwise be able to fill the memory. */
const keptWeight = 16 * 1_024;

/** The newest events of the log, as many as there are places, for the feeds: these are seldom further behind. */
export class RecentEvents {
  readonly #places: (StoredEvent | undefined)[];

  constructor(places: number) {
    this.#places = new Array<StoredEvent | undefined>(places);
  }

  /** `weight` is that of data and facts as text. */
  add(event: StoredEvent, position: number, weight: number): void {
    const kept = asPublished(event);
    const isHeavy = weight + (kept.body?.length ?? 0) > keptWeight;
    this.#places[position % this.#places.length] = isHeavy ? undefined : { ...kept, position };
  }

  /** The events at so many positions after `after`; null unless all of them are here. */
  after(after: number, count: number): readonly StoredEvent[] | null {
    if (count > this.#places.length) return null;
    const events: StoredEvent[] = [];
    for (let position = after + 1; position <= after + count; position += 1) {
      const event = this.#places[position % this.#places.length];
      if (event?.position !== position) return null;
      events.push(event);
    }
    return events;
  }
}

/** The feeds need no more of a body than what is published of it. */
function asPublished(event: StoredEvent): StoredEvent {
  const { body, ...rest } = event;
  return body !== undefined && body.length > limits.publishedBodyBytes ? rest : event;
}
