import type { ScheduleDefinition } from '../../src/domain/schedule/events.ts';

export type Rules = Pick<ScheduleDefinition, 'overlap' | 'misfire' | 'catchUpWithinMs' | 'maxOccurrences'> & { readonly everyMs: number };
export type Changes = { readonly everyMs?: number; readonly maxOccurrences?: number | null };

/**
 * A schedule as a careful person would keep it by hand: a list of times, each of which is fired, kept or crossed off. It lists what the
 * schedule only counts, and knows nothing of events, looks or lookups.
 */
export class Diary {
  readonly fired: number[] = [];
  readonly skipped: { readonly misfire: number[]; readonly overlap: number[] } = { misfire: [], overlap: [] };
  readonly taken = 0;
  status: 'active' | 'paused' | 'finished' = 'active';
  buffered: number | null = null;
  /** The last occurrence is not over yet. */
  busy = false;
  now: number;
  private rules: Rules;
  /** The earliest time that was not dealt with. */
  private next: number;

  constructor(rules: Rules, now: number) {
    this.rules = rules;
    this.now = now;
    this.next = now + rules.everyMs;
  }

  private exhausted(): boolean {
    const { maxOccurrences } = this.rules;
    return maxOccurrences !== null && this.fired.length + (this.buffered === null ? 0 : 1) >= maxOccurrences;
  }

  private fire(time: number): void {
    this.fired.push(time);
    this.busy = true;
  }

  /** Does all that is due now. */
  wake(): void {
    while (this.status === 'active') {
      const waits = this.busy && this.rules.overlap !== 'allow';
      if (this.buffered !== null && !waits) {
        this.fire(this.buffered);
        this.buffered = null;
        continue;
      }
      if (this.exhausted()) {
        if (this.buffered === null) this.status = 'finished';
        return;
      }
      if (this.next > this.now) return;
      if (this.now - this.next > 5_000 && this.crossOffMissed()) continue;
      const time = this.next;
      this.next += this.rules.everyMs;
      if (!waits) this.fire(time);
      else if (this.rules.overlap === 'skip' || this.buffered !== null) this.skipped.overlap.push(time);
      else this.buffered = time;
    }
  }

  /** Crosses off what was missed and is not made up for; whether there was any. */
  private crossOffMissed(): boolean {
    const missed: number[] = [];
    for (let time = this.next; time <= this.now; time += this.rules.everyMs) missed.push(time);
    const recent = missed.filter((time) => time >= this.now - this.rules.catchUpWithinMs);
    const kept: readonly number[] = { skip: [], 'run-once': recent.slice(-1), 'run-all': recent.slice(-1_000) }[this.rules.misfire];
    const left = missed.filter((time) => !kept.includes(time));
    this.skipped.misfire.push(...left);
    this.next = kept[0] ?? (missed.at(-1) ?? 0) + this.rules.everyMs;
    return left.length > 0;
  }

  pause(): void {
    if (this.status !== 'active') return;
    this.status = 'paused';
    this.buffered = null;
  }

  resume(): void {
    if (this.status !== 'paused') return;
    this.status = 'active';
    this.skipPast();
  }

  /** The first time of the same beat that is still to come. */
  private skipPast(): void {
    while (this.next <= this.now) this.next += this.rules.everyMs;
  }

  change({ everyMs, maxOccurrences }: Changes): void {
    if (everyMs !== undefined && everyMs !== this.rules.everyMs) {
      this.rules = { ...this.rules, everyMs };
      this.next = this.now + everyMs;
    }
    if (maxOccurrences === undefined || maxOccurrences === this.rules.maxOccurrences) return;
    const wasOver = this.exhausted();
    this.rules = { ...this.rules, maxOccurrences };
    // There is no occurrence left for the time that waits.
    if (maxOccurrences !== null && this.fired.length >= maxOccurrences) this.buffered = null;
    if (this.exhausted() || this.status === 'paused') return;
    // Brought back: what lay before is gone.
    if (wasOver) this.skipPast();
    this.status = 'active';
  }
}
