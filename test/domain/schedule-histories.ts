import { recurrences } from '../../src/adapters/recurrence/recurrences.ts';
import { timesAfterChange, timesAtCreation, timesAtLook, timesFrom } from '../../src/application/schedule-times.ts';
import type { Decision, Recorded } from '../../src/domain/decision.ts';
import type { ScheduleCommand, ScheduleRefusal } from '../../src/domain/schedule/commands.ts';
import { decide } from '../../src/domain/schedule/decide.ts';
import type { ScheduleChanges, ScheduleDefinition, ScheduleEvent } from '../../src/domain/schedule/events.ts';
import { evolve } from '../../src/domain/schedule/evolve.ts';
import type { Times } from '../../src/domain/schedule/lookup.ts';
import { anchorOf } from '../../src/domain/schedule/recurrence.ts';
import { initialSchedule, isLive, previousOf, type ScheduleState } from '../../src/domain/schedule/state.ts';
import { definitionWith, epoch, hour, second } from './task-histories.ts';

export type ScheduleDecision = Decision<ScheduleEvent, ScheduleRefusal>;
export type RecordedScheduleEvent = Recorded<ScheduleEvent>;
export type CommandOf<Type extends ScheduleCommand['type']> = Extract<ScheduleCommand, { readonly type: Type }>;

const { origin: _origin, contentHash: _hash, ...template } = definitionWith();

/** A schedule that runs every ten seconds, in turn, with what a client gets by default; `parts` replaces what a test is about. */
export function scheduleWith(parts: Partial<ScheduleDefinition> = {}): ScheduleDefinition {
  return {
    rule: { kind: 'every', intervalMs: 10 * second },
    timezone: 'UTC',
    startAt: null,
    endAt: null,
    maxOccurrences: null,
    jitterMs: 0,
    overlap: 'skip',
    misfire: 'run-once',
    catchUpWithinMs: 24 * hour,
    template,
    labels: { team: 'blue' },
    contentHash: 'content-1',
    ...parts,
  };
}

/** A stream with its clock and the tasks around it: what an event log and a host would hold between two commands. */
export type History = {
  readonly stream: string;
  readonly now: number;
  readonly events: readonly RecordedScheduleEvent[];
  readonly state: ScheduleState;
  /** The tasks that are over. */
  readonly finished: ReadonlySet<string>;
};

export const scheduleId = 'nightly/report';
export const noHistory: History = { stream: `schedule#${scheduleId}`, now: epoch, events: [], state: initialSchedule, finished: new Set() };

/** Puts an event in its envelope, as an append does. */
export function envelope(history: History, event: ScheduleEvent): RecordedScheduleEvent {
  const version = history.events.length + 1;
  const occurredAt = Math.max(history.now, history.events.at(-1)?.occurredAt ?? 0);
  return { ...event, stream: history.stream, version, occurredAt, commitId: `commit-${version}` };
}

export function append(history: History, event: ScheduleEvent): History {
  const recorded = envelope(history, event);
  return { ...history, events: [...history.events, recorded], state: evolve(history.state, recorded) };
}

export function perform(history: History, command: ScheduleCommand): { readonly decision: ScheduleDecision; readonly history: History } {
  const decision = decide(history.state, command);
  return { decision, history: decision.outcome === 'event' ? append(history, decision.event) : history };
}

/** The history some milliseconds later. */
export const after = (history: History, ms: number): History => ({ ...history, now: history.now + ms });
/** The history with the newest occurrence's task over. */
export function withPreviousOver(history: History): History {
  const previous = isLive(history.state) ? previousOf(history.state) : null;
  return previous === null ? history : { ...history, finished: new Set([...history.finished, previous.taskId]) };
}

const noTimes: Times = { lookup: { kind: 'following', after: 0 }, skipped: null, upcoming: [] };
const madeSureOf = ({ state }: History): string | null => (isLive(state) ? (state.unconfirmed?.taskId ?? null) : null);

