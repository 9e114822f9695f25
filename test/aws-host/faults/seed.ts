/** The seed of a file's faults: that of the environment (`ERRAND_FAULTS_SEED`), else of the run (`ERRAND_SEED`), else drawn. It is printed. */
export function faultSeed(): number {
  const given = process.env['ERRAND_FAULTS_SEED'] || process.env['ERRAND_SEED'];
  const seed = given ? Number(given) : Math.floor(Math.random() * 2 ** 31);
  if (!Number.isSafeInteger(seed)) throw new Error(`the seed must be a whole number, not "${given}"`);
  console.log(`faults with ERRAND_FAULTS_SEED=${seed}`);
  return seed;
}
