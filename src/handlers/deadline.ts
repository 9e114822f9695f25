import type { Clock } from '../application/ports.ts';
import { limits } from '../domain/limits.ts';
import type { InvocationContext } from './lambda.ts';

/** What recording the outcomes of calls that are ended for lack of time may take. */
const recordingMs = 10_000;

/** Calls of a function that must not outlive its invocation. */
export type Deadline = {
  /** Aborted when the calls still under way have to end, so that their outcome can be recorded. */
  readonly stopping: AbortSignal;
  /** Throws if a call of this length would not end in time: it is not to be begun, and its message comes again. */
  require(callMs: number): void;
};

/** The time that an invocation needs to see one call of this length through, from its first look to the record of the outcome. */
export function invocationMs(callMs: number): number {
  return limits.wakeEarlyMs + limits.startWindowMs + callMs + recordingMs;
}

/** Runs calls under the deadline of their invocation: a process that Lambda has ended can record nothing. */
export async function withinInvocation<T>(clock: Clock, context: InvocationContext, work: (deadline: Deadline) => Promise<T>): Promise<T> {
  const stopping = new AbortController();
  const ended = new AbortController();
  void clock.sleep(context.getRemainingTimeInMillis() - recordingMs, ended.signal).then(() => {
    if (!ended.signal.aborted) stopping.abort();
  });
  try {
    return await work({
      stopping: stopping.signal,
      require(callMs) {
        const leftMs = context.getRemainingTimeInMillis();
        if (leftMs < invocationMs(callMs)) throw new Error(`only ${leftMs} ms of this invocation are left: nothing is begun`);
      },
    });
  } finally {
    ended.abort();
  }
}
