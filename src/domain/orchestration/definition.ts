import { defaultRetryPolicy, type RetryPolicy } from '../retry-policy.ts';
import type { Action, CallbackSpec, FinishedStatus } from '../task/events.ts';

/** Inside an orchestration what fails is judged by the steps around it: one attempt, unless the client asks for more. */
export const childRetryPolicy = { ...defaultRetryPolicy, maxAttempts: 1 } as const satisfies RetryPolicy;

/** What the task of a step, a check or a fallback is made from, with defaults filled in. Durations in milliseconds. */
export type ChildTemplate = {
  readonly action: Action;
  /** Where the bytes of the action's body begin among the bodies kept with the definition; null without a body. */
  readonly bodyAt: number | null;
  readonly strategy: 'await' | 'async';
  readonly timeoutMs: number;
  readonly completeWithinMs: number;
  readonly retry: RetryPolicy;
};
/** `previous` sends the result of the step before instead of the action's own body. */
export type BodyFrom = 'previous' | null;
export type StepTemplate = ChildTemplate & { readonly bodyFrom: BodyFrom };

/** When the tries of a check are made: the first `delayMs` after its step, `retries` more, each `gapMs` after the one before. */
export type CheckTimes = { readonly delayMs: number; readonly retries: number; readonly gapMs: number };
export type CheckDefinition = CheckTimes & { readonly task: ChildTemplate };

export type StepDefinition = {
  readonly name: string | null;
  /** Before the step. */
  readonly delayMs: number;
  readonly task: StepTemplate;
  /** Absent: the orchestration's default. Null: none, whatever the default. */
  readonly check?: CheckDefinition | null;
  readonly fallback?: StepTemplate | null;
};

/**
 * What a client asked for. Its bytes, bodies included, lie once beside the event that brought it, as the body of a task does: it is
 * read when a child is made and is no part of the folded state, which has its plan.
 */
export type OrchestrationDefinition = {
  readonly steps: readonly StepDefinition[];
  readonly check: CheckDefinition | null;
  readonly fallback: StepTemplate | null;
  readonly callback: CallbackSpec | null;
};

/** The bytes of a definition as kept. `digest`, a keyed one of what was sent, tells a repeated change from another one. */
export type DefinitionNote = { readonly bytes: number; readonly digest: string };

export type PlannedStep = {
  readonly name: string | null;
  readonly delayMs: number;
  readonly bodyFrom: BodyFrom;
  readonly check: CheckTimes | null;
  readonly fallback: { readonly bodyFrom: BodyFrom } | null;
};
/** All that deciding needs of a definition: the defaults applied, the requests left out. */
export type Plan = {
  readonly steps: readonly PlannedStep[];
  /** The ends that a callback is told of; empty without one. */
  readonly callbackOn: readonly FinishedStatus[];
  readonly definition: DefinitionNote;
};

/** The check of a step, its own or the default. */
export function checkOf(definition: OrchestrationDefinition, step: StepDefinition): CheckDefinition | null {
  return step.check === undefined ? definition.check : step.check;
}

/** The fallback of a step, its own or the default. */
export function fallbackOf(definition: OrchestrationDefinition, step: StepDefinition): StepTemplate | null {
  return step.fallback === undefined ? definition.fallback : step.fallback;
}

/**
 * The field by which the first step, or its fallback, would be sent the result of a step that is not there; null for a definition that
 * asks no such thing. A fallback is looked at whether or not a check ever lets it run: what is wrong does not become right without one.
 */
export function previousOfFirst(definition: OrchestrationDefinition): string | null {
  const [first] = definition.steps;
  if (first === undefined) return null;
  if (first.task.bodyFrom === 'previous') return 'steps[0].task.bodyFrom';
  if (fallbackOf(definition, first)?.bodyFrom !== 'previous') return null;
  return first.fallback === undefined ? 'fallback.bodyFrom' : 'steps[0].fallback.bodyFrom';
}

function planStep(definition: OrchestrationDefinition, step: StepDefinition): PlannedStep {
  const check = checkOf(definition, step);
  const fallback = fallbackOf(definition, step);
  return {
    name: step.name,
    delayMs: step.delayMs,
    bodyFrom: step.task.bodyFrom,
    check: check === null ? null : { delayMs: check.delayMs, retries: check.retries, gapMs: check.gapMs },
    // Without a check nothing ever falls back.
    fallback: check === null || fallback === null ? null : { bodyFrom: fallback.bodyFrom },
  };
}

/** The plan of a definition that is kept as `note` says. */
export function planOf(definition: OrchestrationDefinition, note: DefinitionNote): Plan {
  return {
    steps: definition.steps.map((step) => planStep(definition, step)),
    callbackOn: definition.callback?.on ?? [],
    definition: note,
  };
}
