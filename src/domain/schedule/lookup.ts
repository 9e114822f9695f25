import { limits } from '../limits.ts';
import type { Misfire, ScheduleChanges } from './events.ts';
import type { Live } from './state.ts';

/** What comes after a moment, in epoch milliseconds. */
export type Following = { readonly kind: 'following'; readonly after: number };
/** The times from `from` up to `upTo` are late; of those not before `notBefore` the newest `keep` are made up for. */
export type Missed = {
  readonly kind: 'missed';
  readonly from: number;
  readonly upTo: number;
  readonly notBefore: number;
  readonly keep: number;
};
/** What has to be known of a recurrence before a decision, and so what the decision is about. */
export type Lookup = Following | Missed;

/**
 * The answer to a lookup. `upcoming` are the first two times that are left afterwards: the second one bounds the jitter of the first.
 * `skipped` are the missed times that are not made up for, the first of which is the lookup's `from`; null if there are none.
 */
export type Times = {
  readonly lookup: Lookup;
  readonly skipped: { readonly to: number; readonly count: number } | null;
  readonly upcoming: readonly number[];
};

const kept: Readonly<Record<Misfire, number>> = { skip: 0, 'run-once': 1, 'run-all': limits.catchUpOccurrences };

/** What a look at `now` has to know; null while no regular time is due. */
export function lookupAt(state: Live, now: number): Lookup | null {
  if (state.status !== 'active' || state.next === null || now < state.next.fireAt) return null;
  const { dueAt, fireAt } = state.next;
  // A little late is late: misfires are for what passed while nothing could run.
  if (now - fireAt <= limits.misfireAfterMs) return { kind: 'following', after: dueAt };
  const { misfire, catchUpWithinMs } = state.definition;
  return { kind: 'missed', from: dueAt, upTo: now, notBefore: now - catchUpWithinMs, keep: kept[misfire] };
}

/** What a resumption at `now` has to know. A time that was dealt with stays so, also by a clock that is behind. */
export function lookupFrom(state: Live, now: number): Following {
  return { kind: 'following', after: Math.max(now, state.through ?? now) };
}

/** What a change at `now` has to know. A new start that has just passed is its first time. */
export function lookupAfterChange(state: Live, { startAt = null }: ScheduleChanges, now: number): Following {
  if (startAt === null || startAt === state.definition.startAt || !hasJustPassed(startAt, now)) return lookupFrom(state, now);
  return lookupFrom(state, startAt - 1);
}

/** What a creation at `now` has to know: a time that falls on this very moment is still to come, and so is a start that has just passed. */
export function lookupAtCreation(now: number, startAt: number | null): Following {
  return { kind: 'following', after: (startAt !== null && hasJustPassed(startAt, now) ? startAt : now) - 1 };
}

/** A start that was now when it was sent has passed when it arrives: it is as late as any time may be that still fires. */
function hasJustPassed(startAt: number, now: number): boolean {
  return startAt <= now && now - startAt <= limits.misfireAfterMs;
}

/** Whether the times were looked up for this very question: otherwise the stream has moved on, and they have to be looked up again. */
export function answers(times: Times, lookup: Lookup): boolean {
  const asked = times.lookup;
  if (asked.kind === 'following') return lookup.kind === 'following' && asked.after === lookup.after;
  if (lookup.kind === 'following') return false;
  const { from, upTo, notBefore, keep } = lookup;
  return asked.from === from && asked.upTo === upTo && asked.notBefore === notBefore && asked.keep === keep;
}
