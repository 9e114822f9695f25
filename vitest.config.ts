import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { alikeOnEveryEngine, serverOnlyFiles } from './test/e2e/harness/host-differences.ts';
import { isDynoxideInstalled } from './test/support/dynoxide-installed.ts';

/** What the functions asked of AWS during the end-to-end tests, as `{function, action, resource}` in JSON Lines: what their roles must allow. */
const awsCallsFile = '.check/aws-calls.jsonl';
/** The ending of a file's name says which project runs it. */
const endingIn = (kind: string): string[] => [`test/**/*.${kind}.test.ts`];
const architecture = 'test/architecture/**';

/** What needs no process of its own: files share nothing, so every core takes one. */
const inThreads = (name: string, include: string[], exclude: string[] = []): TestProjectInlineConfiguration => ({
  extends: true,
  test: { name, include, exclude, pool: 'threads' },
});

/** Each file starts hosts of its own beside the worker; more than two at once measure the machine, not Errand. */
const e2e = { pool: 'forks', maxWorkers: 2, testTimeout: 60_000, hookTimeout: 60_000 } as const;
/** Files in memory: DynamoDB Local waits for the disk at each single write, which made 60 a second of them where it was measured. */
const inMemory = '/dev/shm';
const onAws = (
  name: string,
  host: string,
  exclude: readonly string[],
  environment: Record<string, string> = {},
): TestProjectInlineConfiguration => ({
  extends: true,
  test: {
    ...e2e,
    name,
    include: ['test/e2e/*.e2e.test.ts'],
    exclude: [...serverOnlyFiles, ...exclude],
    env: { ...environment, ERRAND_E2E_HOST: host, ERRAND_E2E_RECORD: awsCallsFile },
  },
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
      { extends: true, test: { ...e2e, name: 'e2e', include: endingIn('e2e') } },
      // The same files against the AWS host, but for what host-differences.ts lists; on the second engine those that ask something of it.
      onAws('e2e-aws', 'aws-dynoxide', []),
      onAws(
        'e2e-aws-local',
        'aws-dynamodb-local',
        isDynoxideInstalled() ? alikeOnEveryEngine : [],
        existsSync(inMemory) ? { TMPDIR: inMemory } : {},
      ),
      {
        extends: true,
        test: { name: 'extended', include: endingIn('extended'), pool: 'forks', maxWorkers: 2, testTimeout: 900_000, hookTimeout: 60_000 },
      },
    ],
  },
});
