import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { progressOf } from '../../../src/domain/orchestration/progress.ts';
import { firstStepAt, isEnded, type OrchestrationState, wakeAt } from '../../../src/domain/orchestration/state.ts';
import { callbackSpec, minute, second } from '../task-histories.ts';
import { anyDefinition, anyScript } from './arbitraries.ts';
import { check, definitionWith, planned, step, stepTemplate } from './histories.ts';
import { interpret, type Script } from './oracle.ts';
import { type Look, namedTasks, World } from './world.ts';

/**
 * What a user keeps in mind: how far the orchestration may be, which the oracle says from the definition and from how tasks ended,
 * and what there was when it was cancelled.
 */
type Model = { cancelled: { readonly named: readonly string[]; readonly calls: readonly string[] } | null };
/** The world, and the looks that are under way in it, each a host's. */
type Real = { readonly world: World; readonly looks: Look[] };

const steps = (calls: readonly string[]): readonly string[] => calls.filter((taskId) => !taskId.endsWith('.callback'));

/** Whatever has happened so far, and whatever of it was seen, only this may be so. */
function holdsNow({ cancelled }: Model, { world }: Real): void {
  const named = namedTasks(world.history);
  const { tasks } = interpret('order-42', world.definition, 0, world.known);
  // No step, check or fallback before its time: nothing but what the ends there are lead to, in that order.
  expect(tasks.slice(0, named.length)).toEqual(named);
  for (const taskId of world.openChildren()) expect([...named, 'order-42.callback']).toContain(taskId);
  expect(new Set(world.calls).size).toBe(world.calls.length);
  expect(wakeAt(world.state) === null).toBe(isEnded(world.state) && world.state.callback.status !== 'unconfirmed');
  if (cancelled === null) return;
  expect(world.state.status).toBe('cancelled');
  expect(named).toEqual(cancelled.named);
  expect(steps(world.calls)).toEqual(cancelled.calls);
}

abstract class Act implements fc.Command<Model, Real> {
  check(_model: Readonly<Model>): boolean {
    return true;
  }
  run(model: Model, real: Real): void {
    this.act(real, model);
    holdsNow(model, real);
  }
  abstract act(real: Real, model: Model): void;
  abstract toString(): string;
}

/** A wake arrives: the first, a duplicate, or one that is long out of date by the time it is handled. */
class Wake extends Act {
  readonly makes: boolean;
  constructor(makes: boolean) {
    super();
    this.makes = makes;
  }
  act({ world, looks }: Real): void {
    looks.push(world.newLook(this.makes));
  }
  toString(): string {
    return this.makes ? 'wake' : 'wake that can make nothing';
  }
}

/** Some host gets on with some look, by one phase. */
class Proceed extends Act {
  readonly choice: number;
  constructor(choice: number) {
    super();
    this.choice = choice;
  }
  act({ world, looks }: Real): void {
    const index = this.choice % Math.max(1, looks.length);
    const look = looks[index];
    if (look !== undefined && !world.takePhase(look)) looks.splice(index, 1);
  }
  toString(): string {
    return `proceed ${this.choice}`;
  }
}

/** A host goes away in the midst of a look, after whatever phase it had come to. */
class Crash extends Proceed {
  override act({ looks }: Real): void {
    looks.splice(this.choice % Math.max(1, looks.length), 1);
  }
  override toString(): string {
    return `crash ${this.choice}`;
  }
}

/** A task gets on. That it ended is told to nobody, unless a wake comes. */
class Task extends Proceed {
  override act({ world }: Real): void {
    const open = world.openChildren();
    const taskId = open[this.choice % Math.max(1, open.length)];
    if (taskId !== undefined) world.proceed(taskId);
  }
  override toString(): string {
    return `task ${this.choice}`;
  }
}

class Wait extends Proceed {
  override act({ world }: Real): void {
    const due = wakeAt(world.state) ?? world.now;
    world.passTo([world.now + second, due, due + minute][this.choice % 3] ?? due);
  }
  override toString(): string {
    return `wait ${this.choice}`;
  }
}

class Cancel extends Act {
  act({ world }: Real, model: Model): void {
    const { status } = world.state;
    const outcome = world.command({ type: 'cancel', reason: null });
    const expected = { scheduled: 'event', running: 'event', cancelled: 'unchanged' }[status as string] ?? 'refused';
    expect(outcome).toBe(expected);
    if (outcome === 'event') model.cancelled = { named: namedTasks(world.history), calls: steps(world.calls) };
  }
  toString(): string {
    return 'cancel';
  }
}

class Change extends Act {
  readonly delayMs: number;
  constructor(delayMs: number) {
    super();
    this.delayMs = delayMs;
  }
  act({ world }: Real): void {
    const { state } = world;
    const [first, ...others] = world.definition.steps;
    if (first === undefined || !('definition' in state)) return;
    const definition = { ...world.definition, steps: [{ ...first, delayMs: this.delayMs }, ...others] };
    const replan = { plan: planned(definition), madeFrom: state.definition.version };
    const outcome = world.command({ type: 'change', replan }, definition);
    if (state.status !== 'scheduled') expect(outcome).toBe('refused');
    else expect(firstStepAt(world.state as Extract<OrchestrationState, { status: 'scheduled' }>)).toBe(state.runAt + this.delayMs);
  }
  toString(): string {
    return `change ${this.delayMs}`;
  }
}

