// Made by `npm run schemas` from src/application/event-details.ts.
// The events of Errand as subscribers get them: the `detail` of an entry of the bus, the `data` of a server-sent event.
// Fields and types of events are added, never taken away and never given another meaning: have a default for a type that you do not know.

/** UTC, with milliseconds */
export type Time = string;

/** The schedule or the orchestration that a task belongs to. */
export type Origin = {
  scheduleId: string;
  occurrence: number;
} | {
  orchestrationId: string;
  step: number;
  role: 'task' | 'check' | 'fallback' | 'callback';
};

/** Durations in milliseconds. */
export type Retry = {
  maxAttempts: number;
  backoff: 'exponential' | 'fixed';
  initialDelay: number;
  factor: number;
  maxDelay: number;
  jitter: number;
} | {
  delays: number[];
  jitter: number;
};

export type Callback = {
  url: string;
  method: string;
  headers: Record<string, string> | ({
    key: string;
    value: string;
  })[];
  secretHeaders?: string[];
  on: ('succeeded' | 'failed' | 'cancelled')[];
  status: 'none' | 'pending' | 'delivered' | 'failed';
  attempt: number;
  response?: {
    status: number;
  };
  error?: TaskError;
  nextAttemptAt?: Time;
};

export type TaskError = {
  /** More kinds may come. */
  kind: 'http' | 'timeout' | 'network' | 'egress' | 'expired' | 'interrupted' | 'rejected' | 'runner' | 'truncated' | 'cancelled' | (string & {});
  message: string;
  status?: number;
};

export type TaskRequest = {
  url: string;
  method: string;
  headers: Record<string, string> | ({
    key: string;
    value: string;
  })[];
  secretHeaders?: string[];
  body?: unknown;
  bodyBase64?: string;
};

export type Result = {
  status: number;
  headers: Record<string, string>;
  body?: string;
  encoding?: 'utf8' | 'base64';
  truncated: boolean;
  durationMs: number;
  bodyBytes?: number;
  /** The body has more than 4096 bytes, and is read from the API instead. */
  bodyOmitted?: true;
};

export type TaskTemplate = {
  request?: TaskRequest;
  runner?: {
    name: string;
    params?: unknown;
  };
  event?: {
    detailType: string;
    detail?: unknown;
  };
  strategy: 'await' | 'async';
  timeout: number;
  completeWithin: number;
  retry: Retry;
  startBefore?: number;
  callback?: {
    url: string;
    method: string;
    headers: Record<string, string> | ({
      key: string;
      value: string;
    })[];
    secretHeaders?: string[];
    on: ('succeeded' | 'failed' | 'cancelled')[];
  };
  labels: Record<string, string>;
  priority: number;
};

/** Durations in milliseconds. */
export type PlannedStep = {
  name: string | null;
  delay: number;
  bodyFrom?: 'previous';
  check: {
    delay: number;
    retries: number;
    gap: number;
  } | null;
  fallback: boolean;
};

export type StepOutcome = {
  status: 'succeeded';
  truncated: boolean;
} | {
  status: 'failed';
  error: StepError;
};

export type StepError = {
  /** More kinds may come. */
  kind: 'http' | 'timeout' | 'network' | 'egress' | 'expired' | 'interrupted' | 'rejected' | 'runner' | 'truncated' | 'cancelled' | 'id-taken' | (string & {});
  message: string;
};

export type TaskDetail<Type extends string, Data> = {
  /** The same at every delivery of one event: tell repeats by it. */
  id: string;
  taskId: string;
  /** Counts the events of one stream from 1: order by it. */
  version: number;
  type: Type;
  occurredAt: Time;
  /** After this event. */
  status: 'scheduled' | 'running' | 'waiting' | 'succeeded' | 'failed' | 'cancelled' | 'deleted';
  labels: Record<string, string>;
  /** From 1; 0 for what has no runs. */
  run: number;
  origin: Origin | null;
  /** Attempts started in this run, if any was. */
  attempt?: number;
  /** This event opened a callback. */
  callback?: true;
  data: Data;
};

