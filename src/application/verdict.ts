import { limits } from '../domain/limits.ts';
import type { TaskError, TaskResult } from '../domain/task/events.ts';
import { isDeeperThan } from './json-depth.ts';
import { readMoment, readPause, readRetryAfter } from './moments.ts';
import type { HttpOutcome } from './ports.ts';

/** What an attempt came to, ready to be recorded. `body` are the bytes beside the event. */
export type Verdict =
  | {
      readonly type: 'succeed';
      readonly result: TaskResult;
      readonly body: Uint8Array;
      readonly emitted?: { readonly detailType: string; readonly detail: unknown };
    }
  | { readonly type: 'accept'; readonly response: TaskResult; readonly body: Uint8Array }
  | {
      readonly type: 'continue';
      readonly runAt: number;
      /** Where the target named a pause: it counts from when the outcome is recorded. */
      readonly delayMs: number | null;
      readonly body: Uint8Array | null;
    }
  | {
      readonly type: 'fail';
      readonly error: TaskError;
      readonly retryable: boolean;
      readonly retryAfterMs: number | null;
      readonly result?: TaskResult;
      readonly body?: Uint8Array;
    };

type Response = Extract<HttpOutcome, { kind: 'response' }>;

/** Statuses that say "later": request timeout, too early, too many requests, and every server error. */
function isRetryable(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500;
}

/** Who is told of an outcome and answers neither 2xx nor this is told again. */
export function isToldAgain(status: number): boolean {
  return status !== 410;
}

/**
 * Reads a target's answer as the contract says: success, acceptance, continuation, or a failure that may be retried. `tells`: the task is
 * a callback, of which the answer says only whether it was heard.
 */
export function judge(
  outcome: HttpOutcome,
  task: { readonly strategy: 'await' | 'async'; readonly now: number; readonly tells: boolean },
): Verdict {
  if (outcome.kind !== 'response') {
    // An address that may not be called stays one that may not be called.
    return failure({ kind: outcome.kind, message: outcome.message }, outcome.kind !== 'egress');
  }
  const { status, headers } = outcome;
  const result: TaskResult = {
    status,
    headers,
    bytes: outcome.body.length,
    truncated: outcome.truncated,
    durationMs: outcome.durationMs,
  };
  if (status < 200 || status >= 300) {
    const retryable = task.tells ? isToldAgain(status) : isRetryable(status) && headers['errand-no-retry']?.trim().toLowerCase() !== 'true';
    return {
      type: 'fail',
      error: { kind: 'http', message: `the target answered ${status}`, status },
      retryable,
      retryAfterMs: retryable ? readRetryAfter(headers['retry-after'], task.now) : null,
      result,
      body: outcome.body,
    };
  }
  const continuation = task.tells ? undefined : headers['errand-continue'];
  if (continuation !== undefined) return judgeContinuation(outcome, result, continuation, task.now);
  if (task.strategy === 'async') return { type: 'accept', response: result, body: outcome.body };
  return { type: 'succeed', result, body: outcome.body };
}

function failure(error: TaskError, retryable: boolean): Verdict {
  return { type: 'fail', error, retryable, retryAfterMs: null };
}

function judgeContinuation(response: Response, result: TaskResult, continuation: string, now: number): Verdict {
  const runAt = readMoment(continuation, now);
  const rejected = (message: string): Verdict =>
    ({ ...failure({ kind: 'rejected', message }, false), result, body: response.body }) as Verdict;
  if (runAt === null) return rejected(`the target's errand-continue "${continuation.slice(0, 100)}" is neither a duration nor a time`);
  if (runAt > now + limits.scheduleAheadMs) return rejected("the target's errand-continue lies more than 10 years ahead");
  const isJson = looksLikeJson(response);
  if (isJson && response.truncated) {
    const message = `the body of the target's continuation is larger than ${limits.resultBytes} bytes`;
    return { type: 'fail', error: { kind: 'truncated', message }, retryable: false, retryAfterMs: null, result, body: response.body };
  }
  const text = isJson ? jsonText(response.body) : null;
  if (text !== null && isDeeperThan(text, limits.jsonDepth)) {
    return rejected(`the body of the target's continuation is nested deeper than ${limits.jsonDepth} levels`);
  }
  const delayMs = readPause(continuation);
  return { type: 'continue', runAt: Math.max(runAt, now), delayMs, body: text === null ? null : new TextEncoder().encode(text) };
}

/** By its content type; a target that names none is believed when its body looks like an object or a list. */
function looksLikeJson(response: Response): boolean {
  const type = response.headers['content-type'];
  if (type !== undefined) return /^application\/(?:[^;]*\+)?json\b/i.test(type.trim());
  const first = new TextDecoder().decode(response.body.subarray(0, 64)).trimStart().charAt(0);
  return first === '{' || first === '[';
}

/** The text of a JSON body, without the byte order mark that some targets put before it; null if it is none. */
function jsonText(body: Uint8Array): string | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(body);
    JSON.parse(text);
    return text;
  } catch {
    return null;
  }
}
