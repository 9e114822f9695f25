import { type History, okResult, perform, serverError } from '../domain/task-histories.ts';

/** Starts an attempt now. */
export function start(history: History): History {
  return perform(history, { type: 'start', now: history.now }).history;
}

/** The attempt under way succeeds. */
export function succeed(history: History): History {
  return perform(history, { type: 'succeed', startedVersion: startOf(history), result: okResult }).history;
}

/** The attempt under way fails for good, or so that it may be retried. */
export function fail(history: History, retryable: boolean): History {
  const { now } = history;
  const parts = { type: 'fail', now, random: 0.5, error: serverError, retryAfterMs: null } as const;
  return perform(history, { ...parts, startedVersion: startOf(history), retryable }).history;
}

function startOf({ state }: History): number {
  return state.status === 'running' || state.status === 'waiting' ? state.startedVersion : 0;
}
