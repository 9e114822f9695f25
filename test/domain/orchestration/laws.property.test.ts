import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ChildSeen, OrchestrationCommand } from '../../../src/domain/orchestration/commands.ts';
import { decide } from '../../../src/domain/orchestration/decide.ts';
import type { OrchestrationEvent } from '../../../src/domain/orchestration/events.ts';
import { evolve, fold } from '../../../src/domain/orchestration/evolve.ts';
import { initialOrchestration, isEnded, type OrchestrationState } from '../../../src/domain/orchestration/state.ts';
import { day } from '../task-histories.ts';
import { allSeen, anyCommandWish, anyHistory, anyWishes, commandFor, fulfil } from './arbitraries.ts';
import { append, type History, perform, type RecordedEvent, statesAlong } from './histories.ts';
import { shapeProblems } from './shapes.ts';
import { namedTasks } from './world.ts';

const runs = { numRuns: 500 };

function overHistories(law: (history: History) => void): void {
  fc.assert(fc.property(anyHistory, law), runs);
}

function overCommands(law: (history: History, command: OrchestrationCommand) => void): void {
  fc.assert(
    fc.property(anyHistory, anyCommandWish, (history, wish) => law(history, commandFor(history, wish))),
    { numRuns: 1_000 },
  );
}

const advance = (state: OrchestrationState, now: number, child: ChildSeen | null): OrchestrationCommand => ({
  type: 'advance',
  now,
  version: state.version,
  child,
});

const starts: readonly OrchestrationEvent['type'][] = ['StepStarted', 'CheckStarted', 'FallbackStarted'];
const ends: readonly OrchestrationEvent['type'][] = ['StepFinished', 'CheckFinished', 'FallbackFinished'];

describe('the log of an orchestration', () => {
  it('has contiguous versions from 1, and a state knows its version', () => {
    overHistories(({ events }) => {
      statesAlong(events).forEach((state, version) => {
        expect(state.version).toBe(version);
      });
    });
  });

  it('does not fold with a gap, a repeat or a disorder', () => {
    fc.assert(
      fc.property(anyHistory, fc.nat(), fc.integer({ min: -3, max: 3 }), ({ events }, choice, shift) => {
        fc.pre(shift !== 0);
        const index = choice % events.length;
        const moved = events.map((event, position) => (position === index ? { ...event, version: event.version + shift } : event));
        expect(() => fold(initialOrchestration, moved)).toThrow(/the log has a gap/);
      }),
      runs,
    );
  });

  it('folds no event in the place of another one', () => {
    fc.assert(
      fc.property(anyHistory, anyHistory, fc.nat(), ({ state }, other, choice) => {
        const stray = other.events[choice % other.events.length];
        if (stray === undefined) return;
        // Which end it was is for the event to say.
        fc.pre(stray.type !== 'OrchestrationFinished');
        const placed = { ...stray, version: state.version + 1 } as RecordedEvent;
        let after: OrchestrationState;
        try {
          after = evolve(state, placed);
        } catch (error) {
          expect(String(error)).toMatch(/cannot follow/);
          return;
        }
        // What does fold is what a decision of this state could have been.
        expect(shapeProblems(after)).toEqual([]);
        if (isEnded(state))
          expect({ type: placed.type, callback: state.callback.status }).toEqual({ type: 'ChildConfirmed', callback: 'unconfirmed' });
      }),
      { numRuns: 1_000 },
    );
  });

  it('has nothing but the confirmation of its callback after an end', () => {
    overHistories(({ events }) => {
      const end = events.findIndex(({ type }) => type === 'OrchestrationFinished' || type === 'OrchestrationCancelled');
      const after = end < 0 ? [] : events.slice(end + 1).map(({ type }) => type);
      expect([[], ['ChildConfirmed']]).toContainEqual(after);
    });
  });

  it('never has a step before the one before it and its check are done', () => {
    overHistories(({ events }) => {
      const done = new Map<number, 'task' | 'check'>();
      const states = statesAlong(events);
      events.forEach((event, index) => {
        if (event.type === 'StepFinished' && event.data.outcome.status === 'succeeded') done.set(event.data.step, 'task');
        if (event.type === 'CheckFinished' && event.data.passed) done.set(event.data.step, 'check');
        if (event.type !== 'StepStarted' || event.data.step === 1) return;
        const state = states[index];
        const before = state !== undefined && 'plan' in state ? state.plan.steps[event.data.step - 2] : undefined;
        expect(before).toBeDefined();
        expect(done.get(event.data.step - 1)).toBe(before?.check == null ? 'task' : 'check');
      });
    });
  });

  it('names one task at a time, each once, and ends it before the next', () => {
    overHistories((history) => {
      let open = false;
      for (const { type } of history.events) {
        if (starts.includes(type)) {
          expect(open).toBe(false);
          open = true;
        } else if (ends.includes(type)) open = false;
      }
      const named = namedTasks(history);
      expect(new Set(named).size).toBe(named.length);
    });
  });

  it('tries a check as often as its budget says, numbered from 1 in each step, and falls back only on a spent one, once', () => {
    overHistories(({ events, state }) => {
      if (!('plan' in state)) return;
      const failures = new Map<number, number>();
      let fallbacks = 0;
      for (const event of events) {
        if (event.type === 'CheckStarted') {
          expect(event.data.n).toBe((failures.get(event.data.step) ?? 0) + 1);
          expect(event.data.n).toBeLessThanOrEqual((state.plan.steps[event.data.step - 1]?.check?.retries ?? -1) + 1);
        }
        if (event.type === 'CheckFinished' && !event.data.passed) failures.set(event.data.step, event.data.n);
        if (event.type !== 'FallbackStarted') continue;
        fallbacks += 1;
        expect(failures.get(event.data.step)).toBe((state.plan.steps[event.data.step - 1]?.check?.retries ?? -1) + 1);
      }
      expect(fallbacks).toBeLessThanOrEqual(1);
    });
  });

  it('starts nothing before its delay or its gap has passed since what it waits for', () => {
    overHistories(({ events }) => {
      const states = statesAlong(events);
      events.forEach((event, index) => {
        const [before, state] = [events[index - 1], states[index]];
        if (before === undefined || state === undefined || !('plan' in state)) return;
        if (event.type !== 'StepStarted' && event.type !== 'CheckStarted') return;
        const planned = state.plan.steps[event.data.step - 1];
        const pause =
          event.type === 'StepStarted' ? planned?.delayMs : event.data.n === 1 ? planned?.check?.delayMs : planned?.check?.gapMs;
        const since = event.type === 'StepStarted' && event.data.step === 1 ? state.runAt : before.occurredAt;
        expect(event.occurredAt).toBeGreaterThanOrEqual(since + (pause ?? Number.NaN));
      });
    });
  });
});

