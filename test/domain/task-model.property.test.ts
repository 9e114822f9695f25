import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TaskCommand } from '../../src/domain/task/commands.ts';
import { decide } from '../../src/domain/task/decide.ts';
import { fold } from '../../src/domain/task/evolve.ts';
import { endedOf, factsOf, initialTask, type TaskState } from '../../src/domain/task/state.ts';
import { callbackSpec, day, definitionWith, epoch, okResult, type RecordedTaskEvent, serverError } from './task-histories.ts';

const maxAttempts = 3;
const definition = definitionWith({
  strategy: 'async',
  callback: callbackSpec,
  retry: { backoff: 'fixed', maxAttempts, initialDelayMs: 1_000, factor: 1, maxDelayMs: 1_000, jitter: 0.2 },
});

/** A service in memory: one stream, appended to only at the version that was read, as an event log does. */
class Service {
  readonly log: RecordedTaskEvent[] = [];
  now = epoch;
  private answers = 0;

  /** A number for an answer that is like no other. */
  nextAnswer(): number {
    this.answers += 1;
    return this.answers;
  }

  read(): TaskState {
    return fold(initialTask, this.log);
  }

  /** Decides against the state that was read; false when somebody else has appended since. */
  tryAt(state: TaskState, command: TaskCommand): 'event' | 'unchanged' | 'refused' | 'conflict' {
    const decision = decide(state, command);
    if (decision.outcome !== 'event') return decision.outcome;
    if (this.log.length !== state.version) return 'conflict';
    const version = state.version + 1;
    this.log.push({ ...decision.event, stream: 'task#model', version, occurredAt: this.now, commitId: `commit-${version}` });
    return 'event';
  }

  /** Reads again and decides again until no one was faster. */
  send(command: TaskCommand, read = this.read()): 'event' | 'unchanged' | 'refused' {
    const outcome = this.tryAt(read, command);
    return outcome === 'conflict' ? this.send(command) : outcome;
  }
}

/** All that a user of Errand keeps in mind about a task. */
type Model = {
  status: TaskState['status'];
  run: number;
  attempt: number;
  callback: 'none' | 'open' | 'told';
};
type Outcome = 'event' | 'unchanged' | 'refused';

function finish(model: Model, status: TaskState['status']): Outcome {
  Object.assign(model, { status, callback: 'open' });
  return 'event';
}

const underWay = ({ status }: Model): boolean => status === 'running' || status === 'waiting';

function attemptFails(model: Model): Outcome {
  if (model.attempt >= maxAttempts) return finish(model, 'failed');
  model.status = 'scheduled';
  return 'event';
}

function nextRun(model: Model): Outcome {
  Object.assign(model, { status: 'scheduled', run: model.run + 1, attempt: 0, callback: 'none' });
  return 'event';
}

/** What each wish does to the model, and the command it is for the service. */
type Wish = {
  readonly expected: (model: Model) => Outcome;
  readonly command: (service: Service) => TaskCommand;
};

const startedVersion = (service: Service): number => service.log.findLast(({ type }) => type === 'TaskStarted')?.version ?? 0;
/** Acts of time come when everything that could be due is due. */
const muchLater = ({ now }: Service): number => now + day;

const wishes: Record<string, Wish> = {
  create: {
    expected: (model) => {
      if (model.status !== 'missing') return model.status === 'deleted' ? 'refused' : 'unchanged';
      Object.assign(model, { status: 'scheduled', run: 1 });
      return 'event';
    },
    command: ({ now }) => ({ type: 'schedule', definition, runAt: now, sameContent: true }),
  },
  start: {
    expected: (model) => {
      if (model.status !== 'scheduled') return 'refused';
      Object.assign(model, { status: 'running', attempt: model.attempt + 1 });
      return 'event';
    },
    command: (service) => ({ type: 'start', now: muchLater(service) }),
  },
  accept: {
    expected: (model) => {
      if (model.status !== 'running') return model.status === 'waiting' ? 'unchanged' : 'refused';
      model.status = 'waiting';
      return 'event';
    },
    command: (service) => ({ type: 'accept', now: service.now, startedVersion: startedVersion(service), response: okResult }),
  },
  succeed: {
    expected: (model) => (model.status === 'running' ? finish(model, 'succeeded') : 'refused'),
    command: (service) => ({ type: 'succeed', startedVersion: startedVersion(service), result: okResult }),
  },
  answer: {
    expected: (model) => (underWay(model) || (model.status === 'scheduled' && model.attempt > 0) ? finish(model, 'succeeded') : 'refused'),
    // A fresh answer each time, so that a second one is never the same.
    command: (service) => ({
      type: 'answer',
      now: service.now,
      run: factsOf(service.read()).run,
      startedVersion: startedVersion(service),
      answerHash: `answer-${service.nextAnswer()}`,
      result: okResult,
    }),
  },
  fail: {
    expected: (model) => (underWay(model) ? attemptFails(model) : 'refused'),
    command: (service) => ({
      type: 'fail',
      now: service.now,
      random: 0.5,
      startedVersion: startedVersion(service),
      error: serverError,
      retryable: true,
      retryAfterMs: null,
    }),
  },
  'lose the process': {
    expected: (model) => (model.status === 'running' ? attemptFails(model) : 'refused'),
    command: (service) => ({ type: 'expire-lease', now: muchLater(service), random: 0.5 }),
  },
  'let the deadline pass': {
    expected: (model) => (model.status === 'waiting' ? attemptFails(model) : 'refused'),
    command: (service) => ({ type: 'expire-wait', now: muchLater(service), random: 0.5 }),
  },
  continue: {
    expected: (model) => (model.status === 'running' ? nextRun(model) : 'refused'),
    command: (service) => ({ type: 'continue', startedVersion: startedVersion(service), runAt: service.now }),
  },
  cancel: {
    expected: (model) => {
      if (model.status === 'cancelled') return 'unchanged';
      return model.status === 'scheduled' || model.status === 'waiting' ? finish(model, 'cancelled') : 'refused';
    },
    command: () => ({ type: 'cancel', reason: null }),
  },
  retry: {
    expected: (model) => (model.status === 'failed' ? nextRun(model) : 'refused'),
    command: ({ now }) => ({ type: 'retry', now }),
  },
  delete: {
    expected: (model) => {
      if (model.status === 'missing' || model.status === 'deleted' || model.status === 'running') return 'refused';
      if (model.status === 'scheduled' || model.status === 'waiting') model.callback = 'open';
      model.status = 'deleted';
      return 'event';
    },
    command: () => ({ type: 'delete' }),
  },
  'deliver the callback': {
    expected: (model) => {
      if (model.callback !== 'open') return 'refused';
      model.callback = 'told';
      return 'event';
    },
    command: (service) => {
      const callback = endedOf(service.read())?.callback;
      const [outcomeVersion, attempt] =
        callback?.status === 'pending' ? [callback.outcomeVersion, callback.attempt + 1] : [service.log.length, 1];
      return { type: 'record-callback', now: service.now, random: 0.5, outcomeVersion, attempt, outcome: { delivered: true, status: 200 } };
    },
  },
  redeliver: {
    expected: (model) => {
      if (model.status === 'deleted' || model.callback === 'none') return 'refused';
      if (model.callback === 'open') return 'unchanged';
      model.callback = 'open';
      return 'event';
    },
    command: () => ({ type: 'redeliver' }),
  },
};

