import type { ProgressView } from '../domain/orchestration/progress.ts';
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
