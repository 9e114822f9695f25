import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { callbackDelaysMs, limits } from '../../src/domain/limits.ts';
import { callbackDelayMs, policyDelayMs, type RetryPolicy, retryDelayMs, withJitter } from '../../src/domain/retry-policy.ts';

const anyRandom = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const anyJitter = fc.double({ min: 0, max: 1, noNaN: true });
const anyDelayMs = fc.nat(limits.retryDelayMaxMs);

/** Every policy that a client may ask for. */
const anyPolicy: fc.Arbitrary<RetryPolicy> = fc.oneof(
  fc.record({
    backoff: fc.constantFrom('exponential' as const, 'fixed' as const),
    maxAttempts: fc.integer({ min: 1, max: limits.attemptsPerRun }),
    initialDelayMs: anyDelayMs,
    factor: fc.double({ min: 1, max: limits.retryFactorMax, noNaN: true }),
    maxDelayMs: anyDelayMs,
    jitter: anyJitter,
  }),
  fc
    .record({ delaysMs: fc.array(anyDelayMs, { minLength: 1, maxLength: limits.attemptsPerRun - 1 }), jitter: anyJitter })
    .map(({ delaysMs, jitter }) => ({ backoff: 'delays' as const, maxAttempts: delaysMs.length + 1, delaysMs, jitter })),
);
const anyAttempt = fc.integer({ min: 1, max: limits.attemptsPerRun });
const anyRetryAfterMs = fc.option(fc.integer({ min: -1_000, max: 10 * limits.retryAfterMaxMs }));

describe('the pause before the next attempt', () => {
  it('exists exactly while the run has attempts left, whatever the target asks for', () => {
    fc.assert(
      fc.property(anyPolicy, anyAttempt, anyRandom, anyRetryAfterMs, (policy, attempt, random, retryAfterMs) => {
        expect(retryDelayMs(policy, { attempt, random, retryAfterMs }) === null).toBe(attempt >= policy.maxAttempts);
      }),
    );
  });

  it('is a whole number of milliseconds, never negative, never more than twice the longest delay or a day', () => {
    fc.assert(
      fc.property(anyPolicy, anyAttempt, anyRandom, anyRetryAfterMs, (policy, attempt, random, retryAfterMs) => {
        const delayMs = retryDelayMs(policy, { attempt, random, retryAfterMs }) ?? 0;
        expect(Number.isSafeInteger(delayMs)).toBe(true);
        expect(delayMs).toBeGreaterThanOrEqual(0);
        expect(delayMs).toBeLessThanOrEqual(2 * limits.retryDelayMaxMs);
      }),
    );
  });

  it('is what the target asks for, up to a day, also when that is shorter than the policy', () => {
    fc.assert(
      fc.property(anyPolicy, anyAttempt, anyRandom, fc.nat(10 * limits.retryAfterMaxMs), (policy, attempt, random, retryAfterMs) => {
        fc.pre(attempt < policy.maxAttempts);
        expect(retryDelayMs(policy, { attempt, random, retryAfterMs })).toBe(Math.min(retryAfterMs, 86_400_000));
      }),
    );
  });

  it('lies within the jitter around the policy delay', () => {
    fc.assert(
      fc.property(anyPolicy, anyAttempt, anyRandom, (policy, attempt, random) => {
        fc.pre(attempt < policy.maxAttempts);
        const base = policyDelayMs(policy, attempt);
        const delayMs = retryDelayMs(policy, { attempt, random, retryAfterMs: null }) ?? Number.NaN;
        expect(delayMs).toBeGreaterThanOrEqual(Math.floor(base * (1 - policy.jitter)));
        expect(delayMs).toBeLessThanOrEqual(Math.ceil(base * (1 + policy.jitter)));
      }),
    );
  });
});

describe('the policy delay', () => {
  it('never shrinks from attempt to attempt with a backoff, and never passes its maximum when exponential', () => {
    fc.assert(
      fc.property(anyPolicy, anyAttempt, (policy, attempt) => {
        if (policy.backoff === 'delays') return;
        expect(policyDelayMs(policy, attempt + 1)).toBeGreaterThanOrEqual(policyDelayMs(policy, attempt));
        if (policy.backoff === 'exponential') expect(policyDelayMs(policy, attempt)).toBeLessThanOrEqual(policy.maxDelayMs);
        else expect(policyDelayMs(policy, attempt)).toBe(policy.initialDelayMs);
      }),
    );
  });

  it('takes each listed delay in turn', () => {
    fc.assert(
      fc.property(anyPolicy, (policy) => {
        if (policy.backoff !== 'delays') return;
        expect(policy.delaysMs.map((_, index) => policyDelayMs(policy, index + 1))).toEqual(policy.delaysMs);
      }),
    );
  });
});

describe('jitter', () => {
  it('of nothing is the delay itself', () => {
    fc.assert(
      fc.property(anyDelayMs, anyRandom, (delayMs, random) => {
        expect(withJitter(delayMs, 0, random)).toBe(delayMs);
      }),
    );
  });

  it('grows with the dice, and a middling throw leaves the delay alone', () => {
    fc.assert(
      fc.property(anyDelayMs, anyJitter, anyRandom, anyRandom, (delayMs, jitter, one, other) => {
        const [low, high] = [Math.min(one, other), Math.max(one, other)];
        expect(withJitter(delayMs, jitter, low)).toBeLessThanOrEqual(withJitter(delayMs, jitter, high));
        expect(withJitter(delayMs, jitter, 0.5)).toBe(delayMs);
      }),
    );
  });
});

describe('the pause after a try of a callback', () => {
  it('exists after the first seven tries and not after the eighth', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), anyRandom, anyRetryAfterMs, (attempt, random, retryAfterMs) => {
        expect(callbackDelayMs({ attempt, random, retryAfterMs }) === null).toBe(attempt >= 8);
      }),
    );
  });

  it('lies within a fifth around its step, or is what the listener asks for, up to a day', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 7 }), anyRandom, anyRetryAfterMs, (attempt, random, retryAfterMs) => {
        const delayMs = callbackDelayMs({ attempt, random, retryAfterMs }) ?? Number.NaN;
        const step = callbackDelaysMs[attempt - 1] ?? Number.NaN;
        if (retryAfterMs !== null) expect(delayMs).toBe(Math.min(Math.max(0, retryAfterMs), 86_400_000));
        else expect(Math.abs(delayMs - step)).toBeLessThanOrEqual(0.2 * step);
      }),
    );
  });
});