export type TaskScheduled = TaskDetail<'TaskScheduled', {
  action: 'http' | 'runner' | 'event';
  strategy: 'await' | 'async';
  timeoutMs: number;
  completeWithinMs: number;
  retry: Retry;
  callback: Callback | null;
  labels: Record<string, string>;
  priority: number;
  startBeforeMs: number | null;
  runAt: Time;
  origin: Origin | null;
  request?: TaskRequest;
  runner?: {
    name: string;
    params?: unknown;
  };
  event?: {
    detailType: string;
    detail?: unknown;
  };
  /** The body has more than 4096 bytes, and is read from the API instead. */
  bodyOmitted?: true;
}>;

export type TaskRescheduled = TaskDetail<'TaskRescheduled', {
  runAt?: Time;
  timeoutMs?: number;
  retry?: Retry;
  callback?: Callback | null;
  labels?: Record<string, string>;
  request?: TaskRequest;
  runner?: {
    name: string;
    params?: unknown;
  };
  event?: {
    detailType: string;
    detail?: unknown;
  };
  /** The body has more than 4096 bytes, and is read from the API instead. */
  bodyOmitted?: true;
}>;

export type TaskStarted = TaskDetail<'TaskStarted', {
  attempt: number;
  run: number;
  leaseUntil: Time;
}>;

export type TaskAccepted = TaskDetail<'TaskAccepted', {
  startedVersion: number;
  response: Result;
  completeBy: Time;
}>;

export type TaskHeartbeat = TaskDetail<'TaskHeartbeat', {
  startedVersion: number;
  completeBy: Time;
}>;

export type TaskContinued = TaskDetail<'TaskContinued', {
  startedVersion: number;
  runAt: Time;
  /** What the next run is sent, if it is another body. */
  body?: unknown;
  /** The body has more than 4096 bytes, and is read from the API instead. */
  bodyOmitted?: true;
}>;

export type TaskSucceeded = TaskDetail<'TaskSucceeded', {
  startedVersion: number;
  result: Result;
  durationMs: number;
  /** What the task put on the bus, where it is an entry of the source errand.task. */
  emitted?: {
    detailType: string;
    detail: unknown;
  } | {
    detailType: string;
    /** The body has more than 4096 bytes, and is read from the API instead. */
    bodyOmitted: true;
  };
  /** An asynchronous target posted this result. */
  answered?: true;
}>;

export type TaskFailed = TaskDetail<'TaskFailed', {
  startedVersion?: number;
  error: TaskError;
  result?: Result;
  /** When the next attempt follows; null after the last one. */
  retryAt: Time | null;
}>;

export type TaskCancelled = TaskDetail<'TaskCancelled', {
  reason: string | null;
}>;

export type TaskRetried = TaskDetail<'TaskRetried', {
  runAt: Time;
}>;

export type TaskDeleted = TaskDetail<'TaskDeleted', Record<string, never>>;

export type CallbackSucceeded = TaskDetail<'CallbackSucceeded', {
  outcomeVersion: number;
  attempt: number;
  result: {
    status: number;
  };
}>;

export type CallbackFailed = TaskDetail<'CallbackFailed', {
  outcomeVersion: number;
  attempt: number;
  error: TaskError;
  retryAt: Time | null;
}>;

export type CallbackReopened = TaskDetail<'CallbackReopened', {
  outcomeVersion: number;
}>;

export type TaskErased = TaskDetail<'Erased', Record<string, never>>;

export type TaskEvent =
  | TaskScheduled
  | TaskRescheduled
  | TaskStarted
  | TaskAccepted
  | TaskHeartbeat
  | TaskContinued
  | TaskSucceeded
  | TaskFailed
  | TaskCancelled
  | TaskRetried
  | TaskDeleted
  | CallbackSucceeded
  | CallbackFailed
  | CallbackReopened
  | TaskErased;

