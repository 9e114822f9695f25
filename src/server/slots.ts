import type { Wake } from '../application/ports.ts';

/** Something to do for a stream that occupies a slot of its target while it is done. */
export type Job = { readonly kind: 'wake' | 'callback'; readonly wake: Wake };

export type SlotOptions = {
  /** Jobs under way at most. */
  readonly total: number;
  /** Jobs under way for one target at most, so that one target cannot starve the rest. */
  readonly perTarget: number;
  /** Jobs that may wait for a slot of one target; more are let go and found again in the due index. */
  readonly waitingPerTarget: number;
  /** Does the job. Must not throw. */
  readonly run: (job: Job) => Promise<void>;
  /** A target had jobs let go and has room again. */
  readonly onRoom: (target: string) => void;
};

/** A place in the order of the due index. */
type Place = Pick<Wake, 'dueAt' | 'stream'>;

type Target = {
  readonly name: string;
  underWay: number;
  waiting: Job[];
  /** Where the waiting jobs begin: the ones before have been taken. */
  first: number;
  inTurn: boolean;
  /** The earliest of what was let go; null if nothing was. */
  letGo: Place | null;
};

/** Shares slots out by target: each has a bound of its own, and where the total is the limit they take turns. */
export class Slots {
  readonly #options: SlotOptions;
  readonly #targets = new Map<string, Target>();
  /** Streams that wait, by the target they wait for: the sweep may name them again. */
  readonly #waitingStreams = new Map<string, string>();
  #turns: Target[] = [];
  #underWay = 0;
  #waiting = 0;
  #stopped = false;
  #idle: PromiseWithResolvers<void> | undefined;

  constructor(options: SlotOptions) {
    this.#options = options;
  }

  get underWay(): number {
    return this.#underWay;
  }

  get waiting(): number {
    return this.#waiting;
  }

  has(stream: string): boolean {
    return this.#waitingStreams.has(stream);
  }

  /** Starts the job when its target has a free slot, now or later. */
  offer(job: Job): void {
    if (this.#stopped) return;
    const name = job.wake.target ?? '';
    const target = this.#target(name);
    const { total, perTarget, waitingPerTarget } = this.#options;
    if (this.#underWay < total && target.underWay < perTarget && target.waiting.length === target.first) {
      this.#start(target, job);
      return;
    }
    if (job.kind === 'wake' && this.#waitingStreams.get(job.wake.stream) === name) return;
    if (target.waiting.length - target.first >= waitingPerTarget) {
      this.letGo(name, { dueAt: job.wake.dueAt, stream: '' });
      return;
    }
    target.waiting.push(job);
    this.#waiting += 1;
    if (job.kind === 'wake') this.#waitingStreams.set(job.wake.stream, name);
    this.#takeTurn(target);
  }

  /** What stands at that place or after it is to be offered again once there is room. */
  letGo(name: string, place: Place): void {
    const target = this.#target(name);
    if (target.letGo === null || isBefore(place, target.letGo)) target.letGo = place;
  }

  /** From where on jobs of a target were let go, for the caller to offer them again; null if none were. */
  takeLetGo(name: string): Place | null {
    const target = this.#targets.get(name);
    if (target === undefined) return null;
    const { letGo } = target;
    target.letGo = null;
    this.#forgetIdle(target);
    return letGo;
  }

  /** Starts nothing more; resolves when all that is under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#underWay === 0) return;
    this.#idle ??= Promise.withResolvers<void>();
    await this.#idle.promise;
  }

  #target(name: string): Target {
    const known = this.#targets.get(name);
    if (known !== undefined) return known;
    const target: Target = { name, underWay: 0, waiting: [], first: 0, inTurn: false, letGo: null };
    this.#targets.set(name, target);
    return target;
  }

  #start(target: Target, job: Job): void {
    target.underWay += 1;
    this.#underWay += 1;
    void this.#options.run(job).finally(() => this.#end(target));
  }

  #end(target: Target): void {
    target.underWay -= 1;
    this.#underWay -= 1;
    if (this.#stopped) {
      if (this.#underWay === 0) this.#idle?.resolve();
      return;
    }
    this.#takeTurn(target);
    this.#startWaiting();
    const { waitingPerTarget, onRoom } = this.#options;
    if (target.letGo !== null && target.waiting.length - target.first < waitingPerTarget / 2) onRoom(target.name);
    this.#forgetIdle(target);
  }

  #takeTurn(target: Target): void {
    if (target.inTurn || target.waiting.length === target.first || target.underWay >= this.#options.perTarget) return;
    target.inTurn = true;
    this.#turns.push(target);
  }

  #startWaiting(): void {
    while (this.#underWay < this.#options.total) {
      const target = this.#turns.shift();
      if (target === undefined) return;
      target.inTurn = false;
      const job = this.#takeWaiting(target);
      if (job === undefined) continue;
      this.#start(target, job);
      this.#takeTurn(target);
    }
  }

  #takeWaiting(target: Target): Job | undefined {
    if (target.underWay >= this.#options.perTarget) return undefined;
    const job = target.waiting[target.first];
    if (job === undefined) return undefined;
    target.first += 1;
    if (target.first > 1_024 && target.first * 2 > target.waiting.length) {
      target.waiting = target.waiting.slice(target.first);
      target.first = 0;
    }
    this.#waiting -= 1;
    if (this.#waitingStreams.get(job.wake.stream) === target.name) this.#waitingStreams.delete(job.wake.stream);
    return job;
  }

  /** Targets come and go by the million; one that nothing is known of costs nothing. */
  #forgetIdle(target: Target): void {
    if (target.underWay === 0 && target.waiting.length === target.first && target.letGo === null && !target.inTurn) {
      this.#targets.delete(target.name);
    }
  }
}

function isBefore(one: Place, other: Place): boolean {
  return one.dueAt < other.dueAt || (one.dueAt === other.dueAt && one.stream < other.stream);
}
