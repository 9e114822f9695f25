import type { PromisedSchedule } from '../../support/history-checker.ts';
import type { Client } from './client.ts';
import type { ToldEvent } from './history.ts';

/** How the answer of a task of theirs is retried, and how often at most. */
const maxAttempts = 30;

/**
 * Creates a schedule of each kind, each with so many times from a second on: one that makes up for every time it missed, by interval and by
 * cron, and one that makes up for the newest only. Their times are worked out here, by nothing of Errand's own.
 */
export async function createTimetable(
  client: Client,
  target: string,
  { count, now, mayMissAll }: { readonly count: number; readonly now: number; readonly mayMissAll: boolean },
): Promise<readonly PromisedSchedule[]> {
  const task = { request: { url: `${target}/plain` }, retry: { backoff: 'fixed', initialDelay: '200ms', maxAttempts } };
  const everyMs = 1_000;
  const startAt = now + 1_500;
  // Cron fires on whole seconds: the first even one after the start.
  const firstEven = Math.ceil(startAt / 2_000) * 2_000;
  const common = { task, startAt: new Date(startAt).toISOString(), overlap: 'allow', maxOccurrences: count };
  const wanted = [
    { id: 'interval', more: { every: `${everyMs}ms`, misfire: 'run-all' }, first: startAt, stepMs: everyMs },
    { id: 'cron', more: { cron: '*/2 * * * * *', misfire: 'run-all' }, first: firstEven, stepMs: 2_000 },
    { id: 'newest', more: { every: '1s', misfire: 'run-once' }, first: startAt, stepMs: everyMs, mayMiss: true },
  ];
  const schedules: PromisedSchedule[] = [];
  for (const { id, more, first, stepMs, mayMiss = mayMissAll } of wanted) {
    const answer = await client.post('/schedules', { id, ...common, ...more });
    if (answer.status !== 201) throw new Error(`the schedule ${id} was refused: ${answer.text}`);
    // What was left out does not count, so there are more times than occurrences: some hours of them.
    const times = Array.from({ length: mayMiss ? 10_000 : count }, (_unused, index) => first + index * stepMs);
    schedules.push({ schedule: id, acknowledged: true, times, maxAttempts, mayMiss });
  }
  return schedules;
}

/** Without the times after the last that was fired, where a schedule ended by its count or by hand: those are nobody's. */
export function upToLast(promised: PromisedSchedule, events: readonly ToldEvent[]): PromisedSchedule {
  const fired = events.flatMap(({ id, type, data }) =>
    id === promised.schedule && type === 'OccurrenceFired' ? [Date.parse(data.dueAt)] : [],
  );
  const last = Math.max(...fired);
  return { ...promised, times: promised.times.filter((time) => time <= last) };
}
