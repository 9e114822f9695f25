import fc from 'fast-check';
import { defaultRetryPolicy, type RetryPolicy } from '../../src/domain/retry-policy.ts';
import type { TaskCommand } from '../../src/domain/task/commands.ts';
import type { ErrorKind, FinishedStatus, TaskChanges, TaskDefinition, TaskError, TaskResult } from '../../src/domain/task/events.ts';
import { endedOf, type TaskState, wakeAt } from '../../src/domain/task/state.ts';
import { at, callbackSpec, day, definitionWith, type History, hour, httpAction, noHistory, perform, second } from './task-histories.ts';

type CommandType = TaskCommand['type'];

const fixedPolicy = (maxAttempts: number): RetryPolicy => ({
  backoff: 'fixed',
  maxAttempts,
  initialDelayMs: 2 * second,
  factor: 1,
  maxDelayMs: hour,
  jitter: 0.5,
});
const policies: readonly RetryPolicy[] = [
  defaultRetryPolicy,
  fixedPolicy(1),
  fixedPolicy(2),
  fixedPolicy(3),
  { backoff: 'delays', maxAttempts: 3, delaysMs: [0, 10 * second], jitter: 0 },
  { backoff: 'exponential', maxAttempts: 100, initialDelayMs: 1, factor: 10, maxDelayMs: day, jitter: 1 },
];

export const anyPolicy: fc.Arbitrary<RetryPolicy> = fc.constantFrom(...policies);

export const anyDefinition: fc.Arbitrary<TaskDefinition> = fc
  .record({
    action: fc.constantFrom(
      httpAction,
      { ...httpAction, body: null },
      { kind: 'runner', name: 'example', body: { kind: 'json', bytes: 2 } } as const,
      { kind: 'event', detailType: 'Reminder', body: null } as const,
    ),
    strategy: fc.constantFrom('await', 'async'),
    timeoutMs: fc.constantFrom(100, 30 * second, 840 * second),
    completeWithinMs: fc.constantFrom(100, 10 * second, hour),
    retry: anyPolicy,
    on: fc.option(fc.subarray<FinishedStatus>(['succeeded', 'failed', 'cancelled'], { minLength: 1 }), { freq: 5 }),
    startBeforeMs: fc.constantFrom(null, null, null, 0, second, 2 * hour),
  })
  .map(({ on, ...parts }) => definitionWith({ ...parts, callback: on === null ? null : { ...callbackSpec, on } }));

/**
 * One step of a random history, before it is known which state it meets: which command, how much time passes first,
 * and the dice for its details. Plain numbers, so that fast-check can shrink a history step by step.
 */
export type Step = {
  /** Whether the command is chosen to fit the state, or is any command with any fence. */
  readonly fitting: boolean;
  readonly choice: number;
  readonly wait: 'none' | 'little' | 'before-wake' | 'wake' | 'past-wake' | 'far';
  /** How far the clock of the host that decides is off, in milliseconds. */
  readonly skewMs: number;
  readonly random: number;
  readonly dice: number;
};

export const anyStep: fc.Arbitrary<Step> = fc.record({
  fitting: fc.oneof({ weight: 7, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
  choice: fc.nat(9_999),
  wait: fc.oneof(
    { weight: 3, arbitrary: fc.constant('none' as const) },
    { weight: 2, arbitrary: fc.constant('little' as const) },
    { weight: 1, arbitrary: fc.constant('before-wake' as const) },
    { weight: 6, arbitrary: fc.constant('wake' as const) },
    { weight: 3, arbitrary: fc.constant('past-wake' as const) },
    { weight: 1, arbitrary: fc.constant('far' as const) },
  ),
  skewMs: fc.oneof({ weight: 8, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: -5 * second, max: 5 * second }) }),
  random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  dice: fc.nat(0xffff),
});

export const commandTypes: readonly CommandType[] = [
  'schedule',
  'reschedule',
  'run-now',
  'start',
  'accept',
  'heartbeat',
  'continue',
  'succeed',
  'answer',
  'fail',
  'expire-lease',
  'expire-wait',
  'cancel',
  'retry',
  'redeliver',
  'delete',
  'record-callback',
];

type Weights = Partial<Record<CommandType, number>>;

