import { type Decision, happened, refused, unchanged } from '../decision.ts';
import { limits } from '../limits.ts';
import { sameValue } from '../same-value.ts';
import { type Changed, changedBy } from './change.ts';
import type { ScheduleCommand, ScheduleRefusal } from './commands.ts';
import type { ScheduleChanges, ScheduleDefinition, ScheduleEvent } from './events.ts';
import { firstOf, type NextTime } from './jitter.ts';
import { answers, lookupAfterChange, lookupAt, lookupAtCreation, lookupFrom } from './lookup.ts';
import { fieldOf } from './recurrence.ts';
import { type Active, childId, type Live, nextNumber, previousOf, remaining, type ScheduleState } from './state.ts';

type ScheduleDecision = Decision<ScheduleEvent, ScheduleRefusal>;
type Command<Type extends ScheduleCommand['type']> = Extract<ScheduleCommand, { readonly type: Type }>;

/** One decision yields at most one event. Every command may be repeated: the second time yields nothing new. */
export function decide(state: ScheduleState, command: ScheduleCommand): ScheduleDecision {
  if (command.type === 'create') return create(state, command);
  if (state.status === 'missing') return refused({ reason: 'missing' });
  if (state.status === 'deleted') return refused({ reason: 'deleted' });
  switch (command.type) {
    case 'change':
      return change(state, command);
    case 'pause':
      if (state.status === 'paused') return unchanged;
      return state.status === 'active' ? happened({ type: 'SchedulePaused', data: {} }) : wrongStatus(state);
    case 'resume':
      return resume(state, command);
    case 'look':
      return look(state, command);
    case 'trigger':
      return trigger(state, command);
    case 'confirm-child':
      if (state.unconfirmed?.taskId !== command.taskId) return unchanged;
      return happened({ type: 'ChildConfirmed', data: { taskId: command.taskId } });
    case 'give-up-child':
      return giveUpChild(state, command);
    case 'delete':
      return unconfirmedChild(state, command) ?? happened({ type: 'ScheduleDeleted', data: {} });
    default:
      return command satisfies never;
  }
}

const stale = refused({ reason: 'stale' } as const);

function wrongStatus(state: Live): ScheduleDecision {
  const at = state.status === 'paused' ? state.pausedAt : state.status === 'finished' ? state.finishedAt : state.createdAt;
  return refused({ reason: 'wrong-status', status: state.status, at });
}

/** A refusal as long as the caller has not made sure of the child that was named last. */
function unconfirmedChild(state: Live, command: { readonly confirmed: string | null }): ScheduleDecision | null {
  const { unconfirmed } = state;
  return unconfirmed === null || unconfirmed.taskId === command.confirmed
    ? null
    : refused({ reason: 'unconfirmed-child', taskId: unconfirmed.taskId });
}

/** The first upcoming time, unless no occurrence is `left` for it; `occurrence` is the number it would have, on which its jitter depends. */
function nextOf(state: Live, upcoming: readonly number[], left = remaining(state), occurrence = nextNumber(state)): NextTime | null {
  if (left <= 0) return null;
  return firstOf(upcoming, { scheduleId: state.id, occurrence, jitterMs: state.definition.jitterMs });
}

function create(state: ScheduleState, command: Command<'create'>): ScheduleDecision {
  if (state.status === 'deleted') return refused({ reason: 'deleted' });
  if (state.status !== 'missing') return command.sameContent ? unchanged : refused({ reason: 'different-content' });
  const { id, definition, anchorAt, times } = command;
  if (!allowed(definition)) return refused({ reason: 'run-all-needs-allow' });
  if (!answers(times, lookupAtCreation(command.now, definition.startAt))) return stale;
  const next = firstOf(times.upcoming, { scheduleId: id, occurrence: 1, jitterMs: definition.jitterMs });
  if (next === null) return neverFires(definition);
  return happened({ type: 'ScheduleCreated', data: { ...definition, anchorAt, next } });
}

/** Names the one of the given fields that leaves no time. */
function neverFires({ endAt = null, rule, startAt }: ScheduleChanges): ScheduleDecision {
  const given = rule === undefined ? (startAt === undefined ? 'timezone' : 'startAt') : fieldOf(rule);
  return refused({ reason: 'never-fires', field: endAt === null ? given : 'endAt' });
}

/** Catching up in order while each waits for the one before it would take as long as what was missed. */
function allowed({ misfire, overlap }: ScheduleDefinition): boolean {
  return misfire !== 'run-all' || overlap === 'allow';
}

function change(state: Live, command: Command<'change'>): ScheduleDecision {
  const { changes, now, times } = command;
  const before: Record<string, unknown> = state.definition;
  if (Object.entries(changes).every(([field, value]) => sameValue(before[field], value))) return unchanged;
  const changed = changedBy(state, changes, now);
  if (!allowed(changed.definition)) return refused({ reason: 'run-all-needs-allow' });
  const waiting = unconfirmedChild(state, command);
  if (waiting !== null) return waiting;
  if (!answers(times, lookupAfterChange(state, changes, now))) return stale;
  if (changed.otherTimes && times.upcoming.length === 0) return neverFires(changes);
  if (state.changes >= limits.changesPerSchedule) {
    return refused({ reason: 'limit', limit: 'changes', value: limits.changesPerSchedule });
  }
  const data = { ...changes, anchorAt: changed.anchorAt };
  if (state.status === 'paused') return happened({ type: 'ScheduleChanged', data });
  return happened({ type: 'ScheduleChanged', data: { ...data, next: nextAfterChange(state, changed, command) } });
}

