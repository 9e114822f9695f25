import type { Decision, Recorded } from '../../src/domain/decision.ts';
import { defaultRetryPolicy } from '../../src/domain/retry-policy.ts';
import type { TaskCommand, TaskRefusal } from '../../src/domain/task/commands.ts';
import { decide } from '../../src/domain/task/decide.ts';
import type { CallbackSpec, HttpAction, TaskDefinition, TaskError, TaskEvent, TaskResult } from '../../src/domain/task/events.ts';
import { evolve } from '../../src/domain/task/evolve.ts';
import { initialTask, type TaskState } from '../../src/domain/task/state.ts';

export type TaskDecision = Decision<TaskEvent, TaskRefusal>;
export type RecordedTaskEvent = Recorded<TaskEvent>;
export type CommandOf<Type extends TaskCommand['type']> = Extract<TaskCommand, { readonly type: Type }>;

/** Where the clock of every test stands at first, in epoch milliseconds. */
export const epoch = Date.UTC(2026, 0, 1);
export const second = 1_000;
export const minute = 60 * second;
export const hour = 60 * minute;
export const day = 24 * hour;

export const httpAction: HttpAction = {
  kind: 'http',
  url: 'https://shop.example/orders',
  target: 'https://shop.example:443',
  method: 'POST',
  headers: [
    { name: 'x-a', value: '1' },
    { name: 'authorization', sealed: 'key1.c2VhbGVk' },
  ],
  secretHeaders: ['authorization'],
  body: { kind: 'json', bytes: 17, digest: 'first' },
};

export const callbackSpec: CallbackSpec = {
  url: 'https://listener.example/done',
  target: 'https://listener.example:443',
  method: 'POST',
  headers: [],
  secretHeaders: [],
  on: ['succeeded', 'failed', 'cancelled'],
};

/** A plain task that calls once awaited, retried by the default policy, without callback; `parts` replaces what a test is about. */
export function definitionWith(parts: Partial<TaskDefinition> = {}): TaskDefinition {
  return {
    action: httpAction,
    strategy: 'await',
    timeoutMs: 30 * second,
    completeWithinMs: hour,
    retry: defaultRetryPolicy,
    callback: null,
    labels: { customer: '42' },
    priority: 0,
    startBeforeMs: null,
    origin: null,
    contentHash: 'content-1',
    ...parts,
  };
}

export const okResult: TaskResult = { status: 200, headers: { 'content-type': 'text/plain' }, bytes: 2, truncated: false, durationMs: 12 };
export const serverError: TaskError = { kind: 'http', message: 'the target answered 503', status: 503 };

/** A stream with its clock: what an event log and a host would hold between two commands. */
export type History = {
  readonly stream: string;
  readonly now: number;
  readonly events: readonly RecordedTaskEvent[];
  readonly state: TaskState;
};

export const noHistory: History = { stream: 'task#order-42/reminder', now: epoch, events: [], state: initialTask };

/** Puts an event in its envelope, as an append does: the next version, a time that never goes backwards, a commit id. */
export function envelope(history: History, event: TaskEvent): RecordedTaskEvent {
  const version = history.events.length + 1;
  const occurredAt = Math.max(history.now, history.events.at(-1)?.occurredAt ?? 0);
  return { ...event, stream: history.stream, version, occurredAt, commitId: `commit-${version}` };
}

export function append(history: History, event: TaskEvent): History {
  const recorded = envelope(history, event);
  return { ...history, events: [...history.events, recorded], state: evolve(history.state, recorded) };
}

/** Decides a command and appends what it yields. */
export function perform(history: History, command: TaskCommand): { readonly decision: TaskDecision; readonly history: History } {
  const decision = decide(history.state, command);
  return { decision, history: decision.outcome === 'event' ? append(history, decision.event) : history };
}

/** Moves the clock to the given time; a clock never goes back. */
export function at(history: History, now: number): History {
  return { ...history, now: Math.max(history.now, now) };
}

/** The states after each event, the initial one first. */
export function statesAlong(events: readonly RecordedTaskEvent[]): readonly TaskState[] {
  const states: TaskState[] = [initialTask];
  let state: TaskState = initialTask;
  for (const event of events) {
    state = evolve(state, event);
    states.push(state);
  }
  return states;
}

/** The version of the newest TaskStarted: the fence that outcomes of the current attempt carry. */
export function lastStart(history: History): number {
  return history.events.findLast((event) => event.type === 'TaskStarted')?.version ?? 0;
}
