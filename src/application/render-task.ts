import type * as z from 'zod';
import type { RetryPolicy } from '../domain/retry-policy.ts';
import type { Action, BodyNote, CallbackSpec, Header, TaskError, TaskResult } from '../domain/task/events.ts';
import { type CallbackState, type Failure, isFinished, type Live, type StoredResult } from '../domain/task/state.ts';
import { base64, renderBody } from './bodies.ts';
import { parseExactJson } from './exact-json.ts';
import type * as parts from './shown-parts.ts';
import { isoTime } from './times.ts';

/** The bytes a task's rendering may show; null leaves them out, as lists do. */
export type TaskBodies = { readonly body: Uint8Array | null; readonly result: Uint8Array | null };

type Shown<Schema extends z.ZodType> = parts.Shown<Schema>;
type ShownAction = Shown<z.ZodObject<typeof parts.actionParts>>;
type ShownCallback = Shown<typeof parts.callback>;
type ShownCallbackSpec = Shown<typeof parts.callbackSpec>;

const masked = '***';

/** A task as the contract shows it. Secrets are masked; without `bodies` the request's and the result's are left out. */
export function renderTask(state: Live, bodies: TaskBodies | null) {
  const { definition } = state;
  const failure = failureOf(state);
  const result = state.status === 'succeeded' ? state.result : (failure?.result ?? null);
  return {
    id: state.id,
    status: state.status,
    version: state.version,
    attempt: state.attempt,
    maxAttempts: definition.retry.maxAttempts,
    action: definition.action.kind,
    ...renderAction(definition.action, bodies?.body, bodies === null),
    run: state.run,
    runAt: isoTime(state.runAt),
    nextAttemptAt: state.status === 'scheduled' ? isoTime(state.nextAttemptAt) : null,
    createdAt: isoTime(state.createdAt),
    updatedAt: isoTime(state.updatedAt),
    finishedAt: isFinished(state) ? isoTime(state.finishedAt) : null,
    strategy: definition.strategy,
    timeoutMs: definition.timeoutMs,
    completeWithinMs: definition.completeWithinMs,
    retry: renderRetry(definition.retry),
    startBeforeMs: definition.startBeforeMs,
    labels: definition.labels,
    priority: definition.priority,
    result: result === null ? null : bodies === null ? withoutBody(result) : renderResult(result, bodies.result),
    error: failure?.error ?? null,
    ...(state.status === 'cancelled' ? { reason: state.reason } : {}),
    ...(state.status === 'waiting' ? { completeBy: isoTime(state.completeBy) } : {}),
    callback: renderCallback(definition.callback, isFinished(state) ? state.callback : { status: 'none' }),
    origin: definition.origin,
  };
}

/** The failure that is to be shown: the final one, or the newest while more attempts follow. */
function failureOf(state: Live): Failure | null {
  if (state.status === 'failed') return state.failure;
  // What came before a cancel or a success stands in the history; it is not how the task ended.
  return state.status === 'succeeded' || state.status === 'cancelled' ? null : state.lastFailure;
}

/** The body the given state would show as its result, if any. */
export function resultOf(state: Live): StoredResult | null {
  return state.status === 'succeeded' ? state.result : (failureOf(state)?.result ?? null);
}

export function renderAction(action: Action, body: Uint8Array | null | undefined, omitBody: boolean): ShownAction {
  const shown = omitBody ? undefined : (body ?? null);
  switch (action.kind) {
    case 'http': {
      const { url, method, headers, secretHeaders, body: note } = action;
      return {
        request: { url, method, headers: renderHeaders(headers), ...renderSecretNames(secretHeaders), ...renderRequestBody(note, shown) },
      };
    }
    case 'runner':
      return { runner: { name: action.name, ...(shown === undefined ? {} : { params: parsed(shown) }) } };
    case 'event':
      return { event: { detailType: action.detailType, ...(shown === undefined ? {} : { detail: parsed(shown) }) } };
    default:
      return action satisfies never;
  }
}

