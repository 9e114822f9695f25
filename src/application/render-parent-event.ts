import type { Plan } from '../domain/orchestration/definition.ts';
import type { OrchestrationEvent } from '../domain/orchestration/events.ts';
import type { ScheduleEvent } from '../domain/schedule/events.ts';
import type { NextTime } from '../domain/schedule/jitter.ts';
import type { EventData } from './event-details.ts';
import { orchestrationEvent, scheduleEvent } from './event-schemas.ts';
import type { StoredEvent } from './ports.ts';
import { renderTemplate, renderTiming } from './render-schedule.ts';
import { isoTime } from './times.ts';

type OfSchedule<Type extends ScheduleEvent['type']> = EventData<'schedule', Type>;
type OfOrchestration<Type extends OrchestrationEvent['type']> = EventData<'orchestration', Type>;

function shownNext(next: NextTime | null): OfSchedule<'ScheduleResumed'>['next'] {
  return next === null ? null : { dueAt: isoTime(next.dueAt), fireAt: isoTime(next.fireAt) };
}

/** The time that comes next, if the event says so. */
function following(next: NextTime | null | undefined): Pick<OfSchedule<'OccurrenceFired'>, 'next'> {
  return next === undefined ? {} : { next: shownNext(next) };
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
      } satisfies OfSchedule<'ScheduleChanged'>;
    }
    case 'OccurrenceFired': {
      const { occurrence, dueAt, taskId, next } = event.data;
      return { occurrence, dueAt: isoTime(dueAt), taskId, ...following(next) } satisfies OfSchedule<'OccurrenceFired'>;
    }
    case 'OccurrenceBuffered':
      return { dueAt: isoTime(event.data.dueAt), next: shownNext(event.data.next) } satisfies OfSchedule<'OccurrenceBuffered'>;
    case 'OccurrencesSkipped': {
      const { data } = event;
      const times = { from: isoTime(data.from), to: isoTime(data.to) };
      if (data.why !== 'id-taken') return { ...data, ...times, next: shownNext(data.next) } satisfies OfSchedule<'OccurrencesSkipped'>;
      const { next, ...rest } = data;
      return { ...rest, ...times, ...following(next) } satisfies OfSchedule<'OccurrencesSkipped'>;
    }
    case 'OccurrenceTriggered':
      return { taskId: event.data.taskId, dueAt: isoTime(event.data.dueAt) } satisfies OfSchedule<'OccurrenceTriggered'>;
    case 'ScheduleResumed':
      return { next: shownNext(event.data.next) } satisfies OfSchedule<'ScheduleResumed'>;
    case 'SchedulePaused':
    case 'ChildConfirmed':
    case 'ScheduleFinished':
    case 'ScheduleDeleted':
    case 'Erased':
      return event.data satisfies OfSchedule<typeof event.type>;
    default:
      return event satisfies never;
  }
}

/** The data of an orchestration's event with ISO times. What its requests are is read from its tasks. */
export function renderOrchestrationData(stored: StoredEvent): object {
  const event = orchestrationEvent(stored);
  switch (event.type) {
    case 'OrchestrationScheduled': {
      const { runAt, plan, labels } = event.data;
      return { runAt: isoTime(runAt), ...renderPlan(plan), labels } satisfies OfOrchestration<'OrchestrationScheduled'>;
    }
    case 'OrchestrationChanged': {
      const { runAt, plan, labels } = event.data;
      return {
        ...(runAt === undefined ? {} : { runAt: isoTime(runAt) }),
        ...(plan === undefined ? {} : renderPlan(plan)),
        ...(labels === undefined ? {} : { labels }),
      } satisfies OfOrchestration<'OrchestrationChanged'>;
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
      return event.data satisfies OfOrchestration<typeof event.type>;
    default:
      return event satisfies never;
  }
}

function renderPlan({ steps, callbackOn }: Plan): Pick<OfOrchestration<'OrchestrationScheduled'>, 'steps' | 'callbackOn'> {
  const shown = steps.map(({ name, delayMs, bodyFrom, check, fallback }) => ({
    name,
    delay: delayMs,
    ...(bodyFrom === null ? {} : { bodyFrom }),
    check: check === null ? null : { delay: check.delayMs, retries: check.retries, gap: check.gapMs },
    fallback: fallback !== null,
  }));
  return { steps: shown, callbackOn };
}
