import * as z from 'zod';
import { type Runner, zodRunner } from './zod-runner.ts';

/** Stands in for work: takes some time and fails now and then. Succeeds iff a random number exceeds `failureChance`. */
export const simulate: Runner = zodRunner(
  z.strictObject({
    executionTimeMs: z.int().min(0).max(1_000).default(0),
    failureChance: z.number().min(0).max(1).default(0.3),
  }),
  async ({ executionTimeMs, failureChance }, { clock, random, signal }) => {
    if (executionTimeMs > 0) await clock.sleep(executionTimeMs, signal);
    if (random.next() <= failureChance) throw new Error('Simulated failure.');
    return { completed: true, result: { executionTimeMs } };
  },
);
