import { sameValue } from '../same-value.ts';
import type { ScheduleChanges, ScheduleDefinition } from './events.ts';
import { anchorOf } from './recurrence.ts';
import type { Live } from './state.ts';

/** What a schedule is after a change at `now`: the definition, what its rule is counted from, and whether its times are others now. */
export type Changed = {
  readonly definition: ScheduleDefinition;
  readonly anchorAt: number;
  readonly otherTimes: boolean;
};

const timing = ['rule', 'timezone', 'startAt', 'endAt'] as const;

export function changedBy(state: Live, changes: ScheduleChanges, now: number): Changed {
  const before = state.definition;
  const definition: ScheduleDefinition = { ...before, ...changes };
  const otherTimes = timing.some((field) => !sameValue(before[field], definition[field]));
  return { definition, anchorAt: anchorAfter(state, definition, now), otherTimes };
}

function anchorAfter(state: Live, definition: ScheduleDefinition, now: number): number {
  const { definition: before, anchorAt } = state;
  const { rule, startAt } = definition;
  if (startAt !== before.startAt) return anchorOf(rule, startAt, now);
  if (sameValue(rule, before.rule)) return anchorAt;
  // One interval after the change, but not before a start that is still ahead.
  if (rule.kind === 'every') return Math.max(startAt ?? 0, now + rule.intervalMs);
  const keepsClock = isCalendar(before.rule.kind) && isCalendar(rule.kind);
  return keepsClock ? anchorAt : anchorOf(rule, startAt, now);
}

function isCalendar(kind: ScheduleDefinition['rule']['kind']): boolean {
  return kind === 'daily' || kind === 'weekly' || kind === 'monthly';
}
