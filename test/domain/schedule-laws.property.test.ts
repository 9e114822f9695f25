import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { recurrences } from '../../src/adapters/recurrence/recurrences.ts';
import { decide } from '../../src/domain/schedule/decide.ts';
import { evolve, fold } from '../../src/domain/schedule/evolve.ts';
import { childId, initialSchedule, isLive, previousOf, recurrenceOf, type ScheduleState, wakeAt } from '../../src/domain/schedule/state.ts';
import { anyPast, anyStep, commandFor, undisturbedPast } from './schedule-arbitraries.ts';
import { ask, envelope, type History, perform, type RecordedScheduleEvent, scheduleId } from './schedule-histories.ts';
import { shapeProblems } from './schedule-shapes.ts';
import { day } from './task-histories.ts';

const runs = { numRuns: 400 };

/** Holds a law over every history. */
function overHistories(law: (history: History, past: readonly History[]) => void): void {
  fc.assert(
    fc.property(anyPast, (past) => {
      const last = past.at(-1);
      if (last !== undefined) law(last, past);
    }),
    runs,
  );
}
function statesAlong(events: readonly RecordedScheduleEvent[]): readonly ScheduleState[] {
  const states: ScheduleState[] = [initialSchedule];
  for (const event of events) states.push(evolve(states.at(-1) ?? initialSchedule, event));
  return states;
}
type Of<Type extends RecordedScheduleEvent['type']> = Extract<RecordedScheduleEvent, { readonly type: Type }>;
function eventsOf<Type extends RecordedScheduleEvent['type']>({ events }: History, type: Type): readonly Of<Type>[] {
  return events.filter((event): event is Of<Type> => event.type === type);
}
const regular = (history: History) => eventsOf(history, 'OccurrencesSkipped').filter(({ data }) => data.why !== 'id-taken');

describe('occurrences', () => {
  it('are numbered from 1 without gaps or repeats, whatever wakes are repeated, late or out of order', () => {
    overHistories((history) => {
      eventsOf(history, 'OccurrenceFired').forEach(({ data }, index) => {
        expect(data.occurrence).toBe(index + 1);
        expect(data.taskId).toBe(childId(scheduleId, index + 1));
      });
    });
  });

  it('fire at most once per time, and never a time that was skipped', () => {
    overHistories((history) => {
      const fired = eventsOf(history, 'OccurrenceFired').map(({ data }) => data.dueAt);
      expect(fired.every((dueAt, index) => dueAt > (fired[index - 1] ?? 0))).toBe(true);
      for (const { data } of regular(history)) expect(fired.filter((dueAt) => dueAt >= data.from && dueAt <= data.to)).toEqual([]);
    });
  });

  it('fire never before their time, jitter included, and only at times of the recurrence', () => {
    overHistories((history) => {
      const states = statesAlong(history.events);
      history.events.forEach((event, index) => {
        const before = states[index];
        if (event.type !== 'OccurrenceFired' || before?.status !== 'active' || before.buffered?.dueAt === event.data.dueAt) return;
        expect(event.occurredAt).toBeGreaterThanOrEqual(before.next?.fireAt ?? 0);
        const { dueAt } = event.data;
        expect(recurrences.last(recurrenceOf(before), { after: dueAt - 1, upTo: dueAt }, 1)).toEqual([dueAt]);
      });
    });
  });

  it('fire no more often than the limit of the moment allows', () => {
    overHistories(({ events }) => {
      for (const [index, state] of statesAlong(events).entries()) {
        if (events[index]?.type !== 'OccurrenceFired' || !isLive(state)) continue;
        expect(state.occurrences).toBeLessThan(state.definition.maxOccurrences ?? Number.POSITIVE_INFINITY);
      }
    });
  });

  it('wait for the one before them unless overlap is allowed', () => {
    fc.assert(
      fc.property(anyPast, (past) => {
        past.forEach((history, index) => {
          const before = past[index - 1];
          if (before === undefined || history.events.length === before.events.length || !isLive(before.state)) return;
          const previous = previousOf(before.state);
          if (history.events.at(-1)?.type !== 'OccurrenceFired' || previous === null || before.state.definition.overlap === 'allow') return;
          expect([...history.finished]).toContain(previous.taskId);
        });
      }),
      runs,
    );
  });

  it('do not fire while the schedule is paused, and nothing is skipped then', () => {
    overHistories(({ events }) => {
      let paused = false;
      for (const event of events) {
        if (event.type === 'SchedulePaused') paused = true;
        if (event.type === 'ScheduleResumed') paused = false;
        if (paused) expect(['OccurrenceFired', 'OccurrenceBuffered']).not.toContain(event.type);
        if (paused && event.type === 'OccurrencesSkipped') expect(event.data.why).toBe('id-taken');
      }
    });
  });

  it('none is lost: every time up to the last one dealt with was fired, is buffered, or was recorded as skipped', () => {
    fc.assert(
      fc.property(undisturbedPast, (past) => {
        const history = past.at(-1);
        if (history === undefined || !isLive(history.state) || history.state.through === null) return;
        const { state } = history;
        const times = recurrences.count(recurrenceOf(state), { after: state.createdAt - 1, upTo: state.through ?? 0 });
        const skipped = regular(history).reduce((sum, { data }) => sum + data.count, 0);
        const buffered = state.status === 'active' && state.buffered !== null ? 1 : 0;
        expect(eventsOf(history, 'OccurrenceFired').length + skipped + buffered).toBe(times);
      }),
      runs,
    );
  });

  it('are counted as the events say', () => {
    overHistories((history) => {
      if (!isLive(history.state)) return;
      const taken = eventsOf(history, 'OccurrencesSkipped').filter(
        ({ data }) => data.why === 'id-taken' && !data.taskId.includes('trigger'),
      );
      expect(history.state.numbered).toBe(eventsOf(history, 'OccurrenceFired').length);
      expect(history.state.occurrences).toBe(history.state.numbered - taken.length);
      const recorded = eventsOf(history, 'OccurrencesSkipped').reduce((sum, { data }) => sum + data.count, 0);
      // What a pause finds held back is told by no event of its own.
      const dropped = eventsOf(history, 'SchedulePaused').filter(({ version }) => {
        const before = fold(initialSchedule, history.events.slice(0, version - 1));
        return before.status === 'active' && before.buffered !== null;
      });
      expect(history.state.skipped).toBe(recorded + dropped.length);
    });
  });
});