const choice = fc.nat(99);
const anyActs = fc.commands(
  [
    fc.constantFrom(true, true, false).map((makes) => new Wake(makes)),
    ...Array.from({ length: 4 }, () => choice.map((number) => new Proceed(number))),
    ...Array.from({ length: 2 }, () => choice.map((number) => new Task(number))),
    choice.map((number) => new Crash(number)),
    choice.map((number) => new Wait(number)),
    fc.constantFrom(0, 5 * second).map((delayMs) => new Change(delayMs)),
  ],
  { maxCommands: 150, size: 'max' },
);

/** What must have come of it once everything that could happen has happened. */
function holdsAtRest(model: Model, { world }: Real, script: Script): void {
  const { state } = world;
  if (!isEnded(state)) throw new Error(`${state.status} at rest`);
  const { status, outcome, steps: seen } = progressOf(state);
  const named = namedTasks(world.history);
  if (model.cancelled !== null) {
    expect({ status, outcome }).toEqual({ status: 'cancelled', outcome: null });
    expect(
      seen.filter((each) => each.status !== 'succeeded' && each.status !== 'failed').every((each) => each.status === 'cancelled'),
    ).toBe(true);
  } else {
    const expected = interpret('order-42', world.definition, 0, script);
    expect({ status, outcome, named }).toEqual({ status: expected.status, outcome: expected.outcome, named: expected.tasks });
    expect(seen.filter((each) => each.status !== 'pending').map((each) => [each.status, each.checks, each.error?.kind ?? null])).toEqual(
      expected.steps.map((each) => [each.status, each.checks, each.errorKind]),
    );
    const called = named.filter((taskId) => ['succeeded', 'truncated', 'failed'].includes(script(taskId)?.as ?? ''));
    expect(steps(world.calls)).toEqual(called);
  }
  const tells = world.definition.callback?.on.includes(state.status) ?? false;
  expect(state.callback.status === 'none').toBe(!tells);
  expect(world.children.has('order-42.callback')).toBe(tells);
  const isCalled = tells && ['succeeded', 'truncated', 'failed'].includes(script('order-42.callback')?.as ?? '');
  expect(world.calls.includes('order-42.callback')).toBe(isCalled);
}

function run(real: Real, script: Script, acts: Iterable<fc.Command<Model, Real>>): void {
  const model: Model = { cancelled: null };
  fc.modelRun(() => ({ model, real }), acts);
  real.world.comeToRest();
  // Hosts that had slept through all this wake up and finish what they had begun: too late for anything.
  const { events } = real.world.history;
  for (const look of real.looks) while (real.world.takePhase(look));
  expect(real.world.history.events).toEqual(events);
  holdsNow(model, real);
  holdsAtRest(model, real, script);
}

describe('an orchestration among hosts that look twice, late, in any order or not at all, and go away between any two steps', () => {
  it('does what its definition says, and nothing before its time', () => {
    fc.assert(
      fc.property(anyDefinition, anyScript, anyActs, (definition, script, acts) => {
        run({ world: new World(definition, script), looks: [] }, script, acts);
      }),
      { numRuns: 500 },
    );
  });

  it('starts and calls nothing after a cancel, whoever had read what before', () => {
    fc.assert(
      fc.property(anyDefinition, anyScript, anyActs, anyActs, (definition, script, before, after) => {
        run({ world: new World(definition, script), looks: [] }, script, [...before, new Cancel(), ...after, new Cancel()]);
      }),
      { numRuns: 500 },
    );
  });

  it('comes through 100 steps, each with a check that passes at its last try', () => {
    const passesLast: Script = (taskId) => ({ as: /\.check\.[12]$/.test(taskId) ? 'failed' : 'succeeded', lastsMs: 1 });
    const hundred = definitionWith({
      steps: Array.from({ length: 100 }, (_, index) =>
        step({ name: `step ${index + 1}`, delayMs: 10, task: { ...stepTemplate, bodyFrom: index === 0 ? null : 'previous' } }),
      ),
      check: check({ delayMs: 5, retries: 2, gapMs: 3 }),
      fallback: stepTemplate,
      callback: callbackSpec,
    });
    const world = new World(hundred, passesLast);
    const begun = world.now;
    world.comeToRest();
    const { state } = world;
    if (state.status !== 'succeeded') throw new Error(`${state.status} at rest`);
    expect(progressOf(state).steps.every(({ status, checks }) => status === 'succeeded' && checks === 3)).toBe(true);
    expect(state.finishedAt - begun).toBe(100 * (10 + 1 + 5 + 3 * 1 + 2 * 3));
    // Scheduled; of each step its start and end and those of three checks; the end and the callback.
    expect(state.version).toBe(1 + 100 * 8 + 2);
    expect(JSON.stringify({ ...state, plan: { ...state.plan, definition: { bytes: 0, digest: '' } } }).length).toBeLessThan(32 * 1_024);
  });
});