describe('deciding', () => {
  it('never throws, whatever is asked of a reachable state, and what it yields folds to a legal state', () => {
    overCommands((history, command) => {
      const { decision, history: after } = perform(history, command);
      expect(after.events.length - history.events.length).toBe(decision.outcome === 'event' ? 1 : 0);
      expect(shapeProblems(after.state)).toEqual([]);
    });
  });

  it('yields nothing new when a command is repeated', () => {
    overCommands((history, command) => {
      const first = perform(history, command);
      expect(decide(first.history.state, command).outcome).not.toBe('event');
    });
  });

  it('takes no look at any state but the one whose child was seen', () => {
    overCommands((history, command) => {
      const { history: after } = perform(history, command);
      if (after.state.version === history.state.version) return;
      for (const child of allSeen) {
        const late = advance(history.state, history.now + day, child);
        expect(decide(after.state, late)).toEqual({ outcome: 'refused', refusal: { reason: 'stale' } });
      }
    });
  });

  it('depends on nothing but the state and the command', () => {
    overCommands(({ state }, command) => {
      const before = JSON.stringify(state);
      expect(decide(state, command)).toEqual(decide(structuredClone(state), structuredClone(command)));
      expect(JSON.stringify(state)).toBe(before);
    });
  });

  it('starts nothing any more once a cancel was answered', () => {
    fc.assert(
      fc.property(anyHistory, anyWishes(20), (history, wishes) => {
        const { decision, history: cancelled } = perform(history, { type: 'cancel', reason: null });
        if (decision.outcome === 'refused') return;
        const later = wishes.reduce(fulfil, cancelled).events.slice(cancelled.events.length);
        expect(later.filter(({ type }) => type !== 'ChildConfirmed')).toEqual([]);
      }),
      runs,
    );
  });

  it('takes a cancel of everything that has not finished', () => {
    overHistories(({ state }) => {
      const expected = { scheduled: 'event', running: 'event', cancelled: 'unchanged' }[state.status as string] ?? 'refused';
      expect(decide(state, { type: 'cancel', reason: null }).outcome).toBe(expected);
    });
  });

  it('takes changes only before the first step', () => {
    overCommands((history, command) => {
      if (command.type !== 'change' || history.state.status === 'scheduled') return;
      expect(decide(history.state, command).outcome).toBe('refused');
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
      fc.property(anyHistory, fc.nat(), ({ events, state }, choice) => {
        const version = choice % (events.length + 1);
        const snapshot: OrchestrationState = JSON.parse(JSON.stringify(fold(initialOrchestration, events.slice(0, version))));
        const stored: RecordedEvent[] = JSON.parse(JSON.stringify(events.slice(version)));
        expect(fold(snapshot, stored)).toStrictEqual(state);
      }),
      runs,
    );
  });

  it('refuses an erasure of anything that is still there', () => {
    overHistories((history) => {
      expect(() => append(history, { type: 'Erased', data: {} })).toThrow(/Erased .* cannot follow/);
    });
  });
});
