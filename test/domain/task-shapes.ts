import { limits } from '../../src/domain/limits.ts';
import type { CallbackState, Live, TaskState } from '../../src/domain/task/state.ts';

const existing = [
  'id',
  'status',
  'version',
  'createdAt',
  'updatedAt',
  'definition',
  'body',
  'runAt',
  'run',
  'attempt',
  'changes',
  'redeliveries',
];
const fields: Record<TaskState['status'], readonly string[]> = {
  missing: ['status', 'version'],
  scheduled: [...existing, 'nextAttemptAt', 'lastFailure'],
  running: [...existing, 'startedVersion', 'startedAt', 'leaseUntil', 'completeBy', 'lastFailure'],
  waiting: [...existing, 'startedVersion', 'startedAt', 'acceptedAt', 'completeBy', 'lastFailure'],
  succeeded: [...existing, 'finishedAt', 'result', 'answerHash', 'callback'],
  failed: [...existing, 'finishedAt', 'failure', 'callback'],
  cancelled: [...existing, 'finishedAt', 'reason', 'lastFailure', 'callback'],
  deleted: ['id', 'status', 'version', 'createdAt', 'updatedAt', 'ended'],
};

/** What is wrong with a state, in words; empty for a legal one. A field exists only where it means something. */
export function shapeProblems(state: TaskState): readonly string[] {
  const problems = strayFields(state);
  if (state.status === 'missing') return problems;
  if (state.createdAt > state.updatedAt) problems.push('updated before it was created');
  if (state.status === 'deleted') {
    if (state.ended !== null) problems.push(...shapeProblems(state.ended));
    if (state.ended !== null && state.ended.version > state.version) problems.push('ended after its deletion');
    return problems;
  }
  problems.push(...countProblems(state));
  if ('startedVersion' in state && state.startedVersion > state.version) problems.push('started in the future');
  if ('startedVersion' in state && state.attempt === 0) problems.push('under way without an attempt');
  if ('callback' in state) problems.push(...callbackProblems(state.callback, state));
  return problems;
}

function strayFields(state: TaskState): string[] {
  const [expected, found] = [[...fields[state.status]].sort(), Object.keys(state).sort()];
  return expected.join() === found.join() ? [] : [`${state.status} has the fields ${found.join()}, not ${expected.join()}`];
}

function countProblems(state: Live): string[] {
  const problems: string[] = [];
  const { attempt, run, changes, redeliveries, definition } = state;
  const spent = state.status === 'scheduled' && attempt >= definition.retry.maxAttempts;
  if (attempt < 0 || attempt > definition.retry.maxAttempts || spent)
    problems.push(`attempt ${attempt} of ${definition.retry.maxAttempts}`);
  if (run < 1 || run > limits.runsPerTask) problems.push(`run ${run}`);
  if (changes < 0 || changes > limits.changesPerTask) problems.push(`${changes} changes`);
  if (redeliveries < 0 || redeliveries > limits.redeliveriesPerTask) problems.push(`${redeliveries} redeliveries`);
  // An empty body has no bytes that could lie anywhere.
  if ((state.body?.bytes ?? 0) !== (definition.action.body?.bytes ?? 0)) problems.push('a body of another length than its note');
  if (state.body?.bytes === 0) problems.push('a place for a body without bytes');
  return problems;
}

function callbackProblems(callback: CallbackState, state: Live): string[] {
  if (callback.status === 'none') return [];
  const problems: string[] = [];
  if (state.definition.callback === null) problems.push('a callback that nobody asked for');
  if (callback.outcomeVersion > state.version) problems.push('a callback of a later outcome');
  if (callback.status !== 'pending' && callback.attempt < 1) problems.push('a callback that ended untried');
  return problems;
}
