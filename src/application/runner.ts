import type { Clock, Logger, Random } from './ports.ts';
import type { ParseResult } from './reading.ts';

/** What a runner is told about the attempt it makes. */
export type RunnerContext = {
  readonly taskId: string;
  readonly run: number;
  readonly attempt: number;
  /** Aborted at the attempt's deadline and when the host stops. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
};

/**
 * How an attempt of a runner ended. `params` replace the task's for the next run, absent ones are kept;
 * `runAt` is when to run again, in epoch milliseconds (default: now). Throwing fails the attempt, by policy.
 */
export type RunnerOutcome =
  | { readonly completed: true; readonly result?: unknown; readonly emit?: { readonly detailType: string; readonly detail: unknown } }
  | { readonly completed: false; readonly params?: unknown; readonly runAt?: number };

/** Code that runs in this process under a name. `parse` checks parameters when a task is created and again before it runs. */
export type Runner = {
  readonly parse: (params: unknown) => ParseResult<unknown>;
  readonly run: (params: unknown, context: RunnerContext) => Promise<RunnerOutcome>;
};
export type Runners = ReadonlyMap<string, Runner>;
