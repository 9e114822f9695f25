import type { PositionedLog } from '../adapters/sqlite/event-log.ts';
import type { Logger, StoredEvent } from '../application/ports.ts';

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
};

const retryAfterMs = 1_000;

/** Reads the log from a position on and hands it over in batches. A commit only rings a bell; what there is to read is in the log. */
export class Feed {
  readonly #options: FeedOptions;
  #position: number;
  #running: Promise<void> | null = null;
  #timer: NodeJS.Timeout | undefined;
  #unsubscribe: (() => void) | undefined;
  #stopped = false;

  constructor(options: FeedOptions) {
    this.#options = options;
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

  async stop(): Promise<void> {
    this.#unsubscribe?.();
    clearTimeout(this.#timer);
    await this.catchUp().catch(() => undefined);
    this.#stopped = true;
    await this.#running;
  }

  #ring(): void {
    if (this.#running !== null || this.#timer !== undefined || this.#stopped) return;
    if (this.#options.gatherMs === 0) {
      this.#running = this.#run();
      return;
    }
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#running ??= this.#run();
    }, this.#options.gatherMs);
  }

  async #run(): Promise<void> {
    const { log, batch, handle, logger, name } = this.#options;
    try {
      // Leave the commit that rang before anything is handled.
      await Promise.resolve();
      for (let records = log.readAll(this.#position, batch); records.length > 0; records = log.readAll(this.#position, batch)) {
        const position = records.at(-1)?.position ?? this.#position;
        await handle(records, position);
        this.#position = position;
        if (this.#stopped) break;
        if (records.length === batch) await new Promise<void>((resolve) => setImmediate(resolve));
      }
    } catch (error) {
      logger.error(`the feed ${name} could not go on and tries again`, { position: this.#position, error: String(error) });
      this.#running = null;
      if (!this.#stopped) {
        await new Promise<void>((resolve) => {
          this.#timer = setTimeout(resolve, retryAfterMs);
        });
        this.#timer = undefined;
        this.#ring();
      }
      return;
    }
    this.#running = null;
    // A commit may have rung between the last look and here.
    if (!this.#stopped && log.head() > this.#position) this.#ring();
  }
}
