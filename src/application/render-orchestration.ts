import { callbackTaskId } from '../domain/orchestration/child-ids.ts';
import { type ProgressView, progressOf } from '../domain/orchestration/progress.ts';
import { isEnded, type Live } from '../domain/orchestration/state.ts';
import { isoTime } from './times.ts';

function moment(ms: number | null): string | null {
  return ms === null ? null : isoTime(ms);
}

/** How far an orchestration came, as reads and callbacks show it. */
export function renderProgress(progress: ProgressView) {
  return {
    status: progress.status,
    outcome: progress.outcome,
    currentStep: progress.currentStep,
    steps: progress.steps.map(({ name, status, taskId, checks, startedAt, finishedAt, error }) => ({
      name,
      status,
      taskId,
      checks,
      startedAt: moment(startedAt),
      finishedAt: moment(finishedAt),
      ...(error === null ? {} : { error }),
    })),
    finishedAt: moment(progress.finishedAt),
  };
}

/** The callback that was asked for: the ends that it is told of, and the task that tells it, whose own status says how far that came. */
function renderCallbackTask(state: Live) {
  const { callbackOn: on } = state.plan;
  if (on.length === 0) return null;
  return { on, taskId: callbackTaskId(state.id), status: isEnded(state) ? state.callback.status : 'none' };
}

/** An orchestration as the contract shows it. */
export function renderOrchestration(state: Live) {
  const { status, outcome, currentStep, steps, finishedAt } = renderProgress(progressOf(state));
  return {
    id: state.id,
    status,
    outcome,
    version: state.version,
    runAt: isoTime(state.runAt),
    currentStep,
    steps,
    labels: state.labels,
    ...(state.status === 'cancelled' ? { reason: state.reason } : {}),
    callback: renderCallbackTask(state),
    createdAt: isoTime(state.createdAt),
    updatedAt: isoTime(state.updatedAt),
    finishedAt,
  };
}
