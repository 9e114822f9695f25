import { largestBodyOnAws, medianLatenessMs, type serverOnly } from './host-differences.ts';

/** Which host the end-to-end tests run against: the vitest project says so (vitest.config.ts). */
const hosts = {
  server: ['src/server/main.ts'],
  'aws-dynoxide': ['test/aws-host/main.ts', '--engine', 'dynoxide'],
  'aws-dynamodb-local': ['test/aws-host/main.ts', '--engine', 'dynamodb-local'],
} as const;

function isHost(name: string): name is keyof typeof hosts {
  return Object.hasOwn(hosts, name);
}

const chosen = process.env['ERRAND_E2E_HOST'] ?? 'server';
if (!isHost(chosen)) throw new Error(`ERRAND_E2E_HOST is ${chosen}, but there are only ${Object.keys(hosts).join(', ')}`);

const recordTo = process.env['ERRAND_E2E_RECORD'];
const [script, ...parts]: readonly [string, ...string[]] = hosts[chosen];
/** The script that starts the host. */
export const hostScript = script;
/** Its arguments. */
export const hostArguments: readonly string[] = chosen === 'server' || recordTo === undefined ? parts : [...parts, '--record', recordTo];
/** What the host calls itself in /health. */
export const hostName = chosen === 'server' ? 'server' : 'aws';
/** Half of a burst comes within these milliseconds. */
export const halfWithinMs: number = medianLatenessMs[hostName];
/** Larger bodies are refused before Errand has seen them, with 413 all the same. */
export const largestBody = chosen === 'server' ? Number.POSITIVE_INFINITY : largestBodyOnAws;

/** Whether tests about something that only the server has are run. */
export function runsHere(_difference: keyof typeof serverOnly): boolean {
  return chosen === 'server';
}
