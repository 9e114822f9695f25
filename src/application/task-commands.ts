import { limits } from '../domain/limits.ts';
import type { TaskChanges, TaskDefinition } from '../domain/task/events.ts';
import { type CommandOutcome, execute } from './execute.ts';
import type { Clock, Digest, Ids, Sealer, Tokens } from './ports.ts';
import { actionOf, bytesOf, callbackOf, headersOf } from './sealing.ts';
import type { TaskChangesInput, TaskInput } from './task-input.ts';
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

/** What it takes to create a task. */
export type TaskCreationPorts = Pick<TaskCommandPorts, 'store' | 'clock' | 'ids' | 'sealer'>;

/** The time that was asked for, reckoned when it is decided: never before then. Undefined where none was. */
function timeOf(input: { readonly runAt?: number; readonly delayMs?: number | null }, now: number): number | undefined {
  if (input.delayMs !== undefined && input.delayMs !== null) return now + input.delayMs;
  return input.runAt === undefined ? undefined : Math.max(now, input.runAt);
}

/**
 * Creates a task, or finds the one that the same content made before. `content` is what was sent, in canonical form;
 * `idempotencyId` stands in for an id that the client did not choose.
 */
export async function scheduleTask(
  ports: TaskCreationPorts,
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
    command: (now, { state }) => ({
      type: 'schedule',
      definition,
      runAt: timeOf(input, now) ?? now,
      sameContent: state.status !== 'missing' && state.status !== 'deleted' && sealer.matches(state.definition.contentHash, sent.content),
    }),
  });
}

type Guard = { readonly expectedVersions?: readonly number[] | undefined };

export async function rescheduleTask(ports: TaskCommandPorts, id: string, input: TaskChangesInput, guard: Guard): Promise<CommandOutcome> {
  const { action, callback, timeoutMs, retry, labels } = input;
  const bytes = action === undefined ? undefined : bytesOf(action.body);
  const digest = bytes === undefined ? undefined : ports.digest.sha256(bytes);
  const changesOf = (definition: TaskDefinition | null): TaskChanges => ({
    ...(action === undefined ? {} : { action: actionOf(action, ports.sealer, { before: headersOf(definition?.action), digest }) }),
    ...(callback === undefined ? {} : { callback: callbackOf(callback, ports.sealer, definition?.callback?.headers) }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(retry === undefined ? {} : { retry }),
    ...(labels === undefined ? {} : { labels }),
  });
  return execute(ports, {
    stream: taskStream(id),
    ...guard,
    body: bytes,
    command: (now, { state }) => {
      const changes = changesOf('definition' in state ? state.definition : null);
      const runAt = timeOf(input, now);
      return { type: 'reschedule', changes, ...(runAt === undefined ? {} : { runAt }) };
    },
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
