import type { ScheduleChanges, ScheduleDefinition } from './events.ts';
import type { Times } from './lookup.ts';
import type { ScheduleStatus } from './state.ts';

/**
 * What can be asked of a schedule. Times are epoch milliseconds. The domain has neither a clock nor a calendar: `now` and `times`
 * (what was looked up for this decision) are given, and so is what only other streams know.
 *
 * `confirmed` is the unconfirmed child, once the caller has made sure that it is there: whatever names another child, replaces the
 * template or ends the schedule comes after that, so that no child is lost or made from a later template.
 */
export type ScheduleCommand =
  | {
      readonly type: 'create';
      readonly id: string;
      readonly definition: ScheduleDefinition;
      readonly anchorAt: number;
      readonly now: number;
      readonly times: Times;
      readonly sameContent: boolean;
    }
  | {
      readonly type: 'change';
      readonly changes: ScheduleChanges;
      readonly now: number;
      readonly times: Times;
      readonly confirmed: string | null;
    }
  | { readonly type: 'pause' }
  | { readonly type: 'resume'; readonly now: number; readonly times: Times }
  /** Carries out what is due, one thing at a time. `times` is null if `lookupAt` asked for none. */
  | {
      readonly type: 'look';
      readonly now: number;
      readonly times: Times | null;
      /** Whether the occurrence before is over; null if there was none. */
      readonly previous: { readonly taskId: string; readonly finished: boolean } | null;
      readonly confirmed: string | null;
    }
  /**
   * `key` numbers the trigger if the caller gave one; `exists` says that its task is there already, and ours. It was looked for after
   * the state of `version` was read: the look counts for no other.
   */
  | {
      readonly type: 'trigger';
      readonly now: number;
      readonly version: number;
      readonly key: string | null;
      readonly exists: boolean;
      readonly confirmed: string | null;
    }
  | { readonly type: 'confirm-child'; readonly taskId: string }
  /** The child's id belongs to a task of somebody else. */
  | { readonly type: 'give-up-child'; readonly taskId: string; readonly times: Times }
  | { readonly type: 'delete'; readonly confirmed: string | null };

export type ScheduleRefusal =
  | { readonly reason: 'missing' }
  | { readonly reason: 'deleted' }
  | { readonly reason: 'different-content' }
  | { readonly reason: 'wrong-status'; readonly status: ScheduleStatus; readonly at: number }
  /** No time is left between its start and its end, because of one of the fields that were given. */
  | { readonly reason: 'never-fires'; readonly field: 'endAt' | 'startAt' | 'timezone' | 'cron' | 'every' | 'recurrence' }
  | { readonly reason: 'run-all-needs-allow' }
  | { readonly reason: 'not-due' }
  /** Due, but the occurrence before is unfinished: its end, or `nextLook`, is when to look again. */
  | { readonly reason: 'held' }
  | { readonly reason: 'unconfirmed-child'; readonly taskId: string }
  /** What was looked up belongs to an older state: look it up again. */
  | { readonly reason: 'stale' }
  | { readonly reason: 'limit'; readonly limit: 'changes'; readonly value: number };