function renderSecretNames(names: readonly string[]): Pick<ShownCallbackSpec, 'secretHeaders'> {
  return names.length === 0 ? {} : { secretHeaders: names };
}

function parsed(bytes: Uint8Array | null): unknown {
  return bytes === null ? {} : parsedOrText(new TextDecoder().decode(bytes));
}

/** A request's body in the form in which it may be sent again. `undefined` bytes leave it out. */
export function renderRequestBody(
  note: BodyNote | null,
  bytes: Uint8Array | null | undefined,
): Pick<NonNullable<ShownAction['request']>, 'body' | 'bodyBase64'> {
  if (note === null || bytes === undefined) return {};
  if (note.kind === 'binary') return { bodyBase64: base64(bytes ?? new Uint8Array()) };
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes ?? new Uint8Array());
  return { body: note.kind === 'text' ? text : parsedOrText(text) };
}

/** What was taken as JSON once is shown as it is if it does not read any more: no reading of a task may fail for its body. */
export function parsedOrText(text: string): unknown {
  try {
    return parseExactJson(text);
  } catch {
    return text;
  }
}

/** As a map, or as a list where a name occurs more than once. */
export function renderHeaders(headers: readonly Header[]): Shown<typeof parts.headers> {
  const shown = headers.map((header) => ({ key: header.name, value: 'sealed' in header ? masked : header.value }));
  const names = new Set(shown.map(({ key }) => key.toLowerCase()));
  if (names.size < shown.length) return shown;
  return Object.fromEntries(shown.map(({ key, value }) => [key, value]));
}

function withoutBody(result: TaskResult): Shown<typeof parts.result> {
  const { status, headers, truncated, durationMs } = result;
  return { status, headers, truncated, durationMs };
}

export function renderResult(result: TaskResult, bytes: Uint8Array | null): Shown<typeof parts.result> {
  return {
    status: result.status,
    headers: result.headers,
    ...renderBody(bytes, result.truncated),
    truncated: result.truncated,
    durationMs: result.durationMs,
  };
}

/** As it may be sent again. Durations are shown in milliseconds, which is also a way to write them; `delays` say the number of attempts. */
export function renderRetry(retry: RetryPolicy): Shown<typeof parts.retry> {
  const { maxAttempts, jitter } = retry;
  if (retry.backoff === 'delays') return { delays: retry.delaysMs, jitter };
  return {
    maxAttempts,
    backoff: retry.backoff,
    initialDelay: retry.initialDelayMs,
    factor: retry.factor,
    maxDelay: retry.maxDelayMs,
    jitter,
  };
}

export function renderCallback(spec: CallbackSpec | null, state: CallbackState): ShownCallback | null {
  return spec === null ? null : { ...renderCallbackSpec(spec), ...renderCallbackState(state) };
}

/** A callback as it was asked for. */
export function renderCallbackSpec({ url, method, headers, secretHeaders, on }: CallbackSpec): ShownCallbackSpec {
  return { url, method, headers: renderHeaders(headers), ...renderSecretNames(secretHeaders), on };
}

export function renderCallbackState(state: CallbackState): Omit<ShownCallback, keyof ShownCallbackSpec> {
  switch (state.status) {
    case 'none':
      return { status: 'none', attempt: 0 };
    case 'pending':
      return {
        status: 'pending',
        attempt: state.attempt,
        ...answered(state.error?.status),
        ...failure(state.error),
        // The first try is made at once; what the state holds before it is when a lost one would be healed.
        ...(state.attempt === 0 ? {} : { nextAttemptAt: isoTime(state.nextAttemptAt) }),
      };
    case 'delivered':
      return { status: 'delivered', attempt: state.attempt, ...answered(state.responseStatus) };
    case 'failed':
      return { status: 'failed', attempt: state.attempt, ...answered(state.error.status), ...failure(state.error) };
    default:
      return state satisfies never;
  }
}

function answered(status: number | undefined): Pick<ShownCallback, 'response'> {
  return status === undefined ? {} : { response: { status } };
}

function failure(error: TaskError | null): Pick<ShownCallback, 'error'> {
  return error === null ? {} : { error };
}
