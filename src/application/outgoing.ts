import type { CallbackSpec, Header, HttpAction } from '../domain/task/events.ts';
import type { Running } from '../domain/task/state.ts';
import { parseExactJson } from './exact-json.ts';
import type { Sealer, Signer, Tokens } from './ports.ts';
import { taskStream } from './task-store.ts';

/** What requests to targets are made with. */
export type OutgoingPorts = {
  readonly sealer: Sealer;
  readonly signer: Signer;
  readonly tokens: Tokens;
  /** Base of the URLs that asynchronous targets answer to, without a slash at its end. */
  readonly publicUrl: string;
  readonly userAgent: string;
};

type Outgoing = {
  readonly url: string;
  readonly method: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array | null;
};

/** An id in a form that is safe in headers and paths and leaves "." and "~" free as separators. */
export function encodeId(id: string): string {
  return encodeURIComponent(id).replaceAll('.', '%2E').replaceAll('~', '%7E');
}

/** Names one run of a task for its target: the same on every attempt of the run. */
export function deliveryId(id: string, run: number): string {
  return run === 1 ? encodeId(id) : `${encodeId(id)}~${run}`;
}

function opened(headers: readonly Header[], sealer: Sealer): [string, string][] {
  return headers.map((header) => [header.name, 'sealed' in header ? sealer.open(header.name, header.sealed) : header.value]);
}

function has(headers: readonly (readonly [string, string])[], name: string): boolean {
  return headers.some(([given]) => given.toLowerCase() === name);
}

const contentTypes = { text: 'text/plain; charset=utf-8', json: 'application/json', binary: 'application/octet-stream' } as const;

/** The request of one attempt, signed for the moment it is made. `bytes` are the task's body. */
export function attemptRequest(
  state: Running,
  action: HttpAction,
  bytes: Uint8Array | null,
  nowMs: number,
  ports: OutgoingPorts,
): Outgoing {
  const headers = opened(action.headers, ports.sealer);
  const { url, body } = bodyOrQuery(action, bytes);
  if (body !== null && action.body !== null && !has(headers, 'content-type'))
    headers.push(['content-type', contentTypes[action.body.kind]]);
  const id = deliveryId(state.id, state.run);
  if (!has(headers, 'idempotency-key')) headers.push(['idempotency-key', id]);
  headers.push(
    ['errand-task-id', encodeURIComponent(state.id)],
    ['errand-attempt', String(state.attempt)],
    ['errand-max-attempts', String(state.definition.retry.maxAttempts)],
  );
  if (state.definition.strategy === 'async') {
    const token = ports.tokens.make({ stream: taskStream(state.id), run: state.run, startedVersion: state.startedVersion });
    headers.push(['errand-callback-url', `${ports.publicUrl}/tasks/${encodeURIComponent(state.id)}/callback/${token}`]);
  }
  sign(headers, id, body, nowMs, ports);
  return { url, method: action.method, headers, body };
}

/** Tells the outcome of a task to its callback. With GET the payload's scalar fields travel as query parameters. */
export function callbackRequest(
  spec: CallbackSpec,
  message: { readonly id: string; readonly payload: Readonly<Record<string, unknown>> },
  nowMs: number,
  ports: OutgoingPorts,
): Outgoing {
  const headers = opened(spec.headers, ports.sealer);
  const asQuery = isSentAsQuery(spec);
  const url = asQuery ? withQuery(spec.url, scalars(message.payload)) : spec.url;
  const body = asQuery ? null : new TextEncoder().encode(JSON.stringify(message.payload));
  if (body !== null && !has(headers, 'content-type')) headers.push(['content-type', 'application/json']);
  if (!has(headers, 'idempotency-key')) headers.push(['idempotency-key', message.id]);
  sign(headers, message.id, body, nowMs, ports);
  return { url, method: spec.method, headers, body };
}

function sign(headers: [string, string][], id: string, body: Uint8Array | null, nowMs: number, ports: OutgoingPorts): void {
  const timestampS = Math.floor(nowMs / 1_000);
  headers.push(
    ['webhook-id', id],
    ['webhook-timestamp', String(timestampS)],
    ['webhook-signature', ports.signer.sign(id, timestampS, body)],
  );
  if (!has(headers, 'user-agent')) headers.push(['user-agent', ports.userAgent]);
}

/** Whether a request's object travels as query parameters. */
export function isSentAsQuery({ method }: { readonly method: string }): boolean {
  return method === 'GET' || method === 'HEAD';
}

/** With GET and HEAD an object is sent as query parameters; every other body is sent as it is. */
function bodyOrQuery(action: HttpAction, bytes: Uint8Array | null): { readonly url: string; readonly body: Uint8Array | null } {
  if (bytes === null || action.body?.kind !== 'json' || !isSentAsQuery(action)) {
    return { url: action.url, body: bytes };
  }
  const value = parseExactJson(new TextDecoder().decode(bytes));
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { url: action.url, body: bytes };
  return { url: withQuery(action.url, Object.entries(value)), body: null };
}

/**
 * Lists become repeated parameters, objects their JSON, null an empty value. They follow the query that the address has, which is
 * left as it is written: it may be signed, and a parser's way of writing it down is not the only one.
 */
function withQuery(url: string, entries: readonly (readonly [string, unknown])[]): string {
  const target = new URL(url);
  const added = new URLSearchParams();
  for (const [name, value] of entries) {
    for (const item of Array.isArray(value) ? value : [value]) added.append(name, asText(item));
  }
  if (added.size > 0) target.search = target.search === '' ? added.toString() : `${target.search}&${added}`;
  return target.href;
}

function asText(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** The parts of what a callback tells that are no lists and no objects: what fits into a query. */
export function scalars(payload: Readonly<Record<string, unknown>>): [string, unknown][] {
  return Object.entries(payload).filter(([, value]) => value !== undefined && (typeof value !== 'object' || value === null));
}
