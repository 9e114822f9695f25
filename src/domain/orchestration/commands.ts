import type { Labels, TaskError } from '../task/events.ts';
import type { Plan } from './definition.ts';
import type { OrchestrationStatus } from './state.ts';

/**
 * What the caller saw of the child that `childOf` names. `missing`: not there yet. `open`: there, ours and not ended. `foreign`:
 * a task of somebody else. `failed` is also what a child counts as that cannot be made from what it was to be sent.
 */
export type ChildSeen =
  | { readonly status: 'missing' | 'open' | 'foreign' | 'cancelled' | 'deleted' }
  | { readonly status: 'succeeded'; readonly truncated: boolean }
  | { readonly status: 'failed'; readonly error: Pick<TaskError, 'kind' | 'message'> };

/** What can be asked of an orchestration. Times are epoch milliseconds: the domain has no clock and sees no other stream. */
export type OrchestrationCommand =
  | {
      readonly type: 'schedule';
      readonly runAt: number;
      readonly plan: Plan;
      readonly labels: Labels;
      readonly contentHash: string;
      readonly sameContent: boolean;
    }
  /** A new plan says which version's definition it was made from, so that two changes at once do not undo each other. */
  | {
      readonly type: 'change';
      readonly runAt?: number;
      readonly replan?: { readonly plan: Plan; readonly madeFrom: number };
      readonly labels?: Labels;
    }
  /**
   * Carries out what is due next, one thing at a time: asked again and again until it yields no event, it brings an orchestration
   * as far as it can come at `now`. `version` is that of the state whose child was looked at: the look counts for no other.
   */
  | { readonly type: 'advance'; readonly now: number; readonly version: number; readonly child: ChildSeen | null }
  | { readonly type: 'cancel'; readonly reason: string | null };

export type OrchestrationRefusal =
  /** With what won and when, so that the answer can say so. */
  | { readonly reason: 'wrong-status'; readonly status: OrchestrationStatus; readonly at: number }
  | { readonly reason: 'missing' }
  | { readonly reason: 'deleted' }
  | { readonly reason: 'different-content' }
  /** Made from an older state: read it again. */
  | { readonly reason: 'stale' }
  | { readonly reason: 'not-due'; readonly dueAt: number }
  /** The child's end is told by `dispatch`; `wakeAt` is when to look again at the latest. */
  | { readonly reason: 'child-unfinished'; readonly taskId: string }
  | { readonly reason: 'limit'; readonly limit: 'changes' | 'steps' | 'definition'; readonly value: number };
