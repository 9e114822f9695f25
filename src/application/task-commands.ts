import { limits } from '../domain/limits.ts';
import type { RetryPolicy } from '../domain/retry-policy.ts';
import type { Header, Labels, TaskChanges, TaskDefinition } from '../domain/task/events.ts';
import { type CommandOutcome, execute } from './execute.ts';
import type { Clock, Digest, Ids, Sealer, Tokens } from './ports.ts';
import { missingTask, type TaskStore, taskStream } from './task-store.ts';

export type TaskCommandPorts = {
  readonly store: TaskStore;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly sealer: Sealer;
  readonly digest: Digest;
  readonly tokens: Tokens;
  readonly random: { next(): number };
};

type BodyInput = { readonly kind: 'text' | 'json' | 'binary'; readonly bytes: Uint8Array };
type OutgoingInput = {
  readonly url: string;
  readonly target: string;
  readonly method: string;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  readonly secretHeaders: readonly string[];
};
export type ActionInput =
  | (OutgoingInput & { readonly kind: 'http'; readonly body: BodyInput | null })
  | { readonly kind: 'runner'; readonly name: string; readonly body: BodyInput }
  | { readonly kind: 'event'; readonly detailType: string; readonly body: BodyInput };
export type CallbackInput = OutgoingInput & { readonly on: readonly ('succeeded' | 'failed' | 'cancelled')[] };

/** A task as asked for, checked and with defaults filled in; header values still in the clear, bodies still bytes. */
export type TaskInput = {
  readonly id: string | null;
  readonly action: ActionInput;
  readonly runAt: number;
  readonly strategy: 'await' | 'async';
  readonly timeoutMs: number;
  readonly completeWithinMs: number;
  readonly retry: RetryPolicy;
  readonly callback: CallbackInput | null;
  readonly labels: Labels;
  readonly priority: number;
  readonly startBeforeMs: number | null;
};
export type TaskChangesInput = {
  readonly runAt?: number;
  readonly action?: Extract<ActionInput, { kind: 'http' }>;
  readonly timeoutMs?: number;
  readonly retry?: RetryPolicy;
  readonly callback?: CallbackInput | null;
  readonly labels?: Labels;
};

/** Header names whose values are sealed in the log without being asked to. */
const alwaysSecret = new Set(['authorization', 'proxy-authorization', 'cookie', 'x-api-key']);

function sealHeaders(input: OutgoingInput, sealer: Sealer): readonly Header[] {
  return input.headers.map(({ name, value }) => {
    const lower = name.toLowerCase();
    return alwaysSecret.has(lower) || input.secretHeaders.includes(lower) ? { name, sealed: sealer.seal(lower, value) } : { name, value };
  });
}

function outgoing(input: OutgoingInput, sealer: Sealer) {
  const { url, target, method, secretHeaders } = input;
  return { url, target, method, headers: sealHeaders(input, sealer), secretHeaders };
}

function note(body: BodyInput | null, digest?: string) {
  return body === null ? null : { kind: body.kind, bytes: body.bytes.length, ...(digest === undefined ? {} : { digest }) };
}

function actionOf(input: ActionInput, sealer: Sealer, digest?: string): TaskDefinition['action'] {
  switch (input.kind) {
    case 'http':
      return { kind: 'http', ...outgoing(input, sealer), body: note(input.body, digest) };
    case 'runner':
      return { kind: 'runner', name: input.name, body: note(input.body) };
    case 'event':
      return { kind: 'event', detailType: input.detailType, body: note(input.body) };
    default:
      return input satisfies never;
  }
}

function callbackOf(input: CallbackInput | null, sealer: Sealer): TaskDefinition['callback'] {
  return input === null ? null : { ...outgoing(input, sealer), on: input.on };
}

/** An empty body is none: there are no bytes to keep or to send. */
function bytesOf(body: BodyInput | null): Uint8Array | undefined {
  return body === null || body.bytes.length === 0 ? undefined : body.bytes;
}

/**
 * Creates a task, or finds the one that the same content made before. `content` is what was sent, in canonical form;
 * `idempotencyId` stands in for an id that the client did not choose.
 */
export async function scheduleTask(
  ports: TaskCommandPorts,
  input: TaskInput,
  sent: { readonly content: string; readonly idempotencyId: string | null },
): Promise<CommandOutcome> {
  const { sealer } = ports;
  const id = input.id ?? sent.idempotencyId ?? ports.ids.taskId();
  const { strategy, timeoutMs, completeWithinMs, retry, labels, priority, startBeforeMs } = input;
  const definition: TaskDefinition = {
    action: actionOf(input.action, sealer),
    strategy,
    timeoutMs,
    completeWithinMs,
    retry,
    callback: callbackOf(input.callback, sealer),
    labels,
    priority,
    startBeforeMs,
    origin: null,
    contentHash: sealer.fingerprint(sent.content),
  };
  return execute(ports, {
    stream: taskStream(id),
    startFrom: missingTask,
    body: bytesOf(input.action.body),
    command: (_now, { state }) => ({
      type: 'schedule',
      definition,
      runAt: input.runAt,
      sameContent: state.status !== 'missing' && state.status !== 'deleted' && sealer.matches(state.definition.contentHash, sent.content),
    }),
  });
}

