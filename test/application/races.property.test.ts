import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { attemptTask } from '../../src/application/attempt.ts';
import { taskEvent } from '../../src/application/event-schemas.ts';
import { type CommandOutcome, execute } from '../../src/application/execute.ts';
import type { AppendOutcome, EventLog, HttpRequest, StoredEvent } from '../../src/application/ports.ts';
import { answerTask, cancelTask } from '../../src/application/task-commands.ts';
import { taskStream } from '../../src/application/task-store.ts';
import { handleWake } from '../../src/application/wake.ts';
import { evolve } from '../../src/domain/task/evolve.ts';
import { initialTask, type TaskState } from '../../src/domain/task/state.ts';
import { minute } from '../domain/task-histories.ts';
import { createWorld, type World } from '../support/application-world.ts';
import type { MemoryEventLog } from '../support/memory-event-log.ts';
import { headerOf, response } from '../support/scripted-caller.ts';

const id = 'a';
const stream = taskStream(id);

/** What happened in one race, in the order in which it did. */
type Happening =
  | { readonly what: 'appended'; readonly by: string; readonly event: StoredEvent }
  | { readonly what: 'called'; readonly by: string; readonly attempt: number }
  | { readonly what: 'answered'; readonly by: string; readonly outcome: CommandOutcome | null };

/** The log as a process sees it over a network: requests arrive, and replies come back, whenever the scheduler says. */
type Network = (inner: EventLog) => EventLog;
/** What is wrong with one of the parts, to show that the laws see it. */
type Mutant = { readonly log?: (log: MemoryEventLog) => EventLog; readonly callsWithoutStart?: boolean };

function networkOf(s: fc.Scheduler, by: string, happened: Happening[]): Network {
  const travel = async <Value>(name: string, work: () => Promise<Value>): Promise<Value> => {
    await s.schedule(Promise.resolve('arrive'), `${by}: ${name} arrives`);
    const reply = await work();
    await s.schedule(Promise.resolve('reply'), `${by}: ${name} is answered`);
    return reply;
  };
  return (inner) => ({
    append: (event, snapshot) =>
      travel(`append ${event.type}@${event.version}`, async () => {
        const outcome = await inner.append(event, snapshot);
        if (outcome === 'appended') happened.push({ what: 'appended', by, event });
        return outcome;
      }),
    read: (...given) => travel('read', () => inner.read(...given)),
    load: (...given) => travel('load', () => inner.load(...given)),
    readBody: (...given) => travel('read body', () => inner.readBody(...given)),
  });
}

type Race = { readonly happened: readonly Happening[]; readonly log: MemoryEventLog };
type Plan = {
  readonly strategy: 'await' | 'async';
  readonly statuses: readonly number[];
  readonly cancels: number;
  readonly early: boolean;
  readonly expires: boolean;
};

const anyPlan: fc.Arbitrary<Plan> = fc.record({
  strategy: fc.constantFrom('await', 'async'),
  statuses: fc.array(fc.constantFrom(200, 503, 404), { minLength: 1, maxLength: 4 }),
  cancels: fc.nat(2),
  early: fc.boolean(),
  expires: fc.boolean(),
});

