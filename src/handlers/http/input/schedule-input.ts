import * as z from 'zod';
import { durationText } from '../../../application/durations.ts';
import type { InputError, ParseResult } from '../../../application/reading.ts';
import type { ScheduleChangesInput, ScheduleInput } from '../../../application/schedule-input.ts';
import type { TemplateInput } from '../../../application/task-input.ts';
import { isoTime } from '../../../application/times.ts';
import { limits } from '../../../domain/limits.ts';
import type { RecurrenceRule } from '../../../domain/schedule/recurrence.ts';
import { duration } from './duration.ts';
import { scheduleId } from './identifier.ts';
import { labels } from './labels.ts';
import { failed, parseWith } from './parse-result.ts';
import { oneOf, text, wholeNumber } from './scalars.ts';
import { type TaskInputContext, under } from './task-action.ts';
import { template, templateOf } from './task-input.ts';
import { time } from './time.ts';

const defaultCatchUpMs = 86_400_000;
const timezoneLength = 64;

const ruleFields = {
  cron: text(
    { min: 1, max: limits.cronLength },
    { description: '5 fields, or 6 with seconds first; day of month and day of week are OR.', examples: ['0 9 * * 1-5'] },
  ).optional(),
  every: duration(
    { minMs: limits.scheduleIntervalMinMs, maxMs: limits.scheduleIntervalMaxMs },
    { description: 'Elapsed time; first at startAt, or one interval from now.' },
  ).optional(),
  recurrence: oneOf(['daily', 'weekly', 'monthly']).optional().meta({ description: 'By the wall clock of startAt, or of now.' }),
};
const startAt = time({ description: 'No time before it. One that passed up to 5 seconds before it arrives still counts.' });
const endAt = time({ description: 'No time after it.' });
const maxOccurrences = wholeNumber(1, limits.maxOccurrencesMax);
const furtherFields = {
  timezone: text({ min: 1, max: timezoneLength }, { default: 'UTC', description: 'An IANA name.' }).optional(),
  jitter: duration({ minMs: 0, maxMs: limits.scheduleJitterMaxMs }, { default: '0s', description: 'Later by up to this.' }).optional(),
  overlap: oneOf(['skip', 'allow', 'buffer-one'])
    .optional()
    .meta({ default: 'skip', description: 'While the previous occurrence is unfinished.' }),
  misfire: oneOf(['run-once', 'skip', 'run-all'])
    .optional()
    .meta({ default: 'run-once', description: 'What was missed while nothing could run. run-all needs overlap allow.' }),
  catchUpWithin: duration(
    { minMs: 0, maxMs: limits.catchUpWithinMaxMs },
    { default: '24h', description: 'How far it is made up for.' },
  ).optional(),
  labels: labels.optional(),
};

/** The body of `POST /schedules`. */
export const schedule = z
  .strictObject({
    id: scheduleId.optional(),
    ...ruleFields,
    startAt: startAt.optional(),
    endAt: endAt.optional(),
    maxOccurrences: maxOccurrences.optional(),
    ...furtherFields,
    task: template,
  })
  .meta({ description: 'Exactly one of cron, every and recurrence.' });

/** The body of `PATCH /schedules/{id}`. */
export const scheduleChanges = z
  .strictObject({
    ...ruleFields,
    startAt: startAt.nullable().optional(),
    endAt: endAt.nullable().optional(),
    maxOccurrences: maxOccurrences.nullable().optional(),
    ...furtherFields,
    task: template.optional(),
  })
  .meta({ description: 'At least one field; each replaces the whole field. null removes a start, an end or a limit.' });

type GivenRule = {
  readonly cron?: string | undefined;
  readonly every?: number | undefined;
  readonly recurrence?: 'daily' | 'weekly' | 'monthly' | undefined;
};

/** The one rule given; null when there is none, or more than one, which is then among the errors. */
function ruleOf({ cron, every, recurrence }: GivenRule, errors: InputError[]): RecurrenceRule | null {
  const given: [string, RecurrenceRule][] = [
    ...(cron === undefined ? [] : [['cron', { kind: 'cron', expression: cron }] as [string, RecurrenceRule]]),
    ...(every === undefined ? [] : [['every', { kind: 'every', intervalMs: every }] as [string, RecurrenceRule]]),
    ...(recurrence === undefined ? [] : [['recurrence', { kind: recurrence }] as [string, RecurrenceRule]]),
  ];
  const [first, ...others] = given;
  for (const [name] of others) errors.push({ path: name, message: `cannot be given together with ${first?.[0]}` });
  return first?.[1] ?? null;
}

