import type * as z from 'zod';
import type { ScheduleDefinition, TaskTemplate } from '../domain/schedule/events.ts';
import type { RecurrenceRule } from '../domain/schedule/recurrence.ts';
import type { Live } from '../domain/schedule/state.ts';
import type { TaskState } from '../domain/task/state.ts';
import type { Recurrences } from './ports.ts';
import { renderAction, renderCallbackSpec, renderRetry } from './render-task.ts';
import { nextRuns } from './schedule-times.ts';
import type { Shown, template as templateSchema, timing } from './shown-parts.ts';
import { isoTime } from './times.ts';

type ShownTiming = Partial<Shown<z.ZodObject<typeof timing>>>;

function moment(ms: number | null): string | null {
  return ms === null ? null : isoTime(ms);
}

/** A rule in the words of a request. */
function renderRule(rule: RecurrenceRule): ShownTiming {
  switch (rule.kind) {
    case 'cron':
      return { cron: rule.expression };
    case 'every':
      return { every: rule.intervalMs };
    default:
      return { recurrence: rule.kind };
  }
}

/** A template in the form in which it may be sent again, but for what is masked. `undefined` bytes leave its body out. */
export function renderTemplate(
  template: TaskTemplate,
  body: Uint8Array | null | undefined,
  omitBody = body === undefined,
): Shown<typeof templateSchema> {
  const { action, strategy, timeoutMs, completeWithinMs, retry, callback, labels, priority, startBeforeMs } = template;
  return {
    ...renderAction(action, body, omitBody),
    strategy,
    timeout: timeoutMs,
    completeWithin: completeWithinMs,
    retry: renderRetry(retry),
    ...(startBeforeMs === null ? {} : { startBefore: startBeforeMs }),
    ...(callback === null ? {} : { callback: renderCallbackSpec(callback) }),
    labels,
    priority,
  };
}

/** The parts of a definition that are given, as a request has them; the task left out. */
export function renderTiming(definition: Partial<Omit<ScheduleDefinition, 'template' | 'contentHash'>>): ShownTiming {
  const { rule, timezone, startAt, endAt, maxOccurrences, jitterMs, overlap, misfire, catchUpWithinMs, labels } = definition;
  return {
    ...(rule === undefined ? {} : renderRule(rule)),
    ...(timezone === undefined ? {} : { timezone }),
    ...(startAt === undefined ? {} : { startAt: moment(startAt) }),
    ...(endAt === undefined ? {} : { endAt: moment(endAt) }),
    ...(maxOccurrences === undefined ? {} : { maxOccurrences }),
    ...(jitterMs === undefined ? {} : { jitter: jitterMs }),
    ...(overlap === undefined ? {} : { overlap }),
    ...(misfire === undefined ? {} : { misfire }),
    ...(catchUpWithinMs === undefined ? {} : { catchUpWithin: catchUpWithinMs }),
    ...(labels === undefined ? {} : { labels }),
  };
}

export type ShownSchedule = {
  readonly recurrences: Recurrences;
  /** The tasks of its last runs, as far as they are known. */
  readonly statusOf: (taskId: string) => TaskState['status'];
  /** The bytes of the template's body; undefined leaves them out, as lists do. */
  readonly body: Uint8Array | null | undefined;
};

/** A schedule as the contract shows it. */
export function renderSchedule(state: Live, { recurrences, statusOf, body }: ShownSchedule) {
  const { definition } = state;
  return {
    id: state.id,
    status: state.status,
    version: state.version,
    ...renderTiming(definition),
    task: renderTemplate(definition.template, body),
    occurrences: state.occurrences,
    skipped: state.skipped,
    nextRuns: nextRuns(recurrences, state).map(isoTime),
    lastRuns: state.lastRuns.map(({ occurrence, dueAt, taskId }) => ({
      occurrence,
      dueAt: isoTime(dueAt),
      taskId,
      status: shown(statusOf(taskId)),
    })),
    createdAt: isoTime(state.createdAt),
    updatedAt: isoTime(state.updatedAt),
    finishedAt: state.status === 'finished' ? isoTime(state.finishedAt) : null,
  };
}

/** A task that was named and is not there yet is about to be. */
function shown(status: TaskState['status']): string {
  return status === 'missing' ? 'scheduled' : status;
}
