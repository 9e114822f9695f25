import { configureGlobal, readConfigureGlobal } from 'fast-check';

// One seed for a whole run, chosen and printed by scripts/check.ts: ERRAND_SEED=<seed> makes every property draw the same values again.
const given = process.env['ERRAND_SEED'];
if (given !== undefined && given !== '') {
  const seed = Number(given);
  if (!Number.isSafeInteger(seed)) throw new Error(`ERRAND_SEED must be a whole number, not "${given}"`);
  configureGlobal({ ...readConfigureGlobal(), seed });
}
