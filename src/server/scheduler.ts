import type { Clock, DueQuery, Logger, Wake, WakeQueue } from '../application/ports.ts';
import { endOf, healAfterMs, healingStrips, loadDue } from '../application/sweep.ts';
import { limits } from '../domain/limits.ts';
import { DueHeap } from './due-heap.ts';
import { type Job, Slots } from './slots.ts';
import { systemTimers, type Timer, type Timers } from './timers.ts';

export type SchedulerOptions = {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Calls under way at most; a single target gets a quarter of them. */
  readonly concurrency: number;
  /** Wakes held in memory at most. */
  readonly capacity: number;
  /** Wakes of one target that may wait in memory for a slot. */
  readonly waitingPerTarget: number;
  /** Does the job. A wake whose job throws is sent again a minute later. */
  readonly run: (job: Job) => Promise<void>;
  /** Reads the due index, once everything appended so far has been projected into it. */
  readonly loadDue: (query: DueQuery) => Promise<readonly Wake[]>;
  readonly timers?: Timers;
};

/** Never sleep longer than this: clocks are set, machines are suspended. */
const longestSleepMs = 1_000;
const sweepEveryMs = 60_000;
const sweepPage = 2_000;
/** What is overdue by this much and not known here was lost on the way. */
const overdueMs = 5_000;

/**
 * The single node's wake queue: one timer over the next 15 minutes of the due index, and the slots that due streams wait for.
 * Whatever it cannot hold it lets go, as everything that is due stands in the due index and is loaded from there in time.
 */
