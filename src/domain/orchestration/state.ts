import { type Facts, factsOfParent, noLabels } from '../facts.ts';
import { limits } from '../limits.ts';
import type { Labels } from '../task/events.ts';
import type { BodyRef } from '../task/state.ts';
import type { Plan } from './definition.ts';
import type { OrchestrationEnd, StepError } from './events.ts';

/** A step that was reached. `succeeded` and `failed` count its check and its fallback in. */
export type StepProgress = {
  readonly status: 'running' | 'checking' | 'fallback' | 'succeeded' | 'failed' | 'cancelled';
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  /** Checks started. */
  readonly checks: number;
  /** Its result is larger than what is kept of it: nothing that the next step could be sent. */
  readonly truncated: boolean;
  readonly error: StepError | null;
};

/** Where a running orchestration stands: before something that is due at a time, at a child that was named, or before its end. */
export type Position =
  | { readonly at: 'step-due'; readonly step: number; readonly dueAt: number }
  | { readonly at: 'step'; readonly step: number; readonly taskId: string; readonly namedAt: number }
  | { readonly at: 'check-due'; readonly step: number; readonly n: number; readonly dueAt: number }
  | { readonly at: 'check'; readonly step: number; readonly n: number; readonly taskId: string; readonly namedAt: number }
  | { readonly at: 'fallback-due'; readonly step: number; readonly dueAt: number }
  | { readonly at: 'fallback'; readonly step: number; readonly taskId: string; readonly namedAt: number }
  | { readonly at: 'end'; readonly step: number; readonly end: OrchestrationEnd; readonly dueAt: number };

/** The task that tells the outcome: unconfirmed until it is known to be there. */
export type CallbackChild =
  | { readonly status: 'none' }
  | { readonly status: 'unconfirmed' | 'confirmed' | 'id-taken'; readonly taskId: string; readonly namedAt: number };

type Existing = {
  readonly id: string;
  readonly version: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly plan: Plan;
  /** Where the bytes of the definition lie. */
  readonly definition: BodyRef;
  readonly labels: Labels;
  readonly contentHash: string;
  readonly runAt: number;
  readonly changes: number;
};

export type Scheduled = Existing & { readonly status: 'scheduled' };
export type Running = Existing & {
  readonly status: 'running';
  /** The steps that were reached, in their order; the newest is the one that is under way, unless that is still due. */
  readonly steps: readonly StepProgress[];
  readonly position: Position;
};
type Over = { readonly steps: readonly StepProgress[]; readonly finishedAt: number; readonly callback: CallbackChild };
export type Finished = Existing & OrchestrationEnd & Over;
export type Cancelled = Existing & Over & { readonly status: 'cancelled'; readonly reason: string | null };
export type Ended = Finished | Cancelled;
export type Live = Scheduled | Running | Ended;
/** What is left of an erased orchestration: its id for ever, so that its children's ids are never made twice. */
export type Deleted = {
  readonly status: 'deleted';
  readonly id: string;
  readonly version: number;
  readonly createdAt: number;
  readonly updatedAt: number;
};
export type Missing = { readonly status: 'missing'; readonly version: 0 };

export type OrchestrationState = Missing | Live | Deleted;
export type OrchestrationStatus = Live['status'];

export const initialOrchestration: Missing = { status: 'missing', version: 0 };

export function isEnded(state: OrchestrationState): state is Ended {
  return state.status === 'succeeded' || state.status === 'failed' || state.status === 'cancelled';
}

/** When the first step starts: its own delay counts from the time that was asked for. */
export function firstStepAt(state: Scheduled): number {
  return state.runAt + (state.plan.steps[0]?.delayMs ?? 0);
}

/**
 * When the stream next needs a look, in epoch milliseconds; null exactly when nothing is left to happen by itself.
 * From when a child is named until it has ended it stays the one time a minute later: `dispatch` tells of the end at once, the look
 * at that time makes sure of the child, and from then on the row is overdue, which is why the sweep of the due index repeats the look
 * 1, 2, 4 ... 32 minutes later and then hourly. No event has to say that a look found nothing.
 */
export function wakeAt(state: OrchestrationState): number | null {
  switch (state.status) {
    case 'missing':
    case 'deleted':
      return null;
    case 'scheduled':
      return firstStepAt(state);
    case 'running':
      return 'dueAt' in state.position ? state.position.dueAt : state.position.namedAt + limits.childHealMs;
    case 'succeeded':
    case 'failed':
    case 'cancelled':
      return state.callback.status === 'unconfirmed' ? state.callback.namedAt + limits.childHealMs : null;
    default:
      return state satisfies never;
  }
}

/** The facts stored beside each event. */
export function factsOf(state: OrchestrationState): Facts {
  return factsOfParent({ status: state.status, wakeAt: wakeAt(state), labels: 'labels' in state ? state.labels : noLabels });
}
