import { limits } from '../domain/limits.ts';
import { idOf, kindOf } from '../domain/streams.ts';
import type { Action, TaskEvent, TaskResult } from '../domain/task/events.ts';
import type { EventData } from './event-details.ts';
import { streamEvent, taskEvent } from './event-schemas.ts';
import type { StoredEvent } from './ports.ts';
import { renderOrchestrationData, renderScheduleData } from './render-parent-event.ts';
import { parsedOrText, renderAction, renderCallback, renderResult, renderRetry } from './render-task.ts';
import { isoTime } from './times.ts';

/** Who publishes what Errand puts on the bus: its own events, and what tasks put there. */
export const ownSources = ['errand', 'errand.task'] as const;
/** A bus entry: what an EventBridge rule matches on. */
export type BusEntry = { readonly source: (typeof ownSources)[number]; readonly detailType: string; readonly detail: object };

/** The outside form of one event, for the bus and for server-sent events: ISO times, secrets masked, large bodies left out. */
export function renderDetail(stored: StoredEvent): object {
  const { facts } = stored;
  return {
    id: `${stored.stream}@${stored.version}`,
    [`${kindOf(stored.stream)}Id`]: idOf(stored.stream),
    version: stored.version,
    type: stored.type,
    occurredAt: isoTime(stored.occurredAt),
    // A deletion that opens a callback is told as what it means to the subscriber.
    status: facts.status === 'deleted' && facts.callback ? 'cancelled' : facts.status,
    labels: facts.labels,
    origin: facts.origin,
    run: facts.run,
    ...(facts.attempt > 0 ? { attempt: facts.attempt } : {}),
    ...(facts.callback ? { callback: true } : {}),
    data: renderData(stored),
  };
}

/** The entries that the bus carries for one event: the event itself, and what its task put on the bus. */
export function busEntries(stored: StoredEvent): readonly BusEntry[] {
  const entry: BusEntry = { source: 'errand', detailType: stored.type, detail: renderDetail(stored) };
  const event = streamEvent(stored);
  if (event.type !== 'TaskSucceeded' || event.data.emitted === undefined) return [entry];
  const { detailType, detail } = event.data.emitted;
  // Another source than the lifecycle's, so that no task can forge a lifecycle event.
  return [entry, { source: 'errand.task', detailType, detail: typeof detail === 'object' && detail !== null ? detail : { value: detail } }];
}

/** One event of a stream as its history shows it. */
export function renderStreamEvent(stored: StoredEvent): object {
  return { version: stored.version, type: stored.type, occurredAt: isoTime(stored.occurredAt), data: renderData(stored) };
}

/** The data of an event with ISO times and masked secrets; bodies beyond the published size are left out and said so. */
function renderData(stored: StoredEvent): object {
  const kind = kindOf(stored.stream);
  switch (kind) {
    case 'task':
      return renderTaskData(stored);
    case 'schedule':
      return renderScheduleData(stored, isShown(stored.body) ? stored.body : undefined);
    case 'orchestration':
      return renderOrchestrationData(stored);
    default:
      return kind satisfies never;
  }
}

type Data<Type extends TaskEvent['type']> = EventData<'task', Type>;

