import type { Statistics, Tally } from '../../application/ports.ts';
import type { TaskStatus } from '../../domain/task/state.ts';
import { type Item, numberAt, textAt } from './event-item.ts';

export type StatisticsOptions = {
  /** How many items the counters are spread over: one item takes about a thousand writes a second. */
  readonly counters: number;
};

const statuses: readonly TaskStatus[] = ['scheduled', 'running', 'waiting', 'succeeded', 'failed', 'cancelled'];
const tallied = ['started', 'succeeded', 'failed', 'retried'] as const;

export function countsKey(counter: string): string {
  return `counts#${counter}`;
}

export function minuteKey(minute: number, counter: string): string {
  return `minute#${minute}#${counter}`;
}

/** Sums the counter items up. */
export function statisticsOf(items: readonly Item[]): Omit<Statistics, 'oldestDueAt'> {
  const sum = (prefix: string, name: string) =>
    items.filter((item) => textAt(item, 'pk')?.startsWith(prefix)).reduce((total, item) => total + (numberAt(item, name) ?? 0), 0);
  return {
    counts: Object.fromEntries(statuses.map((status) => [status, sum('counts#', status)])) as Record<TaskStatus, number>,
    lastHour: Object.fromEntries(tallied.map((name) => [name, sum('minute#', name)])) as Omit<Tally, 'minute'>,
  };
}
