import type { Dice } from './dice.ts';

/** Everything that can go wrong, with the highest probability that is drawn for it. The unit is named where it is not each call. */
const highest = {
  /** The log, the read models, queues or the bus do not get a request, get it and their answer is lost, or refuse it for now. */
  'request lost': 0.03,
  'reply lost': 0.05,
  throttled: 0.08,
  /** A process dies when it makes a call of a port: before anything came of it, or after. */
  'death before a call': 0.03,
  'death after a call': 0.04,
  /** Each append: what it says has happened, and nobody has acted upon it yet. */
  'death after an append': 0.1,
  /** A call of a port takes seconds. */
  'slow call': 0.02,
  /** Part of what is sent together is taken, the rest given back or refused. */
  'partly taken': 0.1,
  /** Each batch of the change feed. */
  'feed stalls': 0.1,
  'feed repeats': 0.1,
  'feed gives up': 0.01,
  /** Each message: it comes again, late, or not at all. */
  'message repeats': 0.1,
  'message is late': 0.1,
  'message is lost': 0.03,
  /** Each minute. */
  'sweep missed': 0.5,
  /** Each read of an index, which shows what was there seconds or minutes ago. */
  'index lags': 0.5,
  /** Each process. */
  'clock is off': 0.8,
  'clock is set': 0.3,
  /** Each call of a target. */
  'target fails': 0.3,
  'target is slow': 0.3,
  'target acts and is cut off': 0.1,
  'connecting is slow': 0.1,
  /** Each request of a client, which asks again. */
  'answer to a client lost': 0.1,
  /** Each minute, on the server host: its process is killed, or stops in an orderly way; then another one starts. */
  'server killed': 0.3,
  'server restarted': 0.1,
  'server clock is set': 0.1,
  /** Each start of the server: the read models are gone and are made anew. */
  'views lost': 0.3,
} as const;

export type FaultKind = keyof typeof highest;
export const faultKinds = Object.keys(highest) as readonly FaultKind[];

/**
 * What goes wrong in one world. How likely each kind is, is drawn for each world anew (swarm testing: a world with few kinds and
 * many of each finds what one with a little of everything hides). Nothing goes wrong any more once it is healed.
 */
export class Faults {
  readonly probabilities: Readonly<Record<FaultKind, number>>;
  readonly counts: Record<FaultKind, number>;
  readonly #dice: Dice;
  #healed = false;

  /** `only`: of the kinds that were drawn, those that are let happen. */
  constructor(dice: Dice, only: ReadonlySet<FaultKind> | null) {
    this.#dice = dice;
    const drawn = faultKinds.map((kind) => [kind, dice.chance(0.5) ? dice.next() * highest[kind] : 0] as const);
    const probabilities = drawn.map(([kind, value]) => [kind, only === null || only.has(kind) ? value : 0]);
    this.probabilities = Object.fromEntries(probabilities) as Record<FaultKind, number>;
    this.counts = Object.fromEntries(faultKinds.map((kind) => [kind, 0])) as Record<FaultKind, number>;
  }

  get healed(): boolean {
    return this.#healed;
  }

  heal(): void {
    this.#healed = true;
  }

  /** Whether this goes wrong here and now. */
  strike(kind: FaultKind): boolean {
    const probability = this.probabilities[kind];
    if (this.#healed || probability === 0 || !this.#dice.chance(probability)) return false;
    this.counts[kind] += 1;
    return true;
  }

  /** The first of these that goes wrong, if any does. */
  first<Kind extends FaultKind>(...kinds: readonly Kind[]): Kind | null {
    return kinds.find((kind) => this.strike(kind)) ?? null;
  }
}
