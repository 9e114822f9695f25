import type * as FastCheck from 'fast-check';
import { vi } from 'vitest';

/** No law is left with fewer runs than this, or without the examples it names. */
const fewestRuns = 20;

// ERRAND_RUNS=<share> makes every property draw that share of its values: for mutation testing alone (vitest.mutation.config.ts), where what
// a few values do not find counts as not found.
const share = Number(process.env['ERRAND_RUNS']);
if (!(share > 0)) throw new Error(`ERRAND_RUNS must be a share above 0, not "${process.env['ERRAND_RUNS']}"`);

vi.mock('fast-check', async (importOriginal) => {
  const real = await importOriginal<typeof FastCheck>();
  const assert = (property: FastCheck.IRawProperty<unknown>, parameters: FastCheck.Parameters<unknown> = {}) => {
    const least = fewestRuns + (parameters.examples?.length ?? 0);
    return real.assert(property, { ...parameters, numRuns: Math.max(least, Math.ceil((parameters.numRuns ?? 100) * share)) });
  };
  return { ...real, assert, default: { ...real.default, assert } };
});
