import { limits } from '../domain/limits.ts';
import type { TaskCommand } from '../domain/task/commands.ts';
import type { TaskError } from '../domain/task/events.ts';
import { endedOf, type Finished } from '../domain/task/state.ts';
import type { AttemptPorts } from './attempt-ports.ts';
import { execute } from './execute.ts';
import { readRetryAfter } from './moments.ts';
import { callbackRequest, encodeId } from './outgoing.ts';
import type { HttpOutcome } from './ports.ts';
import { renderResult } from './render-task.ts';
import type { LoadedTask } from './task-store.ts';
import { isoTime } from './times.ts';
import { isToldAgain } from './verdict.ts';

export type CallbackPorts = Omit<AttemptPorts, 'runners' | 'orchestrations'>;

/**
 * Makes one try to tell a task's outcome, if one is due. `first` is the bus asking for the first try, which does not wait
 * for the task's own healing wake. Delivered at least once: nothing is recorded before the call, so two hosts may both make it.
 */
export async function deliverCallback(ports: CallbackPorts, stream: string, loaded: LoadedTask, first: boolean): Promise<void> {
  const ended = endedOf(loaded.state);
  if (ended === null || ended.callback.status !== 'pending' || ended.definition.callback === null) return;
  const { callback } = ended;
  const begun = ports.clock.now();
  if (callback.nextAttemptAt > begun && !(first && callback.attempt === 0)) return;
  const { outcomeVersion, attempt } = callback;
  const key = `${stream}@${outcomeVersion}~callback`;
  if (ports.underWay.has(key)) return;
  ports.underWay.add(key);
  try {
    // The look that brought us here may be a second old, and a twin may have told it meanwhile.
    const fresh = await ports.store.load(stream);
    const still = endedOf(fresh.state);
    if (still?.callback.status !== 'pending' || still.callback.outcomeVersion !== outcomeVersion || still.callback.attempt !== attempt)
      return;
    await tryOnce(ports, stream, fresh, still, { outcomeVersion, attempt: attempt + 1 });
  } finally {
    ports.underWay.delete(key);
  }
  // Sent again by hand while this try was under way: that wake found it so and left.
  const after = await ports.store.load(stream);
  const reopened = endedOf(after.state)?.callback;
  if (reopened?.status === 'pending' && reopened.attempt === 0 && attempt > 0) await deliverCallback(ports, stream, after, false);
}

async function tryOnce(
  ports: CallbackPorts,
  stream: string,
  loaded: LoadedTask,
  ended: Finished,
  of: { readonly outcomeVersion: number; readonly attempt: number },
): Promise<void> {
  const outcome = await tell(ports, stream, loaded, ended);
  if (outcome === null) return;
  const random = ports.random.next();
  await execute(ports, { stream, command: (now) => ({ type: 'record-callback', now, random, ...of, outcome }) });
}

async function tell(ports: CallbackPorts, stream: string, loaded: LoadedTask, ended: Finished): Promise<CallbackVerdict | null> {
  try {
    const outcome = await call(ports, stream, loaded, ended);
    // Our own stop is not the receiver's answer: the next host makes the same try. A call that could not begin counts as one.
    if (outcome.kind === 'interrupted' && ports.stopping.aborted) return null;
    return judgeCallback(outcome, ports.clock.now());
  } catch (error) {
    // As with an attempt, what goes wrong on our side counts as a try; otherwise it would be made again for ever.
    const message = `the callback could not be made: ${error instanceof Error ? error.message : String(error)}`;
    ports.logger.error(message, { stream });
    return { delivered: false, error: { kind: 'interrupted', message }, retryable: true, retryAfterMs: null };
  }
}

async function call(ports: CallbackPorts, stream: string, loaded: LoadedTask, ended: Finished): Promise<HttpOutcome> {
  const spec = ended.definition.callback;
  if (spec === null || ended.callback.status !== 'pending') throw new Error(`${stream} has no callback to deliver`);
  const payload = await callbackPayload(ports, stream, loaded, ended);
  const id = `${encodeId(ended.id)}~callback~${ended.callback.outcomeVersion}`;
  const now = ports.clock.now();
  const request = callbackRequest(spec, { id, payload }, now, ports.outgoing);
  return ports.caller.call({
    ...request,
    timeoutMs: limits.callbackTimeoutMs,
    beginBefore: { wall: now + limits.startWindowMs, monotonic: ports.clock.monotonic() + limits.startWindowMs },
    signal: ports.stopping,
  });
}

/** What a callback says of the outcome. */
async function callbackPayload(ports: CallbackPorts, stream: string, loaded: LoadedTask, ended: Finished) {
  const { id, status, attempt, run, definition, finishedAt } = ended;
  const failure = ended.status === 'failed' ? ended.failure : null;
  const result = ended.status === 'succeeded' ? ended.result : (failure?.result ?? null);
  const bytes = result === null || result.body === null ? null : await ports.store.body(stream, loaded, result.body);
  return {
    id,
    status,
    attempt,
    run,
    ...(result === null ? {} : { result: renderResult(result, bytes) }),
    ...(failure === null ? {} : { error: failure.error }),
    labels: definition.labels,
    finishedAt: isoTime(finishedAt),
  };
}

type CallbackVerdict = Extract<TaskCommand, { readonly type: 'record-callback' }>['outcome'];

/** 2xx is delivered; 410 and addresses that may not be called end it; everything else is tried again. */
function judgeCallback(outcome: HttpOutcome, now: number): CallbackVerdict {
  if (outcome.kind !== 'response') {
    const error: TaskError = { kind: outcome.kind, message: outcome.message };
    return { delivered: false, error, retryable: outcome.kind !== 'egress', retryAfterMs: null };
  }
  const { status, headers } = outcome;
  if (status >= 200 && status < 300) return { delivered: true, status };
  const error: TaskError = { kind: 'http', message: `the receiver answered ${status}`, status };
  return { delivered: false, error, retryable: isToldAgain(status), retryAfterMs: readRetryAfter(headers['retry-after'], now) };
}
