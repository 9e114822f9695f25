import { limits } from '../domain/limits.ts';
import { mayCall } from '../domain/orchestration/children.ts';
import type { TaskCommand } from '../domain/task/commands.ts';
import type { Action, Origin } from '../domain/task/events.ts';
import { factsOf, type Running, wakeAt } from '../domain/task/state.ts';
import type { AttemptPorts, AttemptReport } from './attempt-ports.ts';
import { parentOf } from './children.ts';
import { execute } from './execute.ts';
import { jsonResult } from './json-result.ts';
import { attemptRequest } from './outgoing.ts';
import { runRunner } from './runner-attempt.ts';
import type { LoadedTask } from './task-store.ts';
import { judge, type Verdict } from './verdict.ts';

/**
 * Makes one attempt of a task that is due: TaskStarted, the call, its outcome. The append of TaskStarted is the mutex;
 * whoever loses it makes no call. Resolves when the outcome is recorded or belongs to somebody else.
 */
export async function attemptTask(ports: AttemptPorts, stream: string, due: LoadedTask): Promise<void> {
  const begunAt = ports.clock.monotonic();
  const dueAt = wakeAt(due.state);
  const outcome = await execute(ports, { stream, startFrom: due, command: (now) => ({ type: 'start', now }) });
  if (outcome.outcome !== 'done' || outcome.loaded.state.status !== 'running') return;
  const { state } = outcome.loaded;
  ports.underWay.add(stream);
  try {
    const verdict = await performed(ports, stream, outcome.loaded, state, begunAt + limits.startWindowMs);
    if (!(await record(ports, stream, outcome.loaded, state.startedVersion, verdict))) return;
    ports.observe?.({
      stream,
      run: state.run,
      attempt: state.attempt,
      target: factsOf(state).target,
      lateMs: state.startedAt - (dueAt ?? state.startedAt),
      durationMs: Math.round(ports.clock.monotonic() - begunAt),
      outcome: outcomes[verdict.type],
    });
  } finally {
    ports.underWay.delete(stream);
  }
}

const outcomes = { succeed: 'succeeded', accept: 'accepted', continue: 'continued', fail: 'failed' } as const satisfies Record<
  Verdict['type'],
  AttemptReport['outcome']
>;

async function performed(ports: AttemptPorts, stream: string, loaded: LoadedTask, state: Running, monotonicEnd: number): Promise<Verdict> {
  try {
    return await perform(ports, stream, loaded, state, monotonicEnd);
  } catch (error) {
    // Whatever goes wrong on our side is not the target's fault: the attempt counts and is tried again.
    const message = `the attempt could not be made: ${error instanceof Error ? error.message : String(error)}`;
    ports.logger.error(message, { stream, attempt: state.attempt });
    return { type: 'fail', error: { kind: 'interrupted', message }, retryable: true, retryAfterMs: null };
  }
}

async function perform(ports: AttemptPorts, stream: string, loaded: LoadedTask, state: Running, monotonicEnd: number): Promise<Verdict> {
  const { definition, body } = state;
  const { action } = definition;
  if (!(await isStillWanted(ports, definition.origin, state.run))) return noLongerWanted;
  const bytes = body === null ? emptyBody(action) : await ports.store.body(stream, loaded, body);
  // The lease was reckoned from the moment of the start, so its parts give the end of the start window back.
  const beginBefore = { wall: state.leaseUntil - definition.timeoutMs - limits.leaseMarginMs, monotonic: monotonicEnd };
  if (action.kind === 'http') {
    const request = attemptRequest(state, action, bytes, ports.clock.now(), ports.outgoing);
    const outcome = await ports.caller.call({
      ...request,
      timeoutMs: definition.timeoutMs,
      beginBefore,
      signal: ports.stopping,
    });
    const { origin, strategy } = definition;
    const tells = origin !== null && 'role' in origin && origin.role === 'callback';
    return judge(outcome, { strategy, now: ports.clock.now(), tells });
  }
  const value: unknown = bytes === null ? {} : JSON.parse(new TextDecoder().decode(bytes));
  if (action.kind === 'runner') {
    // The caller looks at its clocks itself; nobody looks for code that runs here, and its lease may be over as well.
    if (ports.clock.now() >= beginBefore.wall || ports.clock.monotonic() >= beginBefore.monotonic) return startedTooLate;
    return runRunner(ports, state, action.name, value);
  }
  const emitted = { detailType: action.detailType, detail: value };
  return { type: 'succeed', ...jsonResult({}, 0), emitted };
}