function taskOf(given: z.output<typeof template>, context: TaskInputContext, errors: InputError[]): TemplateInput | null {
  const wrong: InputError[] = [];
  const made = templateOf(given, context, wrong);
  errors.push(...wrong.map(({ path, message }) => ({ path: under('task', path), message })));
  return made;
}

function checkSpan(
  given: { readonly startAt?: number | null | undefined; readonly endAt?: number | null | undefined },
  now: number,
  errors: InputError[],
): void {
  if (given.startAt != null && given.startAt < limits.scheduleStartMinMs) {
    errors.push({ path: 'startAt', message: `must not be before ${isoTime(limits.scheduleStartMinMs)}` });
  }
  if (given.startAt != null && given.startAt - now > limits.scheduleAheadMs) {
    errors.push({ path: 'startAt', message: `must be at most 10 years (${durationText(limits.scheduleAheadMs)}) ahead` });
  }
  if (given.startAt != null && given.endAt != null && given.endAt < given.startAt) {
    errors.push({ path: 'endAt', message: 'must not be before startAt' });
  }
}

/** Parses the body of `POST /schedules`. Whether its rule can be followed in its zone is not asked here. */
export function parseSchedule(value: unknown, context: TaskInputContext): ParseResult<ScheduleInput> {
  const shaped = parseWith(schedule, value);
  if (!shaped.ok) return shaped;
  const given = shaped.value;
  const errors: InputError[] = [];
  const rule = ruleOf(given, errors);
  if (rule === null) errors.push({ path: '', message: 'exactly one of cron, every and recurrence must be given' });
  checkSpan(given, context.now, errors);
  const made = taskOf(given.task, context, errors);
  if (rule === null || made === null || errors.length > 0) return { ok: false, errors };
  return {
    ok: true,
    value: {
      id: given.id ?? null,
      rule,
      timezone: given.timezone ?? 'UTC',
      startAt: given.startAt ?? null,
      endAt: given.endAt ?? null,
      maxOccurrences: given.maxOccurrences ?? null,
      jitterMs: given.jitter ?? 0,
      overlap: given.overlap ?? 'skip',
      misfire: given.misfire ?? 'run-once',
      catchUpWithinMs: given.catchUpWithin ?? defaultCatchUpMs,
      template: made,
      labels: given.labels ?? {},
    },
  };
}

/** Parses the body of `PATCH /schedules/{id}`. */
export function parseScheduleChanges(value: unknown, context: TaskInputContext): ParseResult<ScheduleChangesInput> {
  const shaped = parseWith(scheduleChanges, value, (key, path) =>
    path.length === 0 && key === 'id' ? 'cannot be changed' : 'is not a known field',
  );
  if (!shaped.ok) return shaped;
  const given = shaped.value;
  const errors: InputError[] = [];
  const rule = ruleOf(given, errors);
  checkSpan(given, context.now, errors);
  const made = given.task === undefined ? null : taskOf(given.task, context, errors);
  if (errors.length > 0) return { ok: false, errors };
  const changes: ScheduleChangesInput = {
    ...(rule !== null && { rule }),
    ...(made !== null && { template: made }),
    ...(given.timezone !== undefined && { timezone: given.timezone }),
    ...(given.startAt !== undefined && { startAt: given.startAt }),
    ...(given.endAt !== undefined && { endAt: given.endAt }),
    ...(given.maxOccurrences !== undefined && { maxOccurrences: given.maxOccurrences }),
    ...(given.jitter !== undefined && { jitterMs: given.jitter }),
    ...(given.overlap !== undefined && { overlap: given.overlap }),
    ...(given.misfire !== undefined && { misfire: given.misfire }),
    ...(given.catchUpWithin !== undefined && { catchUpWithinMs: given.catchUpWithin }),
    ...(given.labels !== undefined && { labels: given.labels }),
  };
  if (Object.keys(changes).length > 0) return { ok: true, value: changes };
  return failed('', `at least one of ${Object.keys(scheduleChanges.shape).join(', ')} must be given`);
}
