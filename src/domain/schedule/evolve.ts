import type { Recorded } from '../decision.ts';
import { limits } from '../limits.ts';
import type { BodyRef } from '../task/state.ts';
import type { ScheduleEvent, TaskTemplate } from './events.ts';
import { type Active, childId, isLive, type Live, type ScheduleState, type UnconfirmedChild } from './state.ts';

type RecordedScheduleEvent = Recorded<ScheduleEvent>;
type Of<Type extends ScheduleEvent['type']> = Extract<RecordedScheduleEvent, { readonly type: Type }>;

/**
 * The state after one more event. Pure and total over every history a correct writer can leave;
 * an event that does not fit its state means the log itself is broken, and throws.
 */
export function evolve(state: ScheduleState, event: RecordedScheduleEvent): ScheduleState {
  if (event.version !== state.version + 1) {
    throw new Error(`stream ${event.stream} has version ${event.version} after ${state.version}: the log has a gap`);
  }
  if (event.type === 'ScheduleCreated') return state.status === 'missing' ? created(event) : broken(state, event);
  if (event.type === 'Erased') return state.status === 'missing' ? gone(event, event.occurredAt) : broken(state, event);
  if (!isLive(state)) return broken(state, event);
  switch (event.type) {
    case 'ScheduleChanged':
      return changed(state, event);
    case 'SchedulePaused':
      return state.status === 'active' ? paused(state, event) : broken(state, event);
    case 'ScheduleResumed':
      if (state.status !== 'paused') return broken(state, event);
      return { ...existing(state, event), status: 'active', next: event.data.next, buffered: null };
    case 'OccurrenceFired':
      return state.status === 'active' ? fired(state, event) : broken(state, event);
    case 'OccurrenceBuffered':
      return state.status === 'active' ? buffered(state, event) : broken(state, event);
    case 'OccurrencesSkipped':
      return skipped(state, event);
    case 'OccurrenceTriggered':
      return triggered(state, event);
    case 'ChildConfirmed':
      if (state.unconfirmed?.taskId !== event.data.taskId) return broken(state, event);
      return { ...state, ...stamp(event), unconfirmed: null };
    case 'ScheduleFinished':
      if (state.status !== 'active' || state.next !== null || state.buffered !== null) return broken(state, event);
      return { ...existing(state, event), unconfirmed: null, status: 'finished', finishedAt: event.occurredAt };
    case 'ScheduleDeleted':
      return gone(event, state.createdAt);
    default:
      return event satisfies never;
  }
}

function broken(state: ScheduleState, event: RecordedScheduleEvent): never {
  throw new Error(`stream ${event.stream}: ${event.type} at version ${event.version} cannot follow status ${state.status}`);
}

function idOf(stream: string): string {
  return stream.slice(stream.indexOf('#') + 1);
}

function stamp(event: RecordedScheduleEvent): { readonly version: number; readonly updatedAt: number } {
  return { version: event.version, updatedAt: event.occurredAt };
}

function gone(event: RecordedScheduleEvent, createdAt: number): ScheduleState {
  return { status: 'deleted', id: idOf(event.stream), ...stamp(event), createdAt };
}

function bodyOf(event: RecordedScheduleEvent, template: TaskTemplate): BodyRef | null {
  const bytes = template.action.body?.bytes ?? 0;
  return bytes === 0 ? null : { version: event.version, commitId: event.commitId, bytes };
}

/** The fields every state of a schedule shares; leaves behind those that mean something in one status only. */
function existing(state: Live, event: RecordedScheduleEvent) {
  return {
    id: state.id,
    ...stamp(event),
    createdAt: state.createdAt,
    definition: state.definition,
    body: state.body,
    anchorAt: state.anchorAt,
    through: state.through,
    numbered: state.numbered,
    occurrences: state.occurrences,
    skipped: state.skipped,
    triggers: state.triggers,
    changes: state.changes,
    lastRuns: state.lastRuns,
    unconfirmed: state.unconfirmed,
  };
}

function created(event: Of<'ScheduleCreated'>): Active {
  const { anchorAt, next, ...definition } = event.data;
  return {
    status: 'active',
    id: idOf(event.stream),
    ...stamp(event),
    createdAt: event.occurredAt,
    definition,
    body: bodyOf(event, definition.template),
    anchorAt,
    through: null,
    numbered: 0,
    occurrences: 0,
    skipped: 0,
    triggers: 0,
    changes: 0,
    lastRuns: [],
    unconfirmed: null,
    next,
    buffered: null,
  };
}