/** Which commands get a history somewhere, and how often they are chosen. */
function fittingWeights(state: TaskState): Weights {
  switch (state.status) {
    case 'missing':
      return { schedule: 1 };
    case 'scheduled':
      return { start: 40, reschedule: 6, 'run-now': 3, cancel: 1, delete: 1, answer: state.attempt > 0 ? 2 : 0 };
    case 'running':
      if (state.definition.strategy === 'async') return { accept: 20, heartbeat: 4, answer: 1, continue: 4, fail: 5, 'expire-lease': 3 };
      return { succeed: 3, fail: 16, continue: 8, 'expire-lease': 6 };
    case 'waiting':
      return { answer: 2, heartbeat: 6, fail: 5, 'expire-wait': 6, cancel: 1, delete: 1 };
    case 'failed':
      return { 'record-callback': 6, retry: 6, redeliver: 3, delete: 1 };
    case 'succeeded':
    case 'cancelled':
      return { 'record-callback': 6, redeliver: 3, delete: 2, answer: 1 };
    case 'deleted':
      return { 'record-callback': 4, schedule: 1, redeliver: 1, answer: 1 };
    default:
      return state satisfies never;
  }
}

function pick(weights: Weights, choice: number): CommandType {
  const entries = commandTypes.map((type) => [type, weights[type] ?? 0] as const);
  const total = entries.reduce((sum, [, weight]) => sum + weight, 0);
  let rest = choice % total;
  for (const [type, weight] of entries) {
    if (rest < weight) return type;
    rest -= weight;
  }
  return 'start';
}

const errorKinds: readonly ErrorKind[] = ['http', 'timeout', 'network', 'interrupted', 'rejected', 'egress'];

const oneOf = <Value>(values: readonly [Value, ...Value[]], dice: number): Value => values[dice % values.length] ?? values[0];

function resultFrom(dice: number): TaskResult {
  return { status: 200 + (dice % 2), headers: {}, bytes: dice % 3, truncated: dice % 7 === 0, durationMs: dice % 50 };
}

function errorFrom(dice: number): TaskError {
  const kind = errorKinds[dice % errorKinds.length] ?? 'http';
  return kind === 'http' ? { kind, message: 'the target answered 503', status: 503 } : { kind, message: `it was ${kind}` };
}

function changesFrom(dice: number): TaskChanges {
  return oneOf<TaskChanges>(
    [
      {},
      { labels: { customer: String(dice % 3) } },
      { timeoutMs: 100 + (dice % 3) },
      { retry: policies[dice % policies.length] ?? defaultRetryPolicy },
      { callback: null },
      { callback: callbackSpec, labels: {} },
      { action: { ...httpAction, body: { kind: 'text', bytes: 5, digest: String(dice % 2) } } },
    ],
    dice >> 4,
  );
}

/** A TaskStarted of the history: the newest for a fitting step, otherwise any, or (unless it must be genuine) one that never was. */
function startFor(history: History, step: Step, genuine: boolean): { readonly startedVersion: number; readonly run: number } {
  const starts = history.events.flatMap((event) =>
    event.type === 'TaskStarted' ? [{ startedVersion: event.version, run: event.data.run }] : [],
  );
  const never = { startedVersion: 1_000, run: 1 + (step.dice % 3) };
  const known = genuine ? starts : [...starts, never];
  return (step.fitting ? starts.at(-1) : known[step.dice % known.length]) ?? never;
}

