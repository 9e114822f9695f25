import type { Misfire, Overlap } from '../domain/schedule/events.ts';
import type { RecurrenceRule } from '../domain/schedule/recurrence.ts';
import type { Labels } from '../domain/task/events.ts';
import type { TemplateInput } from './task-input.ts';

/** A schedule as asked for, checked but for its times and with defaults filled in. Times in epoch milliseconds. */
export type ScheduleInput = {
  readonly id: string | null;
  readonly rule: RecurrenceRule;
  readonly timezone: string;
  readonly startAt: number | null;
  readonly endAt: number | null;
  readonly maxOccurrences: number | null;
  readonly jitterMs: number;
  readonly overlap: Overlap;
  readonly misfire: Misfire;
  readonly catchUpWithinMs: number;
  readonly template: TemplateInput;
  readonly labels: Labels;
};
/** What a change replaces; null removes a start, an end or a limit. */
export type ScheduleChangesInput = Partial<Omit<ScheduleInput, 'id'>>;