function nextAfterChange(state: Exclude<Live, { status: 'paused' }>, changed: Changed, { now, times }: Command<'change'>): NextTime | null {
  const { definition, otherTimes } = changed;
  const left = remaining(state, definition.maxOccurrences);
  if (left <= 0) return null;
  // A time that is due and not yet dealt with belongs to the schedule as it was, unless its times are others now.
  if (state.status === 'active' && state.next !== null && state.next.dueAt <= now && !otherTimes) return state.next;
  return nextOf({ ...state, definition }, times.upcoming, left);
}

function resume(state: Live, { now, times }: Command<'resume'>): ScheduleDecision {
  if (state.status === 'active') return unchanged;
  if (state.status !== 'paused') return wrongStatus(state);
  if (!answers(times, lookupFrom(state, now))) return stale;
  return happened({ type: 'ScheduleResumed', data: { next: nextOf(state, times.upcoming) } });
}

/** What is due, one thing at a time: a buffered time first, then misfires, then overlap, then the time itself. */
function look(state: Live, command: Command<'look'>): ScheduleDecision {
  if (state.status !== 'active') return wrongStatus(state);
  const waiting = unconfirmedChild(state, command);
  if (waiting !== null) return waiting;
  const before = previousOf(state)?.taskId;
  if (before !== command.previous?.taskId) return stale;
  const busy = state.definition.overlap !== 'allow' && command.previous !== null && !command.previous.finished;
  if (state.buffered !== null && !busy) return fire(state, state.buffered.dueAt);
  if (state.next === null) return nothingLeft(state, command);
  const lookup = lookupAt(state, command.now);
  if (lookup === null) return refused({ reason: state.buffered === null ? 'not-due' : 'held' });
  const { times } = command;
  if (times === null || !answers(times, lookup)) return stale;
  return regularTime(state, state.next.dueAt, times, busy);
}

function nothingLeft(state: Active, { times }: Command<'look'>): ScheduleDecision {
  if (state.buffered !== null) return refused({ reason: 'held' });
  // A look that was about a time has come a second time.
  return times === null ? happened({ type: 'ScheduleFinished', data: {} }) : stale;
}

function regularTime(state: Active, dueAt: number, times: NonNullable<Command<'look'>['times']>, busy: boolean): ScheduleDecision {
  const { upcoming, skipped } = times;
  const skip = (why: 'misfire' | 'overlap', to: number, count: number): ScheduleDecision => {
    return happened({ type: 'OccurrencesSkipped', data: { from: dueAt, to, count, why, next: nextOf(state, upcoming) } });
  };
  if (skipped !== null) return skip('misfire', skipped.to, skipped.count);
  const next = nextOf(state, upcoming, remaining(state) - 1, nextNumber(state) + 1);
  if (!busy) return fire(state, dueAt, next);
  if (state.definition.overlap === 'skip' || state.buffered !== null) return skip('overlap', dueAt, 1);
  return happened({ type: 'OccurrenceBuffered', data: { dueAt, next } });
}

function fire(state: Active, dueAt: number, next?: NextTime | null): ScheduleDecision {
  const occurrence = state.numbered + 1;
  const data = { occurrence, dueAt, taskId: childId(state.id, occurrence) };
  return happened({ type: 'OccurrenceFired', data: next === undefined ? data : { ...data, next } });
}

function trigger(state: Live, command: Command<'trigger'>): ScheduleDecision {
  const { key, exists, now, version } = command;
  const taskId = childId(state.id, { trigger: key ?? state.triggers + 1 });
  if (key !== null && (exists || state.unconfirmed?.taskId === taskId)) return unchanged;
  if (key !== null && version !== state.version) return stale;
  return unconfirmedChild(state, command) ?? happened({ type: 'OccurrenceTriggered', data: { taskId, dueAt: now } });
}

function giveUpChild(state: Live, { taskId, times }: Command<'give-up-child'>): ScheduleDecision {
  const child = state.unconfirmed;
  if (child?.taskId !== taskId) return unchanged;
  const data = { from: child.dueAt, to: child.dueAt, count: 1, why: 'id-taken', taskId } as const;
  // The occurrence that was not made may be what used up the last one: then there is a next time again.
  const reopened = state.status === 'active' && state.next === null && child.occurrence !== null;
  if (!reopened) return happened({ type: 'OccurrencesSkipped', data });
  if (!answers(times, lookupFrom(state, child.dueAt))) return stale;
  return happened({ type: 'OccurrencesSkipped', data: { ...data, next: nextOf(state, times.upcoming, remaining(state) + 1) } });
}
