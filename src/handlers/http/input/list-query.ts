import * as z from 'zod';
import type { InputError, ParseResult } from '../../../application/reading.ts';
import { type Reading, refuse } from '../../../application/reading.ts';
import { readTime } from '../../../application/times.ts';
import { limits } from '../../../domain/limits.ts';
import type { Labels } from '../../../domain/task/events.ts';
import type { TaskStatus } from '../../../domain/task/state.ts';
import { labelProblem, labelsFrom } from './labels.ts';
import { failed, parseWith, pathText, read } from './parse-result.ts';
import { oneOf } from './scalars.ts';
import { timeJsonSchema } from './time.ts';

/** The parameters of a request's query, each at most once. */
export type Query = Readonly<Record<string, string | undefined>>;

/** `from` is inclusive and `to` exclusive, in epoch milliseconds. */
export type ListQuery = {
  readonly status: TaskStatus | null;
  readonly labels: Labels;
  readonly from: number | null;
  readonly to: number | null;
  readonly limit: number;
  readonly cursor: string | null;
};
export type EventsQuery = { readonly limit: number; readonly cursor: string | null };
/** A task as it was: at a version, or at a time in epoch milliseconds. */
export type AsOf = { readonly version: number } | { readonly time: number };
export type TaskQuery = { readonly asOf: AsOf | null };
/** `types` null means all; `after` null means from now on. */
export type StreamQuery = { readonly types: readonly string[] | null; readonly after: number | null };

const statuses = ['scheduled', 'running', 'waiting', 'succeeded', 'failed', 'cancelled'] as const satisfies readonly TaskStatus[];

const wholeText = /^-?\d+$/;
/** Below it a number is a version: no task has a billion events, and as a time it is the first fortnight of 1970. */
const versionsBelow = 1e9;

/** A time in a query: a number is text there, and an unescaped + before an offset has become a space. */
export function readQueryTime(value: unknown): Reading<number> {
  if (typeof value !== 'string') return refuse('must be a string');
  return readTime(wholeText.test(value) ? Number(value) : value.replace(/ (?=\d{2}:?\d{2}$)/, '+'));
}

function readAsOf(value: unknown): Reading<AsOf> {
  if (typeof value === 'string' && /^-?[\d.]+$/.test(value) && Number(value) < versionsBelow) {
    return /^\d+$/.test(value)
      ? { ok: true, value: { version: Number(value) } }
      : refuse('must be a version, which is a whole number from 0, or a time');
  }
  const reading = readQueryTime(value);
  return reading.ok ? { ok: true, value: { time: reading.value } } : reading;
}

function limitUpTo(max: number, fallback: number) {
  return read({ type: 'integer', minimum: 1, maximum: max, default: fallback }, (value) => {
    const limit = typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : 0;
    return limit >= 1 && limit <= max ? { ok: true, value: limit } : refuse(`must be a whole number from 1 to ${max}`);
  }).optional();
}

const cursor = z
  .string()
  .min(1, 'must not be empty')
  .optional()
  .meta({ description: 'Where the previous page ended, as it was answered.' });

function queryTime(description: string) {
  return read({ ...timeJsonSchema, description }, readQueryTime).optional();
}

/** The query of `GET /tasks`, without `label.<key>`, of which there may be any number. */
export const listQuery = z.strictObject({
  status: oneOf(statuses).optional(),
  from: queryTime('Created at or after.'),
  to: queryTime('Created before.'),
  limit: limitUpTo(limits.listPage, limits.listPageDefault),
  cursor,
});

/** The query of `GET /schedules`, likewise. */
export const scheduleListQuery = z.strictObject({
  status: oneOf(['active', 'paused', 'finished']).optional(),
  limit: limitUpTo(limits.listPage, limits.listPageDefault),
  cursor,
});

/** The query of `GET /orchestrations`, likewise. */
export const orchestrationListQuery = z.strictObject({
  status: oneOf(['scheduled', 'running', 'succeeded', 'failed', 'cancelled']).optional(),
  limit: limitUpTo(limits.listPage, limits.listPageDefault),
  cursor,
});

/** The query of `GET /tasks/{id}/events`. */
export const eventsQuery = z.strictObject({ limit: limitUpTo(limits.eventsPage, limits.eventsPageDefault), cursor });

/** The query of `GET /tasks/{id}`. */
export const taskQuery = z.strictObject({
  asOf: read({ ...timeJsonSchema, description: 'A version (below 10^9) or a time.' }, readAsOf).optional(),
});

