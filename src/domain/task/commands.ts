import type { BodyNote, TaskChanges, TaskDefinition, TaskError, TaskResult } from './events.ts';
import type { TaskStatus } from './state.ts';

/**
 * What can be asked of a task. Times are epoch milliseconds, `random` is drawn from [0, 1) by the caller:
 * the domain has no clock and no dice.
 */
export type TaskCommand =
  | { readonly type: 'schedule'; readonly definition: TaskDefinition; readonly runAt: number; readonly sameContent: boolean }
  | { readonly type: 'reschedule'; readonly runAt?: number; readonly changes: TaskChanges }
  | { readonly type: 'run-now'; readonly now: number }
  | { readonly type: 'start'; readonly now: number }
  | { readonly type: 'accept'; readonly now: number; readonly startedVersion: number; readonly response: TaskResult }
  | { readonly type: 'heartbeat'; readonly now: number; readonly startedVersion: number }
  | { readonly type: 'continue'; readonly startedVersion: number; readonly runAt: number; readonly body?: BodyNote }
  | {
      readonly type: 'succeed';
      readonly startedVersion: number;
      readonly result: TaskResult;
      readonly emitted?: { readonly detailType: string; readonly detail: unknown };
    }
  | {
      readonly type: 'answer';
      readonly now: number;
      readonly run: number;
      readonly startedVersion: number;
      readonly answerHash: string;
      readonly result: TaskResult;
    }
  | {
      readonly type: 'fail';
      readonly now: number;
      readonly random: number;
      readonly startedVersion: number;
      readonly error: TaskError;
      readonly result?: TaskResult;
      readonly retryable: boolean;
      readonly retryAfterMs: number | null;
    }
  | { readonly type: 'expire-lease'; readonly now: number; readonly random: number }
  | { readonly type: 'expire-wait'; readonly now: number; readonly random: number }
  | { readonly type: 'cancel'; readonly reason: string | null }
  | { readonly type: 'retry'; readonly now: number }
  | { readonly type: 'redeliver' }
  | { readonly type: 'delete' }
  | {
      readonly type: 'record-callback';
      readonly now: number;
      readonly random: number;
      readonly outcomeVersion: number;
      readonly attempt: number;
      readonly outcome:
        | { readonly delivered: true; readonly status: number }
        | { readonly delivered: false; readonly error: TaskError; readonly retryable: boolean; readonly retryAfterMs: number | null };
    };

/** What stood in the way, with what won and when, so that the answer can say so. */
export type StatusRefusal = {
  readonly reason: 'wrong-status';
  readonly status: TaskStatus;
  readonly attempt: number;
  readonly at: number;
};

export type TaskRefusal =
  | StatusRefusal
  | { readonly reason: 'missing' }
  | { readonly reason: 'deleted' }
  | { readonly reason: 'different-content' }
  | { readonly reason: 'different-answer' }
  | { readonly reason: 'different-action'; readonly action: 'runner' | 'event' }
  | { readonly reason: 'run-over' }
  | { readonly reason: 'superseded' }
  | { readonly reason: 'not-due' }
  | { readonly reason: 'attempts-spent'; readonly attempt: number }
  | { readonly reason: 'no-callback' }
  | { readonly reason: 'limit'; readonly limit: 'changes' | 'runs' | 'redeliveries'; readonly value: number };
