import type { RetryPolicy } from '../retry-policy.ts';

/** How the bytes beside an event are to be read and sent: text as it is, JSON as application/json, anything else as it is. */
export type BodyKind = 'text' | 'json' | 'binary';
/** Bodies are raw bytes kept beside the event, never inside its JSON; this only describes them. */
export type BodyNote = {
  readonly kind: BodyKind;
  readonly bytes: number;
  /** SHA-256 of the bytes where a change is made: what tells a repeated change from another one of the same length. */
  readonly digest?: string;
};

/** A header value is either plain or sealed for the outgoing caller alone. */
export type Header = { readonly name: string; readonly value: string } | { readonly name: string; readonly sealed: string };

/** `target` is scheme, host and port called: what slots and queues are shared out by. */
export type HttpAction = {
  readonly kind: 'http';
  readonly url: string;
  readonly target: string;
  readonly method: string;
  readonly headers: readonly Header[];
  readonly secretHeaders: readonly string[];
  readonly body: BodyNote | null;
};
/** `body` holds the parameters as JSON. */
export type RunnerAction = { readonly kind: 'runner'; readonly name: string; readonly body: BodyNote | null };
/** `body` holds the detail as JSON. */
export type EventAction = { readonly kind: 'event'; readonly detailType: string; readonly body: BodyNote | null };
export type Action = HttpAction | RunnerAction | EventAction;

export type FinishedStatus = 'succeeded' | 'failed' | 'cancelled';

export type CallbackSpec = {
  readonly url: string;
  readonly target: string;
  readonly method: string;
  readonly headers: readonly Header[];
  readonly secretHeaders: readonly string[];
  readonly on: readonly FinishedStatus[];
};

export type Origin =
  | { readonly scheduleId: string; readonly occurrence: number }
  /** `step` counts from 1; the callback belongs to none and has 0. */
  | { readonly orchestrationId: string; readonly step: number; readonly role: 'task' | 'check' | 'fallback' | 'callback' };

/** What an attempt or a task failed of. Stored in events for ever: kinds are added, never renamed. */
export const errorKinds = [
  'http',
  'timeout',
  'network',
  'egress',
  'expired',
  'interrupted',
  'rejected',
  'runner',
  'truncated',
  'cancelled',
] as const;
export type ErrorKind = (typeof errorKinds)[number];
export type TaskError = { readonly kind: ErrorKind; readonly message: string; readonly status?: number };

/** What the target answered. The body's bytes, if any, lie beside the event that carries this. */
export type TaskResult = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: number;
  readonly truncated: boolean;
  readonly durationMs: number;
};

export type Labels = Readonly<Record<string, string>>;

/** What a client asked for, with defaults filled in. Durations in milliseconds. */
export type TaskDefinition = {
  readonly action: Action;
  readonly strategy: 'await' | 'async';
  readonly timeoutMs: number;
  readonly completeWithinMs: number;
  readonly retry: RetryPolicy;
  readonly callback: CallbackSpec | null;
  readonly labels: Labels;
  readonly priority: number;
  readonly startBeforeMs: number | null;
  readonly origin: Origin | null;
  /** A keyed digest of what was sent, to tell a repeat from a different task of the same id. */
  readonly contentHash: string;
};

/** The parts of a pending task that a client may replace. `callback: null` removes it. */
export type TaskChanges = Partial<Pick<TaskDefinition, 'action' | 'timeoutMs' | 'retry' | 'callback' | 'labels'>>;

/**
 * The facts. Types are past tense and never change meaning. All times are epoch milliseconds.
 * `startedVersion` is the version of the TaskStarted event an outcome belongs to: the fence.
 */
export type TaskEvent =
  | { readonly type: 'TaskScheduled'; readonly data: TaskDefinition & { readonly runAt: number } }
  | { readonly type: 'TaskRescheduled'; readonly data: TaskChanges & { readonly runAt?: number } }
  | { readonly type: 'TaskStarted'; readonly data: { readonly attempt: number; readonly run: number; readonly leaseUntil: number } }
  | {
      readonly type: 'TaskAccepted';
      readonly data: { readonly startedVersion: number; readonly response: TaskResult; readonly completeBy: number };
    }
  | { readonly type: 'TaskHeartbeat'; readonly data: { readonly startedVersion: number; readonly completeBy: number } }
  | {
      readonly type: 'TaskContinued';
      readonly data: { readonly startedVersion: number; readonly runAt: number; readonly body?: BodyNote };
    }
  | {
      readonly type: 'TaskSucceeded';
      readonly data: {
        readonly startedVersion: number;
        readonly result: TaskResult;
        readonly durationMs: number;
        /** SHA-256 of the whole answer that an asynchronous target posted. */
        readonly answerHash?: string;
        readonly emitted?: { readonly detailType: string; readonly detail: unknown };
      };
    }
  | {
      readonly type: 'TaskFailed';
      readonly data: {
        readonly startedVersion?: number;
        readonly error: TaskError;
        readonly result?: TaskResult;
        readonly retryAt: number | null;
      };
    }
  | { readonly type: 'TaskCancelled'; readonly data: { readonly reason: string | null } }
  | { readonly type: 'TaskRetried'; readonly data: { readonly runAt: number } }
  | { readonly type: 'TaskDeleted'; readonly data: Readonly<Record<never, never>> }
  | {
      readonly type: 'CallbackSucceeded';
      readonly data: { readonly outcomeVersion: number; readonly attempt: number; readonly result: { readonly status: number } };
    }
  | {
      readonly type: 'CallbackFailed';
      readonly data: {
        readonly outcomeVersion: number;
        readonly attempt: number;
        readonly error: TaskError;
        readonly retryAt: number | null;
      };
    }
  | { readonly type: 'CallbackReopened'; readonly data: { readonly outcomeVersion: number } }
  | { readonly type: 'Erased'; readonly data: Readonly<Record<never, never>> };

export type TaskEventType = TaskEvent['type'];
