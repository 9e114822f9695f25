import type { Decision, Recorded } from '../../../src/domain/decision.ts';
import type { ChildSeen, OrchestrationCommand, OrchestrationRefusal } from '../../../src/domain/orchestration/commands.ts';
import { decide } from '../../../src/domain/orchestration/decide.ts';
import {
  type CheckDefinition,
  type ChildTemplate,
  childRetryPolicy,
  type OrchestrationDefinition,
  planOf,
  type StepDefinition,
  type StepTemplate,
} from '../../../src/domain/orchestration/definition.ts';
import type { OrchestrationEvent } from '../../../src/domain/orchestration/events.ts';
import { evolve } from '../../../src/domain/orchestration/evolve.ts';
import { progressOf } from '../../../src/domain/orchestration/progress.ts';
import { initialOrchestration, type OrchestrationState, wakeAt } from '../../../src/domain/orchestration/state.ts';
import { callbackSpec, epoch, hour, httpAction, second } from '../task-histories.ts';

export type RecordedEvent = Recorded<OrchestrationEvent>;
export type CommandOf<Type extends OrchestrationCommand['type']> = Extract<OrchestrationCommand, { readonly type: Type }>;

export const template: ChildTemplate = {
  action: { ...httpAction, body: null },
  bodyAt: null,
  strategy: 'await',
  timeoutMs: 30 * second,
  completeWithinMs: hour,
  retry: childRetryPolicy,
};
export const stepTemplate: StepTemplate = { ...template, bodyFrom: null };

export function step(parts: Partial<StepDefinition> = {}): StepDefinition {
  return { name: null, delayMs: 0, task: stepTemplate, ...parts };
}

export function check(parts: Partial<CheckDefinition> = {}): CheckDefinition {
  return { task: template, delayMs: 0, retries: 0, gapMs: second, ...parts };
}

export function definitionWith(parts: Partial<OrchestrationDefinition> = {}): OrchestrationDefinition {
  return { steps: [step(), step()], check: null, fallback: null, callback: null, ...parts };
}

export const withCallback = { callback: callbackSpec } as const;

/** Stands for the digest of what was sent: the same for the same definition only. */
export function planned(definition: OrchestrationDefinition) {
  return planOf(definition, { bytes: 400, digest: JSON.stringify(definition) });
}

/** A stream with its clock: what an event log and a host would hold between two commands. */
export type History = {
  readonly stream: string;
  readonly now: number;
  readonly events: readonly RecordedEvent[];
  readonly state: OrchestrationState;
};

export const noHistory: History = { stream: 'orchestration#order-42', now: epoch, events: [], state: initialOrchestration };

/** Puts an event in its envelope, as an append does: the next version, a time that never goes backwards, a commit id. */
export function append(history: History, event: OrchestrationEvent): History {
  const version = history.events.length + 1;
  const occurredAt = Math.max(history.now, history.events.at(-1)?.occurredAt ?? 0);
  const recorded: RecordedEvent = { ...event, stream: history.stream, version, occurredAt, commitId: `commit-${version}` };
  return { ...history, events: [...history.events, recorded], state: evolve(history.state, recorded) };
}

export type OrchestrationDecision = Decision<OrchestrationEvent, OrchestrationRefusal>;

/** Decides a command and appends what it yields. */
export function perform(history: History, command: OrchestrationCommand) {
  const decision: OrchestrationDecision = decide(history.state, command);
  return { decision, history: decision.outcome === 'event' ? append(history, decision.event) : history };
}

/** Moves the clock to the given time; a clock never goes back. */
export function at(history: History, now: number): History {
  return { ...history, now: Math.max(history.now, now) };
}

/** The states after each event, the initial one first. */
export function statesAlong(events: readonly RecordedEvent[]): readonly OrchestrationState[] {
  const states: OrchestrationState[] = [initialOrchestration];
  for (const event of events) states.push(evolve(states.at(-1) ?? initialOrchestration, event));
  return states;
}

/** A command, or one made from the history it meets. */
export type Move = OrchestrationCommand | ((history: History) => OrchestrationCommand);

const commandOf = (move: Move, history: History): OrchestrationCommand => (typeof move === 'function' ? move(history) : move);

/** The history after further commands, every one of which yields its event. */
export function further(start: History, ...moves: readonly Move[]): History {
  return moves.reduce<History>((history, move) => {
    const command = commandOf(move, history);
    const { decision, history: after } = perform(history, command);
    if (decision.outcome !== 'event') throw new Error(`${command.type} yields ${JSON.stringify(decision)}`);
    return after;
  }, start);
}

export function given(...moves: readonly Move[]): History {
  return further(noHistory, ...moves);
}

/** What a command yields: the event, `unchanged`, or the refusal. Yielding an event, it is also tried a second time. */
export function when(history: History, move: Move): OrchestrationEvent | 'unchanged' | OrchestrationRefusal {
  const command = commandOf(move, history);
  const { decision, history: next } = perform(history, command);
  if (decision.outcome === 'refused') return decision.refusal;
  if (decision.outcome === 'unchanged') return 'unchanged';
  if (decide(next.state, command).outcome === 'event') throw new Error(`${command.type} a second time yields an event`);
  return decision.event;
}

export const scheduled =
  (parts: Partial<OrchestrationDefinition> = {}, runAt = epoch): Move =>
  () => ({
    type: 'schedule',
    runAt,
    plan: planned(definitionWith(parts)),
    labels: { customer: '42' },
    contentHash: 'content-1',
    sameContent: false,
  });

/** A look that finds the child as given, at the history's own time. */
export const sees =
  (child: ChildSeen | null): Move =>
  ({ state, now }) => ({ type: 'advance', now, version: state.version, child });
export const looks = sees(null);
export const succeeds = sees({ status: 'succeeded', truncated: false });
export const succeedsTruncated = sees({ status: 'succeeded', truncated: true });
export const fails = sees({ status: 'failed', error: { kind: 'http', message: 'the target answered 503' } });
export const isForeign = sees({ status: 'foreign' });
export const cancel: Move = { type: 'cancel', reason: 'enough' };

/** The clock moved to where the state says that something is due. */
export const due = (history: History): History => at(history, wakeAt(history.state) ?? history.now);

/** The events after the first, without their envelopes. */
export const told = ({ events }: History) => events.slice(1).map(({ type, data }) => ({ type, data }));

export function seenOf({ state }: History) {
  if (state.status === 'missing' || state.status === 'deleted') throw new Error(state.status);
  return progressOf(state);
}

/** Parts of a definition. */
export const checked = { steps: [step()], check: check({ delayMs: 5 * second, retries: 1, gapMs: 2 * second }) };
export const withFallback = { ...checked, fallback: stepTemplate };
export const fromPrevious = step({ task: { ...stepTemplate, bodyFrom: 'previous' } });

/** At the first try of the check of the only step, with a fallback and a callback to come. */
export const inCheck = () => further(due(given(scheduled({ ...withFallback, ...withCallback }), looks, succeeds)), looks);
