import type { ErrorKind, Labels } from '../task/events.ts';
import type { Plan } from './definition.ts';

/** Why a step failed: what its child's error says, or that a task of somebody else holds the child's id. */
export type StepErrorKind = ErrorKind | 'id-taken';
export type StepError = { readonly kind: StepErrorKind; readonly message: string };

/** How the task of a step or a fallback ended. `truncated`: its result is larger than what is kept of it. */
export type ChildOutcome =
  | { readonly status: 'succeeded'; readonly truncated: boolean }
  | { readonly status: 'failed'; readonly error: StepError };

/** How an orchestration ended. Only `completed` is a success. */
export type OrchestrationEnd =
  | { readonly status: 'succeeded'; readonly outcome: 'completed' }
  | { readonly status: 'failed'; readonly outcome: 'step-failed' | 'check-failed' | 'fallback-succeeded' | 'fallback-failed' };

/**
 * The facts. Types are past tense and never change meaning. All times are epoch milliseconds; steps, and the tries of a check
 * within its step, count from 1. An event that names a task comes before that task: a child exists only once its parent has said so.
 */
export type OrchestrationEvent =
  | {
      readonly type: 'OrchestrationScheduled';
      readonly data: {
        readonly runAt: number;
        readonly plan: Plan;
        readonly labels: Labels;
        /** A keyed digest of what was sent, to tell a repeat from a different orchestration of the same id. */
        readonly contentHash: string;
      };
    }
  | {
      readonly type: 'OrchestrationChanged';
      readonly data: { readonly runAt?: number; readonly plan?: Plan; readonly labels?: Labels };
    }
  | { readonly type: 'StepStarted'; readonly data: { readonly step: number; readonly taskId: string } }
  /** Without a start before it where there was nothing that could be sent. */
  | { readonly type: 'StepFinished'; readonly data: { readonly step: number; readonly outcome: ChildOutcome } }
  | { readonly type: 'CheckStarted'; readonly data: { readonly step: number; readonly n: number; readonly taskId: string } }
  | { readonly type: 'CheckFinished'; readonly data: { readonly step: number; readonly n: number; readonly passed: true } }
  | {
      readonly type: 'CheckFinished';
      readonly data: { readonly step: number; readonly n: number; readonly passed: false; readonly error: StepError };
    }
  | { readonly type: 'FallbackStarted'; readonly data: { readonly step: number; readonly taskId: string } }
  | { readonly type: 'FallbackFinished'; readonly data: { readonly step: number; readonly outcome: ChildOutcome } }
  | { readonly type: 'OrchestrationFinished'; readonly data: OrchestrationEnd }
  | { readonly type: 'OrchestrationCancelled'; readonly data: { readonly reason: string | null } }
  /** The callback's task is there. `foreign`: a task of somebody else is, so that nothing will be told. */
  | { readonly type: 'ChildConfirmed'; readonly data: { readonly taskId: string; readonly foreign?: true } }
  | { readonly type: 'Erased'; readonly data: Readonly<Record<never, never>> };

export type OrchestrationEventType = OrchestrationEvent['type'];