/** Two executors, a cancel or two, the end of a lease and an early answer meet at one due task. */
async function race(s: fc.Scheduler, plan: Plan, mutant: Mutant = {}): Promise<Race> {
  const happened: Happening[] = [];
  const origin = createWorld();
  await origin.schedule(id, { strategy: plan.strategy, retry: { backoff: 'delays', maxAttempts: 3, delaysMs: [0, 0], jitter: 0 } });
  const shared = mutant.log?.(origin.log) ?? origin.log;
  const processOf = (by: string) => createWorld({ beside: origin, through: () => networkOf(s, by, happened)(shared) });
  const runs: Promise<unknown>[] = [];
  const executors = ['executor 1', 'executor 2'].map((by) => ({ by, world: processOf(by) }));
  for (const { by, world } of executors) {
    world.caller.answer = async (request, call) => {
      happened.push({ what: 'called', by, attempt: Number(headerOf(request, 'errand-attempt')) });
      if (plan.early) {
        const answering = early(request);
        // Judged with the others at the end; a mutant may break it long before.
        answering.catch(() => undefined);
        runs.push(answering);
      }
      await s.schedule(Promise.resolve('answer'), `${by}: the target answers`);
      return response(plan.statuses[(call - 1) % plan.statuses.length] ?? 200);
    };
  }
  const target = processOf('target');
  const note = (by: string, outcome: CommandOutcome | null) => void happened.push({ what: 'answered', by, outcome });
  const early = async (request: HttpRequest): Promise<void> => {
    const token = headerOf(request, 'errand-callback-url')?.split('/').at(-1);
    if (token === undefined) return;
    note('target', await answerTask(target.ports, id, { token, body: new Uint8Array(3), contentType: undefined }));
  };
  const wake = { stream, version: 1, dueAt: origin.clock.now(), target: null, lane: 'short' } as const;
  const executor = async ({ by, world }: (typeof executors)[number]): Promise<void> => {
    for (let look = 0; look < 3; look += 1) {
      await s.schedule(Promise.resolve('wake'), `${by}: a wake comes`);
      if (mutant.callsWithoutStart === true) await attemptWithoutStart(world);
      else await handleWake(world.ports, wake);
    }
  };
  runs.push(...executors.map(executor));
  for (let cancel = 0; cancel < plan.cancels; cancel += 1) {
    const client = processOf(`client ${cancel}`);
    runs.push(
      s
        .schedule(Promise.resolve('cancel'), 'a cancel is sent')
        .then(async () => note('cancel', await cancelTask(client.ports, id, null, {}))),
    );
  }
  if (plan.expires) {
    const reaper = processOf('reaper');
    runs.push(
      (async () => {
        for (let look = 0; look < 3; look += 1) {
          await s.schedule(Promise.resolve('expire'), 'a lease ends');
          // Time passes for everybody: a lease is longer than the start window, and that is why its end is safe.
          origin.clock.jump(minute);
          const request = { stream, command: (now: number) => ({ type: 'expire-lease', now, random: 0 }) as const };
          note('reaper', await execute(reaper.ports, request));
        }
      })(),
    );
  }
  await s.waitIdle();
  await Promise.all(runs);
  return { happened, log: origin.log };
}

/** An executor that trusts what it read: it calls and then records, without the append that is the mutex. */
async function attemptWithoutStart(world: World): Promise<void> {
  const loaded = await world.store.load(stream);
  if (loaded.state.status !== 'scheduled') return;
  const beginBefore = { wall: world.clock.now() + minute, monotonic: minute };
  const headers = [['errand-attempt', String(loaded.state.attempt + 1)]] as const;
  await world.caller.call({ url: 'https://shop.example/', method: 'POST', headers, body: null, timeoutMs: 1_000, beginBefore });
  await attemptTask({ ...world.ports, caller: { call: async () => response(200) } }, stream, loaded);
}

/** What is wrong with a race, in words; nothing if every law was kept. */
function broken({ happened, log }: Race): readonly string[] {
  const events = log.events(stream);
  const problems: string[] = [];
  if (events.some(({ version }, index) => version !== index + 1)) problems.push('the versions have a gap');
  const acknowledged = happened.flatMap((one) => (one.what === 'appended' ? [one.event] : []));
  for (const { version, commitId } of acknowledged) {
    if (events[version - 1]?.commitId !== commitId) problems.push(`the acknowledged event ${version} is lost`);
  }
  problems.push(...brokenAttempts(happened, events), ...brokenCancel(happened), ...brokenFold(events));
  return problems;
}

function brokenAttempts(happened: readonly Happening[], events: readonly StoredEvent[]): readonly string[] {
  const problems: string[] = [];
  const key = (event: StoredEvent) => `${event.facts.run}/${event.facts.attempt}`;
  const starts = events.filter(({ type }) => type === 'TaskStarted').map(key);
  if (new Set(starts).size < starts.length) problems.push('an attempt was started twice');
  const calls = happened.flatMap((one, index) => (one.what === 'called' ? [{ ...one, index }] : []));
  for (const attempt of new Set(calls.map((call) => call.attempt))) {
    if (calls.filter((call) => call.attempt === attempt).length > 1) problems.push(`attempt ${attempt} was called twice`);
  }
  for (const call of calls) {
    const started = happened.findIndex(
      (one) =>
        one.what === 'appended' && one.by === call.by && one.event.type === 'TaskStarted' && one.event.facts.attempt === call.attempt,
    );
    if (started < 0 || started > call.index) problems.push(`attempt ${call.attempt} was called without its start`);
  }
  return problems;
}

