import { describe, expect, it } from 'vitest';
import type { RunnerOutcome } from '../../src/application/runner.ts';
import { simulate } from '../../src/runners/simulate.ts';
import { rememberingLogger } from '../support/silent-logger.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

/** One run, with the number that chance gives; as long as it may take passes at once. */
async function simulated(params: object, random: number): Promise<RunnerOutcome> {
  const clock = new VirtualClock(0);
  const context = { taskId: 'a', run: 1, attempt: 1, signal: new AbortController().signal, clock, logger: rememberingLogger() };
  const outcome = simulate.run(params, { ...context, random: { next: () => random } });
  // Looked at below; a failure while the clock moves is not one that nobody handles.
  outcome.catch(() => undefined);
  await clock.advance(1_000);
  return outcome;
}

describe('the runner simulate', () => {
  it.each([
    [{}, 0.31],
    [{ failureChance: 0 }, 0.001],
    [{ failureChance: 0.5 }, 0.51],
  ])('succeeds when chance exceeds its failureChance, 0.3 by default: %j, %d', async (params, random) => {
    expect(await simulated(params, random)).toEqual({ completed: true, result: { executionTimeMs: 0 } });
  });

  it.each([
    [{}, 0.3],
    [{ failureChance: 0 }, 0],
    [{ failureChance: 1 }, 0.999],
  ])('fails otherwise: %j, %d', async (params, random) => {
    await expect(simulated(params, random)).rejects.toThrow('Simulated failure.');
  });

  it.each([
    [{ executionTimeMs: 0, failureChance: 0 }, true],
    [{ executionTimeMs: 1_000, failureChance: 1 }, true],
    [{ executionTimeMs: -1 }, false],
    [{ executionTimeMs: 1_001 }, false],
    [{ failureChance: -0.1 }, false],
    [{ failureChance: 1.1 }, false],
  ])('takes 0 to 1,000 ms and a chance from 0 to 1: %j, %s', (params, taken) => {
    expect(simulate.parse(params).ok).toBe(taken);
  });
});
