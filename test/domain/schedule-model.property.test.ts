import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ScheduleDefinition } from '../../src/domain/schedule/events.ts';
import { isLive } from '../../src/domain/schedule/state.ts';
import { type Changes, Diary } from './schedule-diary.ts';
import { ask, given, type History, perform, scheduleId, settle } from './schedule-histories.ts';
import { epoch, hour, minute, second } from './task-histories.ts';

/** A schedule with the world around it: one history that moves on. */
type Real = { history: History };

/** What came of both, in the same words. */
function expectSame(model: Diary, { history }: Real): void {
  const { state, events } = history;
  const fired = events.flatMap((event) => (event.type === 'OccurrenceFired' ? [event.data.dueAt] : []));
  expect(fired).toEqual(model.fired);
  const skipped = { misfire: 0, overlap: 0, 'id-taken': 0 };
  for (const event of events) if (event.type === 'OccurrencesSkipped') skipped[event.data.why] += event.data.count;
  expect(skipped).toEqual({ misfire: model.skipped.misfire.length, overlap: model.skipped.overlap.length, 'id-taken': model.taken });
  expect(isLive(state) ? state.status : 'deleted').toBe(model.status);
  if (state.status === 'active') expect(state.buffered?.dueAt ?? null).toBe(model.buffered);
}

type Doing = { readonly name: string; readonly model: (model: Diary) => void; readonly real: (real: Real) => void };

class Do implements fc.Command<Diary, Real> {
  readonly doing: Doing;
  constructor(doing: Doing) {
    this.doing = doing;
  }
  check(): boolean {
    return true;
  }
  run(model: Diary, real: Real): void {
    this.doing.model(model);
    this.doing.real(real);
    expectSame(model, real);
  }
  toString(): string {
    return this.doing.name;
  }
}

const send = (real: Real, command: Parameters<typeof perform>[1]): void => {
  real.history = perform(real.history, command).history;
};

const pass = (ms: number): Doing => ({
  name: `wait ${ms}`,
  model: (model) => {
    model.now += ms;
  },
  real: (real) => {
    real.history = { ...real.history, now: real.history.now + ms };
  },
});
/** Wakes until nothing more comes of it. */
const wake: Doing = {
  name: 'wake',
  model: (model) => model.wake(),
  real: (real) => {
    real.history = settle(real.history);
  },
};
const finish: Doing = {
  name: 'the last occurrence ends',
  model: (model) => {
    model.busy = false;
  },
  real: (real) => {
    const fired = real.history.events.flatMap((event) => (event.type === 'OccurrenceFired' ? [event.data.taskId] : []));
    real.history = { ...real.history, finished: new Set(fired) };
  },
};
const pause: Doing = { name: 'pause', model: (model) => model.pause(), real: (real) => send(real, ask.pause()) };
const resume: Doing = { name: 'resume', model: (model) => model.resume(), real: (real) => send(real, ask.resume(real.history)) };
const trigger: Doing = { name: 'trigger', model: () => {}, real: (real) => send(real, ask.trigger(real.history)) };
const confirm: Doing = { name: 'confirm', model: () => {}, real: (real) => send(real, ask.confirm(real.history)) };
const change = (changes: Changes): Doing => ({
  name: `change ${JSON.stringify(changes)}`,
  model: (model) => model.change(changes),
  real: (real) => {
    const { everyMs, ...others } = changes;
    const rule = everyMs === undefined ? {} : { rule: { kind: 'every', intervalMs: everyMs } as const };
    send(real, ask.change(real.history, { ...others, ...rule }));
  },
});

const anyDoing: fc.Arbitrary<Doing> = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 12 * second }).map(pass) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 2 * minute }).map(pass) },
  { weight: 12, arbitrary: fc.constant(wake) },
  { weight: 6, arbitrary: fc.constant(finish) },
  { weight: 1, arbitrary: fc.constantFrom(pause, resume, resume, trigger, confirm) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom<Changes>({ everyMs: 7 * second }, { everyMs: minute }, { maxOccurrences: 4 }, { maxOccurrences: null })
      .map(change),
  },
);
const anyStart = fc
  .record({
    everyMs: fc.constantFrom(second, 10 * second, minute),
    overlap: fc.constantFrom<ScheduleDefinition['overlap']>('skip', 'allow', 'buffer-one'),
    misfire: fc.constantFrom<ScheduleDefinition['misfire']>('run-once', 'skip', 'run-all'),
    catchUpWithinMs: fc.constantFrom(0, 30 * second, hour),
    maxOccurrences: fc.constantFrom(null, null, 1, 6),
  })
  .filter(({ misfire, overlap }) => misfire !== 'run-all' || overlap === 'allow');

describe('a schedule behind an event log', () => {
  it('does what somebody would who writes down every single time and crosses it off', () => {
    const commands = fc.commands([anyDoing.map((doing) => new Do(doing))], { maxCommands: 60, size: 'max' });
    fc.assert(
      fc.property(anyStart, commands, (start, doings) => {
        const { everyMs, ...parts } = start;
        const real = { history: given({ ...parts, rule: { kind: 'every', intervalMs: everyMs } }) };
        fc.modelRun(() => ({ model: new Diary(start, epoch), real }), doings);
        expect(real.history.stream).toContain(scheduleId);
      }),
      { numRuns: 300 },
    );
  });
});
