import { type Facts, factsOfParent, noLabels } from '../facts.ts';
import { limits } from '../limits.ts';
import type { BodyRef } from '../task/state.ts';
import type { ScheduleDefinition } from './events.ts';
import type { NextTime } from './jitter.ts';
import type { Recurrence } from './recurrence.ts';

/** An occurrence that was fired: its number from 1, its regular time, its task. */
export type FiredOccurrence = { readonly occurrence: number; readonly dueAt: number; readonly taskId: string };
/** The task named last, until it is known to be there. A triggered one has no number. */
export type UnconfirmedChild = {
  readonly taskId: string;
  readonly occurrence: number | null;
  readonly dueAt: number;
  readonly namedAt: number;
};

type Existing = {
  readonly id: string;
  readonly version: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly definition: ScheduleDefinition;
  /** Where the bytes of the template's body lie. */
  readonly body: BodyRef | null;
  readonly anchorAt: number;
  /** The newest regular time that was fired, buffered or skipped: none at or before it can ever fire again. */
  readonly through: number | null;
  /** The number of the last occurrence. */
  readonly numbered: number;
  /** Fired so far: those whose id turned out to be taken do not count. */
  readonly occurrences: number;
  readonly skipped: number;
  /** Triggers that were numbered here rather than by their caller. */
  readonly triggers: number;
  readonly changes: number;
  /** The newest at the end. */
  readonly lastRuns: readonly FiredOccurrence[];
  readonly unconfirmed: UnconfirmedChild | null;
};

export type Active = Existing & {
  readonly status: 'active';
  readonly next: NextTime | null;
  readonly buffered: { readonly dueAt: number; readonly bufferedAt: number } | null;
};
export type Paused = Existing & { readonly status: 'paused'; readonly pausedAt: number };
export type Finished = Existing & { readonly status: 'finished'; readonly finishedAt: number };
export type Live = Active | Paused | Finished;
/** What is left of a deleted schedule: its id for ever, so that its tasks' ids are never made twice. */
export type Deleted = {
  readonly status: 'deleted';
  readonly id: string;
  readonly version: number;
  readonly createdAt: number;
  readonly updatedAt: number;
};
export type Missing = { readonly status: 'missing'; readonly version: 0 };

export type ScheduleState = Missing | Live | Deleted;
export type ScheduleStatus = Live['status'];

export const initialSchedule: Missing = { status: 'missing', version: 0 };

export function isLive(state: ScheduleState): state is Live {
  return state.status !== 'missing' && state.status !== 'deleted';
}

export function recurrenceOf(state: Pick<Existing, 'definition' | 'anchorAt'>): Recurrence {
  const { rule, timezone, endAt } = state.definition;
  return { rule, timezone, anchorAt: state.anchorAt, endAt };
}

/** The id of the task that is occurrence n, or a trigger. */
export function childId(scheduleId: string, child: number | { readonly trigger: number | string }): string {
  return typeof child === 'number' ? `${scheduleId}.${child}` : `${scheduleId}.trigger-${child.trigger}`;
}

/** The occurrence whose end the next one may have to wait for. */
export function previousOf(state: Live): FiredOccurrence | null {
  return state.lastRuns.at(-1) ?? null;
}

/** The number that the next regular time will have if it fires: a buffered one comes first. */
export function nextNumber(state: Live): number {
  return state.numbered + (state.status === 'active' && state.buffered !== null ? 2 : 1);
}

/** How many occurrences may still be fired, a buffered one not counted. */
export function remaining(state: Live, maxOccurrences = state.definition.maxOccurrences): number {
  if (maxOccurrences === null) return Number.POSITIVE_INFINITY;
  const kept = state.status === 'active' && state.buffered !== null ? 1 : 0;
  return Math.max(0, maxOccurrences - state.occurrences - kept);
}

/**
 * When the stream next needs a look, in epoch milliseconds; null exactly when nothing is left to happen by itself.
 * While a buffered time waits for the occurrence before it this may lie in the past: `nextLook` says when time alone changes anything.
 */
export function wakeAt(state: ScheduleState): number | null {
  if (!isLive(state)) return null;
  const looks: number[] = [];
  if (state.unconfirmed !== null) looks.push(state.unconfirmed.namedAt + limits.childHealMs);
  if (state.status === 'active') {
    if (state.next !== null) looks.push(state.next.fireAt);
    if (state.buffered !== null) looks.push(state.buffered.bufferedAt + limits.childHealMs);
    // Nothing left: what remains is to say so.
    if (state.next === null && state.buffered === null) looks.push(state.updatedAt);
  }
  return looks.length === 0 ? null : Math.min(...looks);
}

/** When the passing of time alone next makes something due after a look at `now` that appended nothing; null if only a child's end can. */
export function nextLook(state: ScheduleState, now: number): number | null {
  if (state.status !== 'active' || state.next === null || state.next.fireAt <= now) return null;
  return state.next.fireAt;
}

/** The facts stored beside each event. */
export function factsOf(state: ScheduleState): Facts {
  return factsOfParent({ status: state.status, wakeAt: wakeAt(state), labels: isLive(state) ? state.definition.labels : noLabels });
}