describe('children', () => {
  it('are each named once, and the next only after the last was made sure of', () => {
    overHistories(({ events }) => {
      const named = events.flatMap((event) =>
        event.type === 'OccurrenceFired' || event.type === 'OccurrenceTriggered' ? [event.data.taskId] : [],
      );
      expect(new Set(named).size).toBe(named.length);
    });
  });

  it('stay unconfirmed until something says so, and are looked after within a minute', () => {
    overHistories(({ state }) => {
      if (isLive(state) && state.unconfirmed !== null) expect(wakeAt(state)).toBeLessThanOrEqual(state.unconfirmed.namedAt + 60_000);
    });
  });
});

describe('deciding', () => {
  it('never throws, and yields nothing new when a command is repeated', () => {
    fc.assert(
      fc.property(anyPast, anyStep, (past, step) => {
        const history = past.at(-1);
        const command = history === undefined ? null : commandFor(step, history, past);
        if (history === undefined || command === null) return;
        const { history: next } = perform(history, command);
        expect(decide(next.state, command).outcome).not.toBe('event');
      }),
      { numRuns: 800 },
    );
  });

  it('depends on nothing but the state and the command', () => {
    fc.assert(
      fc.property(anyPast, anyStep, (past, step) => {
        const history = past.at(-1);
        const command = history === undefined ? null : commandFor(step, history, past);
        if (history === undefined || command === null) return;
        const before = JSON.stringify(history.state);
        expect(decide(history.state, command)).toEqual(decide(structuredClone(history.state), structuredClone(command)));
        expect(JSON.stringify(history.state)).toBe(before);
      }),
      runs,
    );
  });

  it('takes of two hosts that look at the same time only one', () => {
    overHistories((history) => {
      const look = ask.look(history);
      const { decision, history: next } = perform(history, look);
      if (decision.outcome !== 'event') return;
      expect(decide(next.state, look).outcome).not.toBe('event');
      const again = decide(next.state, ask.look({ ...next, now: history.now }));
      if (again.outcome === 'event') expect(again.event).not.toEqual(decision.event);
    });
  });
});

describe('wakeAt', () => {
  /** Whether anything would still come of the stream, were its child made, the occurrence before over and all the time passed. */
  function happens(history: History): boolean {
    const { state } = history;
    if (!isLive(state)) return false;
    if (state.unconfirmed !== null) return true;
    const previous = previousOf(state);
    const far = { ...history, now: history.now + 4_000 * day, finished: new Set([...history.finished, previous?.taskId ?? '']) };
    return decide(state, ask.look(far)).outcome === 'event';
  }

  it('is null exactly when nothing is left to happen by itself', () => {
    fc.assert(
      fc.property(anyPast, (past) => {
        const history = past.at(-1);
        if (history !== undefined) expect(wakeAt(history.state) !== null).toBe(happens(history));
      }),
      runs,
    );
  });

  it('is when a look finds something to do, the child made and the occurrence before over', () => {
    overHistories((history) => {
      const due = wakeAt(history.state);
      if (due === null || !isLive(history.state)) return;
      const finished = new Set([...history.finished, previousOf(history.state)?.taskId ?? '']);
      const then = { ...history, now: Math.max(history.now, due), finished };
      const acts = [ask.confirm(then), ask.look(then)].map((command) => decide(then.state, command).outcome);
      expect(acts).toContain('event');
    });
  });
});

describe('folding', () => {
  it('gives a legal state after every prefix', () => {
    overHistories(({ events }) => {
      for (const state of statesAlong(events)) expect(shapeProblems(state)).toEqual([]);
    });
  });

  it('goes on from a stored state, through JSON, as if it had folded everything', () => {
    fc.assert(
      fc.property(anyPast, fc.nat(), (past, choice) => {
        const history = past.at(-1);
        if (history === undefined) return;
        const stored: RecordedScheduleEvent[] = JSON.parse(JSON.stringify(history.events));
        const version = choice % (stored.length + 1);
        const snapshot: ScheduleState = JSON.parse(JSON.stringify(fold(initialSchedule, stored.slice(0, version))));
        expect(fold(snapshot, stored.slice(version))).toStrictEqual(history.state);
      }),
      runs,
    );
  });

  it('refuses a gap, a repeat, and an erasure of what is still there', () => {
    overHistories((history) => {
      const { events, state } = history;
      expect(() => fold(initialSchedule, [...events, ...events.slice(-1)])).toThrow(/the log has a gap/);
      expect(() => evolve(state, envelope(history, { type: 'Erased', data: {} }))).toThrow(/cannot follow/);
    });
  });
});