/** A child may have been made from a state of its orchestration that was cancelled meanwhile: after a cancel nothing new starts. */
async function isStillWanted({ orchestrations }: AttemptPorts, origin: Origin | null, run: number): Promise<boolean> {
  if (origin === null || !('orchestrationId' in origin)) return true;
  const { state } = await orchestrations.load(parentOf(origin));
  return mayCall(state, origin.role, run);
}

const noLongerWanted: Verdict = {
  type: 'fail',
  error: { kind: 'cancelled', message: 'the orchestration that this task belongs to is over' },
  retryable: false,
  retryAfterMs: null,
};

const startedTooLate: Verdict = {
  type: 'fail',
  error: { kind: 'interrupted', message: 'the start of this attempt took too long, so it was not made' },
  retryable: true,
  retryAfterMs: null,
};

/** An empty body is not stored, but it is still one: it is sent with its content type. */
function emptyBody(action: Action): Uint8Array | null {
  return action.body === null ? null : new Uint8Array();
}

/** Pauses between the tries to record an outcome that the log would not take: within the margin of the lease. A function near its deadline has less. */
const recordDelaysMs = [100, 500, 1_000, 2_000, 4_000, 8_000];

/** Whether the outcome is recorded or belongs to somebody else; otherwise the lease decides. */
async function record(
  ports: AttemptPorts,
  stream: string,
  running: LoadedTask,
  startedVersion: number,
  verdict: Verdict,
): Promise<boolean> {
  const random = ports.random.next();
  const body =
    'body' in verdict && verdict.body !== null && verdict.body !== undefined && verdict.body.length > 0 ? verdict.body : undefined;
  const request = { stream, body, command: (now: number) => commandOf(verdict, { startedVersion, now, random }) };
  for (const delayMs of [...recordDelaysMs, null]) {
    try {
      const recorded = await execute(ports, { ...request, startFrom: delayMs === recordDelaysMs[0] ? running : undefined });
      if (recorded.outcome === 'done' || recorded.refusal.reason !== 'contended') return true;
      throw new Error('the task was changed by others all the time');
    } catch (error) {
      ports.logger.error('an outcome could not be recorded', { stream, startedVersion, error: String(error), retryInMs: delayMs });
      if (delayMs === null) break;
      await ports.clock.sleep(delayMs);
    }
  }
  return false;
}

function commandOf(verdict: Verdict, at: { readonly startedVersion: number; readonly now: number; readonly random: number }): TaskCommand {
  const { startedVersion, now, random } = at;
  switch (verdict.type) {
    case 'succeed':
      return {
        type: 'succeed',
        startedVersion,
        result: verdict.result,
        ...(verdict.emitted === undefined ? {} : { emitted: verdict.emitted }),
      };
    case 'accept':
      return { type: 'accept', now, startedVersion, response: verdict.response };
    case 'continue': {
      const { delayMs, body } = verdict;
      const runAt = delayMs === null ? Math.max(now, verdict.runAt) : now + delayMs;
      return { type: 'continue', startedVersion, runAt, ...(body === null ? {} : { body: { kind: 'json', bytes: body.length } }) };
    }
    case 'fail': {
      const { error, retryable, retryAfterMs, result } = verdict;
      return { type: 'fail', now, random, startedVersion, error, retryable, retryAfterMs, ...(result === undefined ? {} : { result }) };
    }
    default:
      return verdict satisfies never;
  }
}