function brokenCancel(happened: readonly Happening[]): readonly string[] {
  const cancelled = happened.findIndex((one) => one.what === 'answered' && one.by === 'cancel' && one.outcome?.outcome === 'done');
  if (cancelled < 0) return [];
  return happened.slice(cancelled).some(({ what }) => what === 'called') ? ['a call followed a cancel that was answered'] : [];
}

/** Each outcome names the start that was current when it was appended, and the whole folds. */
function brokenFold(events: readonly StoredEvent[]): readonly string[] {
  let state: TaskState = initialTask;
  const problems: string[] = [];
  for (const stored of events) {
    const { data, version } = stored;
    const isAnswer = 'answerHash' in data;
    const fence = 'startedVersion' in data && !isAnswer ? data.startedVersion : undefined;
    if (fence !== undefined && !('startedVersion' in state && state.startedVersion === fence))
      problems.push(`event ${version} is of another start`);
    try {
      state = evolve(state, taskEvent(stored));
    } catch (error) {
      return [...problems, String(error)];
    }
  }
  return problems;
}

/** A log without the condition: the last writer wins. */
function lastWriterWins(log: MemoryEventLog): EventLog {
  const events = new Map<number, StoredEvent>(log.events(stream).map((event) => [event.version, event]));
  const all = () => [...events.values()].sort((left, right) => left.version - right.version);
  log.events = () => all();
  return {
    async append(event): Promise<AppendOutcome> {
      events.set(event.version, event);
      return 'appended';
    },
    read: async (_stream, { after }) => all().filter(({ version }) => version > after),
    load: async () => ({ snapshot: null, events: all() }),
    readBody: (...given) => log.readBody(...given),
  };
}

/** A log that answers a conflict as if the commit were its own. */
function everyCommitIsMine(log: MemoryEventLog): EventLog {
  return {
    append: async (event, snapshot) => {
      await log.append(event, snapshot);
      return 'appended';
    },
    read: (...given) => log.read(...given),
    load: (...given) => log.load(...given),
    readBody: (...given) => log.readBody(...given),
  };
}

/** A log that appends at the end, whatever version was asked for. */
function alwaysAtTheEnd(log: MemoryEventLog): EventLog {
  return {
    append: (event, snapshot) => log.append({ ...event, version: log.events(stream).length + 1 }, snapshot),
    read: (...given) => log.read(...given),
    load: (...given) => log.load(...given),
    readBody: (...given) => log.readBody(...given),
  };
}

describe('two executors, cancels, the end of a lease and an early answer at one task', () => {
  test('keep every law, in whatever order requests arrive and replies come back', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), anyPlan, async (s, plan) => {
        expect(broken(await race(s, plan))).toEqual([]);
      }),
      { numRuns: 250 },
    );
  });

  test('meet in every way that matters: each is won and lost', async () => {
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), anyPlan, async (s, plan) => {
        const { happened, log } = await race(s, plan);
        for (const one of happened) if (one.what === 'answered') seen.add(`${one.by} ${one.outcome?.outcome}`);
        for (const { type } of log.events(stream)) seen.add(type);
        const callers = new Set(happened.flatMap((one) => (one.what === 'called' ? [one.by] : [])));
        seen.add(`${callers.size} executors called`);
      }),
      { numRuns: 400 },
    );

    expect([...seen].sort()).toEqual(
      expect.arrayContaining([
        '0 executors called',
        '1 executors called',
        '2 executors called',
        'TaskAccepted',
        'TaskCancelled',
        'TaskFailed',
        'TaskStarted',
        'TaskSucceeded',
        'cancel done',
        'cancel refused',
        'reaper done',
        'reaper refused',
        'target done',
        'target refused',
      ]),
    );
  });

  test.each<[string, Mutant]>([
    ['a log without its condition', { log: lastWriterWins }],
    ['a log that takes every commit for the own one', { log: everyCommitIsMine }],
    ['a log that appends at the end', { log: alwaysAtTheEnd }],
    ['an executor that calls before its start is appended', { callsWithoutStart: true }],
  ])('would not hide %s', async (_what, mutant) => {
    const found = await fc.check(
      fc.asyncProperty(fc.scheduler(), anyPlan, async (s, plan) => {
        const problems = await race(s, plan, mutant).then(broken, (error: unknown) => [String(error)]);
        expect(problems).toEqual([]);
      }),
      { numRuns: 250, endOnFailure: true },
    );

    expect(found.failed).toBe(true);
  });
});
