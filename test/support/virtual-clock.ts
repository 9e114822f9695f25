import type { Clock } from '../../src/application/ports.ts';

type Sleeper = { readonly until: number; readonly order: number; readonly wake: () => void };

/** Lets everything run that needs no more time: continuations, and work that was put off to the next turn of the event loop. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
}

/**
 * A clock that stands still until a test moves it. Sleeps follow the monotonic clock, as timers do; the wall clock
 * can be set, forward and back, without anybody waking up.
 */
export class VirtualClock implements Clock {
  #wall: number;
  #monotonic = 0;
  #order = 0;
  #sleepers: Sleeper[] = [];

  constructor(wall: number) {
    this.#wall = wall;
  }

  now(): number {
    return this.#wall;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (ms <= 0 || signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const sleeper: Sleeper = { until: this.#monotonic + ms, order: this.#order, wake: resolve };
      this.#order += 1;
      this.#sleepers.push(sleeper);
      signal?.addEventListener(
        'abort',
        () => {
          this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
          resolve();
        },
        { once: true },
      );
    });
  }

  get sleeping(): number {
    return this.#sleepers.length;
  }

  /** Somebody sets the wall clock; no time passes. */
  set(wall: number): void {
    this.#wall = wall;
  }

  /** Time passes at once, as when the machine was suspended: sleepers wake only with the next `advance`. */
  jump(ms: number): void {
    this.#wall += ms;
    this.#monotonic += ms;
  }

  /** Time passes; whoever sleeps wakes in order, at the very time, and does what it does before the next one wakes. */
  async advance(ms: number): Promise<void> {
    const end = this.#monotonic + ms;
    await settled();
    for (let next = this.#next(); next !== undefined && next.until <= end; next = this.#next()) {
      this.#moveTo(Math.max(next.until, this.#monotonic));
      this.#sleepers = this.#sleepers.filter((sleeper) => sleeper !== next);
      next.wake();
      await settled();
    }
    this.#moveTo(end);
  }

  /** Time passes until nobody sleeps any more, or at most `limitMs`. */
  async advanceUntilIdle(limitMs: number): Promise<void> {
    const end = this.#monotonic + limitMs;
    await settled();
    for (let next = this.#next(); next !== undefined && next.until <= end; next = this.#next()) {
      await this.advance(Math.max(0, next.until - this.#monotonic));
    }
  }

  #next(): Sleeper | undefined {
    let first: Sleeper | undefined;
    for (const sleeper of this.#sleepers) {
      if (first === undefined || sleeper.until < first.until || (sleeper.until === first.until && sleeper.order < first.order))
        first = sleeper;
    }
    return first;
  }

  #moveTo(monotonic: number): void {
    this.#wall += monotonic - this.#monotonic;
    this.#monotonic = monotonic;
  }
}
