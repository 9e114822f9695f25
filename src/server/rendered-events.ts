import type { StoredEvent } from '../application/ports.ts';
import { renderDetail } from '../application/render-event.ts';

/** At most two bytes each: 8 MiB, a burst of some thousand events. */
const keptCharacters = 4 * 1_024 * 1_024;

/**
 * Events as server-sent events carry them. The newest are kept, so that one is rendered once and not once for each client;
 * what a client reads far back is not, as it would push these out.
 */
export class RenderedEvents {
  readonly #limit: number;
  readonly #texts = new Map<number, string>();
  #newest = 0;
  #characters = 0;

  constructor(limit = keptCharacters) {
    this.#limit = limit;
  }

  /** How much is kept. */
  get characters(): number {
    return this.#characters;
  }

  textOf(event: StoredEvent): string {
    const { position = 0 } = event;
    const kept = this.#texts.get(position);
    if (kept !== undefined) return kept;
    const text = `id: ${position}\nevent: ${event.type}\ndata: ${JSON.stringify(renderDetail(event))}\n\n`;
    if (position > this.#newest) this.#keep(position, text);
    return text;
  }

  #keep(position: number, text: string): void {
    this.#newest = position;
    this.#texts.set(position, text);
    this.#characters += text.length;
    // A map gives its entries in the order in which they came: the oldest first.
    for (const [oldest, { length }] of this.#texts) {
      if (this.#characters <= this.#limit) return;
      this.#texts.delete(oldest);
      this.#characters -= length;
    }
  }
}
