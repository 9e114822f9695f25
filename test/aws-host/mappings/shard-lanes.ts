import type { Clock } from '../../../src/application/ports.ts';
import { Inbox } from './inbox.ts';
import type { StreamRecord } from './stream-record.ts';

export type LanesOptions = {
  readonly clock: Clock;
  readonly lanes: number;
  readonly batchSize: number;
  readonly windowMs: number;
  /** Brings a batch to its end; false if it was stopped before. */
  readonly handle: (batch: readonly StreamRecord[]) => Promise<boolean>;
  /** All records up to this sequence number are done. */
  readonly onProgress: (sequence: string) => void;
};

type Outstanding = { readonly sequence: string; done: boolean };

/**
 * The records of a shard, side by side in as many lanes as its mapping has: those of one item stay in order
 * (https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html, ParallelizationFactor).
 */
export class ShardLanes {
  readonly #options: LanesOptions;
  readonly #inboxes: readonly Inbox<StreamRecord>[];
  readonly #outstanding: Outstanding[] = [];
  readonly #bySequence = new Map<string, Outstanding>();
  /** Resolves when all lanes are empty after `close`, or have stopped. */
  readonly ended: Promise<void>;

  constructor(options: LanesOptions) {
    this.#options = options;
    this.#inboxes = Array.from({ length: options.lanes }, () => new Inbox<StreamRecord>(options.clock));
    this.ended = Promise.all(this.#inboxes.map((inbox) => this.#consume(inbox))).then(() => undefined);
  }

  get size(): number {
    return this.#outstanding.length;
  }

  push(record: StreamRecord, availableAt: number): void {
    const outstanding = { sequence: record.dynamodb.SequenceNumber, done: false };
    this.#outstanding.push(outstanding);
    this.#bySequence.set(outstanding.sequence, outstanding);
    this.#inboxes[laneOf(record, this.#inboxes.length)]?.push(record, availableAt);
  }

  close(): void {
    for (const inbox of this.#inboxes) inbox.close();
  }

  /** Ends after the batches under way; what waits is read again by the next process. */
  stop(): void {
    for (const inbox of this.#inboxes) inbox.clear();
  }

  async #consume(inbox: Inbox<StreamRecord>): Promise<void> {
    const { batchSize, windowMs, handle } = this.#options;
    for (;;) {
      const batch = await inbox.take(batchSize, windowMs);
      if (batch === null || !(await handle(batch))) return;
      this.#finish(batch);
    }
  }

  #finish(batch: readonly StreamRecord[]): void {
    for (const { dynamodb } of batch) {
      const outstanding = this.#bySequence.get(dynamodb.SequenceNumber);
      if (outstanding !== undefined) outstanding.done = true;
    }
    let progress: string | undefined;
    while (this.#outstanding[0]?.done === true) {
      progress = this.#outstanding.shift()?.sequence;
      if (progress !== undefined) this.#bySequence.delete(progress);
    }
    if (progress !== undefined) this.#options.onProgress(progress);
  }
}

/** FNV-1a over the record's key: any hash that spreads will do. */
function laneOf(record: StreamRecord, lanes: number): number {
  let hash = 2_166_136_261;
  for (const byte of Buffer.from(JSON.stringify(record.dynamodb.Keys))) hash = Math.imul(hash ^ byte, 16_777_619);
  return (hash >>> 0) % lanes;
}
