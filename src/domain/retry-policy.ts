import { callbackDelaysMs, callbackJitter, limits } from './limits.ts';

/** How often and how far apart the attempts of one run are made. Delays are milliseconds; jitter is a share of the delay. */
export type RetryPolicy =
  | {
      readonly backoff: 'exponential' | 'fixed';
      readonly maxAttempts: number;
      readonly initialDelayMs: number;
      readonly factor: number;
      readonly maxDelayMs: number;
      readonly jitter: number;
    }
  | { readonly backoff: 'delays'; readonly maxAttempts: number; readonly delaysMs: readonly number[]; readonly jitter: number };

export const defaultRetryPolicy = {
  backoff: 'exponential',
  maxAttempts: 6,
  initialDelayMs: 5_000,
  factor: 4,
  maxDelayMs: 3_600_000,
  jitter: 0.2,
} as const satisfies RetryPolicy;

/** The policy's own pause after the given attempt (from 1), before jitter. */
export function policyDelayMs(policy: RetryPolicy, attempt: number): number {
  switch (policy.backoff) {
    case 'fixed':
      return policy.initialDelayMs;
    case 'exponential':
      return Math.min(policy.maxDelayMs, policy.initialDelayMs * policy.factor ** (attempt - 1));
    case 'delays':
      return policy.delaysMs[attempt - 1] ?? 0;
    default:
      return policy satisfies never;
  }
}

/** Spreads a delay evenly over delay x (1 ± jitter). `random` is drawn by the caller from [0, 1). */
export function withJitter(delayMs: number, jitter: number, random: number): number {
  return Math.max(0, Math.round(delayMs * (1 + jitter * (2 * random - 1))));
}

/**
 * The pause before the next attempt, or null when the run has none left.
 * A target's Retry-After replaces the policy's delay, also when it is shorter, up to a day.
 */
export function retryDelayMs(
  policy: RetryPolicy,
  failed: { readonly attempt: number; readonly random: number; readonly retryAfterMs: number | null },
): number | null {
  if (failed.attempt >= policy.maxAttempts) return null;
  if (failed.retryAfterMs !== null) return Math.min(Math.max(0, failed.retryAfterMs), limits.retryAfterMaxMs);
  return withJitter(policyDelayMs(policy, failed.attempt), policy.jitter, failed.random);
}

/** The pause after a callback's try (from 1), or null when that was the last one. */
export function callbackDelayMs(tried: {
  readonly attempt: number;
  readonly random: number;
  readonly retryAfterMs: number | null;
}): number | null {
  const delay = callbackDelaysMs[tried.attempt - 1];
  if (delay === undefined) return null;
  if (tried.retryAfterMs !== null) return Math.min(Math.max(0, tried.retryAfterMs), limits.retryAfterMaxMs);
  return withJitter(delay, callbackJitter, tried.random);
}
