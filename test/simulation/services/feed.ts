import type { StoredEvent } from '../../../src/application/ports.ts';
import type { BatchResponse } from '../../../src/handlers/batch.ts';
import { streamRecord } from '../../support/lambda.ts';
import type { Dice } from '../kernel/dice.ts';
import type { World } from '../kernel/world.ts';

export type FeedOptions = {
  readonly name: string;
  readonly shards: number;
  readonly batch: number;
  /** How long records are gathered. */
  readonly windowMs: number;
  /** Hands over a batch; null when nobody knows what came of it. */
  readonly invoke: (event: { readonly Records: readonly object[] }) => Promise<BatchResponse | null>;
  /** Hears of records that are given up. */
  readonly onGivenUp: (event: StoredEvent, why: 'too old' | 'too many tries') => void;
};

type Kept = { readonly event: StoredEvent; readonly sequence: number; readonly at: number };
type Shard = { readonly records: Kept[]; next: number; busy: boolean; tries: number };

const hourMs = 60 * 60_000;
/** What the mapping gives up is older than this; the stream itself keeps a day. */
const oldestMs = 23 * hourMs;
const retryMs = 1_000;

/**
 * One reader of the table's stream: ordered within an item only, as each event is an item of its own and lies in any shard; batches that
 * fail come again from the record on that failed; batches that were handled may come again; at times nothing comes for long.
 */
export class StreamFeed {
  readonly #world: World;
  readonly #options: FeedOptions;
  readonly #shards: Shard[];
  readonly #dice: Dice;
  #sequence = 0;
  #stalledUntil = 0;

  constructor(world: World, options: FeedOptions) {
    this.#world = world;
    this.#options = options;
    this.#dice = world.dice(`feed ${options.name}`);
    this.#shards = Array.from({ length: options.shards }, () => ({ records: [], next: 0, busy: false, tries: 0 }));
  }

  push(event: StoredEvent): void {
    const shard = this.#dice.pick(this.#shards);
    this.#sequence += 1;
    shard.records.push({ event, sequence: this.#sequence, at: this.#world.now });
    this.#arm(shard);
  }

  get stalledUntil(): number {
    return this.#stalledUntil;
  }

  /** Whether everything has been handed over and taken. */
  get idle(): boolean {
    return this.#shards.every(({ records, next, busy }) => next === records.length && !busy);
  }

  #arm(shard: Shard): void {
    if (shard.busy || shard.next === shard.records.length) return;
    shard.busy = true;
    const { faults, timeline } = this.#world;
    let pauseMs = this.#options.windowMs + this.#dice.whole(20, 300);
    if (faults.strike('feed stalls')) {
      pauseMs += this.#dice.chance(0.02) ? 25 * hourMs : this.#dice.magnitude(1_000, 20 * 60_000);
      this.#stalledUntil = Math.max(this.#stalledUntil, this.#world.now + pauseMs);
    }
    timeline.after(pauseMs, () => void this.#handOver(shard));
  }

  async #handOver(shard: Shard): Promise<void> {
    const { faults, timeline } = this.#world;
    const batch: Kept[] = [];
    const { records } = shard;
    for (; shard.next < records.length; shard.next += 1) {
      const record = records[shard.next];
      if (record === undefined || this.#world.now - record.at <= oldestMs) break;
      this.#options.onGivenUp(record.event, 'too old');
    }
    // A function that fails is given less and less (BisectBatchOnFunctionError).
    const size = Math.max(1, Math.floor(this.#options.batch / 2 ** shard.tries));
    batch.push(...records.slice(shard.next, shard.next + size));
    if (batch.length === 0) return this.#goOn(shard, 0);
    const answer = await this.#options.invoke({ Records: batch.map(({ event, sequence }) => streamRecord(event, sequence)) });
    if (answer === null) {
      shard.tries += 1;
      if (batch.length === 1 && faults.strike('feed gives up')) {
        shard.next += 1;
        for (const { event } of batch) this.#options.onGivenUp(event, 'too many tries');
      }
      timeline.after(retryMs * Math.min(60, 2 ** shard.tries), () => this.#goOn(shard, shard.tries));
      return;
    }
    const [failed] = answer.batchItemFailures;
    const place = failed === undefined ? batch.length : batch.findIndex(({ sequence }) => failed.itemIdentifier.endsWith(`${sequence}`));
    if (place < 0) this.#world.violate('feed', `${this.#options.name} names ${failed?.itemIdentifier}, which is not in its batch`);
    if (faults.strike('feed repeats')) return this.#goOn(shard, 0);
    shard.next += Math.max(0, place);
    if (failed === undefined) return this.#goOn(shard, 0);
    timeline.after(retryMs, () => this.#goOn(shard, 0));
  }

  #goOn(shard: Shard, tries: number): void {
    shard.tries = tries;
    shard.busy = false;
    this.#arm(shard);
  }
}
