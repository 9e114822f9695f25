import { expect } from 'vitest';
import type { TaskCommand, TaskRefusal } from '../../src/domain/task/commands.ts';
import { decide } from '../../src/domain/task/decide.ts';
import type { TaskDefinition, TaskEvent } from '../../src/domain/task/events.ts';
import { endedOf, factsOf, wakeAt } from '../../src/domain/task/state.ts';
import {
  at,
  type CommandOf,
  callbackSpec,
  definitionWith,
  epoch,
  type History,
  lastStart,
  noHistory,
  okResult,
  perform,
  serverError,
} from './task-histories.ts';

/** A command, or one made from the history it meets (its clock, its newest start). */
export type Move = TaskCommand | ((history: History) => TaskCommand);

/** A history in which every command given has yielded its event. */
export function given(...moves: readonly Move[]): History {
  return further(noHistory, ...moves);
}

/** The history after further commands, every one of which yields its event. */
export function further(start: History, ...moves: readonly Move[]): History {
  return moves.reduce<History>((history, move) => {
    const command = typeof move === 'function' ? move(history) : move;
    const { decision, history: after } = perform(history, command);
    expect(decision.outcome, `${command.type} yields an event`).toBe('event');
    return after;
  }, start);
}

/** The history, some milliseconds later. */
export const after = (history: History, ms: number): History => at(history, history.now + ms);

/** What a command yields: the event, `unchanged`, or the refusal. Yielding an event, it is also tried a second time. */
export function when(history: History, move: Move): TaskEvent | 'unchanged' | TaskRefusal {
  const command = typeof move === 'function' ? move(history) : move;
  const { decision, history: next } = perform(history, command);
  if (decision.outcome === 'refused') return decision.refusal;
  if (decision.outcome === 'unchanged') return 'unchanged';
  expect(decide(next.state, command).outcome, `${command.type} a second time`).not.toBe('event');
  return decision.event;
}

export const scheduled =
  (parts: Partial<TaskDefinition> = {}, runAt = epoch): Move =>
  () => ({ type: 'schedule', definition: definitionWith(parts), runAt, sameContent: false });
export const start: Move = ({ now }) => ({ type: 'start', now });
export const accept: Move = (history) => ({ type: 'accept', now: history.now, startedVersion: lastStart(history), response: okResult });
export const heartbeat: Move = (history) => ({ type: 'heartbeat', now: history.now, startedVersion: lastStart(history) });
export const succeed: Move = (history) => ({ type: 'succeed', startedVersion: lastStart(history), result: okResult });
export const continueAt =
  (delayMs: number): Move =>
  (history) => ({ type: 'continue', startedVersion: lastStart(history), runAt: history.now + delayMs });
export const fail =
  (parts: Partial<CommandOf<'fail'>> = {}): Move =>
  (history) => ({
    type: 'fail',
    now: history.now,
    random: 0.5,
    startedVersion: lastStart(history),
    error: serverError,
    retryable: true,
    retryAfterMs: null,
    ...parts,
  });
export const failForGood = fail({ retryable: false });
export const answer =
  (parts: Partial<CommandOf<'answer'>> = {}): Move =>
  (history) => ({
    type: 'answer',
    now: history.now,
    run: factsOf(history.state).run,
    startedVersion: lastStart(history),
    answerHash: 'hash-a',
    result: okResult,
    ...parts,
  });
export const expireLease: Move = ({ now }) => ({ type: 'expire-lease', now, random: 0.5 });
export const expireWait: Move = ({ now }) => ({ type: 'expire-wait', now, random: 0.5 });
export const cancel: Move = { type: 'cancel', reason: 'enough' };
export const retry: Move = ({ now }) => ({ type: 'retry', now });
export const runNow: Move = ({ now }) => ({ type: 'run-now', now });
export const redeliver: Move = { type: 'redeliver' };
export const remove: Move = { type: 'delete' };
export const reschedule =
  (changes: CommandOf<'reschedule'>['changes'], runAt?: number): Move =>
  () => ({ type: 'reschedule', changes, ...(runAt === undefined ? {} : { runAt }) });
export const told =
  (outcome: CommandOf<'record-callback'>['outcome'], parts: Partial<CommandOf<'record-callback'>> = {}): Move =>
  ({ state, now }) => {
    const callback = endedOf(state)?.callback;
    const open = callback !== undefined && callback.status !== 'none' ? callback : { outcomeVersion: state.version, attempt: 0 };
    return { type: 'record-callback', now, random: 0.5, outcomeVersion: open.outcomeVersion, attempt: open.attempt + 1, outcome, ...parts };
  };
export const delivered = told({ delivered: true, status: 204 });
export const notDelivered = told({ delivered: false, error: serverError, retryable: true, retryAfterMs: null });
export const gone = told({ delivered: false, error: { kind: 'http', message: 'gone', status: 410 }, retryable: false, retryAfterMs: null });

/** Parts of a definition. */
export const asynchronous = { strategy: 'async' } as const;
export const withCallback = { callback: callbackSpec } as const;

/** The clock moved to where the state says that something is due. */
export const due = (history: History): History => at(history, wakeAt(history.state) ?? history.now);
