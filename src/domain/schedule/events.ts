import type { Labels, TaskDefinition } from '../task/events.ts';
import type { NextTime } from './jitter.ts';
import type { RecurrenceRule } from './recurrence.ts';

/** What an occurrence does while the one before it is unfinished. */
export type Overlap = 'skip' | 'allow' | 'buffer-one';
/** Which of the times that passed while nothing could run are made up for. */
export type Misfire = 'run-once' | 'skip' | 'run-all';

/** The task that every occurrence becomes; its bytes lie beside the event that carries it. */
export type TaskTemplate = Omit<TaskDefinition, 'origin' | 'contentHash'>;

/** What a client asked for, with defaults filled in. Times are epoch milliseconds, durations milliseconds. */
export type ScheduleDefinition = {
  readonly rule: RecurrenceRule;
  readonly timezone: string;
  readonly startAt: number | null;
  readonly endAt: number | null;
  readonly maxOccurrences: number | null;
  readonly jitterMs: number;
  readonly overlap: Overlap;
  readonly misfire: Misfire;
  readonly catchUpWithinMs: number;
  readonly template: TaskTemplate;
  readonly labels: Labels;
  /** A keyed digest of what was sent, to tell a repeat from a different schedule of the same id. */
  readonly contentHash: string;
};

/** The parts that a client may replace; null removes an end, a start or a limit. */
export type ScheduleChanges = Partial<Omit<ScheduleDefinition, 'contentHash'>>;

/**
 * The facts. `next` is the first regular time that is neither fired nor skipped, fixed when the one before it was dealt with; null
 * when there is none left. Where it is absent it stays as it was. All times are epoch milliseconds.
 */
export type ScheduleEvent =
  /** `anchorAt` is what the rule is counted from. */
  | { readonly type: 'ScheduleCreated'; readonly data: ScheduleDefinition & { readonly anchorAt: number; readonly next: NextTime | null } }
  | {
      readonly type: 'ScheduleChanged';
      readonly data: ScheduleChanges & { readonly anchorAt: number; readonly next?: NextTime | null };
    }
  | { readonly type: 'SchedulePaused'; readonly data: Readonly<Record<never, never>> }
  | { readonly type: 'ScheduleResumed'; readonly data: { readonly next: NextTime | null } }
  | {
      readonly type: 'OccurrenceFired';
      readonly data: { readonly occurrence: number; readonly dueAt: number; readonly taskId: string; readonly next?: NextTime | null };
    }
  /** The time came while the occurrence before it was unfinished, and is kept for when that ends. */
  | { readonly type: 'OccurrenceBuffered'; readonly data: { readonly dueAt: number; readonly next: NextTime | null } }
  /** `from` and `to` are the first and the last of the times left out. */
  | {
      readonly type: 'OccurrencesSkipped';
      readonly data: {
        readonly from: number;
        readonly to: number;
        readonly count: number;
        readonly why: 'misfire' | 'overlap';
        readonly next: NextTime | null;
      };
    }
  /** A task of somebody else holds the id of the child that was named last. */
  | {
      readonly type: 'OccurrencesSkipped';
      readonly data: {
        readonly from: number;
        readonly to: number;
        readonly count: 1;
        readonly why: 'id-taken';
        readonly taskId: string;
        readonly next?: NextTime | null;
      };
    }
  | { readonly type: 'OccurrenceTriggered'; readonly data: { readonly taskId: string; readonly dueAt: number } }
  /** The child that was named last is there, and ours. */
  | { readonly type: 'ChildConfirmed'; readonly data: { readonly taskId: string } }
  | { readonly type: 'ScheduleFinished'; readonly data: Readonly<Record<never, never>> }
  | { readonly type: 'ScheduleDeleted'; readonly data: Readonly<Record<never, never>> }
  | { readonly type: 'Erased'; readonly data: Readonly<Record<never, never>> };

export type ScheduleEventType = ScheduleEvent['type'];
