import { limits } from '../domain/limits.ts';
import type { Running } from '../domain/task/state.ts';
import type { AttemptPorts } from './attempt-ports.ts';
import { jsonResult } from './json-result.ts';
import type { Verdict } from './verdict.ts';

function failed(kind: 'runner' | 'timeout' | 'interrupted' | 'rejected', message: string, retryable: boolean): Verdict {
  return { type: 'fail', error: { kind, message: message.slice(0, limits.errorMessageBytes) }, retryable, retryAfterMs: null };
}

/** What is emitted as the log keeps it; throws, as a fault of the runner, if it cannot be written as JSON or is too large for the bus. */
function jsonSafe(emit: { readonly detailType: string; readonly detail: unknown }) {
  const detail = JSON.stringify(emit.detail ?? {});
  if (Buffer.byteLength(detail) > limits.bodyBytes) throw new Error(`what the runner emits is larger than ${limits.bodyBytes} bytes`);
  return { detailType: emit.detailType, detail: JSON.parse(detail) as unknown };
}

/** Runs registered code as an attempt, under the attempt's deadline. The code hears of the deadline through its signal. */
export async function runRunner(ports: AttemptPorts, state: Running, name: string, params: unknown): Promise<Verdict> {
  const runner = ports.runners.get(name);
  if (runner === undefined) return failed('runner', `there is no runner named "${name}" any more`, false);
  const parsed = runner.parse(params);
  if (!parsed.ok) {
    const problems = parsed.errors.map(({ path, message }) => `${path === '' ? 'params' : path} ${message}`);
    return failed('runner', `the parameters do not fit the runner "${name}": ${problems.join('; ')}`, false);
  }
  const { clock, random, logger, stopping } = ports;
  const deadline = new AbortController();
  const signal = AbortSignal.any([deadline.signal, stopping]);
  const begun = clock.monotonic();
  const tooLate = clock.sleep(state.definition.timeoutMs, signal).then(() => {
    deadline.abort();
    if (stopping.aborted) return failed('interrupted', 'the host stopped during the attempt', true);
    return failed('timeout', `the runner did not end within ${state.definition.timeoutMs} ms`, true);
  });
  const context = { taskId: state.id, run: state.run, attempt: state.attempt, signal, clock, random, logger };
  // Code that throws before it promises anything has failed like any other.
  const work = Promise.resolve()
    .then(() => runner.run(parsed.value, context))
    .then((outcome): Verdict => {
      if (outcome.completed) {
        const ended = jsonResult(outcome.result, Math.round(clock.monotonic() - begun));
        return { type: 'succeed', ...ended, ...(outcome.emit === undefined ? {} : { emitted: jsonSafe(outcome.emit) }) };
      }
      const body = outcome.params === undefined ? null : new TextEncoder().encode(JSON.stringify(outcome.params));
      if (body !== null && body.length > limits.bodyBytes)
        return failed('rejected', `the runner's params are larger than ${limits.bodyBytes} bytes`, false);
      const now = clock.now();
      const runAt = outcome.runAt ?? now;
      if (!Number.isFinite(runAt) || runAt > now + limits.scheduleAheadMs)
        return failed('rejected', "the runner's runAt is not a time within 10 years", false);
      return { type: 'continue', runAt: Math.max(now, Math.round(runAt)), delayMs: null, body };
    })
    .catch((error: unknown) => failed('runner', error instanceof Error ? error.message : String(error), true));
  try {
    return await Promise.race([work, tooLate]);
  } finally {
    deadline.abort();
  }
}
