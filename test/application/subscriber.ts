import type { ErrandEvent } from 'errand/events';

/** A subscriber as anybody could write one: an event in a sentence. It compiles only if it knows every type of event. */
export function told(event: ErrandEvent): string {
  return `${subject(event)} ${predicate(event)}`;
}

function subject(event: ErrandEvent): string {
  if ('taskId' in event) return event.taskId;
  return 'scheduleId' in event ? event.scheduleId : event.orchestrationId;
}

function predicate(event: ErrandEvent): string {
  switch (event.type) {
    case 'TaskScheduled':
      return `is due at ${event.data.runAt}${event.data.request === undefined ? '' : `: ${event.data.request.method}`}`;
    case 'TaskRescheduled':
      return `is changed: ${Object.keys(event.data).join(', ')}`;
    case 'TaskStarted':
      return `makes attempt ${event.data.attempt} of run ${event.data.run}`;
    case 'TaskAccepted':
      return `was accepted with ${event.data.response.status}, to be answered by ${event.data.completeBy}`;
    case 'TaskHeartbeat':
      return `is still at work, until ${event.data.completeBy}`;
    case 'TaskContinued':
      return `goes on at ${event.data.runAt}`;
    case 'TaskSucceeded':
      return `succeeded with ${event.data.result.status}`;
    case 'TaskFailed':
      return `failed of ${event.data.error.kind}${event.data.retryAt === null ? '' : `, and tries again at ${event.data.retryAt}`}`;
    case 'TaskCancelled':
      return `was cancelled: ${event.data.reason ?? 'nobody said why'}`;
    case 'TaskRetried':
      return `was begun again, for ${event.data.runAt}`;
    case 'TaskDeleted':
    case 'ScheduleDeleted':
      return 'was deleted';
    case 'CallbackSucceeded':
      return `was told, and answered ${event.data.result.status}`;
    case 'CallbackFailed':
      return `could not be told: ${event.data.error.message}`;
    case 'CallbackReopened':
      return `is told again, of version ${event.data.outcomeVersion}`;
    case 'ScheduleCreated':
      return `runs ${event.data.cron ?? event.data.recurrence ?? `every ${event.data.every} ms`}, next at ${event.data.next?.fireAt ?? 'no time'}`;
    case 'ScheduleChanged':
      return `runs otherwise: ${Object.keys(event.data).join(', ')}`;
    case 'SchedulePaused':
      return 'is paused';
    case 'ScheduleResumed':
      return `goes on, next at ${event.data.next?.fireAt ?? 'no time'}`;
    case 'OccurrenceFired':
      return `fired ${event.data.occurrence} as ${event.data.taskId}`;
    case 'OccurrenceBuffered':
      return `keeps ${event.data.dueAt} for later`;
    case 'OccurrencesSkipped':
      return `left out ${event.data.count} for ${event.data.why === 'id-taken' ? event.data.taskId : event.data.why}`;
    case 'OccurrenceTriggered':
      return `was triggered as ${event.data.taskId}`;
    case 'ScheduleFinished':
      return 'has no time left';
    case 'OrchestrationScheduled':
      return `has ${event.data.steps.length} steps`;
    case 'OrchestrationChanged':
      return `is another: ${Object.keys(event.data).join(', ')}`;
    case 'StepStarted':
    case 'FallbackStarted':
      return `does ${event.data.taskId} at step ${event.data.step}`;
    case 'CheckStarted':
      return `checks step ${event.data.step} with ${event.data.taskId}`;
    case 'StepFinished':
    case 'FallbackFinished':
      return event.data.outcome.status === 'failed' ? `failed of ${event.data.outcome.error.kind}` : `did step ${event.data.step}`;
    case 'CheckFinished':
      return event.data.passed ? `passed check ${event.data.n}` : `failed check ${event.data.n}: ${event.data.error.message}`;
    case 'OrchestrationFinished':
      return `is over: ${event.data.outcome}`;
    case 'OrchestrationCancelled':
      return `was cancelled: ${event.data.reason ?? 'nobody said why'}`;
    case 'ChildConfirmed':
      return `has made ${event.data.taskId}`;
    case 'Erased':
      return 'was erased';
    default:
      return event satisfies never;
  }
}