export type ScheduleDetail<Type extends string, Data> = {
  /** The same at every delivery of one event: tell repeats by it. */
  id: string;
  scheduleId: string;
  /** Counts the events of one stream from 1: order by it. */
  version: number;
  type: Type;
  occurredAt: Time;
  /** After this event. */
  status: 'active' | 'paused' | 'finished' | 'deleted';
  labels: Record<string, string>;
  /** From 1; 0 for what has no runs. */
  run: number;
  origin: null;
  data: Data;
};

export type ScheduleCreated = ScheduleDetail<'ScheduleCreated', {
  cron?: string;
  every?: number;
  recurrence?: 'daily' | 'weekly' | 'monthly';
  timezone: string;
  startAt: Time | null;
  endAt: Time | null;
  maxOccurrences: number | null;
  jitter: number;
  overlap: 'skip' | 'allow' | 'buffer-one';
  misfire: 'run-once' | 'skip' | 'run-all';
  catchUpWithin: number;
  labels: Record<string, string>;
  task: TaskTemplate;
  /** The body has more than 4096 bytes, and is read from the API instead. */
  bodyOmitted?: true;
  /** The next regular time, and when it fires with its jitter; null if there is none left. */
  next: {
    dueAt: Time;
    fireAt: Time;
  } | null;
}>;

export type ScheduleChanged = ScheduleDetail<'ScheduleChanged', {
  cron?: string;
  every?: number;
  recurrence?: 'daily' | 'weekly' | 'monthly';
  timezone?: string;
  startAt?: Time | null;
  endAt?: Time | null;
  maxOccurrences?: number | null;
  jitter?: number;
  overlap?: 'skip' | 'allow' | 'buffer-one';
  misfire?: 'run-once' | 'skip' | 'run-all';
  catchUpWithin?: number;
  labels?: Record<string, string>;
  task?: TaskTemplate;
  /** The body has more than 4096 bytes, and is read from the API instead. */
  bodyOmitted?: true;
  /** The next regular time, and when it fires with its jitter; null if there is none left. */
  next?: {
    dueAt: Time;
    fireAt: Time;
  } | null;
}>;

export type SchedulePaused = ScheduleDetail<'SchedulePaused', Record<string, never>>;

export type ScheduleResumed = ScheduleDetail<'ScheduleResumed', {
  /** The next regular time, and when it fires with its jitter; null if there is none left. */
  next: {
    dueAt: Time;
    fireAt: Time;
  } | null;
}>;

export type OccurrenceFired = ScheduleDetail<'OccurrenceFired', {
  occurrence: number;
  dueAt: Time;
  taskId: string;
  /** The next regular time, and when it fires with its jitter; null if there is none left. */
  next?: {
    dueAt: Time;
    fireAt: Time;
  } | null;
}>;

export type OccurrenceBuffered = ScheduleDetail<'OccurrenceBuffered', {
  dueAt: Time;
  /** The next regular time, and when it fires with its jitter; null if there is none left. */
  next: {
    dueAt: Time;
    fireAt: Time;
  } | null;
}>;

export type OccurrencesSkipped = ScheduleDetail<'OccurrencesSkipped', {
  from: Time;
  to: Time;
  count: number;
  why: 'misfire' | 'overlap';
  /** The next regular time, and when it fires with its jitter; null if there is none left. */
  next: {
    dueAt: Time;
    fireAt: Time;
  } | null;
} | {
  from: Time;
  to: Time;
  count: 1;
  why: 'id-taken';
  taskId: string;
  /** The next regular time, and when it fires with its jitter; null if there is none left. */
  next?: {
    dueAt: Time;
    fireAt: Time;
  } | null;
}>;

export type OccurrenceTriggered = ScheduleDetail<'OccurrenceTriggered', {
  taskId: string;
  dueAt: Time;
}>;

