import type { BodyFrom } from '../domain/orchestration/definition.ts';
import type { RetryPolicy } from '../domain/retry-policy.ts';
import type { Labels } from '../domain/task/events.ts';
import type { ActionInput, CallbackInput } from './task-input.ts';

/** What the task of a step, a check or a fallback is made from, as asked for. */
export type ChildInput = {
  readonly action: ActionInput;
  readonly strategy: 'await' | 'async';
  readonly timeoutMs: number;
  readonly completeWithinMs: number;
  readonly retry: RetryPolicy;
};
export type StepTaskInput = ChildInput & { readonly bodyFrom: BodyFrom };
export type CheckInput = { readonly task: ChildInput; readonly delayMs: number; readonly retries: number; readonly gapMs: number };
export type StepInput = {
  readonly name: string | null;
  readonly delayMs: number;
  readonly task: StepTaskInput;
  /** Absent: the orchestration's default. Null: none, whatever the default. */
  readonly check?: CheckInput | null;
  readonly fallback?: StepTaskInput | null;
};

/** An orchestration as asked for, checked and with defaults filled in; header values still in the clear, bodies still bytes. */
export type OrchestrationInput = {
  readonly id: string | null;
  /** When to begin; counts only where no delay is given. */
  readonly runAt: number;
  readonly delayMs: number | null;
  readonly steps: readonly StepInput[];
  readonly check: CheckInput | null;
  readonly fallback: StepTaskInput | null;
  readonly callback: CallbackInput | null;
  readonly labels: Labels;
};
/** What a change replaces; null removes. */
export type OrchestrationChangesInput = Partial<Omit<OrchestrationInput, 'id' | 'delayMs'>> & { readonly delayMs?: number };
