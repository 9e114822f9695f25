import { limits } from '../../../src/domain/limits.ts';
import type { Live, OrchestrationState, Running } from '../../../src/domain/orchestration/state.ts';

const existing = ['id', 'status', 'version', 'createdAt', 'updatedAt', 'plan', 'definition', 'labels', 'contentHash', 'runAt', 'changes'];
const fields: Record<OrchestrationState['status'], readonly string[]> = {
  missing: ['status', 'version'],
  scheduled: existing,
  running: [...existing, 'steps', 'position'],
  succeeded: [...existing, 'steps', 'finishedAt', 'callback', 'outcome'],
  failed: [...existing, 'steps', 'finishedAt', 'callback', 'outcome'],
  cancelled: [...existing, 'steps', 'finishedAt', 'callback', 'reason'],
  deleted: ['id', 'status', 'version', 'createdAt', 'updatedAt'],
};

const over: readonly string[] = ['succeeded', 'failed', 'cancelled'];

/** What is wrong with a state, in words; empty for a legal one. A field exists only where it means something. */
export function shapeProblems(state: OrchestrationState): readonly string[] {
  const [expected, found] = [[...fields[state.status]].sort(), Object.keys(state).sort()];
  const problems = expected.join() === found.join() ? [] : [`${state.status} has the fields ${found.join()}`];
  if (state.status === 'missing') return problems;
  if (state.createdAt > state.updatedAt) problems.push('updated before it was created');
  if (state.status === 'deleted') return problems;
  if (state.definition.bytes !== state.plan.definition.bytes) problems.push('a definition of another length than its note');
  if (state.definition.version > state.version) problems.push('a definition of the future');
  if (state.changes > limits.changesPerOrchestration) problems.push(`${state.changes} changes`);
  if (state.status !== 'scheduled') problems.push(...stepProblems(state));
  return state.status === 'running' ? [...problems, ...positionProblems(state)] : problems;
}

function stepProblems(state: Exclude<Live, { status: 'scheduled' }>): string[] {
  const problems: string[] = [];
  if (state.steps.length > state.plan.steps.length) problems.push('more steps than planned');
  state.steps.forEach((step, index) => {
    const isLast = index === state.steps.length - 1;
    if (!isLast && step.status !== 'succeeded') problems.push(`step ${index + 1} was left ${step.status}`);
    if (over.includes(step.status) !== (step.finishedAt !== null)) problems.push(`${step.status} with an end of ${step.finishedAt}`);
    if (step.startedAt === null && step.status !== 'failed') problems.push(`${step.status} without a start`);
    const { check } = state.plan.steps[index] ?? {};
    if (step.checks > (check?.retries ?? -1) + 1) problems.push(`${step.checks} checks`);
    if ((step.status === 'succeeded') !== (step.error === null) && over.includes(step.status) && step.status !== 'cancelled')
      problems.push(`${step.status} with the error ${step.error?.kind}`);
    if (state.status !== 'running' && !over.includes(step.status)) problems.push(`step ${index + 1} is left ${step.status}`);
  });
  if (state.status === 'succeeded' && state.steps.length !== state.plan.steps.length) problems.push('succeeded without all its steps');
  return problems;
}

function positionProblems({ position, steps }: Running): string[] {
  const newest = steps.at(-1)?.status;
  const reached = position.at === 'step-due' ? position.step - 1 : position.step;
  const expected = {
    'step-due': ['succeeded'],
    step: ['running'],
    'check-due': ['checking'],
    check: ['checking'],
    'fallback-due': ['fallback'],
    fallback: ['fallback'],
    end: ['succeeded', 'failed'],
  }[position.at];
  const problems = reached === steps.length ? [] : [`at step ${position.step} with ${steps.length} reached`];
  return newest !== undefined && expected.includes(newest) ? problems : [...problems, `${position.at} of a step that is ${newest}`];
}