export class Scheduler implements WakeQueue {
  readonly #options: SchedulerOptions;
  readonly #timers: Timers;
  readonly #heap: DueHeap;
  readonly #slots: Slots;
  #timer: Timer | undefined;
  #armedFor = Number.POSITIVE_INFINITY;
  #sweeper: Timer | undefined;
  #loadedUntil = 0;
  /** The time of the last sweep; the first one loads all that is overdue. */
  #healedAt: number | undefined;
  #extending = false;
  readonly #retries = new Set<Timer>();
  #stopped = false;
  readonly #restoring = new Set<string>();

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#timers = options.timers ?? systemTimers;
    this.#heap = new DueHeap(options.capacity);
    this.#slots = new Slots({
      total: options.concurrency,
      perTarget: Math.max(1, Math.floor(options.concurrency / 4)),
      waitingPerTarget: options.waitingPerTarget,
      run: (job) => options.run(job).catch((error: unknown) => this.#failed(job, error)),
      onRoom: (target) => void this.#guard('restore', () => this.#restore(target)),
    });
  }

  /** Loads what is due within the horizon and keeps it loaded. */
  async start(): Promise<void> {
    await this.#sweep();
    if (this.#stopped) return;
    this.#sweeper = this.#timers.every(sweepEveryMs, () => void this.#guard('sweep', () => this.#sweep()));
  }

  async send(wakes: readonly Wake[]): Promise<readonly Wake[]> {
    if (this.#stopped) return wakes;
    const now = this.#options.clock.now();
    for (const wake of wakes) this.#take(wake, now);
    this.#arm();
    return [];
  }

  /** The bus asks for the first try of a callback. */
  deliver(wake: Wake): void {
    this.#slots.offer({ kind: 'callback', wake });
  }

  /** Claims nothing more; resolves when all that is under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#sweeper?.cancel();
    for (const retry of this.#retries) retry.cancel();
    await this.#slots.stop();
  }

  status(): { readonly held: number; readonly waiting: number; readonly underWay: number } {
    return { held: this.#heap.size, waiting: this.#slots.waiting, underWay: this.#slots.underWay };
  }

  #take(wake: Wake, now: number): void {
    if (wake.dueAt <= now) this.#slots.offer({ kind: 'wake', wake });
    else if (wake.dueAt <= now + limits.wakeHorizonMs + sweepEveryMs) this.#heap.push(wake);
  }

  #arm(): void {
    const now = this.#options.clock.now();
    // A heap that let wakes go and has run empty is looked at again as well: more is to be loaded.
    const next = this.#heap.next() ?? (this.#heap.horizon < Number.POSITIVE_INFINITY ? now + longestSleepMs : null);
    if (next === null || this.#stopped) return;
    if (this.#timer !== undefined && this.#armedFor <= next) return;
    this.#timer?.cancel();
    this.#armedFor = next;
    const delay = Math.min(longestSleepMs, Math.max(0, next - now));
    this.#timer = this.#timers.after(delay, () => this.#fire());
  }

  #fire(): void {
    this.#timer = undefined;
    this.#armedFor = Number.POSITIVE_INFINITY;
    if (this.#stopped) return;
    const now = this.#options.clock.now();
    for (let wake = this.#heap.takeDue(now); wake !== null; wake = this.#heap.takeDue(now)) this.#slots.offer({ kind: 'wake', wake });
    if (this.#heap.horizon < Number.POSITIVE_INFINITY && this.#hasRoom()) void this.#guard('extend', () => this.#extend());
    this.#arm();
  }

  #hasRoom(): boolean {
    return this.#heap.size < this.#options.capacity / 4;
  }

  /**
   * The heap let its later half go and has room again: load on from where it was cut. What is due already goes to the slots
   * and leaves the room as it is, so page after page is read until the heap holds enough or the index has no more.
   */
  async #extend(): Promise<void> {
    if (this.#extending) return;
    this.#extending = true;
    const limit = Math.max(1, Math.floor(this.#options.capacity / 2));
    const until = this.#options.clock.now() + limits.wakeHorizonMs;
    let reached = this.#heap.horizon;
    let cursor: Wake | undefined = endOf(this.#heap.horizon - 1);
    // From here on new wakes are taken whatever their time; older ones are in the due index, which is read next.
    this.#heap.horizon = Number.POSITIVE_INFINITY;
    try {
      do {
        const rows: readonly Wake[] = await this.#options.loadDue({ until, limit, after: cursor });
        await this.send(rows.filter((row) => !this.#slots.has(row.stream)));
        cursor = rows.length < limit ? undefined : rows.at(-1);
        reached = cursor?.dueAt ?? Number.POSITIVE_INFINITY;
      } while (cursor !== undefined && this.#hasRoom() && !this.#stopped);
    } finally {
      this.#heap.horizon = Math.min(this.#heap.horizon, reached);
      this.#extending = false;
      this.#arm();
    }
  }

  /**
   * A target whose waiting list overflowed has room again. What waits for a task of its own stays overdue, so page follows page instead
   * of the first one again.
   */
  async #restore(target: string): Promise<void> {
    if (this.#restoring.has(target)) return;
    const from = this.#slots.takeLetGo(target);
    if (from === null) return;
    this.#restoring.add(target);
    try {
      const limit = this.#options.waitingPerTarget;
      const after = { ...endOf(from.dueAt), ...from };
      const rows = await this.#options.loadDue({ target: target === '' ? null : target, until: this.#options.clock.now(), limit, after });
      const last = rows.length < limit ? undefined : rows.at(-1);
      if (last !== undefined) this.#slots.letGo(target, last);
      await this.send(rows.filter((row) => !this.#slots.has(row.stream)));
    } catch (error) {
      this.#slots.letGo(target, from);
      throw error;
    } finally {
      this.#restoring.delete(target);
    }
  }

  /** Loads the next strip of the due index, and what is overdue although nobody here knows of it. */
  async #sweep(): Promise<void> {
    const now = this.#options.clock.now();
    const until = now + limits.wakeHorizonMs;
    // After the clock was set back the last strip ends too late: what was appended since then may lie before its end.
    const from = until < this.#loadedUntil ? until - sweepEveryMs : this.#loadedUntil;
    const ports = { due: this.#options.loadDue, send: (wakes: readonly Wake[]) => this.send(wakes) };
    const isWhole = () => this.#heap.horizon === Number.POSITIVE_INFINITY && !this.#stopped;
    if (isWhole()) await loadDue(ports, { after: from, until, page: sweepPage, goOn: isWhole });
    this.#loadedUntil = until;
    if (this.#healedAt !== undefined) await this.#heal(this.#healedAt, now);
    this.#healedAt = now;
  }

  async #heal(healedAt: number, now: number): Promise<void> {
    const ports = {
      due: this.#options.loadDue,
      send: (wakes: readonly Wake[]) => this.send(wakes.filter(({ stream }) => !this.#slots.has(stream))),
    };
    for (const strip of healingStrips({ healedAt, now, afterMs: [overdueMs, ...healAfterMs] })) {
      await loadDue(ports, { ...strip, page: sweepPage, goOn: () => !this.#stopped });
    }
  }

  #failed({ kind, wake }: Job, error: unknown): void {
    const { logger, clock } = this.#options;
    logger.error('a job could not be done; it is looked at again in a minute', { kind, stream: wake.stream, error: String(error) });
    // The first try of a callback that is lost has a due row of its own.
    if (kind !== 'wake' || this.#stopped) return;
    if (wake.version > 0) {
      void this.send([{ ...wake, dueAt: clock.now() + sweepEveryMs }]);
      return;
    }
    // That of a parent bears no version: the heap would let it go for the one that it holds of the parent's own.
    const retry = this.#timers.after(sweepEveryMs, () => {
      this.#retries.delete(retry);
      void this.send([wake]);
    });
    this.#retries.add(retry);
  }

  async #guard(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!this.#stopped)
        this.#options.logger.error(`the scheduler could not ${what}; the next sweep tries again`, { error: String(error) });
    }
  }
}
