import type { Clock } from '../../../src/application/ports.ts';
import { type Bell, createBell } from '../bell.ts';

type Entry<Item> = { readonly item: Item; readonly availableAt: number };

const idleMs = 1_000;

/** Items on their way from a reader to a consumer, in order, each available from a time on. Times are of the monotonic clock. */
export class Inbox<Item> {
  readonly #clock: Clock;
  readonly #entries: Entry<Item>[] = [];
  readonly #bell: Bell = createBell();
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#entries.length;
  }

  push(item: Item, availableAt: number): void {
    // An item never overtakes one before it.
    this.#entries.push({ item, availableAt: Math.max(availableAt, this.#entries.at(-1)?.availableAt ?? 0) });
    this.#bell.ring();
  }

  /** Nothing more comes; `take` gives what is left, then null. */
  close(): void {
    this.#closed = true;
    this.#bell.ring();
  }

  /** Throws away what is left. */
  clear(): void {
    this.#entries.length = 0;
    this.close();
  }

  /** The first items once there are any and, within the window, those that follow them, at most `most`; null when closed and empty. */
  async take(most: number, windowMs: number): Promise<Item[] | null> {
    let endsAt: number | null = null;
    for (;;) {
      const now = this.#clock.monotonic();
      const available = this.#available(now, most);
      if (available > 0) endsAt ??= now + windowMs;
      if (available > 0 && (available >= most || this.#closed || now >= (endsAt ?? now))) {
        return this.#entries.splice(0, available).map(({ item }) => item);
      }
      const next = this.#entries[available]?.availableAt ?? Number.POSITIVE_INFINITY;
      if (this.#closed && this.#entries.length === 0) return null;
      await this.#bell.heard(Math.max(1, Math.min(idleMs, next - now, (endsAt ?? Number.POSITIVE_INFINITY) - now)));
    }
  }

  #available(now: number, most: number): number {
    let count = 0;
    while (count < most && (this.#entries[count]?.availableAt ?? Number.POSITIVE_INFINITY) <= now) count += 1;
    return count;
  }
}
