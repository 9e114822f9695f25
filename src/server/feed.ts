import type { PositionedLog } from '../adapters/sqlite/event-log.ts';
import type { Logger, StoredEvent } from '../application/ports.ts';
import { systemTimers, type Timer, type Timers } from './timers.ts';

export type FeedOptions = {
  readonly name: string;
  readonly log: PositionedLog;
  readonly logger: Logger;
  /** The position up to which everything has been handled before. */
  readonly from: number;
  readonly batch: number;
  /** How long records may be gathered before they are handled; 0 handles them at once. */
  readonly gatherMs: number;
  /** May be given records again after a failure or a restart. */
  readonly handle: (records: readonly StoredEvent[], position: number) => Promise<void>;
  readonly timers?: Timers;
};

const retryAfterMs = 1_000;

/** Reads the log from a position on and hands it over in batches. A commit only rings a bell; what there is to read is in the log. */
export class Feed {
  readonly #options: FeedOptions;
  readonly #timers: Timers;
  #position: number;
  #running: Promise<void> | null = null;
  #timer: Timer | undefined;
  #unsubscribe: (() => void) | undefined;
  #endPause: (() => void) | undefined;
  #stopping = false;
  #stopped = false;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#timers = options.timers ?? systemTimers;
    this.#position = options.from;
  }

  get position(): number {
    return this.#position;
  }

  start(): void {
    this.#unsubscribe = this.#options.log.onCommit(() => this.#ring());
    this.#ring();
  }

  /** Resolves when everything that is in the log now has been handled. */
  async catchUp(): Promise<void> {
    const head = this.#options.log.head();
    while (this.#position < head && !this.#stopped) {
      this.#running ??= this.#run();
      await this.#running;
    }
  }

  /** Hands over what is in the log, but does not wait for a handler that fails: its records are there at the next start. */
  async stop(): Promise<void> {
    this.#unsubscribe?.();
    this.#stopping = true;
    this.#timer?.cancel();
    this.#endPause?.();
    await this.#running;
    await this.catchUp();
    this.#stopped = true;
  }

  #ring(): void {
    if (this.#running !== null || this.#timer !== undefined || this.#stopping) return;
    if (this.#options.gatherMs === 0) {
      this.#running = this.#run();
      return;
    }
    this.#timer = this.#timers.after(this.#options.gatherMs, () => {
      this.#timer = undefined;
      this.#running ??= this.#run();
    });
  }

  async #run(): Promise<void> {
    const { log, logger, name } = this.#options;
    try {
      // Whoever appended hears of the commit first, so that what is acted upon here is in memory already.
      await this.#timers.nextTurn();
      await this.#handleAll();
    } catch (error) {
      logger.error(`the feed ${name} could not go on and tries again`, { position: this.#position, error: String(error) });
      if (this.#stopping) this.#stopped = true;
      else await this.#pause();
    }
    this.#running = null;
    // A commit may have rung between the last look and here.
    if (log.head() > this.#position) this.#ring();
  }

  async #handleAll(): Promise<void> {
    const { log, batch, handle } = this.#options;
    for (let head = log.head(); this.#position < head; head = log.head()) {
      const records = log.readAll(this.#position, batch);
      // With nothing more that reads, whatever is left up to the head is passed over.
      const position = records.at(-1)?.position ?? head;
      if (records.length > 0) await handle(records, position);
      this.#position = position;
      // A long way to catch up must not hold up everybody else.
      if (position < head) await this.#timers.nextTurn();
    }
  }

  /** Waits before the next try; a stop ends the wait. */
  async #pause(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#timers.after(retryAfterMs, resolve);
      this.#endPause = () => {
        timer.cancel();
        resolve();
      };
    });
    this.#endPause = undefined;
  }
}