type Guard = { readonly expectedVersions?: readonly number[] | undefined };

export async function rescheduleTask(ports: TaskCommandPorts, id: string, input: TaskChangesInput, guard: Guard): Promise<CommandOutcome> {
  const { runAt, action, callback, timeoutMs, retry, labels } = input;
  const bytes = action === undefined ? undefined : bytesOf(action.body);
  const changes: TaskChanges = {
    ...(action === undefined
      ? {}
      : { action: actionOf(action, ports.sealer, bytes === undefined ? undefined : ports.digest.sha256(bytes)) }),
    ...(callback === undefined ? {} : { callback: callbackOf(callback, ports.sealer) }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(retry === undefined ? {} : { retry }),
    ...(labels === undefined ? {} : { labels }),
  };
  return execute(ports, {
    stream: taskStream(id),
    ...guard,
    body: bytes,
    command: () => ({ type: 'reschedule', changes, ...(runAt === undefined ? {} : { runAt }) }),
  });
}

export async function cancelTask(ports: TaskCommandPorts, id: string, reason: string | null, guard: Guard): Promise<CommandOutcome> {
  return execute(ports, { stream: taskStream(id), ...guard, command: () => ({ type: 'cancel', reason }) });
}

export async function runTaskNow(ports: TaskCommandPorts, id: string, guard: Guard): Promise<CommandOutcome> {
  return execute(ports, { stream: taskStream(id), ...guard, command: (now) => ({ type: 'run-now', now }) });
}

export async function retryTask(ports: TaskCommandPorts, id: string, guard: Guard): Promise<CommandOutcome> {
  return execute(ports, { stream: taskStream(id), ...guard, command: (now) => ({ type: 'retry', now }) });
}

export async function redeliverCallback(ports: TaskCommandPorts, id: string): Promise<CommandOutcome> {
  return execute(ports, { stream: taskStream(id), command: () => ({ type: 'redeliver' }) });
}

export async function deleteTask(ports: TaskCommandPorts, id: string, guard: Guard): Promise<CommandOutcome> {
  return execute(ports, { stream: taskStream(id), ...guard, command: () => ({ type: 'delete' }) });
}

/** What an asynchronous target posts back. `null` means that the token is not genuine. */
export type AnswerOutcome = CommandOutcome | null;

/** Takes the answer of an asynchronous target for the run its token names: at most `limits.resultBytes` of it are kept. */
export async function answerTask(
  ports: TaskCommandPorts,
  id: string,
  answer: { readonly token: string; readonly body: Uint8Array; readonly contentType: string | undefined },
): Promise<AnswerOutcome> {
  const stream = taskStream(id);
  const token = ports.tokens.read(stream, answer.token);
  if (token === null) return null;
  const kept = answer.body.subarray(0, limits.resultBytes);
  const answerHash = ports.digest.sha256(answer.body);
  return execute(ports, {
    stream,
    body: kept.length === 0 ? undefined : kept,
    command: (now, { state }) => ({
      type: 'answer',
      now,
      ...token,
      answerHash,
      result: {
        status: 200,
        headers: answer.contentType === undefined ? {} : { 'content-type': answer.contentType },
        bytes: kept.length,
        truncated: kept.length < answer.body.length,
        durationMs: state.status === 'running' || state.status === 'waiting' ? Math.max(0, now - state.startedAt) : 0,
      },
    }),
  });
}

/** An asynchronous target says that it failed: the attempt ends, and is retried by policy. */
export async function failAnswer(
  ports: TaskCommandPorts,
  id: string,
  answer: { readonly token: string; readonly message: string },
): Promise<AnswerOutcome> {
  const stream = taskStream(id);
  const token = ports.tokens.read(stream, answer.token);
  if (token === null) return null;
  const random = ports.random.next();
  const error = { kind: 'rejected', message: answer.message === '' ? 'the target reported a failure' : answer.message } as const;
  const { startedVersion } = token;
  return execute(ports, {
    stream,
    command: (now) => ({ type: 'fail', now, random, startedVersion, error, retryable: true, retryAfterMs: null }),
  });
}

/** An asynchronous target says that it is still at work. */
export async function heartbeatTask(ports: TaskCommandPorts, id: string, token: string): Promise<AnswerOutcome> {
  const stream = taskStream(id);
  const genuine = ports.tokens.read(stream, token);
  if (genuine === null) return null;
  const { startedVersion } = genuine;
  return execute(ports, { stream, command: (now) => ({ type: 'heartbeat', now, startedVersion }) });
}
