import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limits } from '../../src/domain/limits.ts';
import type { TaskCommand } from '../../src/domain/task/commands.ts';
import { decide } from '../../src/domain/task/decide.ts';
import type { FinishedStatus, TaskEventType } from '../../src/domain/task/events.ts';
import { evolve, fold } from '../../src/domain/task/evolve.ts';
import { endedOf, factsOf, initialTask, isFinished, type TaskState, wakeAt } from '../../src/domain/task/state.ts';
import { anyHistory, anyStep, anySteps, commandFor, takeStep, takeSteps } from './task-arbitraries.ts';
import { at, envelope, type History, perform, type RecordedTaskEvent, statesAlong } from './task-histories.ts';
import { shapeProblems } from './task-shapes.ts';

const runs = { numRuns: 500 };

/** Holds a law over every history; the law walks the events and throws where it is broken. */
function overHistories(law: (history: History) => void): void {
  fc.assert(fc.property(anyHistory, law), runs);
}

/** Holds a law over every reachable state and one more command, usually one that fits. */
function overCommands(law: (history: History, command: TaskCommand) => void): void {
  fc.assert(
    fc.property(anyHistory, anyStep, (history, step) => law(history, commandFor(history, step))),
    { numRuns: 1_000 },
  );
}

const afterAnEnd: readonly TaskEventType[] = ['TaskRetried', 'TaskDeleted', 'CallbackSucceeded', 'CallbackFailed', 'CallbackReopened'];
const afterADeletion: readonly TaskEventType[] = ['CallbackSucceeded', 'CallbackFailed', 'CallbackReopened'];

/** What the commands of time would be on the given state, were each of them due. */
function actsOfTime(state: TaskState, now: number): readonly TaskCommand[] {
  const callback = endedOf(state)?.callback;
  const told = callback?.status === 'pending' ? callback : { outcomeVersion: state.version, attempt: 0 };
  return [
    { type: 'start', now },
    { type: 'expire-lease', now, random: 0.5 },
    { type: 'expire-wait', now, random: 0.5 },
    {
      type: 'record-callback',
      now,
      random: 0.5,
      outcomeVersion: told.outcomeVersion,
      attempt: told.attempt + 1,
      outcome: { delivered: true, status: 200 },
    },
  ];
}

describe('the log of a task', () => {
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
        expect(() => fold(initialTask, moved)).toThrow(/the log has a gap/);
      }),
      runs,
    );
  });

  it('has nothing but retries, deletion and callbacks after an end, and only callbacks after a deletion', () => {
    overHistories(({ events }) => {
      statesAlong(events).forEach((state, index) => {
        const next = events[index]?.type;
        if (next === undefined) return;
        if (isFinished(state)) expect(afterAnEnd).toContain(next);
        if (state.status === 'deleted') expect(afterADeletion).toContain(next);
      });
    });
  });

  it('retries nothing but a failed task', () => {
    overHistories(({ events }) => {
      statesAlong(events).forEach((state, index) => {
        if (events[index]?.type === 'TaskRetried') expect(state.status).toBe('failed');
      });
    });
  });

  it('starts nothing after a cancellation or a deletion', () => {
    overHistories(({ events }) => {
      const end = events.findIndex(({ type }) => type === 'TaskCancelled' || type === 'TaskDeleted');
      if (end >= 0) expect(events.slice(end).filter(({ type }) => type === 'TaskStarted')).toEqual([]);
    });
  });
});

