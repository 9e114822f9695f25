import { Dice } from './dice.ts';
import { type FaultKind, Faults } from './faults.ts';
import { Timeline } from './timeline.ts';

/** Something that must never be. Its name is that of the law. */
export type Violation = { readonly law: string; readonly what: string; readonly at: number };

const keptLines = 5_000;

/** What everything in one simulated world shares. */
export class World {
  readonly seed: number;
  readonly timeline: Timeline;
  readonly faults: Faults;
  readonly violations: Violation[] = [];
  /** The newest lines of what happened, for whoever has to find out why. */
  readonly lines: string[] = [];
  readonly #latencies: Dice;
  #processes = 0;

  constructor(seed: number, start: number, only: ReadonlySet<FaultKind> | null) {
    this.seed = seed;
    this.timeline = new Timeline(start);
    this.faults = new Faults(new Dice(seed, 'faults'), only);
    this.#latencies = new Dice(seed, 'latencies');
  }

  dice(purpose: string): Dice {
    return new Dice(this.seed, purpose);
  }

  get now(): number {
    return this.timeline.now;
  }

  /** How long something takes that is answered at once, and sometimes is not. */
  latency(usualMs: number): number {
    if (this.faults.strike('slow call')) return this.#latencies.magnitude(1_000, 20_000);
    return this.#latencies.whole(1, usualMs);
  }

  /** A number for a new process: commit ids carry it. */
  nextProcess(): number {
    this.#processes += 1;
    return this.#processes;
  }

  note(line: string | (() => string)): void {
    this.lines.push(`${new Date(this.now).toISOString()} ${typeof line === 'string' ? line : line()}`);
    if (this.lines.length > 2 * keptLines) this.lines.splice(0, keptLines);
  }

  violate(law: string, what: string): void {
    this.violations.push({ law, what, at: this.now });
    this.note(`VIOLATION of ${law}: ${what}`);
  }
}
