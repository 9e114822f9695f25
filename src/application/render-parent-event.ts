import type { Plan } from '../domain/orchestration/definition.ts';
import type { NextTime } from '../domain/schedule/jitter.ts';
import { orchestrationEvent, scheduleEvent } from './event-schemas.ts';
import type { StoredEvent } from './ports.ts';
import { renderTemplate, renderTiming } from './render-schedule.ts';
import { isoTime } from './times.ts';

/** The time that comes next, if the event says so. */
function following(next: NextTime | null | undefined): object {
  if (next === undefined) return {};
  return { next: next === null ? null : { dueAt: isoTime(next.dueAt), fireAt: isoTime(next.fireAt) } };
}

/** The data of a schedule's event with ISO times and masked secrets. `shownBody` are the bytes beside it where they are shown. */
export function renderScheduleData(stored: StoredEvent, shownBody: Uint8Array | undefined): object {
  const event = scheduleEvent(stored);
  switch (event.type) {
    case 'ScheduleCreated':
    case 'ScheduleChanged': {
      const { template, next, anchorAt: _kept, ...definition } = event.data;
      const hasBody = (template?.action.body?.bytes ?? 0) > 0;
      const omitted = hasBody && shownBody === undefined;
      return {
        ...renderTiming(definition),
        ...(template === undefined ? {} : { task: renderTemplate(template, shownBody ?? null, omitted) }),
        ...(omitted ? { bodyOmitted: true } : {}),
        ...following(next),
      };
    }
    case 'OccurrenceFired': {
      const { occurrence, dueAt, taskId, next } = event.data;
      return { occurrence, dueAt: isoTime(dueAt), taskId, ...following(next) };
    }
    case 'OccurrenceBuffered':
      return { dueAt: isoTime(event.data.dueAt), ...following(event.data.next) };
    case 'OccurrencesSkipped': {
      const { from, to, next, ...rest } = event.data;
      return { from: isoTime(from), to: isoTime(to), ...rest, ...following(next) };
    }
    case 'OccurrenceTriggered':
      return { taskId: event.data.taskId, dueAt: isoTime(event.data.dueAt) };
    case 'ScheduleResumed':
      return following(event.data.next);
    case 'SchedulePaused':
    case 'ChildConfirmed':
    case 'ScheduleFinished':
    case 'ScheduleDeleted':
    case 'Erased':
      return event.data;
    default:
      return event satisfies never;
  }
}

/** The data of an orchestration's event with ISO times. What its requests are is read from the orchestration itself. */
export function renderOrchestrationData(stored: StoredEvent): object {
  const event = orchestrationEvent(stored);
  switch (event.type) {
    case 'OrchestrationScheduled': {
      const { runAt, plan, labels } = event.data;
      return { runAt: isoTime(runAt), ...renderPlan(plan), labels };
    }
    case 'OrchestrationChanged': {
      const { runAt, plan, labels } = event.data;
      return {
        ...(runAt === undefined ? {} : { runAt: isoTime(runAt) }),
        ...(plan === undefined ? {} : renderPlan(plan)),
        ...(labels === undefined ? {} : { labels }),
      };
    }
    case 'StepStarted':
    case 'StepFinished':
    case 'CheckStarted':
    case 'CheckFinished':
    case 'FallbackStarted':
    case 'FallbackFinished':
    case 'OrchestrationFinished':
    case 'OrchestrationCancelled':
    case 'ChildConfirmed':
    case 'Erased':
      return event.data;
    default:
      return event satisfies never;
  }
}

function renderPlan({ steps, callbackOn }: Plan): object {
  const shown = steps.map(({ name, delayMs, bodyFrom, check, fallback }) => ({
    name,
    delay: delayMs,
    ...(bodyFrom === null ? {} : { bodyFrom }),
    check: check === null ? null : { delay: check.delayMs, retries: check.retries, gap: check.gapMs },
    fallback: fallback !== null,
  }));
  return { steps: shown, callbackOn };
}