function renderTaskData(stored: StoredEvent): object {
  const event: TaskEvent = taskEvent(stored);
  switch (event.type) {
    case 'TaskScheduled': {
      const { action, runAt, retry, callback, contentHash: _kept, ...rest } = event.data;
      return {
        action: action.kind,
        ...renderBodied(action, stored.body),
        runAt: isoTime(runAt),
        ...rest,
        retry: renderRetry(retry),
        callback: renderCallback(callback, { status: 'none' }),
      } satisfies Data<'TaskScheduled'>;
    }
    case 'TaskRescheduled': {
      const { action, runAt, retry, callback, ...rest } = event.data;
      return {
        ...(action === undefined ? {} : renderBodied(action, stored.body)),
        ...(runAt === undefined ? {} : { runAt: isoTime(runAt) }),
        ...rest,
        ...(retry === undefined ? {} : { retry: renderRetry(retry) }),
        ...(callback === undefined ? {} : { callback: renderCallback(callback, { status: 'none' }) }),
      } satisfies Data<'TaskRescheduled'>;
    }
    case 'TaskStarted':
      return { ...event.data, leaseUntil: isoTime(event.data.leaseUntil) } satisfies Data<'TaskStarted'>;
    case 'TaskAccepted': {
      const { response, completeBy } = event.data;
      const shown = { ...event.data, response: renderKept(response, stored.body), completeBy: isoTime(completeBy) };
      return shown satisfies Data<'TaskAccepted'>;
    }
    case 'TaskHeartbeat':
      return { ...event.data, completeBy: isoTime(event.data.completeBy) } satisfies Data<'TaskHeartbeat'>;
    case 'TaskContinued': {
      const { body, runAt, ...rest } = event.data;
      const shown = { ...rest, runAt: isoTime(runAt), ...(body === undefined ? {} : continuedBody(stored.body)) };
      return shown satisfies Data<'TaskContinued'>;
    }
    case 'TaskSucceeded': {
      const { result, answerHash, emitted, ...rest } = event.data;
      return {
        ...rest,
        result: renderKept(result, stored.body),
        ...(answerHash === undefined ? {} : { answered: true }),
        ...(emitted === undefined ? {} : { emitted: renderEmitted(emitted) }),
      } satisfies Data<'TaskSucceeded'>;
    }
    case 'TaskFailed': {
      const { result, retryAt, ...rest } = event.data;
      return {
        ...rest,
        ...(result === undefined ? {} : { result: renderKept(result, stored.body) }),
        retryAt: retryAt === null ? null : isoTime(retryAt),
      } satisfies Data<'TaskFailed'>;
    }
    case 'TaskRetried':
      return { runAt: isoTime(event.data.runAt) } satisfies Data<'TaskRetried'>;
    case 'CallbackFailed': {
      const { retryAt, ...rest } = event.data;
      return { ...rest, retryAt: retryAt === null ? null : isoTime(retryAt) } satisfies Data<'CallbackFailed'>;
    }
    case 'TaskCancelled':
    case 'TaskDeleted':
    case 'CallbackSucceeded':
    case 'CallbackReopened':
    case 'Erased':
      return event.data satisfies Data<typeof event.type>;
    default:
      return event satisfies never;
  }
}

function isShown(body: Uint8Array | undefined): body is Uint8Array {
  return body !== undefined && body.length <= limits.publishedBodyBytes;
}

function renderBodied(
  action: Action,
  body: Uint8Array | undefined,
): Pick<Data<'TaskRescheduled'>, 'request' | 'runner' | 'event' | 'bodyOmitted'> {
  // An empty body has no bytes that could lie beside its event.
  if (action.body === null || action.body.bytes === 0 || isShown(body)) return renderAction(action, body, false);
  return { ...renderAction(action, undefined, true), bodyOmitted: true };
}

function renderKept(result: TaskResult, body: Uint8Array | undefined): Data<'TaskAccepted'>['response'] {
  if (result.bytes === 0 || isShown(body)) return renderResult(result, body ?? null);
  const { bytes, ...rest } = result;
  return { ...rest, bodyBytes: bytes, bodyOmitted: true };
}

/** What a task put on the bus stands whole in an entry of its own; here it is cut like a body. */
function renderEmitted(emitted: { readonly detailType: string; readonly detail: unknown }): Data<'TaskSucceeded'>['emitted'] {
  if (JSON.stringify(emitted.detail).length <= limits.publishedBodyBytes) return emitted;
  return { detailType: emitted.detailType, bodyOmitted: true };
}

function continuedBody(body: Uint8Array | undefined): Pick<Data<'TaskContinued'>, 'body' | 'bodyOmitted'> {
  if (!isShown(body)) return { bodyOmitted: true };
  return { body: parsedOrText(new TextDecoder().decode(body)) };
}
