import middy from '@middy/core';
import type { Logger } from '../../application/ports.ts';
import { type HttpEvent, type HttpResponse, json } from './http-types.ts';
import { type Access, type ApiEvent, authentication, bodyReading, problems, queryRefusal, routing } from './middleware.ts';
import type { Documentation } from './openapi/documentation.ts';
import * as orchestrations from './orchestration-routes.ts';
import { problem } from './problem.ts';
import * as schedules from './schedule-routes.ts';
import * as tasks from './task-routes.ts';

export type ApiPorts = tasks.TaskRoutePorts &
  schedules.ScheduleRoutePorts &
  orchestrations.OrchestrationRoutePorts & {
    readonly logger: Logger;
    readonly access: Access;
    readonly version: string;
    readonly documentation: Documentation;
    /** Whether this host can hold a response open and send events as they come. */
    readonly events: 'streamed' | 'unavailable';
    /** What /health says beside its status and version. */
    readonly health: () => Promise<object>;
    /** How far the read models lag behind the log, in milliseconds. */
    readonly feedLagMs: () => Promise<number>;
  };

export type Api = (event: HttpEvent) => Promise<HttpResponse>;

/**
 * The HTTP API of both hosts: the order of the middleware is errors (outermost), route, caller, query, body; each may end the request
 * before the next has any work with it.
 */
export function createApi(ports: ApiPorts): Api {
  const handler = middy<ApiEvent, HttpResponse>({ timeoutEarlyInMillis: 0 })
    .use(problems(ports.logger))
    .use(routing())
    .use(authentication(ports.access, ports.digest))
    .use(queryRefusal())
    .use(bodyReading())
    .handler((event) => answer(ports, event));
  // Nothing of Lambda's context is used.
  const context = {} as Parameters<typeof handler>[1];
  return (event) => handler({ ...event }, context) as Promise<HttpResponse>;
}

async function answer(ports: ApiPorts, event: ApiEvent): Promise<HttpResponse> {
  const { route, method } = event;
  if (route === undefined) throw new Error('a request reached the handler without a route');
  switch (route.name) {
    case 'health':
      return json(200, { status: 'ok', version: ports.version, ...(await ports.health()) });
    case 'stats':
      return getStats(ports);
    case 'events':
      return eventsAnswer(ports.events);
    case 'openapi':
      return json(200, ports.documentation.openApi(ports.version));
    case 'docs':
      return { statusCode: 200, headers: { 'content-type': 'text/html; charset=utf-8' }, body: ports.documentation.page() };
    case 'tasks':
      return method === 'POST' ? tasks.postTask(ports, event) : tasks.listTasks(ports, event);
    case 'batch':
      return tasks.postBatch(ports, event);
    case 'task':
      if (method === 'PATCH') return tasks.patchTask(ports, event, route.id);
      return method === 'DELETE' ? tasks.removeTask(ports, event, route.id) : tasks.getTask(ports, event, route.id);
    case 'cancel':
      return tasks.postCancel(ports, event, route.id);
    case 'run':
      return tasks.postRun(ports, event, route.id);
    case 'retry':
      return tasks.postRetry(ports, event, route.id);
    case 'redeliver':
      return tasks.postRedeliver(ports, event, route.id);
    case 'status':
      return tasks.getStatus(ports, route.id);
    case 'result':
      return tasks.getResult(ports, route.id);
    case 'history':
      return tasks.getHistory(ports, event, route.id);
    case 'schedules':
      return method === 'POST' ? schedules.postSchedule(ports, event) : schedules.listSchedules(ports, event);
    case 'schedule':
      if (method === 'PATCH') return schedules.patchSchedule(ports, event, route.id);
      return method === 'DELETE' ? schedules.removeSchedule(ports, event, route.id) : schedules.getSchedule(ports, route.id);
    case 'schedule-pause':
      return schedules.postPause(ports, event, route.id);
    case 'schedule-resume':
      return schedules.postResume(ports, event, route.id);
    case 'schedule-trigger':
      return schedules.postTrigger(ports, event, route.id, (id, status) => tasks.showTask(ports, id, status));
    case 'schedule-history':
      return schedules.getScheduleHistory(ports, event, route.id);
    case 'orchestrations':
      return method === 'POST' ? orchestrations.postOrchestration(ports, event) : orchestrations.listOrchestrations(ports, event);
    case 'orchestration':
      if (method === 'PATCH') return orchestrations.patchOrchestration(ports, event, route.id);
      return orchestrations.getOrchestration(ports, route.id);
    case 'orchestration-cancel':
      return orchestrations.postCancelOrchestration(ports, event, route.id);
    case 'orchestration-history':
      return orchestrations.getOrchestrationHistory(ports, event, route.id);
    case 'answer':
      return tasks.postAnswer(ports, event, route.id, route.token);
    case 'answer-fail':
      return tasks.postAnswerFail(ports, event, route.id, route.token);
    case 'answer-heartbeat':
      return tasks.postHeartbeat(ports, route.id, route.token);
    default:
      return route satisfies never;
  }
}

/** What a stream of events begins with; Lambda can answer with none. */
function eventsAnswer(events: ApiPorts['events']): HttpResponse {
  if (events === 'unavailable') {
    return problem(501, 'server-sent events are served by the server host; on AWS the event bus tells what happens');
  }
  const headers = { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' };
  return { statusCode: 200, headers, body: '', streamsEvents: true };
}

async function getStats(ports: ApiPorts): Promise<HttpResponse> {
  const now = ports.clock.now();
  const { counts, oldestDueAt, lastHour } = await ports.views.statistics(now);
  const oldestOverdueMs = oldestDueAt === null ? 0 : Math.max(0, now - oldestDueAt);
  return json(200, { counts, oldestOverdueMs, feedLagMs: await ports.feedLagMs(), lastHour });
}
