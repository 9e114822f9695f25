/**
 * Mutation testing of one layer of src by the unit and property tests below one folder of test. Run by scripts/check.ts:
 * `npm run mutate` for the domain, `npm run mutate:application` for the use cases; what came of it is in docs/results/mutation.md.
 */
export const configFor = (layer, testFolder, atLeast) => ({
  testRunner: 'vitest',
  vitest: { configFile: 'vitest.mutation.config.ts', dir: testFolder },
  mutate: [`src/${layer}/**/*.ts`],
  coverageAnalysis: 'perTest',
  concurrency: 2,
  // A mutant that makes a loop endless is caught by its count of hits; a busy machine must not pass for a mutant found.
  timeoutMS: 60_000,
  thresholds: { high: 95, low: 90, break: atLeast },
  reporters: ['progress-append-only', 'clear-text', 'html', 'json'],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
  htmlReporter: { fileName: `.check/mutation/${layer}.html` },
  jsonReporter: { fileName: `.check/mutation/${layer}.json` },
  tempDirName: '.check/stryker',
  ignorePatterns: ['.check', '.errand'],
  // Types are stripped and neither checked nor rewritten: TypeScript 7 has no interface that Stryker could read tsconfig.json through.
  disableTypeChecks: false,
  tsconfigFile: 'none',
  allowConsoleColors: false,
});

export default configFor('domain', 'test/domain', 90);
