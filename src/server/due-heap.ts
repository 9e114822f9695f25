import type { Wake } from '../application/ports.ts';

/**
 * The nearest wakes, at most one per stream and at most `capacity` of them, earliest first. When it is full the later half is
 * let go and `horizon` says from when on: those are found again in the due index. A million waiting tasks cost disk, not memory.
 */
export class DueHeap {
  readonly #capacity: number;
  readonly #newest = new Map<string, Wake>();
  #heap: Wake[] = [];
  #horizon = Number.POSITIVE_INFINITY;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#newest.size;
  }

  /** Wakes due after this may be missing here. */
  get horizon(): number {
    return this.#horizon;
  }

  /** What lies beyond a new horizon is let go: it would take the room of nearer wakes that are missing. */
  set horizon(dueAt: number) {
    this.#horizon = dueAt;
    const kept = [...this.#newest.values()].filter((wake) => wake.dueAt <= dueAt);
    if (kept.length < this.#newest.size) this.#keep(kept);
  }

  /** Takes a wake unless it lies beyond the horizon or a newer version's is held already. */
  push(wake: Wake): void {
    if (wake.dueAt > this.#horizon) return;
    const held = this.#newest.get(wake.stream);
    if (held !== undefined && (held.version > wake.version || (held.version === wake.version && held.dueAt === wake.dueAt))) return;
    this.#newest.set(wake.stream, wake);
    this.#heap.push(wake);
    this.#rise(this.#heap.length - 1);
    if (this.#newest.size > this.#capacity) this.#shed();
    else if (this.#heap.length > 2 * this.#capacity) this.#rebuild([...this.#newest.values()]);
  }

  /** The time of the earliest wake, or null. */
  next(): number | null {
    this.#dropStale();
    return this.#heap[0]?.dueAt ?? null;
  }

  /** Takes out the earliest wake if it is due. */
  takeDue(now: number): Wake | null {
    this.#dropStale();
    const first = this.#heap[0];
    if (first === undefined || first.dueAt > now) return null;
    this.#removeFirst();
    this.#newest.delete(first.stream);
    return first;
  }

  #dropStale(): void {
    for (let first = this.#heap[0]; first !== undefined && this.#newest.get(first.stream) !== first; first = this.#heap[0]) {
      this.#removeFirst();
    }
  }

  #shed(): void {
    const sorted = [...this.#newest.values()].sort((left, right) => left.dueAt - right.dueAt);
    const kept = sorted.slice(0, Math.ceil(this.#capacity / 2));
    this.#keep(kept);
    this.#horizon = kept.at(-1)?.dueAt ?? this.#horizon;
  }

  #keep(wakes: Wake[]): void {
    this.#newest.clear();
    for (const wake of wakes) this.#newest.set(wake.stream, wake);
    this.#rebuild(wakes);
  }

  /** An ascending array is a heap already. */
  #rebuild(wakes: Wake[]): void {
    this.#heap = wakes.sort((left, right) => left.dueAt - right.dueAt);
  }

  #removeFirst(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink(0);
  }

  #rise(from: number): void {
    const heap = this.#heap;
    let index = from;
    const wake = heap[index];
    if (wake === undefined) return;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || parent.dueAt <= wake.dueAt) break;
      heap[index] = parent;
      index = above;
    }
    heap[index] = wake;
  }

  #sink(from: number): void {
    const heap = this.#heap;
    const wake = heap[from];
    if (wake === undefined) return;
    let index = from;
    for (;;) {
      const left = 2 * index + 1;
      const right = left + 1;
      const lower = dueAt(heap[right]) < dueAt(heap[left]) ? right : left;
      const child = heap[lower];
      if (child === undefined || child.dueAt >= wake.dueAt) break;
      heap[index] = child;
      index = lower;
    }
    heap[index] = wake;
  }
}

function dueAt(wake: Wake | undefined): number {
  return wake?.dueAt ?? Number.POSITIVE_INFINITY;
}
