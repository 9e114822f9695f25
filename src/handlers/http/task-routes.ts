import type { CommandOutcome } from '../../application/execute.ts';
import type { Logger, ReadModels } from '../../application/ports.ts';
import { findTask, findTaskAsOf, isLive, type QueryPorts, taskBodies, taskHistory } from '../../application/queries.ts';
import { renderCallback, renderResult, renderTask, resultOf, type TaskBodies } from '../../application/render-task.ts';
import {
  answerTask,
  cancelTask,
  deleteTask,
  failAnswer,
  heartbeatTask,
  redeliverCallback,
  rescheduleTask,
  retryTask,
  runTaskNow,
  type TaskCommandPorts,
} from '../../application/task-commands.ts';
import type { LoadedTask } from '../../application/task-store.ts';
import { isoTime } from '../../application/times.ts';
import { limits } from '../../domain/limits.ts';
import { isFinished, type Live } from '../../domain/task/state.ts';
import { bytesSent, shrunk } from './answer-size.ts';
import { decodeCursor } from './cursor.ts';
import { type HttpResponse, json, noContent } from './http-types.ts';
import { parseEventsQuery, parseListQuery, parseTaskQuery } from './input/list-query.ts';
import { parseBatch, parseCancel, parseNothing, parseTaskChanges, type TaskInputContext } from './input/task-input.ts';
import { type ApiEvent, failureOf } from './middleware.ts';
import { historyAnswer, listAnswer } from './pages.ts';
import { type ProblemBody, ProblemError, problem, respond } from './problem.ts';
import { type Asked, refusalBody } from './refusal.ts';
import { etag, guardOf, idempotencyId, required } from './requests.ts';
import { createTask } from './task-creation.ts';

export type TaskRoutePorts = TaskCommandPorts &
  QueryPorts & { readonly views: ReadModels; readonly input: Omit<TaskInputContext, 'now'>; readonly logger: Logger };

function location(id: string): string {
  return `/tasks/${encodeURIComponent(id)}`;
}

function refusal(outcome: Extract<CommandOutcome, { outcome: 'refused' }>, asked: Asked): HttpResponse {
  const body = refusalBody(outcome.refusal, asked);
  const { state } = outcome.loaded;
  const retryAfter: Record<string, string> = body.status === 503 ? { 'retry-after': '1' } : {};
  return respond(body, isLive(state) ? { ...retryAfter, etag: etag(state.version) } : retryAfter);
}

async function fullTask(ports: QueryPorts, state: Live, loaded: LoadedTask): Promise<object> {
  return renderTask(state, await taskBodies(ports, state, loaded));
}

async function answerWithTask(ports: QueryPorts, outcome: CommandOutcome, asked: Asked): Promise<HttpResponse> {
  if (outcome.outcome === 'refused') return refusal(outcome, asked);
  const { state } = outcome.loaded;
  if (!isLive(state)) throw new Error('a command succeeded on a task that does not exist');
  return json(200, await fullTask(ports, state, outcome.loaded), { etag: etag(state.version) });
}

type Created = { readonly state: Live; readonly bodies: TaskBodies; readonly status: 200 | 201 } | { readonly problem: ProblemBody };

async function create(ports: TaskRoutePorts, body: unknown, keyId: string | null): Promise<Created> {
  const created = await createTask(ports, body, keyId);
  if ('problem' in created) return created;
  const { state, loaded, isNew } = created;
  return { state, bodies: await taskBodies(ports, state, loaded), status: isNew ? 201 : 200 };
}

export async function postTask(ports: TaskRoutePorts, event: ApiEvent): Promise<HttpResponse> {
  const created = await create(ports, event.body, idempotencyId(ports.digest, event, ''));
  if ('problem' in created) return respond(created.problem, created.problem.status === 503 ? { 'retry-after': '1' } : {});
  const { state, bodies, status } = created;
  return json(status, renderTask(state, bodies), { location: location(state.id), etag: etag(state.version) });
}

