import type { DueQuery, Wake } from '../../src/application/ports.ts';

/** The due index behind a scheduler: rows in order, taken out when they have been acted upon. Fast enough for hundreds of thousands. */
export class DueIndex {
  #rows: Wake[] = [];
  #unsorted = false;
  #first = 0;
  readonly #gone = new Set<Wake>();
  readonly #byStream = new Map<string, Wake>();

  add(wakes: readonly Wake[]): void {
    for (const wake of wakes) {
      const old = this.#byStream.get(wake.stream);
      if (old !== undefined) this.#gone.add(old);
      this.#byStream.set(wake.stream, wake);
      this.#rows.push(wake);
    }
    this.#unsorted = true;
  }

  get(stream: string): Wake | undefined {
    return this.#byStream.get(stream);
  }

  remove(stream: string): void {
    const row = this.#byStream.get(stream);
    if (row === undefined) return;
    this.#byStream.delete(stream);
    this.#gone.add(row);
  }

  get size(): number {
    return this.#byStream.size;
  }

  load({ until, limit, target, after }: DueQuery): readonly Wake[] {
    this.#sort();
    const found: Wake[] = [];
    for (
      let index = Math.max(this.#first, this.#placeAfter(after ?? { dueAt: Number.NEGATIVE_INFINITY, stream: '' }));
      found.length < limit;
      index += 1
    ) {
      const row = this.#rows[index];
      if (row === undefined || row.dueAt > until) break;
      if (!this.#gone.has(row) && (target === undefined || row.target === target)) found.push(row);
    }
    return found;
  }

  #sort(): void {
    if (this.#unsorted) {
      this.#rows = this.#rows.filter((row) => !this.#gone.has(row)).sort(order);
      this.#gone.clear();
      this.#first = 0;
      this.#unsorted = false;
    }
    for (let row = this.#rows[this.#first]; row !== undefined && this.#gone.has(row); row = this.#rows[this.#first]) this.#first += 1;
  }

  #placeAfter(place: Pick<Wake, 'dueAt' | 'stream'>): number {
    let [low, high] = [0, this.#rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const row = this.#rows[middle];
      if (row !== undefined && order(row, place) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function order(left: Pick<Wake, 'dueAt' | 'stream'>, right: Pick<Wake, 'dueAt' | 'stream'>): number {
  return left.dueAt - right.dueAt || (left.stream < right.stream ? -1 : left.stream > right.stream ? 1 : 0);
}
