import { streamEvent } from '../application/event-schemas.ts';
import type { StoredEvent } from '../application/ports.ts';

/** How many bytes lie beside an event, as its data tells. The event must have been parsed. */
export function notedBytes(stored: StoredEvent): number {
  const event = streamEvent(stored);
  switch (event.type) {
    case 'TaskScheduled':
    case 'TaskRescheduled':
      return event.data.action?.body?.bytes ?? 0;
    case 'TaskContinued':
      return event.data.body?.bytes ?? 0;
    case 'TaskAccepted':
      return event.data.response.bytes;
    case 'TaskSucceeded':
    case 'TaskFailed':
      return event.data.result?.bytes ?? 0;
    case 'ScheduleCreated':
    case 'ScheduleChanged':
      return event.data.template?.action.body?.bytes ?? 0;
    case 'OrchestrationScheduled':
    case 'OrchestrationChanged':
      return event.data.plan?.definition.bytes ?? 0;
    case 'TaskStarted':
    case 'TaskHeartbeat':
    case 'TaskCancelled':
    case 'TaskRetried':
    case 'TaskDeleted':
    case 'CallbackSucceeded':
    case 'CallbackFailed':
    case 'CallbackReopened':
    case 'SchedulePaused':
    case 'ScheduleResumed':
    case 'OccurrenceFired':
    case 'OccurrenceBuffered':
    case 'OccurrencesSkipped':
    case 'OccurrenceTriggered':
    case 'ScheduleFinished':
    case 'ScheduleDeleted':
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
      return 0;
    default:
      return event satisfies never;
  }
}