/** The command that a step means for the history it meets. */
export function commandFor(history: History, step: Step): TaskCommand {
  const { state, now } = history;
  const { dice, random } = step;
  const type = step.fitting ? pick(fittingWeights(state), step.choice) : (commandTypes[step.choice % commandTypes.length] ?? 'start');
  // An answer's token is checked before the domain sees it: it names a start that was.
  const { startedVersion, run } = startFor(history, step, type === 'answer');
  const retryAfterMs = oneOf([null, null, null, 0, 3 * second, 2 * day], dice);
  switch (type) {
    case 'schedule':
      return { type, definition: definitionWith(), runAt: now, sameContent: dice % 2 === 0 };
    case 'reschedule':
      return { type, changes: changesFrom(dice), ...(dice % 2 === 0 ? {} : { runAt: now + oneOf([0, second, hour, -second], dice >> 8) }) };
    case 'run-now':
    case 'start':
    case 'retry':
      return { type, now };
    case 'accept':
      return { type, now, startedVersion, response: resultFrom(dice) };
    case 'heartbeat':
      return { type, now, startedVersion };
    case 'continue':
      return {
        type,
        startedVersion,
        runAt: now + oneOf([0, second, hour], dice),
        ...(dice % 2 === 0 ? {} : { body: { kind: 'json', bytes: dice % 9 } }),
      };
    case 'succeed':
      return {
        type,
        startedVersion,
        result: resultFrom(dice),
        ...(dice % 2 === 0 ? {} : { emitted: { detailType: 'Reminder', detail: { dice } } }),
      };
    case 'answer':
      // A handful of answers, so that the same one comes twice now and then.
      return { type, now, run, startedVersion, answerHash: `answer-${dice % 2}`, result: resultFrom(dice) };
    case 'fail':
      return {
        type,
        now,
        random,
        startedVersion,
        error: errorFrom(dice),
        retryable: dice % 8 !== 0,
        retryAfterMs,
        ...(dice % 3 === 0 ? { result: resultFrom(dice) } : {}),
      };
    case 'expire-lease':
    case 'expire-wait':
      return { type, now, random };
    case 'cancel':
      return { type, reason: dice % 2 === 0 ? null : 'no longer needed' };
    case 'redeliver':
    case 'delete':
      return { type };
    case 'record-callback':
      return { ...callbackTry(history, step), type, now, random };
    default:
      return type satisfies never;
  }
}

type CallbackTry = Pick<Extract<TaskCommand, { type: 'record-callback' }>, 'outcomeVersion' | 'attempt' | 'outcome'>;

function callbackTry(history: History, { fitting, dice }: Step): CallbackTry {
  const callback = endedOf(history.state)?.callback;
  const open = callback !== undefined && callback.status !== 'none' ? callback : { outcomeVersion: history.state.version, attempt: 0 };
  const stray = fitting ? 0 : dice % 3;
  return {
    outcomeVersion: open.outcomeVersion - (stray === 1 ? 1 : 0),
    attempt: open.attempt + 1 + (stray === 2 ? 1 : 0),
    outcome:
      dice % 4 === 0
        ? { delivered: true, status: 204 }
        : { delivered: false, error: errorFrom(dice), retryable: dice % 5 !== 0, retryAfterMs: oneOf([null, null, 0, 2 * day], dice >> 3) },
  };
}

function clockAfter(history: History, { wait, dice }: Step): number {
  const wake = wakeAt(history.state) ?? history.now;
  switch (wait) {
    case 'none':
      return history.now;
    case 'little':
      return history.now + (dice % second);
    case 'before-wake':
      return wake - 1;
    case 'wake':
      return wake;
    case 'past-wake':
      return wake + 1 + (dice % (90 * second));
    case 'far':
      return history.now + 3 * hour;
    default:
      return wait satisfies never;
  }
}

/** Time passes, a host whose clock may be off decides a command, and what it yields is appended. */
export function takeStep(before: History, step: Step): History {
  const { now } = at(before, clockAfter(before, step));
  const onHost = { ...before, now: now + step.skewMs };
  return { ...perform(onHost, commandFor(onHost, step)).history, now };
}

export function takeSteps(history: History, steps: readonly Step[]): History {
  return steps.reduce(takeStep, history);
}

export function anySteps(maxLength: number): fc.Arbitrary<readonly Step[]> {
  return fc.array(anyStep, { maxLength, size: 'max' });
}

/** Prints a counterexample as the facts it consists of. */
function readable(history: History): History {
  const print = () =>
    [
      `now ${history.now}, status ${history.state.status}`,
      ...history.events.map(({ version, type, occurredAt, data }) => `${version} ${type} at ${occurredAt} ${JSON.stringify(data)}`),
    ].join('\n  ');
  return Object.assign({ ...history }, { [fc.toStringMethod]: print });
}

/** A history that a correct writer can leave: random commands, decided and folded one after another from nothing. */
export const anyHistory: fc.Arbitrary<History> = fc
  .record({ definition: anyDefinition, delayMs: fc.constantFrom(0, second, hour), steps: anySteps(50) })
  .map(({ definition, delayMs, steps }) => {
    const { history } = perform(noHistory, { type: 'schedule', definition, runAt: noHistory.now + delayMs, sameContent: false });
    return readable(takeSteps(history, steps));
  });
