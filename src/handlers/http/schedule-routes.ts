import { historyOf } from '../../application/history.ts';
import type { EventLog, ReadModels } from '../../application/ports.ts';
import { renderSchedule } from '../../application/render-schedule.ts';
import {
  changeSchedule,
  createSchedule,
  deleteSchedule,
  pauseSchedule,
  resumeSchedule,
  type ScheduleCommandPorts,
  type ScheduleOutcome,
  triggerSchedule,
} from '../../application/schedule-commands.ts';
import { type LoadedSchedule, scheduleStream } from '../../application/schedule-store.ts';
import { taskStream } from '../../application/task-store.ts';
import { isLive, type Live } from '../../domain/schedule/state.ts';
import type { TaskState } from '../../domain/task/state.ts';
import { canonicalJson } from './canonical.ts';
import { decodeCursor } from './cursor.ts';
import { type HttpResponse, json, noContent } from './http-types.ts';
import { parseEventsQuery, parseParentListQuery, scheduleListQuery } from './input/list-query.ts';
import { parseSchedule, parseScheduleChanges } from './input/schedule-input.ts';
import type { TaskInputContext } from './input/task-action.ts';
import { parseNothing } from './input/task-input.ts';
import type { ApiEvent } from './middleware.ts';
import { historyAnswer, listAnswer } from './pages.ts';
import { inputProblem, problem, respond } from './problem.ts';
import { etag, guardOf, idempotencyId, keyDigest, required } from './requests.ts';
import { type AskedOfSchedule, scheduleRefusalBody } from './schedule-refusal.ts';

export type ScheduleRoutePorts = ScheduleCommandPorts & {
  readonly log: EventLog;
  readonly views: ReadModels;
  readonly input: Omit<TaskInputContext, 'now'>;
};

/** As many characters of a key's digest as an id of a triggered task has. */
const keyCharacters = 11;

function location(id: string): string {
  return `/schedules/${encodeURIComponent(id)}`;
}

/** The schedule in full: with its template's body, and its last runs as their tasks are now. */
async function fullSchedule(ports: ScheduleRoutePorts, state: Live, loaded: LoadedSchedule): Promise<object> {
  const body = state.body === null ? null : await ports.schedules.body(scheduleStream(state.id), loaded, state.body);
  const statuses = new Map<string, TaskState['status']>();
  await Promise.all(
    state.lastRuns.map(async ({ taskId }) => {
      const task = await ports.store.load(taskStream(taskId));
      statuses.set(taskId, task.state.status);
    }),
  );
  return renderSchedule(state, { recurrences: ports.recurrences, body, statusOf: (taskId) => statuses.get(taskId) ?? 'missing' });
}

function refused(outcome: Exclude<ScheduleOutcome, { outcome: 'done' }>, asked: AskedOfSchedule): HttpResponse {
  if (outcome.outcome === 'invalid') return inputProblem(outcome.errors);
  const body = scheduleRefusalBody(outcome.refusal, asked);
  const { state } = outcome.loaded;
  const retryAfter: Record<string, string> = body.status === 503 ? { 'retry-after': '1' } : {};
  return respond(body, isLive(state) ? { ...retryAfter, etag: etag(state.version) } : retryAfter);
}

async function answer(ports: ScheduleRoutePorts, outcome: ScheduleOutcome, asked: AskedOfSchedule): Promise<HttpResponse> {
  if (outcome.outcome !== 'done') return refused(outcome, asked);
  const { state } = outcome.loaded;
  if (!isLive(state)) throw new Error('a command succeeded on a schedule that does not exist');
  const created = asked === 'create' ? { location: location(state.id) } : {};
  const status = asked === 'create' && outcome.changed ? 201 : 200;
  return json(status, await fullSchedule(ports, state, outcome.loaded), { ...created, etag: etag(state.version) });
}

