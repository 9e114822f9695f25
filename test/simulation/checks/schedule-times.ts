import { scheduleEvent } from '../../../src/application/event-schemas.ts';
import type { World } from '../kernel/world.ts';
import type { EventTable } from '../services/event-table.ts';

const second = 1_000;
const minute = 60 * second;
/** The expressions that clients of a world use, each as the least step that hits all its times and what picks them out of it. */
const crons: Readonly<Record<string, { readonly stepMs: number; readonly hits: (at: number) => boolean }>> = {
  '*/7 * * * * *': { stepMs: second, hits: (at) => Math.floor((at % minute) / second) % 7 === 0 },
  '30 * * * * *': { stepMs: second, hits: (at) => at % minute === 30 * second },
  '*/3 * * * *': { stepMs: minute, hits: (at) => (at / minute) % 3 === 0 },
  '*/20 * * * *': { stepMs: minute, hits: (at) => (at / minute) % 20 === 0 },
};

/** The times of a rule after one moment up to another, both in epoch milliseconds, by arithmetic alone; null for a rule that it cannot tell. */
export function timesOf(
  rule: { readonly kind: string; readonly intervalMs?: number; readonly expression?: string },
  anchorAt: number,
  after: number,
  upTo: number,
): readonly number[] | null {
  const times: number[] = [];
  if (rule.kind === 'every' && rule.intervalMs !== undefined) {
    const first = anchorAt + Math.max(0, Math.floor((after - anchorAt) / rule.intervalMs) + 1) * rule.intervalMs;
    for (let at = first; at <= upTo; at += rule.intervalMs) times.push(at);
    return times;
  }
  const cron = crons[rule.expression ?? ''];
  if (rule.kind !== 'cron' || cron === undefined) return null;
  for (let at = (Math.floor(after / cron.stepMs) + 1) * cron.stepMs; at <= upTo; at += cron.stepMs) if (cron.hits(at)) times.push(at);
  return times;
}

/**
 * Every time of a schedule that nobody changed or paused was fired or recorded as skipped, once; and it did not stop before its end.
 * What the times are is reckoned here, not by the code.
 */
export function checkTimes(world: World, table: EventTable, stream: string, calmAt: number): void {
  const entries = table.of(stream);
  const [first, ...rest] = entries.map(({ event }) => scheduleEvent(event));
  if (first?.type !== 'ScheduleCreated') return;
  if (rest.some(({ type }) => type === 'ScheduleChanged' || type === 'ScheduleResumed' || type === 'SchedulePaused')) return;
  const { rule, anchorAt } = first.data;
  const covered = new Map<number, number>();
  const cover = (at: number): void => void covered.set(at, (covered.get(at) ?? 0) + 1);
  let [isOver, reached] = [false, first.occurredAt];
  let buffered: number | null = null;
  for (const event of rest) {
    if (event.type === 'OccurrenceBuffered') {
      buffered = event.data.dueAt;
      cover(buffered);
    } else if (event.type === 'OccurrenceFired') {
      if (event.data.dueAt !== buffered) cover(event.data.dueAt);
    }
    // One whose task could not be made was fired before.
    else if (event.type === 'OccurrencesSkipped' && event.data.why !== 'id-taken') {
      const { from, to, count } = event.data;
      const skipped = timesOf(rule, anchorAt, from - 1, to);
      if (skipped === null) return;
      if (skipped.length !== count || skipped[0] !== from || skipped.at(-1) !== to) {
        world.violate('times', `${stream} skipped ${count} from ${from} to ${to}, where there are ${skipped.length}`);
      }
      for (const at of skipped) cover(at);
    } else if (event.type === 'ScheduleFinished') isOver = true;
  }
  for (const at of covered.keys()) reached = Math.max(reached, at);
  const expected = timesOf(rule, anchorAt, first.occurredAt, reached);
  if (expected === null) return;
  for (const at of expected) {
    const times = covered.get(at) ?? 0;
    if (times !== 1) world.violate('times', `${stream}: ${new Date(at).toISOString()} was dealt with ${times} times`);
    covered.delete(at);
  }
  for (const at of covered.keys()) world.violate('times', `${stream}: ${new Date(at).toISOString()} is none of its times`);
  const ended = entries.at(-1);
  if (isOver || ended?.event.type !== 'ScheduleDeleted' || ended.at < calmAt) return;
  const [missed] = timesOf(rule, anchorAt, reached, ended.at - longestLateMs) ?? [];
  // One that is held back, or whose jitter moves it, is still to come.
  if (missed !== undefined && first.data.jitterMs === 0 && first.data.overlap !== 'buffer-one') {
    world.violate('L1', `${stream} stopped: ${new Date(missed).toISOString()} was never dealt with`);
  }
}

const longestLateMs = 3 * minute;