function readTypes(value: unknown): Reading<readonly string[]> {
  const types = typeof value === 'string' ? value.split(',').map((type) => type.trim()) : [];
  if (types.length === 0 || !types.every((type) => /^[A-Za-z]{1,64}$/.test(type))) {
    return refuse('must be event types separated by commas, such as "TaskSucceeded,TaskFailed"');
  }
  return { ok: true, value: [...new Set(types)] };
}

/** A position in the log: of `after`, and of a `Last-Event-ID` header. */
export function readPosition(value: unknown): Reading<number> {
  const position = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : -1;
  return Number.isSafeInteger(position) && position >= 0
    ? { ok: true, value: position }
    : refuse('must be a position: a whole number from 0');
}

/** The query of `GET /events`. */
export const streamQuery = z.strictObject({
  types: read({ type: 'string', description: 'Event types, separated by commas. All of them by default.' }, readTypes).optional(),
  after: read({ type: 'integer', minimum: 0, description: 'A position; 0 is the start. From now on by default.' }, readPosition).optional(),
});

const unknownParameter = () => 'is not a known parameter';
const labelPrefix = 'label.';

/** Parses the query of `GET /tasks`. Unknown parameters are refused by name. */
export function parseListQuery(query: Query): ParseResult<ListQuery> {
  const parsed = parseWithLabels(listQuery, query);
  if (!parsed.ok) return parsed;
  const { status = null, from = null, to = null, limit = limits.listPageDefault, cursor: after = null, labels } = parsed.value;
  return { ok: true, value: { status, labels, from, to, limit, cursor: after } };
}

export type ParentListQuery<Status> = Omit<ListQuery, 'status' | 'from' | 'to'> & { readonly status: Status | null };

/** Parses the query of a list of schedules or orchestrations. */
export function parseParentListQuery<Status extends string>(
  schema: z.ZodType<{ status?: Status | undefined; limit?: number | undefined; cursor?: string | undefined }, unknown>,
  query: Query,
): ParseResult<ParentListQuery<Status>> {
  const parsed = parseWithLabels(schema, query);
  if (!parsed.ok) return parsed;
  const { status = null, limit = limits.listPageDefault, cursor: after = null, labels } = parsed.value;
  return { ok: true, value: { status, labels, limit, cursor: after } };
}

function parseWithLabels<Fixed>(schema: z.ZodType<Fixed, unknown>, query: Query): ParseResult<Fixed & { readonly labels: Labels }> {
  const fixed: [string, string | undefined][] = [];
  const labels: [string, string][] = [];
  const errors: InputError[] = [];
  for (const [name, value] of Object.entries(query)) {
    if (!name.startsWith(labelPrefix) || value === undefined) {
      fixed.push([name, value]);
      continue;
    }
    const key = name.slice(labelPrefix.length);
    const problem = labelProblem(key, value);
    if (problem === null) labels.push([key, value]);
    else errors.push({ path: pathText(['label', key]), message: problem });
  }
  if (labels.length > limits.labelCount) return failed('', `at most ${limits.labelCount} labels can be asked for`);
  const shaped = parseWith(schema, Object.fromEntries(fixed), unknownParameter);
  if (!shaped.ok) return { ok: false, errors: [...errors, ...shaped.errors] };
  if (errors.length > 0) return { ok: false, errors };
  return { ok: true, value: { ...shaped.value, labels: labelsFrom(labels) } };
}

/** Parses the query of `GET /tasks/{id}/events`. */
export function parseEventsQuery(query: Query): ParseResult<EventsQuery> {
  const shaped = parseWith(eventsQuery, query, unknownParameter);
  if (!shaped.ok) return shaped;
  const { limit = limits.eventsPageDefault, cursor: after = null } = shaped.value;
  return { ok: true, value: { limit, cursor: after } };
}

/** Parses the query of `GET /tasks/{id}`. */
export function parseTaskQuery(query: Query): ParseResult<TaskQuery> {
  const shaped = parseWith(taskQuery, query, unknownParameter);
  return shaped.ok ? { ok: true, value: { asOf: shaped.value.asOf ?? null } } : shaped;
}

/** Parses the query of a route that has no parameters. */
export function parseNoQuery(query: Query): ParseResult<object> {
  return parseWith(z.strictObject({}), query, unknownParameter);
}

/** Parses the query of `GET /events`. */
export function parseStreamQuery(query: Query): ParseResult<StreamQuery> {
  const shaped = parseWith(streamQuery, query, unknownParameter);
  return shaped.ok ? { ok: true, value: { types: shaped.value.types ?? null, after: shaped.value.after ?? null } } : shaped;
}