export async function postBatch(ports: TaskRoutePorts, event: ApiEvent): Promise<HttpResponse> {
  const { tasks } = required(parseBatch(event.body));
  const outcomes = await Promise.all(
    tasks.map(async (task, index): Promise<Created> => {
      try {
        return await create(ports, task, idempotencyId(ports.digest, event, String(index)));
      } catch (error) {
        // A batch answers for each task; a key that does not read, though, belongs to the whole request.
        if (error instanceof ProblemError) throw error;
        ports.logger.error('a task of a batch failed', { index, error: error instanceof Error ? error.stack : String(error) });
        return { problem: JSON.parse(failureOf(error).body) as ProblemBody };
      }
    }),
  );
  const full = outcomes.map((created) => batchResult(created, true));
  const answer = json(200, { results: full });
  if (bytesSent(answer.body) <= limits.answerBytes) return answer;
  // The tasks are made, and all of them are to be heard of: what does not fit any more goes without its bodies, as in lists.
  const brief = outcomes.map((created) => batchResult(created, false));
  return json(200, { results: shrunk(full, brief) });
}

function batchResult(created: Created, withBodies: boolean): object {
  if ('problem' in created) return { status: created.problem.status, problem: created.problem };
  return { status: created.status, task: renderTask(created.state, withBodies ? created.bodies : null) };
}

export async function getTask(ports: TaskRoutePorts, event: ApiEvent, id: string): Promise<HttpResponse> {
  const { asOf } = required(parseTaskQuery(event.query));
  const found = asOf === null ? await findTask(ports, id) : await findTaskAsOf(ports, id, asOf);
  if (found === null) return problem(404, asOf === null ? 'there is no such task' : 'there is no such task at that version or time');
  return json(200, await fullTask(ports, found.state, found.loaded), { etag: etag(found.state.version) });
}

export async function getStatus(ports: TaskRoutePorts, id: string): Promise<HttpResponse> {
  const found = await findTask(ports, id);
  if (found === null) return problem(404, 'there is no such task');
  const { status, version, attempt } = found.state;
  const nextAttemptAt = found.state.status === 'scheduled' ? isoTime(found.state.nextAttemptAt) : null;
  return json(200, { id, status, version, attempt, nextAttemptAt }, { etag: etag(version) });
}

/** A task that is known to have been made, such as by a trigger. */
export async function showTask(ports: TaskRoutePorts, id: string, status: 200 | 201): Promise<HttpResponse> {
  const found = await findTask(ports, id);
  if (found === null) return problem(409, `the task ${id} was deleted; an id is never used again`);
  return json(status, await fullTask(ports, found.state, found.loaded), { location: location(id), etag: etag(found.state.version) });
}

/** Seconds after which a client may sensibly ask again: when the next step is expected, within reason. */
function retryAfterS(state: Live, now: number): number {
  const next = state.status === 'scheduled' ? state.nextAttemptAt : now + 1_000;
  return Math.min(3_600, Math.max(1, Math.ceil((next - now) / 1_000)));
}

export async function getResult(ports: TaskRoutePorts, id: string): Promise<HttpResponse> {
  const found = await findTask(ports, id);
  if (found === null) return problem(404, 'there is no such task');
  const { state, loaded } = found;
  if (!isFinished(state)) {
    const headers = { 'retry-after': String(retryAfterS(state, ports.clock.now())), etag: etag(state.version) };
    return json(202, { id, status: state.status }, headers);
  }
  const result = resultOf(state);
  const { result: bytes } = await taskBodies(ports, state, loaded);
  const callback = renderCallback(state.definition.callback, state.callback);
  const answer = {
    id,
    status: state.status,
    ...(result === null ? {} : { result: renderResult(result, bytes) }),
    ...(state.status === 'failed' ? { error: state.failure.error } : {}),
    ...(callback === null ? {} : { callback }),
  };
  return json(200, answer, { etag: etag(state.version) });
}

