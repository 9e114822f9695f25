import * as z from 'zod';
import { limits } from '../../../domain/limits.ts';
import { defaultRetryPolicy, type RetryPolicy } from '../../../domain/retry-policy.ts';
import { duration, durationJsonSchema, durationReader } from './duration.ts';
import { parsed, type Report } from './parse-result.ts';
import { numberWithin, oneOf, wholeNumber } from './scalars.ts';

const delayRange = { minMs: 0, maxMs: limits.retryDelayMaxMs };
const readDelay = durationReader(delayRange);
const delayCount = limits.attemptsPerRun - 1;

function readDelays(value: unknown, report: Report): readonly number[] {
  if (!Array.isArray(value) || value.length > delayCount) {
    report(`must be a list of at most ${delayCount} durations`);
    return [];
  }
  return value.map((entry: unknown, index) => {
    const reading = readDelay(entry);
    if (reading.ok) return reading.value;
    report(reading.message, [index]);
    return 0;
  });
}

/** What a policy falls back to, field by field. */
export type RetryDefaults = Extract<RetryPolicy, { readonly backoff: 'exponential' | 'fixed' }>;

/** The fields that say what `delays` says in full. */
const spelledOut = ['maxAttempts', 'backoff', 'initialDelay', 'factor', 'maxDelay'] as const;

/** The schema of a retry policy that fills in what is missing from the given one. */
export function retryWith(defaults: RetryDefaults) {
  return z
    .strictObject({
      maxAttempts: wholeNumber(1, limits.attemptsPerRun)
        .optional()
        .meta({ default: defaults.maxAttempts, description: 'The first attempt included.' }),
      backoff: oneOf(['exponential', 'fixed'])
        .optional()
        .meta({ default: defaults.backoff, description: 'fixed: initialDelay each time.' }),
      initialDelay: duration(delayRange, { default: defaults.initialDelayMs }).optional(),
      factor: numberWithin(1, limits.retryFactorMax).optional().meta({ default: defaults.factor }),
      maxDelay: duration(delayRange, { default: defaults.maxDelayMs }).optional(),
      jitter: numberWithin(0, 1).optional().meta({ default: defaults.jitter, description: 'Spreads a delay over delay x (1 ± jitter).' }),
      delays: parsed(
        {
          type: 'array',
          items: durationJsonSchema(delayRange),
          maxItems: delayCount,
          description: 'The pauses themselves, one fewer than attempts. Excludes the other fields but jitter.',
          examples: [['5s', '5m', '30m']],
        },
        readDelays,
      ).optional(),
    })
    .transform((fields, context): RetryPolicy => {
      const jitter = fields.jitter ?? defaults.jitter;
      if (fields.delays === undefined) {
        return {
          backoff: fields.backoff ?? defaults.backoff,
          maxAttempts: fields.maxAttempts ?? defaults.maxAttempts,
          initialDelayMs: fields.initialDelay ?? defaults.initialDelayMs,
          factor: fields.factor ?? defaults.factor,
          maxDelayMs: fields.maxDelay ?? defaults.maxDelayMs,
          jitter,
        };
      }
      for (const field of spelledOut) {
        if (fields[field] !== undefined)
          context.addIssue({ code: 'custom', message: 'cannot be given together with delays', path: [field] });
      }
      return { backoff: 'delays', maxAttempts: fields.delays.length + 1, delaysMs: fields.delays, jitter };
    });
}

/** The retry policy of a task. */
export const retry = retryWith(defaultRetryPolicy);