export type ScheduleChildConfirmed = ScheduleDetail<'ChildConfirmed', {
  taskId: string;
}>;

export type ScheduleFinished = ScheduleDetail<'ScheduleFinished', Record<string, never>>;

export type ScheduleDeleted = ScheduleDetail<'ScheduleDeleted', Record<string, never>>;

export type ScheduleErased = ScheduleDetail<'Erased', Record<string, never>>;

export type ScheduleEvent =
  | ScheduleCreated
  | ScheduleChanged
  | SchedulePaused
  | ScheduleResumed
  | OccurrenceFired
  | OccurrenceBuffered
  | OccurrencesSkipped
  | OccurrenceTriggered
  | ScheduleChildConfirmed
  | ScheduleFinished
  | ScheduleDeleted
  | ScheduleErased;

export type OrchestrationDetail<Type extends string, Data> = {
  /** The same at every delivery of one event: tell repeats by it. */
  id: string;
  orchestrationId: string;
  /** Counts the events of one stream from 1: order by it. */
  version: number;
  type: Type;
  occurredAt: Time;
  /** After this event. */
  status: 'scheduled' | 'running' | 'succeeded' | 'failed' | 'cancelled' | 'deleted';
  labels: Record<string, string>;
  /** From 1; 0 for what has no runs. */
  run: number;
  origin: null;
  data: Data;
};

export type OrchestrationScheduled = OrchestrationDetail<'OrchestrationScheduled', {
  runAt: Time;
  steps: PlannedStep[];
  callbackOn: ('succeeded' | 'failed' | 'cancelled')[];
  labels: Record<string, string>;
}>;

export type OrchestrationChanged = OrchestrationDetail<'OrchestrationChanged', {
  runAt?: Time;
  steps?: PlannedStep[];
  callbackOn?: ('succeeded' | 'failed' | 'cancelled')[];
  labels?: Record<string, string>;
}>;

export type StepStarted = OrchestrationDetail<'StepStarted', {
  step: number;
  taskId: string;
}>;

export type StepFinished = OrchestrationDetail<'StepFinished', {
  step: number;
  outcome: StepOutcome;
}>;

export type CheckStarted = OrchestrationDetail<'CheckStarted', {
  step: number;
  n: number;
  taskId: string;
}>;

export type CheckFinished = OrchestrationDetail<'CheckFinished', {
  step: number;
  n: number;
  passed: true;
} | {
  step: number;
  n: number;
  passed: false;
  error: StepError;
}>;

export type FallbackStarted = OrchestrationDetail<'FallbackStarted', {
  step: number;
  taskId: string;
}>;

export type FallbackFinished = OrchestrationDetail<'FallbackFinished', {
  step: number;
  outcome: StepOutcome;
}>;

export type OrchestrationFinished = OrchestrationDetail<'OrchestrationFinished', {
  status: 'succeeded';
  outcome: 'completed';
} | {
  status: 'failed';
  outcome: 'step-failed' | 'check-failed' | 'fallback-succeeded' | 'fallback-failed';
}>;

export type OrchestrationCancelled = OrchestrationDetail<'OrchestrationCancelled', {
  reason: string | null;
}>;

export type OrchestrationChildConfirmed = OrchestrationDetail<'ChildConfirmed', {
  taskId: string;
  foreign?: true;
}>;

export type OrchestrationErased = OrchestrationDetail<'Erased', Record<string, never>>;

export type OrchestrationEvent =
  | OrchestrationScheduled
  | OrchestrationChanged
  | StepStarted
  | StepFinished
  | CheckStarted
  | CheckFinished
  | FallbackStarted
  | FallbackFinished
  | OrchestrationFinished
  | OrchestrationCancelled
  | OrchestrationChildConfirmed
  | OrchestrationErased;

export type ErrandEvent = TaskEvent | ScheduleEvent | OrchestrationEvent;