export async function postSchedule(ports: ScheduleRoutePorts, event: ApiEvent): Promise<HttpResponse> {
  const input = required(parseSchedule(event.body, { ...ports.input, now: ports.clock.now() }));
  const sent = { content: canonicalJson(event.body), idempotencyId: idempotencyId(ports.digest, event, 'schedule') };
  return answer(ports, await createSchedule(ports, input, sent), 'create');
}

export async function getSchedule(ports: ScheduleRoutePorts, id: string): Promise<HttpResponse> {
  const loaded = await ports.schedules.load(scheduleStream(id));
  const { state } = loaded;
  if (!isLive(state)) return problem(404, 'there is no such schedule');
  return json(200, await fullSchedule(ports, state, loaded), { etag: etag(state.version) });
}

export async function listSchedules(ports: ScheduleRoutePorts, event: ApiEvent): Promise<HttpResponse> {
  const { cursor, labels, status, limit } = required(parseParentListQuery(scheduleListQuery, event.query));
  const after = cursor === null ? null : required(decodeCursor(cursor, 'schedules'));
  const query = { kind: 'schedule', status, labels: Object.entries(labels), from: null, to: null, limit, after } as const;
  const { views, next } = await ports.views.list(query);
  const states = views.flatMap(({ state }) => (isLive(state) ? [state] : []));
  const tasks = await ports.views.read(states.flatMap(({ lastRuns }) => lastRuns.map(({ taskId }) => taskStream(taskId))));
  const statusOf = (taskId: string) => (tasks.get(taskStream(taskId))?.state.status ?? 'missing') as TaskState['status'];
  const shown = { recurrences: ports.recurrences, statusOf, body: undefined };
  return listAnswer('schedules', { states, next }, (state) => renderSchedule(state, shown));
}

export async function patchSchedule(ports: ScheduleRoutePorts, event: ApiEvent, id: string): Promise<HttpResponse> {
  const changes = required(parseScheduleChanges(event.body, { ...ports.input, now: ports.clock.now() }));
  return answer(ports, await changeSchedule(ports, id, changes, guardOf(event)), 'change');
}

export async function postPause(ports: ScheduleRoutePorts, event: ApiEvent, id: string): Promise<HttpResponse> {
  required(parseNothing(event.body));
  return answer(ports, await pauseSchedule(ports, id, guardOf(event)), 'pause');
}

export async function postResume(ports: ScheduleRoutePorts, event: ApiEvent, id: string): Promise<HttpResponse> {
  required(parseNothing(event.body));
  return answer(ports, await resumeSchedule(ports, id, guardOf(event)), 'resume');
}

/** The id of the task that was triggered; the answer shows the task. */
export async function postTrigger(
  ports: ScheduleRoutePorts,
  event: ApiEvent,
  id: string,
  show: (taskId: string, status: 200 | 201) => Promise<HttpResponse>,
): Promise<HttpResponse> {
  required(parseNothing(event.body));
  const key = keyDigest(ports.digest, event)?.slice(0, keyCharacters) ?? null;
  const outcome = await triggerSchedule(ports, id, key);
  if (outcome.outcome === 'refused') return refused(outcome, 'trigger');
  if (outcome.outcome === 'id-taken') return problem(409, `the id ${outcome.taskId} belongs to a task that is not of this schedule`);
  return show(outcome.taskId, outcome.created ? 201 : 200);
}

export async function removeSchedule(ports: ScheduleRoutePorts, event: ApiEvent, id: string): Promise<HttpResponse> {
  const outcome = await deleteSchedule(ports, id, guardOf(event));
  return outcome.outcome === 'done' ? noContent : refused(outcome, 'delete');
}

export async function getScheduleHistory(ports: ScheduleRoutePorts, event: ApiEvent, id: string): Promise<HttpResponse> {
  const { limit, cursor } = required(parseEventsQuery(event.query));
  const after = cursor === null ? 0 : required(decodeCursor(cursor, 'history')).version;
  const { state } = await ports.schedules.load(scheduleStream(id));
  if (!isLive(state)) return problem(404, 'there is no such schedule');
  const page = await historyOf(ports.log, scheduleStream(id), { newest: state.version, after, limit });
  return historyAnswer(page);
}