function changed(state: Live, event: Of<'ScheduleChanged'>): Live {
  const { anchorAt, next, ...changes } = event.data;
  const shared = {
    definition: { ...state.definition, ...changes },
    body: changes.template === undefined ? state.body : bodyOf(event, changes.template),
    anchorAt,
    changes: state.changes + 1,
    unconfirmed: null,
  };
  // A later end, a higher limit or another rule can give a finished schedule a time again.
  if (state.status === 'finished' && next !== undefined && next !== null) {
    return { ...existing(state, event), ...shared, status: 'active', next, buffered: null };
  }
  const same = { ...state, ...stamp(event), ...shared };
  if (same.status !== 'active') return same;
  // A lower limit may leave no occurrence for the time that waits.
  const { maxOccurrences } = same.definition;
  const buffered = maxOccurrences !== null && same.occurrences >= maxOccurrences ? null : same.buffered;
  return { ...same, buffered, ...(next === undefined ? {} : { next }) };
}

/** A time that is held back while the occurrence before it is unfinished does not outlast a pause: it counts as skipped. */
function paused(state: Active, event: Of<'SchedulePaused'>): ScheduleState {
  const skipped = state.skipped + (state.buffered === null ? 0 : 1);
  return { ...existing(state, event), skipped, status: 'paused', pausedAt: event.occurredAt };
}

/** A regular time counts as dealt with from now on; the newest one bounds what can still fire. */
function dealtWith(state: Live, at: number): number {
  return Math.max(state.through ?? at, at);
}

function fired(state: Active, event: Of<'OccurrenceFired'>): ScheduleState {
  const { occurrence, dueAt, taskId, next } = event.data;
  const isBuffered = state.buffered?.dueAt === dueAt;
  if (occurrence !== state.numbered + 1 || (!isBuffered && (state.next?.dueAt !== dueAt || next === undefined)))
    return broken(state, event);
  return {
    ...state,
    ...stamp(event),
    through: dealtWith(state, dueAt),
    numbered: occurrence,
    occurrences: state.occurrences + 1,
    lastRuns: [...state.lastRuns, { occurrence, dueAt, taskId }].slice(-limits.lastRuns),
    unconfirmed: named(event, { taskId, occurrence, dueAt }),
    next: next === undefined ? state.next : next,
    buffered: isBuffered ? null : state.buffered,
  };
}

function named(event: RecordedScheduleEvent, child: Omit<UnconfirmedChild, 'namedAt'>): UnconfirmedChild {
  return { ...child, namedAt: event.occurredAt };
}

function buffered(state: Active, event: Of<'OccurrenceBuffered'>): ScheduleState {
  const { dueAt, next } = event.data;
  if (state.buffered !== null || state.next?.dueAt !== dueAt) return broken(state, event);
  return { ...state, ...stamp(event), through: dealtWith(state, dueAt), next, buffered: { dueAt, bufferedAt: event.occurredAt } };
}

function skipped(state: Live, event: Of<'OccurrencesSkipped'>): ScheduleState {
  const { data } = event;
  const counted = { ...stamp(event), skipped: state.skipped + data.count };
  if (data.why !== 'id-taken') {
    if (state.status !== 'active' || state.next?.dueAt !== data.from) return broken(state, event);
    return { ...state, ...counted, through: dealtWith(state, data.to), next: data.next };
  }
  const child = state.unconfirmed;
  if (child?.taskId !== data.taskId) return broken(state, event);
  const without = {
    ...state,
    ...counted,
    occurrences: state.occurrences - (child.occurrence === null ? 0 : 1),
    lastRuns: state.lastRuns.filter(({ taskId }) => taskId !== data.taskId),
    unconfirmed: null,
  };
  return without.status === 'active' && data.next !== undefined ? { ...without, next: data.next } : without;
}

function triggered(state: Live, event: Of<'OccurrenceTriggered'>): ScheduleState {
  const { taskId, dueAt } = event.data;
  const counted = taskId === childId(state.id, { trigger: state.triggers + 1 }) ? 1 : 0;
  return { ...state, ...stamp(event), triggers: state.triggers + counted, unconfirmed: named(event, { taskId, occurrence: null, dueAt }) };
}

/** Folds events onto a state, oldest first. */
export function fold(state: ScheduleState, events: Iterable<RecordedScheduleEvent>): ScheduleState {
  let folded = state;
  for (const event of events) folded = evolve(folded, event);
  return folded;
}
