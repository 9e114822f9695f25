import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Examples first, laws after them: a mutant is given up at the first test that fails, and examples fail within milliseconds. */
class ExamplesFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = (file: TestSpecification): number => (file.moduleId.endsWith('.unit.test.ts') ? 0 : 1);
    return [...files].sort((left, right) => rank(left) - rank(right));
  }
}

/** The unit and property tests as Stryker runs them, thousands of times; stryker.config.mjs says below which folder. */
export default defineConfig({
  test: {
    include: ['**/*.{unit,property}.test.ts'],
    // Files that sample thousands of histories as they are loaded, or measure time: too slow to load for each mutant. Without them
    // fewer mutants are found, never more.
    exclude: [
      '**/*-states-diagram.unit.test.ts',
      '**/states-diagram.unit.test.ts',
      '**/*-arbitraries.unit.test.ts',
      '**/*-cost.unit.test.ts',
    ],
    testTimeout: 30_000,
    isolate: false,
    sequence: { sequencer: ExamplesFirst },
    setupFiles: ['test/setup/property-seed.ts', 'test/setup/fewer-runs.ts'],
    env: { ERRAND_RUNS: process.env['ERRAND_RUNS'] ?? '0.1' },
  },
});
