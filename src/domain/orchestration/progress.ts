import { stepTaskId } from './child-ids.ts';
import type { OrchestrationEnd, StepError } from './events.ts';
import type { Live, OrchestrationStatus, StepProgress } from './state.ts';

export type StepView = {
  readonly name: string | null;
  readonly status: 'pending' | StepProgress['status'];
  /** Null until the step has named its task. */
  readonly taskId: string | null;
  readonly checks: number;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  readonly error: StepError | null;
};

/** What a read shows of how far an orchestration came. Times are epoch milliseconds. */
export type ProgressView = {
  readonly status: OrchestrationStatus;
  readonly outcome: OrchestrationEnd['outcome'] | null;
  /** The step under way or due next; after the end the one it came to; null before the first. */
  readonly currentStep: number | null;
  readonly steps: readonly StepView[];
  readonly finishedAt: number | null;
};

export function progressOf(state: Live): ProgressView {
  const reached = state.status === 'scheduled' ? [] : state.steps;
  const hasEnded = state.status !== 'scheduled' && state.status !== 'running';
  return {
    status: state.status,
    outcome: 'outcome' in state ? state.outcome : null,
    currentStep: currentStepOf(state),
    steps: state.plan.steps.map(({ name }, index) => ({ name, ...stepView(state, index + 1, reached[index]) })),
    finishedAt: hasEnded ? state.finishedAt : null,
  };
}

function currentStepOf(state: Live): number | null {
  if (state.status === 'scheduled') return null;
  if (state.status === 'running') return state.position.step;
  return state.steps.length === 0 ? null : state.steps.length;
}

function stepView(state: Live, step: number, progress: StepProgress | undefined): Omit<StepView, 'name'> {
  if (progress === undefined) {
    // What a cancel kept from starting is cancelled; what a failure kept from starting waits for ever.
    const status = state.status === 'cancelled' ? 'cancelled' : 'pending';
    return { status, taskId: null, checks: 0, startedAt: null, finishedAt: null, error: null };
  }
  const { status, checks, startedAt, finishedAt, error } = progress;
  return { status, taskId: startedAt === null ? null : stepTaskId(state.id, step), checks, startedAt, finishedAt, error };
}
