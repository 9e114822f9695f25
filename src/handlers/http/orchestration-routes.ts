import { historyOf } from '../../application/history.ts';
import {
  cancelOrchestration,
  changeOrchestration,
  createOrchestration,
  type OrchestrationCommandPorts,
  type OrchestrationOutcome,
} from '../../application/orchestration-commands.ts';
import { orchestrationStream } from '../../application/orchestration-store.ts';
import type { EventLog, ReadModels } from '../../application/ports.ts';
import { renderOrchestration } from '../../application/render-orchestration.ts';
import type { Live, OrchestrationState } from '../../domain/orchestration/state.ts';
import { canonicalJson } from './canonical.ts';
import { decodeCursor } from './cursor.ts';
import { type HttpResponse, json } from './http-types.ts';
import { orchestrationListQuery, parseEventsQuery, parseParentListQuery } from './input/list-query.ts';
import { parseOrchestration, parseOrchestrationChanges } from './input/orchestration-input.ts';
import type { TaskInputContext } from './input/task-action.ts';
import { parseCancel } from './input/task-input.ts';
import type { ApiEvent } from './middleware.ts';
import { type AskedOfOrchestration, orchestrationRefusalBody } from './orchestration-refusal.ts';
import { historyAnswer, listAnswer } from './pages.ts';
import { inputProblem, problem, respond } from './problem.ts';
import { etag, guardOf, idempotencyId, required } from './requests.ts';

export type OrchestrationRoutePorts = OrchestrationCommandPorts & {
  readonly log: EventLog;
  readonly views: ReadModels;
  readonly input: Omit<TaskInputContext, 'now'>;
};

function isThere(state: OrchestrationState): state is Live {
  return state.status !== 'missing' && state.status !== 'deleted';
}

function answer(outcome: OrchestrationOutcome, asked: AskedOfOrchestration): HttpResponse {
  if (outcome.outcome === 'invalid') return inputProblem(outcome.errors);
  const { state } = outcome.loaded;
  if (outcome.outcome === 'refused') {
    const body = orchestrationRefusalBody(outcome.refusal, asked);
    const retryAfter: Record<string, string> = body.status === 503 ? { 'retry-after': '1' } : {};
    return respond(body, isThere(state) ? { ...retryAfter, etag: etag(state.version) } : retryAfter);
  }
  if (!isThere(state)) throw new Error('a command succeeded on an orchestration that does not exist');
  const created = asked === 'create' ? { location: `/orchestrations/${encodeURIComponent(state.id)}` } : {};
  const status = asked === 'create' && outcome.changed ? 201 : 200;
  return json(status, renderOrchestration(state), { ...created, etag: etag(state.version) });
}

export async function postOrchestration(ports: OrchestrationRoutePorts, event: ApiEvent): Promise<HttpResponse> {
  const input = required(parseOrchestration(event.body, { ...ports.input, now: ports.clock.now() }));
  const sent = { content: canonicalJson(event.body), idempotencyId: idempotencyId(ports.digest, event, 'orchestration') };
  return answer(await createOrchestration(ports, input, sent), 'create');
}

export async function getOrchestration(ports: OrchestrationRoutePorts, id: string): Promise<HttpResponse> {
  const { state } = await ports.orchestrations.load(orchestrationStream(id));
  if (!isThere(state)) return problem(404, 'there is no such orchestration');
  return json(200, renderOrchestration(state), { etag: etag(state.version) });
}

export async function listOrchestrations(ports: OrchestrationRoutePorts, event: ApiEvent): Promise<HttpResponse> {
  const { cursor, labels, status, limit } = required(parseParentListQuery(orchestrationListQuery, event.query));
  const after = cursor === null ? null : required(decodeCursor(cursor, 'orchestrations'));
  const query = { kind: 'orchestration', status, labels: Object.entries(labels), from: null, to: null, limit, after } as const;
  const { views, next } = await ports.views.list(query);
  const states = views.flatMap(({ state }) => (isThere(state) ? [state] : []));
  return listAnswer('orchestrations', { states, next }, renderOrchestration);
}

export async function patchOrchestration(ports: OrchestrationRoutePorts, event: ApiEvent, id: string): Promise<HttpResponse> {
  const changes = required(parseOrchestrationChanges(event.body, { ...ports.input, now: ports.clock.now() }));
  const content = canonicalJson(event.body);
  return answer(await changeOrchestration(ports, id, changes, { ...guardOf(event), content }), 'change');
}

export async function postCancelOrchestration(ports: OrchestrationRoutePorts, event: ApiEvent, id: string): Promise<HttpResponse> {
  const { reason } = required(parseCancel(event.body));
  return answer(await cancelOrchestration(ports, id, reason, guardOf(event)), 'cancel');
}

export async function getOrchestrationHistory(ports: OrchestrationRoutePorts, event: ApiEvent, id: string): Promise<HttpResponse> {
  const { limit, cursor } = required(parseEventsQuery(event.query));
  const after = cursor === null ? 0 : required(decodeCursor(cursor, 'history')).version;
  const stream = orchestrationStream(id);
  const { state } = await ports.orchestrations.load(stream);
  if (!isThere(state)) return problem(404, 'there is no such orchestration');
  const page = await historyOf(ports.log, stream, { newest: state.version, after, limit });
  return historyAnswer(page);
}