describe('attempts and runs', () => {
  it('count attempts from 1 in every run, never beyond the limit', () => {
    overHistories(({ events }) => {
      let [limit, attempts] = [0, 0];
      for (const event of events) {
        if (event.type === 'TaskScheduled') limit = event.data.retry.maxAttempts;
        if (event.type === 'TaskRescheduled') limit = event.data.retry?.maxAttempts ?? limit;
        if (event.type === 'TaskContinued' || event.type === 'TaskRetried') attempts = 0;
        if (event.type !== 'TaskStarted') continue;
        attempts += 1;
        expect(event.data.attempt).toBe(attempts);
        expect(attempts).toBeLessThanOrEqual(limit);
      }
    });
  });

  it('number runs from 1, one more for each continuation and each retry by hand, never less', () => {
    overHistories(({ events }) => {
      let run = 1;
      statesAlong(events).forEach((state, version) => {
        const event = events[version - 1];
        if (event?.type === 'TaskContinued' || event?.type === 'TaskRetried') run += 1;
        if (event?.type === 'TaskStarted') expect(event.data.run).toBe(run);
        if (state.status !== 'missing' && state.status !== 'deleted') expect(state.run).toBe(run);
      });
    });
  });

  it('start no attempt before its time', () => {
    overHistories(({ events }) => {
      let dueAt = Number.POSITIVE_INFINITY;
      for (const event of events) {
        if (event.type === 'TaskScheduled' || event.type === 'TaskContinued' || event.type === 'TaskRetried') dueAt = event.data.runAt;
        if (event.type === 'TaskRescheduled') dueAt = event.data.runAt ?? dueAt;
        if (event.type === 'TaskFailed') dueAt = event.data.retryAt ?? Number.POSITIVE_INFINITY;
        if (event.type === 'TaskStarted') expect(event.occurredAt).toBeGreaterThanOrEqual(dueAt);
      }
    });
  });

  it('start no run whose first attempt is too late', () => {
    overHistories(({ events }) => {
      const states = statesAlong(events);
      events.forEach((event, index) => {
        const before = states[index];
        if (event.type !== 'TaskStarted' || event.data.attempt > 1 || before?.status !== 'scheduled') return;
        const { startBeforeMs, timeoutMs } = before.definition;
        const startedAt = event.data.leaseUntil - limits.startWindowMs - timeoutMs - limits.leaseMarginMs;
        if (startBeforeMs !== null) expect(startedAt).toBeLessThanOrEqual(before.runAt + startBeforeMs);
      });
    });
  });
});