export function createAt(definition: ScheduleDefinition, now: number, id = scheduleId): CommandOf<'create'> {
  const anchorAt = anchorOf(definition.rule, definition.startAt, now);
  const times = timesAtCreation(recurrences, { definition, anchorAt, now });
  return { type: 'create', id, definition, anchorAt, now, times, sameContent: false };
}

/** What a careful caller asks of the schedule as it is in the given history: the child made sure of, the times looked up. */
export const ask = {
  look(history: History): CommandOf<'look'> {
    const { state, now, finished } = history;
    const previous = isLive(state) ? previousOf(state) : null;
    return {
      type: 'look',
      now,
      times: isLive(state) ? timesAtLook(recurrences, state, now) : null,
      previous: previous === null ? null : { taskId: previous.taskId, finished: finished.has(previous.taskId) },
      confirmed: madeSureOf(history),
    };
  },
  change(history: History, changes: ScheduleChanges): CommandOf<'change'> {
    const { state, now } = history;
    const times = isLive(state) ? timesAfterChange(recurrences, state, changes, now) : noTimes;
    return { type: 'change', changes, now, times, confirmed: madeSureOf(history) };
  },
  resume({ state, now }: History): CommandOf<'resume'> {
    return { type: 'resume', now, times: isLive(state) ? timesFrom(recurrences, state, now) : noTimes };
  },
  trigger(history: History, key: string | null = null, exists = false): CommandOf<'trigger'> {
    return { type: 'trigger', now: history.now, version: history.state.version, key, exists, confirmed: madeSureOf(history) };
  },
  confirm: (history: History): CommandOf<'confirm-child'> => ({ type: 'confirm-child', taskId: madeSureOf(history) ?? 'none' }),
  giveUp({ state }: History): CommandOf<'give-up-child'> {
    const taskId = isLive(state) ? (state.unconfirmed?.taskId ?? 'none') : 'none';
    const dueAt = isLive(state) ? state.unconfirmed?.dueAt : undefined;
    return { type: 'give-up-child', taskId, times: isLive(state) && dueAt !== undefined ? timesFrom(recurrences, state, dueAt) : noTimes };
  },
  pause: (): CommandOf<'pause'> => ({ type: 'pause' }),
  remove: (history: History): CommandOf<'delete'> => ({ type: 'delete', confirmed: madeSureOf(history) }),
};

/** A history in which the schedule was created at the epoch. */
export function given(parts: Partial<ScheduleDefinition> = {}): History {
  const { decision, history } = perform(noHistory, createAt(scheduleWith(parts), epoch));
  if (decision.outcome !== 'event') throw new Error(`not created: ${JSON.stringify(decision)}`);
  return history;
}

/** Looks until nothing more comes of it, as one wake after another would. */
export function settle(history: History): History {
  let current = history;
  for (let looks = 0; looks < 20_000; looks += 1) {
    const { decision, history: next } = perform(current, ask.look(current));
    if (decision.outcome !== 'event') return current;
    current = next;
  }
  throw new Error('a look always finds something to do');
}

/** The clock moved on in one go, with nothing able to run in between, and then all that is due. */
export const later = (history: History, ms: number): History => settle(after(history, ms));

/** What happened after the creation, in a few words each, with times in seconds since the epoch. */
export function story({ events }: Pick<History, 'events'>): readonly string[] {
  const s = (time: number): number => (time - epoch) / second;
  return events.slice(1).map((event) => {
    switch (event.type) {
      case 'OccurrenceFired':
        return `fired ${event.data.occurrence} of ${s(event.data.dueAt)}`;
      case 'OccurrenceBuffered':
        return `buffered ${s(event.data.dueAt)}`;
      case 'OccurrencesSkipped':
        return `skipped ${event.data.count} of ${s(event.data.from)}..${s(event.data.to)}: ${event.data.why}`;
      case 'OccurrenceTriggered':
      case 'ChildConfirmed':
        return `${event.type} ${event.data.taskId}`;
      default:
        return event.type;
    }
  });
}
