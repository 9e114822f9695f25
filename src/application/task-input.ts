import type { RetryPolicy } from '../domain/retry-policy.ts';
import type { BodyKind, FinishedStatus, Labels } from '../domain/task/events.ts';

/** A body as it will be sent. */
export type BodyInput = { readonly kind: BodyKind; readonly bytes: Uint8Array };
export type JsonBodyInput = { readonly kind: 'json'; readonly bytes: Uint8Array };
/** Where a request goes, with header values in the clear. `target` is scheme, host and port. */
export type OutgoingInput = {
  readonly url: string;
  readonly target: string;
  readonly method: string;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  readonly secretHeaders: readonly string[];
};
export type ActionInput =
  | (OutgoingInput & { readonly kind: 'http'; readonly body: BodyInput | null })
  | { readonly kind: 'runner'; readonly name: string; readonly body: JsonBodyInput }
  | { readonly kind: 'event'; readonly detailType: string; readonly body: JsonBodyInput };
export type CallbackInput = OutgoingInput & { readonly on: readonly FinishedStatus[] };

/** A task as asked for, checked and with defaults filled in; header values still in the clear, bodies still bytes. */
export type TaskInput = {
  readonly id: string | null;
  readonly action: ActionInput;
  /** When to run; counts only where no delay is given. One that has passed by the time it is decided means then. */
  readonly runAt: number;
  /** How long after it is decided to run: from the same reading of the clock as the event's own time. */
  readonly delayMs: number | null;
  readonly strategy: 'await' | 'async';
  readonly timeoutMs: number;
  readonly completeWithinMs: number;
  readonly retry: RetryPolicy;
  readonly callback: CallbackInput | null;
  readonly labels: Labels;
  readonly priority: number;
  readonly startBeforeMs: number | null;
};
/** What a schedule makes its tasks from. */
export type TemplateInput = Omit<TaskInput, 'id' | 'runAt' | 'delayMs'>;
export type TaskChangesInput = {
  readonly runAt?: number;
  readonly delayMs?: number;
  readonly action?: Extract<ActionInput, { kind: 'http' }>;
  readonly timeoutMs?: number;
  readonly retry?: RetryPolicy;
  readonly callback?: CallbackInput | null;
  readonly labels?: Labels;
};