describe('the fence', () => {
  it('lets only the current attempt record an outcome, once, and an asynchronous answer only its own run', () => {
    overHistories(({ events }) => {
      let current: { readonly version: number; readonly over: boolean } | null = null;
      let runsStarts: number[] = [];
      for (const event of events) {
        if (event.type === 'TaskStarted') {
          current = { version: event.version, over: false };
          runsStarts.push(event.version);
        }
        if (event.type === 'TaskRetried') runsStarts = [];
        if (!('startedVersion' in event.data) || event.data.startedVersion === undefined) continue;
        if (event.type === 'TaskSucceeded' && event.data.answerHash !== undefined) {
          expect(runsStarts).toContain(event.data.startedVersion);
        } else {
          expect(current).toEqual({ version: event.data.startedVersion, over: false });
        }
        if (event.type === 'TaskContinued') runsStarts = [];
        if (current !== null && event.type !== 'TaskAccepted' && event.type !== 'TaskHeartbeat') current = { ...current, over: true };
      }
    });
  });

  it('refuses every outcome of an attempt that is no longer the current one', () => {
    fc.assert(
      fc.property(anyHistory, anyStep, (history, step) => {
        const started = history.events.filter(({ type }) => type === 'TaskStarted').map(({ version }) => version);
        const { state } = history;
        const current = state.status === 'running' || state.status === 'waiting' ? state.startedVersion : null;
        for (const startedVersion of started.filter((version) => version !== current)) {
          const command = commandFor(history, step);
          if (!('startedVersion' in command) || command.type === 'answer') return;
          expect(decide(state, { ...command, startedVersion }).outcome).toBe('refused');
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('deciding', () => {
  it('never throws, whatever is asked of a reachable state, and what it yields folds', () => {
    overCommands((history, command) => {
      const { decision, history: after } = perform(history, command);
      expect(after.events.length - history.events.length).toBe(decision.outcome === 'event' ? 1 : 0);
    });
  });

  it('yields nothing new when a command is repeated', () => {
    overCommands((history, command) => {
      const first = perform(history, command);
      expect(decide(first.history.state, command).outcome).not.toBe('event');
    });
  });

  it('depends on nothing but the state and the command', () => {
    overCommands(({ state }, command) => {
      const before = JSON.stringify(state);
      expect(decide(state, command)).toEqual(decide(structuredClone(state), structuredClone(command)));
      expect(JSON.stringify(state)).toBe(before);
    });
  });

  it('answers for a finished task only retries, deletion and its callback', () => {
    overCommands(({ state }, command) => {
      if (!isFinished(state) && state.status !== 'deleted') return;
      const decision = decide(state, command);
      if (decision.outcome !== 'event') return;
      expect(state.status === 'deleted' ? afterADeletion : afterAnEnd).toContain(decision.event.type);
    });
  });

  it('starts nothing any more once a cancel was answered', () => {
    fc.assert(
      fc.property(anyHistory, anySteps(15), (history, steps) => {
        const { decision, history: cancelled } = perform(history, { type: 'cancel', reason: null });
        if (decision.outcome === 'refused') return;
        const later = takeSteps(cancelled, steps).events.slice(history.events.length);
        expect(later.filter(({ type }) => type === 'TaskStarted' || type === 'TaskRetried')).toEqual([]);
      }),
      runs,
    );
  });

  it('takes a cancel of every task that is not running and not finished otherwise', () => {
    overHistories(({ state }) => {
      const expected = { scheduled: 'event', waiting: 'event', cancelled: 'unchanged' }[state.status as string] ?? 'refused';
      expect(decide(state, { type: 'cancel', reason: null }).outcome).toBe(expected);
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
        const snapshot: TaskState = JSON.parse(JSON.stringify(fold(initialTask, events.slice(0, version))));
        expect(fold(snapshot, events.slice(version))).toStrictEqual(state);
      }),
      runs,
    );
  });

  it('gives the same state for events that went through JSON', () => {
    overHistories(({ events, state }) => {
      const stored: RecordedTaskEvent[] = JSON.parse(JSON.stringify(events));
      expect(fold(initialTask, stored)).toStrictEqual(state);
    });
  });

  it('refuses an erasure of anything that is still there', () => {
    overHistories((history) => {
      expect(() => evolve(history.state, envelope(history, { type: 'Erased', data: {} }))).toThrow(/Erased .* cannot follow/);
    });
  });
});

describe('the callback', () => {
  /** What the events say about callbacks, without a look at the state. */
  type Told = { readonly outcomeVersion: number; readonly tries: number; readonly open: boolean };
  const endedBy = (event: RecordedTaskEvent, finished: boolean): FinishedStatus | null => {
    if (event.type === 'TaskSucceeded') return 'succeeded';
    if (event.type === 'TaskFailed') return event.data.retryAt === null ? 'failed' : null;
    return event.type === 'TaskCancelled' || (event.type === 'TaskDeleted' && !finished) ? 'cancelled' : null;
  };

  it('is at most one, tells the newest end, counts its tries from 1 and makes eight at most', () => {
    overHistories(({ events }) => {
      let told: Told | null = null;
      let on: readonly FinishedStatus[] = [];
      const states = statesAlong(events);
      events.forEach((event, index) => {
        if (event.type === 'TaskScheduled') on = event.data.callback?.on ?? [];
        if (event.type === 'TaskRescheduled' && event.data.callback !== undefined) on = event.data.callback?.on ?? [];
        const end = endedBy(event, endedOf(states[index] ?? initialTask) !== null);
        if (end !== null) told = on.includes(end) ? { outcomeVersion: event.version, tries: 0, open: true } : null;
        if (event.type === 'TaskRetried') told = null;
        if (event.type === 'CallbackSucceeded' || event.type === 'CallbackFailed') {
          expect(told).toEqual({ outcomeVersion: event.data.outcomeVersion, tries: event.data.attempt - 1, open: true });
          expect(event.data.attempt).toBeLessThanOrEqual(8);
          const open: boolean = event.type === 'CallbackFailed' && event.data.retryAt !== null;
          told = { outcomeVersion: event.data.outcomeVersion, tries: event.data.attempt, open };
        }
        if (event.type === 'CallbackReopened') {
          expect(told?.outcomeVersion).toBe(event.data.outcomeVersion);
          told = { outcomeVersion: event.data.outcomeVersion, tries: 0, open: true };
        }
        const callback = endedOf(states[index + 1] ?? initialTask)?.callback;
        expect(callback?.status === 'pending').toBe(told?.open ?? false);
        if (callback?.status === 'pending') expect(callback).toMatchObject({ outcomeVersion: told?.outcomeVersion, attempt: told?.tries });
      });
    });
  });

  it('takes no word of a try that a new run has superseded', () => {
    overHistories((history) => {
      const { state } = history;
      if (state.status !== 'failed' || state.callback.status !== 'pending') return;
      const { outcomeVersion, attempt } = state.callback;
      const outcome = { delivered: true, status: 200 } as const;
      const retried = perform(history, { type: 'retry', now: history.now }).history;
      const late = { type: 'record-callback', now: history.now, random: 0, outcomeVersion, attempt: attempt + 1, outcome } as const;
      expect(decide(retried.state, late)).toEqual({ outcome: 'refused', refusal: { reason: 'superseded' } });
    });
  });
});

describe('wakeAt', () => {
  it('is null exactly when no passing of time can make anything happen', () => {
    overHistories(({ state, now }) => {
      const endOfTime = now + 100 * 365 * 86_400_000;
      const happens = actsOfTime(state, endOfTime).some((command) => decide(state, command).outcome === 'event');
      expect(wakeAt(state) !== null).toBe(happens);
    });
  });

  it('is the first moment at which time makes something happen, and acting on it always gets further', () => {
    overHistories((history) => {
      const dueAt = wakeAt(history.state);
      if (dueAt === null) return;
      const due = actsOfTime(history.state, dueAt).filter((command) => decide(history.state, command).outcome === 'event');
      expect(due).toHaveLength(1);
      for (const command of due) {
        const after = perform(at(history, dueAt), command).history;
        expect(after.state.version).toBe(history.state.version + 1);
      }
      // A callback's first try is made by the bus, before the state's own wake: only the rest has to wait.
      const early = actsOfTime(history.state, dueAt - 1).filter(({ type }) => type !== 'record-callback');
      for (const command of early) expect(decide(history.state, command).outcome).toBe('refused');
    });
  });

  it('comes to rest: a task whose every call fails for good, left alone, needs no more looks in the end', () => {
    fc.assert(
      fc.property(anyHistory, (start) => {
        let history = start;
        for (let looks = 0; wakeAt(history.state) !== null; looks += 1) {
          expect(looks).toBeLessThan(3 * limits.attemptsPerRun + 10);
          const { state } = history;
          history = at(history, wakeAt(state) ?? 0);
          for (const command of actsOfTime(state, history.now)) history = perform(history, command).history;
        }
      }),
      { numRuns: 300 },
    );
  });

  it('is a safe whole number that an index can hold', () => {
    overHistories(({ events }) => {
      for (const state of statesAlong(events)) expect(Number.isSafeInteger(wakeAt(state) ?? 0)).toBe(true);
    });
  });
});

describe('the facts stored beside an event', () => {
  it('say what the state says', () => {
    overHistories(({ events }) => {
      for (const state of statesAlong(events)) {
        const facts = factsOf(state);
        const task = state.status === 'deleted' ? state.ended : state;
        expect(facts.status).toBe(state.status);
        expect(facts.wakeAt).toBe(wakeAt(state));
        if (task === null || task.status === 'missing') continue;
        expect(facts).toMatchObject({
          run: task.run,
          attempt: task.attempt,
          labels: task.definition.labels,
          origin: task.definition.origin,
        });
        if (isFinished(task)) expect(facts.target).toBe(task.definition.callback?.target ?? null);
        else expect(facts.target).toBeTypeOf('string');
      }
    });
  });

  it('mark exactly the events that open a callback', () => {
    overHistories(({ events }) => {
      const states = statesAlong(events);
      states.forEach((state, index) => {
        const before = endedOf(states[index - 1] ?? initialTask);
        const ended = endedOf(state);
        const opened = before === null && ended?.callback.status === 'pending';
        expect(factsOf(state).callback).toBe(opened);
      });
    });
  });

  it('send what is slow to the long lane: long timeouts, and what timed out last', () => {
    overHistories(({ events }) => {
      for (const state of statesAlong(events)) {
        if (state.status !== 'scheduled' && state.status !== 'running' && state.status !== 'waiting') continue;
        const slow = state.definition.timeoutMs > limits.shortLaneTimeoutMs || state.lastFailure?.error.kind === 'timeout';
        expect(factsOf(state).lane).toBe(slow ? 'long' : 'short');
      }
    });
  });
});

describe('the harness', () => {
  it('moves the clock forward only and stamps events with it', () => {
    fc.assert(
      fc.property(anyHistory, anyStep, (history, step) => {
        const after = takeStep(history, step);
        expect(after.now).toBeGreaterThanOrEqual(history.now);
        expect(after.events.every(({ occurredAt }, index) => occurredAt >= (after.events[index - 1]?.occurredAt ?? 0))).toBe(true);
        expect(after.events.slice(0, history.events.length)).toEqual(history.events);
      }),
      runs,
    );
  });
});
