import type { Clock } from '../../../src/application/ports.ts';
import { limits } from '../../../src/domain/limits.ts';
import type { Cancel } from './timeline.ts';
import type { World } from './world.ts';

/** Thrown by what a process calls; the names are those of AWS, which say whether trying again may help. */
export function failure(name: 'ThrottlingException' | 'TimeoutError' | 'ECONNRESET'): Error {
  return Object.assign(new Error(`simulated ${name}`), { name, code: name });
}

/** Two clocks, each off by this much in its own direction, are still no further apart than Errand reckons with. */
const mostSkewMs = limits.clockSkewMs / 2 - 100;

/**
 * A process that can die at any call of a port. What it has sent is then still on its way, what comes back finds nobody, and nothing
 * that it had in memory is there any more.
 */
export class SimulatedProcess {
  readonly name: string;
  readonly clock: Clock;
  readonly world: World;
  readonly #bornAt: number;
  #offMs: number;
  #alive = true;
  readonly #mourners: (() => void)[] = [];

  constructor(world: World, name: string) {
    this.world = world;
    this.name = `${name}-${world.nextProcess()}`;
    this.#bornAt = world.now;
    const dice = world.dice(`clock of ${this.name}`);
    this.#offMs = world.faults.strike('clock is off') ? dice.whole(-mostSkewMs, mostSkewMs) : 0;
    if (world.faults.strike('clock is set')) {
      world.timeline.after(dice.magnitude(100, 600_000), () => {
        this.#offMs = dice.whole(-mostSkewMs, mostSkewMs);
      });
    }
    this.clock = {
      now: () => world.now + this.#offMs,
      monotonic: () => world.now - this.#bornAt,
      sleep: (ms, signal) => this.#sleep(ms, signal),
    };
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** Sets the wall clock by so much; no time passes. */
  shiftClock(byMs: number): void {
    this.#offMs += byMs;
  }

  /** The wall clock shows the time of the world again. */
  resetClock(): void {
    this.#offMs = 0;
  }

  onDeath(mourn: () => void): void {
    if (this.#alive) this.#mourners.push(mourn);
    else mourn();
  }

  kill(why: string): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.world.note(`${this.name} died: ${why}`);
    for (const mourn of this.#mourners.splice(0)) mourn();
  }

  /** Something happens in this process later, unless it has died by then. */
  later(ms: number, run: () => void): Cancel {
    return this.world.timeline.after(ms, () => {
      if (this.#alive) run();
    });
  }

  /**
   * A call of something outside: it takes time each way, and on each way something may go wrong. `effect` is what comes of it over
   * there, all at once, whether or not the one who asked lives to hear of it. `inside`: it is no other machine, and the answer is
   * there as soon as it is done.
   */
  call<T>(what: string, usualMs: number, effect: () => T | Promise<T>, inside = false): Promise<T> {
    // Nothing of a dead process goes on.
    if (!this.#alive) return new Promise(() => undefined);
    const { faults, timeline } = this.world;
    const fate = faults.first('request lost', 'reply lost', 'throttled', 'death before a call', 'death after a call');
    const [there, back] = [this.world.latency(usualMs), this.world.latency(usualMs)];
    return new Promise<T>((resolve, reject) => {
      const answer = (run: () => void): void => {
        if (!inside) this.later(back, run);
        else if (this.#alive) run();
      };
      timeline.after(there, () => {
        if (fate === 'death before a call') return this.kill(`before ${what}`);
        if (fate === 'request lost') return answer(() => reject(failure('TimeoutError')));
        if (fate === 'throttled') return answer(() => reject(failure('ThrottlingException')));
        let outcome: Promise<T>;
        try {
          outcome = Promise.resolve(effect());
        } catch (error) {
          outcome = Promise.reject(error);
        }
        // Whoever asked may be gone, or hear of something else.
        outcome.catch(() => undefined);
        if (fate === 'death after a call') return this.kill(`after ${what}`);
        answer(() => (fate === 'reply lost' ? reject(failure('ECONNRESET')) : resolve(outcome)));
      });
    });
  }

  #sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
    if (ms <= 0 || signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.later(ms, resolve);
      signal?.addEventListener(
        'abort',
        () => {
          cancel();
          if (this.#alive) resolve();
        },
        { once: true },
      );
    });
  }
}