export async function getHistory(ports: TaskRoutePorts, event: ApiEvent, id: string): Promise<HttpResponse> {
  const { limit, cursor } = required(parseEventsQuery(event.query));
  const after = cursor === null ? 0 : required(decodeCursor(cursor, 'history')).version;
  const page = await taskHistory(ports, id, { after, limit });
  if (page === null) return problem(404, 'there is no such task');
  return historyAnswer(page);
}

export async function listTasks(ports: TaskRoutePorts, event: ApiEvent): Promise<HttpResponse> {
  const { cursor, labels, ...query } = required(parseListQuery(event.query));
  const after = cursor === null ? null : required(decodeCursor(cursor, 'tasks'));
  const page = await ports.views.list({ kind: 'task', ...query, labels: Object.entries(labels), after });
  const states = page.views.flatMap(({ state }) => (isLive(state) ? [state] : []));
  return listAnswer('tasks', { states, next: page.next }, (state) => renderTask(state, null));
}

export async function patchTask(ports: TaskRoutePorts, event: ApiEvent, id: string): Promise<HttpResponse> {
  const changes = required(parseTaskChanges(event.body, { ...ports.input, now: ports.clock.now() }));
  return answerWithTask(ports, await rescheduleTask(ports, id, changes, guardOf(event)), 'change');
}

export async function postCancel(ports: TaskRoutePorts, event: ApiEvent, id: string): Promise<HttpResponse> {
  const { reason } = required(parseCancel(event.body));
  return answerWithTask(ports, await cancelTask(ports, id, reason, guardOf(event)), 'cancel');
}

export async function removeTask(ports: TaskRoutePorts, event: ApiEvent, id: string): Promise<HttpResponse> {
  const outcome = await deleteTask(ports, id, guardOf(event));
  return outcome.outcome === 'refused' ? refusal(outcome, 'delete') : noContent;
}

export async function postRun(ports: TaskRoutePorts, event: ApiEvent, id: string): Promise<HttpResponse> {
  required(parseNothing(event.body));
  return answerWithTask(ports, await runTaskNow(ports, id, guardOf(event)), 'run');
}

export async function postRetry(ports: TaskRoutePorts, event: ApiEvent, id: string): Promise<HttpResponse> {
  required(parseNothing(event.body));
  return answerWithTask(ports, await retryTask(ports, id, guardOf(event)), 'retry');
}

export async function postRedeliver(ports: TaskRoutePorts, event: ApiEvent, id: string): Promise<HttpResponse> {
  required(parseNothing(event.body));
  return answerWithTask(ports, await redeliverCallback(ports, id), 'redeliver');
}

function answered(outcome: CommandOutcome | null): HttpResponse {
  if (outcome === null) return problem(404, 'there is no such task, or this token is not genuine');
  if (outcome.outcome === 'refused') return refusal(outcome, 'answer');
  const { state } = outcome.loaded;
  return json(200, isLive(state) ? { id: state.id, status: state.status } : {});
}

function bytesOf(event: ApiEvent): Uint8Array {
  return event.body instanceof Uint8Array ? event.body : new Uint8Array();
}

export async function postAnswer(ports: TaskRoutePorts, event: ApiEvent, id: string, token: string): Promise<HttpResponse> {
  return answered(await answerTask(ports, id, { token, body: bytesOf(event), contentType: event.headers['content-type'] }));
}

/** Bytes as text of at most `maxBytes` of UTF-8, cut between two characters. */
function textWithin(bytes: Uint8Array, maxBytes: number): string {
  // As part of a stream, a character that the cut has split is kept back instead of replaced.
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(0, maxBytes), { stream: bytes.length > maxBytes });
  // A byte that is no UTF-8 has become U+FFFD, which takes three.
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(maxBytes));
  return text.slice(0, read);
}

export async function postAnswerFail(ports: TaskRoutePorts, event: ApiEvent, id: string, token: string): Promise<HttpResponse> {
  const message = textWithin(bytesOf(event), limits.errorMessageBytes);
  return answered(await failAnswer(ports, id, { token, message }));
}

export async function postHeartbeat(ports: TaskRoutePorts, id: string, token: string): Promise<HttpResponse> {
  return answered(await heartbeatTask(ports, id, token));
}
