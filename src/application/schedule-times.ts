import { limits } from '../domain/limits.ts';
import { changedBy } from '../domain/schedule/change.ts';
import type { ScheduleChanges, ScheduleDefinition } from '../domain/schedule/events.ts';
import { firstOf } from '../domain/schedule/jitter.ts';
import {
  type Following,
  lookupAfterChange,
  lookupAt,
  lookupAtCreation,
  lookupFrom,
  type Missed,
  type Times,
} from '../domain/schedule/lookup.ts';
import type { Recurrence } from '../domain/schedule/recurrence.ts';
import { type Live, nextNumber, recurrenceOf, remaining } from '../domain/schedule/state.ts';
import type { Recurrences } from './ports.ts';

/** The next time and the one after it, which bounds the jitter of the first. */
const ahead = 2;

function following(recurrences: Recurrences, recurrence: Recurrence, lookup: Following): Times {
  return { lookup, skipped: null, upcoming: recurrences.after(recurrence, lookup.after, ahead) };
}

/** What a schedule that is created at `now` needs to know. */
export function timesAtCreation(
  recurrences: Recurrences,
  created: { readonly definition: ScheduleDefinition; readonly anchorAt: number; readonly now: number },
): Times {
  return following(recurrences, recurrenceOf(created), lookupAtCreation(created.now, created.definition.startAt));
}

/** What a resumption at `now` needs to know, or a child that is given up: then `now` is the time that it was for. */
export function timesFrom(recurrences: Recurrences, state: Live, now: number): Times {
  return following(recurrences, recurrenceOf(state), lookupFrom(state, now));
}

/** What a change at `now` needs to know: the times of the schedule as it will be. */
export function timesAfterChange(recurrences: Recurrences, state: Live, changes: ScheduleChanges, now: number): Times {
  return following(recurrences, recurrenceOf(changedBy(state, changes, now)), lookupAfterChange(state, changes, now));
}

/** What a look at `now` needs to know; null if no regular time is due. */
export function timesAtLook(recurrences: Recurrences, state: Live, now: number): Times | null {
  const lookup = lookupAt(state, now);
  if (lookup === null) return null;
  return lookup.kind === 'following' ? following(recurrences, recurrenceOf(state), lookup) : missed(recurrences, state, lookup);
}

/**
 * Splits the missed times into those that are left out and the rest. The earliest counts as a time whatever the recurrence says
 * today: it was promised before the zone's rules may have changed.
 */
function missed(recurrences: Recurrences, state: Live, lookup: Missed): Times {
  const recurrence = recurrenceOf(state);
  const { from } = lookup;
  const newest = newestMissed(recurrences, state, lookup);
  const first = firstKept(recurrences, recurrence, lookup, newest);
  if (first === from) return { lookup, skipped: null, upcoming: recurrences.after(recurrence, from, ahead) };
  const to = first === null ? newest : (recurrences.last(recurrence, { after: from, upTo: first - 1 }, 1)[0] ?? from);
  const count = 1 + recurrences.count(recurrence, { after: from, upTo: to });
  return { lookup, skipped: { to, count }, upcoming: recurrences.after(recurrence, to, ahead) };
}

/** The newest time up to now that should have fired by now: one whose jitter lies ahead is not missed. */
function newestMissed(recurrences: Recurrences, state: Live, { from, upTo }: Missed): number {
  const recurrence = recurrenceOf(state);
  const [newest, before] = recurrences.last(recurrence, { after: from, upTo }, 2);
  if (newest === undefined) return from;
  const upcoming = [newest, ...recurrences.after(recurrence, newest, 1)];
  const next = firstOf(upcoming, { scheduleId: state.id, occurrence: nextNumber(state), jitterMs: state.definition.jitterMs });
  return next !== null && next.fireAt <= upTo ? newest : (before ?? from);
}

/** The earliest missed time that is made up for; null if none is. */
function firstKept(recurrences: Recurrences, recurrence: Recurrence, { from, notBefore, keep }: Missed, newest: number): number | null {
  if (keep === 0 || newest < notBefore) return null;
  const recent = from >= notBefore ? from : (recurrences.after(recurrence, notBefore - 1, 1)[0] ?? newest);
  const inOrder = recurrences.last(recurrence, { after: Math.max(from, recent - 1), upTo: newest }, keep);
  // The newest ones are kept: of as many as there may be, the earliest. `from` itself need not be a time of the recurrence any more.
  return inOrder.length < keep ? recent : (inOrder.at(-1) ?? recent);
}

/** The next times as a reader should see them, before jitter: none of a paused schedule, and no more than may still be fired. */
export function nextRuns(recurrences: Recurrences, state: Live): readonly number[] {
  if (state.status !== 'active' || state.next === null) return [];
  const { dueAt } = state.next;
  const more = recurrences.after(recurrenceOf(state), dueAt, limits.nextRuns - 1);
  return [dueAt, ...more].slice(0, Math.min(limits.nextRuns, remaining(state)));
}
