import { availableParallelism } from 'node:os';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';

/** The ending of a file's name says which project runs it. */
const endingIn = (kind: string): string[] => [`test/**/*.${kind}.test.ts`];
const architecture = 'test/architecture/**';

/** What needs no process of its own: files share nothing, so every core takes one. */
const inThreads = (name: string, include: string[], exclude: string[] = []): TestProjectInlineConfiguration => ({
  extends: true,
  test: { name, include, exclude, pool: 'threads' },
});

export default defineConfig({
  test: {
    // A focused test would silence all others without failing anything.
    allowOnly: false,
    maxWorkers: Math.max(2, availableParallelism()),
    testTimeout: 30_000,
    hookTimeout: 30_000,
    setupFiles: ['test/setup/property-seed.ts'],
    projects: [
      inThreads('architecture', [`${architecture}/*.test.ts`]),
      inThreads('unit', endingIn('unit'), [architecture]),
      inThreads('property', endingIn('property')),
      inThreads('sim', endingIn('sim')),
      // Adapters open files, sockets and locks; a process of their own makes sure that they let go of them.
      { extends: true, test: { name: 'contract', include: endingIn('contract'), pool: 'forks' } },
      // Each file starts servers of its own beside the worker; more than two at once measure the machine, not Errand.
      {
        extends: true,
        test: { name: 'e2e', include: endingIn('e2e'), pool: 'forks', maxWorkers: 2, testTimeout: 60_000, hookTimeout: 60_000 },
      },
      {
        extends: true,
        test: { name: 'extended', include: endingIn('extended'), pool: 'forks', maxWorkers: 2, testTimeout: 900_000, hookTimeout: 60_000 },
      },
    ],
  },
});
