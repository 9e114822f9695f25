type Entry = { readonly at: number; readonly order: number; run: (() => void) | null };

/** Takes back what was to happen; no harm once it has. */
export type Cancel = () => void;

/**
 * The time of one world, in epoch milliseconds, and everything that is to happen in it. Time stands still while anything runs: after each
 * happening all continuations of it run to their end before the next one is looked at. What is due at one moment happens in the
 * order in which it was put here.
 */
export class Timeline {
  #now: number;
  #order = 0;
  #happened = 0;
  readonly #heap: Entry[] = [];

  constructor(start: number) {
    this.#now = start;
  }

  get now(): number {
    return this.#now;
  }

  /** How much has happened. */
  get happened(): number {
    return this.#happened;
  }

  after(ms: number, run: () => void): Cancel {
    const entry: Entry = { at: this.#now + Math.max(0, ms), order: this.#order, run };
    this.#order += 1;
    this.#push(entry);
    return () => {
      entry.run = null;
    };
  }

  /** Lets time pass up to `end`, or until `isOver` says so, which is asked after each happening. */
  async run(end: number, isOver: () => boolean = () => false): Promise<void> {
    await turn();
    for (let next = this.#heap[0]; next !== undefined && next.at <= end; next = this.#heap[0]) {
      this.#pop();
      if (next.run === null) continue;
      this.#now = next.at;
      this.#happened += 1;
      next.run();
      await turn();
      if (isOver()) return;
    }
    this.#now = end;
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || isBefore(parent, entry)) break;
      heap[index] = parent;
      index = above;
    }
    heap[index] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      const [one, other] = [heap[left], heap[left + 1]];
      if (one === undefined) break;
      const [child, at] = other !== undefined && isBefore(other, one) ? [other, left + 1] : [one, left];
      if (isBefore(last, child)) break;
      heap[index] = child;
      index = at;
    }
    heap[index] = last;
  }
}

function isBefore(left: Entry, right: Entry): boolean {
  return left.at < right.at || (left.at === right.at && left.order < right.order);
}

/** Every continuation that needs nothing from outside has run when this resolves. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