const names = Object.keys(wishes);
const wishOf = (name: string): Wish => {
  const wish = wishes[name];
  if (wish === undefined) throw new Error(`no wish ${name}`);
  return wish;
};

/** What the user sees of the service, in the words of the model. */
function modelOf(service: Service): Model {
  const state = service.read();
  const { status, run, attempt } = factsOf(state);
  const callback = { none: 'none', pending: 'open', delivered: 'told', failed: 'told' } as const;
  return { status, run, attempt, callback: callback[endedOf(state)?.callback.status ?? 'none'] };
}

class Send implements fc.Command<Model, Service> {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
  check(): boolean {
    return true;
  }
  run(model: Model, service: Service): void {
    const wish = wishOf(this.name);
    const command = wish.command(service);
    if ('now' in command) service.now = Math.max(service.now, command.now);
    expect(service.send(command), this.name).toBe(wish.expected(model));
    expect(modelOf(service)).toEqual(model);
  }
  toString(): string {
    return this.name;
  }
}

/**
 * Two callers read the same version; the slower one finds out at its append, reads again and is judged by what it finds then.
 * Whatever comes of it must be what comes of the two in a queue, in one order or the other.
 */
class Race implements fc.Command<Model, Service> {
  readonly first: string;
  readonly second: string;
  constructor(first: string, second: string) {
    this.first = first;
    this.second = second;
  }
  check(): boolean {
    return true;
  }
  run(model: Model, service: Service): void {
    const read = service.read();
    const [faster, slower] = [wishOf(this.first).command(service), wishOf(this.second).command(service)];
    for (const command of [faster, slower]) if ('now' in command) service.now = Math.max(service.now, command.now);
    const outcomes = [service.send(faster, read), service.send(slower, read)];
    const seen = { outcomes, after: modelOf(service) };
    const [inOrder, inReverse] = [{ ...model }, { ...model }];
    const forward = [wishOf(this.first).expected(inOrder), wishOf(this.second).expected(inOrder)];
    const backward = [wishOf(this.second).expected(inReverse), wishOf(this.first).expected(inReverse)].reverse();
    expect([
      { outcomes: forward, after: inOrder },
      { outcomes: backward, after: inReverse },
    ]).toContainEqual(seen);
    Object.assign(model, seen.after);
  }
  toString(): string {
    return `${this.first} against ${this.second}`;
  }
}

const anyName = fc.constantFrom(...names, 'start', 'start', 'start', 'fail', 'fail', 'accept', 'continue');
const emptyModel = (): Model => ({ status: 'missing', run: 0, attempt: 0, callback: 'none' });

describe('a task behind an event log', () => {
  it('does what its user keeps in mind about it', () => {
    fc.assert(
      fc.property(fc.commands([anyName.map((name) => new Send(name))], { maxCommands: 60, size: 'max' }), (commands) => {
        fc.modelRun(() => ({ model: { ...emptyModel(), ...created() }, real: createdService() }), commands);
      }),
      { numRuns: 500 },
    );
  });

  it('does so from the very beginning too', () => {
    fc.assert(
      fc.property(fc.commands([anyName.map((name) => new Send(name))], { maxCommands: 8 }), (commands) => {
        fc.modelRun(() => ({ model: emptyModel(), real: new Service() }), commands);
      }),
      { numRuns: 200 },
    );
  });

  it('comes through races as if its callers had stood in a queue', () => {
    const commands = [anyName.map((name) => new Send(name)), fc.tuple(anyName, anyName).map(([first, second]) => new Race(first, second))];
    fc.assert(
      fc.property(fc.commands(commands, { maxCommands: 40, size: 'max' }), (steps) => {
        fc.modelRun(() => ({ model: { ...emptyModel(), ...created() }, real: createdService() }), steps);
      }),
      { numRuns: 300 },
    );
  });
});

function created(): Partial<Model> {
  return { status: 'scheduled', run: 1 };
}

function createdService(): Service {
  const service = new Service();
  service.send({ type: 'schedule', definition, runAt: epoch, sameContent: true });
  return service;
}
