import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limits } from '../../../src/domain/limits.ts';
import { childOf } from '../../../src/domain/orchestration/children.ts';
import type { ChildSeen, OrchestrationCommand } from '../../../src/domain/orchestration/commands.ts';
import { decide } from '../../../src/domain/orchestration/decide.ts';
import { progressOf } from '../../../src/domain/orchestration/progress.ts';
import { factsOf, initialOrchestration, isEnded, type OrchestrationState, wakeAt } from '../../../src/domain/orchestration/state.ts';
import { day, minute } from '../task-histories.ts';
import { allSeen, anyDefinition, anyHistory, anyScript } from './arbitraries.ts';
import { at, type History, perform, statesAlong } from './histories.ts';
import { interpret } from './oracle.ts';
import { namedTasks, World } from './world.ts';

const runs = { numRuns: 500 };

function overHistories(law: (history: History) => void): void {
  fc.assert(fc.property(anyHistory, law), runs);
}

const advance = (state: OrchestrationState, now: number, child: ChildSeen | null): OrchestrationCommand => ({
  type: 'advance',
  now,
  version: state.version,
  child,
});

/** What looks of every kind yield at the given time. */
const yields = (state: OrchestrationState, now: number): readonly string[] =>
  allSeen.map((child) => decide(state, advance(state, now, child)).outcome);

describe('wakeAt', () => {
  it('is null exactly when neither time nor any child can make anything happen', () => {
    overHistories(({ events, now }) => {
      for (const state of statesAlong(events)) {
        const happens = state.status !== 'missing' && yields(state, now + 100 * 365 * day).includes('event');
        expect(wakeAt(state) !== null).toBe(happens);
      }
    });
  });

  it('is, before something due, the first moment at which any look gets further', () => {
    overHistories(({ state }) => {
      const dueAt = wakeAt(state);
      if (dueAt === null || childOf(state) !== null) return;
      expect(new Set(yields(state, dueAt))).toEqual(new Set(['event']));
      const atOnce = state.status === 'running' && (state.position.at === 'end' || state.position.at === 'fallback-due');
      if (!atOnce) expect(new Set(yields(state, dueAt - 1))).toEqual(new Set(['refused']));
    });
  });

  it('is a minute away when a child is named, and what comes of a look then or before depends on the child alone', () => {
    overHistories(({ state }) => {
      const child = childOf(state);
      if (child === null) return;
      expect(wakeAt(state)).toBe(child.runAt + minute);
      expect(yields(state, 0)).toEqual(yields(state, child.runAt + day));
    });
  });

  it('is a safe whole number that an index can hold, and what the facts say', () => {
    overHistories(({ events }) => {
      for (const state of statesAlong(events)) {
        expect(Number.isSafeInteger(wakeAt(state) ?? 0)).toBe(true);
        expect(factsOf(state)).toMatchObject({ status: state.status, wakeAt: wakeAt(state), origin: null, callback: false, target: null });
      }
    });
  });
});

describe('the child', () => {
  it('is awaited exactly when it was named and has not ended, and is the one that was named last', () => {
    overHistories((history) => {
      let open: string | null = null;
      const states = statesAlong(history.events);
      history.events.forEach((event, index) => {
        const state = states[index + 1] ?? initialOrchestration;
        const { type } = event;
        if (type === 'StepStarted' || type === 'CheckStarted' || type === 'FallbackStarted') open = event.data.taskId;
        else if (type === 'OrchestrationFinished' || type === 'OrchestrationCancelled') {
          const tells = 'plan' in state && state.plan.callbackOn.some((on) => on === state.status);
          open = tells ? 'order-42.callback' : null;
        } else open = null;
        const child = childOf(state);
        expect(child?.taskId ?? null).toBe(open);
        if (child === null) return;
        expect(child.runAt).toBe(event.occurredAt);
        expect(child.taskId.length - 'order-42'.length).toBeLessThanOrEqual(limits.taskIdLength - limits.parentIdLength);
      });
    });
  });
});

describe('left alone, with looks in time', () => {
  it('an orchestration does what its definition says, to the millisecond', () => {
    fc.assert(
      fc.property(anyDefinition, anyScript, (definition, script) => {
        const world = new World(definition, script);
        const expected = interpret('order-42', definition, world.now, script);
        world.comeToRest();
        const { state } = world;
        if (!isEnded(state)) throw new Error(`${state.status} at rest`);
        const { status, outcome, steps, finishedAt } = progressOf(state);
        expect({ status, outcome, finishedAt }).toEqual({
          status: expected.status,
          outcome: expected.outcome,
          finishedAt: expected.finishedAt,
        });
        expect(
          steps
            .filter((step) => step.status !== 'pending')
            .map(({ error, name: _name, taskId: _taskId, ...step }) => ({ ...step, errorKind: error?.kind ?? null })),
        ).toEqual(expected.steps);
        expect(namedTasks(world.history)).toEqual(expected.tasks);
        const called = expected.tasks.filter((taskId) => ['succeeded', 'truncated', 'failed'].includes(script(taskId)?.as ?? ''));
        expect(world.calls.filter((taskId) => !taskId.endsWith('.callback'))).toEqual(called);
      }),
      { numRuns: 1_000 },
    );
  });

  it('every orchestration whose children all end comes to its end, wherever it stands', () => {
    fc.assert(
      fc.property(anyHistory, fc.array(fc.constantFrom(...allSeen.slice(3)), { minLength: 1, maxLength: 8 }), (start, seen) => {
        let history = start;
        for (let looks = 0; wakeAt(history.state) !== null; looks += 1) {
          // Five steps, each with six checks and a fallback, twice: named and ended.
          expect(looks).toBeLessThan(100);
          history = at(history, wakeAt(history.state) ?? 0);
          history = perform(history, advance(history.state, history.now, seen[looks % seen.length] ?? null)).history;
        }
        expect(isEnded(history.state)).toBe(true);
      }),
      runs,
    );
  });
});
