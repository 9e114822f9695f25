import type { Environment } from '../handlers/environment.ts';
import type { LogHost, Tell } from './log-host.ts';
import { Refused } from './refused.ts';
import { openServerHost } from './server-host.ts';

const tableVariables = ['ERRAND_EVENTS_TABLE', 'ERRAND_BODIES_TABLE', 'ERRAND_VIEWS_TABLE'] as const;

/** Whether the environment names the tables of the AWS host. Some of them alone is a mistake. */
function namesTables(environment: Environment): boolean {
  const missing = tableVariables.filter((name) => !environment[name]);
  if (missing.length === tableVariables.length) return false;
  if (missing.length > 0) throw new Refused(`${missing.join(' and ')} must be set as well: the AWS host has three tables`);
  return true;
}

/** The host that the environment names: that of DynamoDB if it names its tables, else the server's data directory. */
export async function openHost(environment: Environment, options: { readonly make: boolean; readonly tell: Tell }): Promise<LogHost> {
  if (!namesTables(environment)) return openServerHost(environment, options);
  // Loaded only where it is needed: the AWS SDK takes longer to load than a small log to read.
  const { openAwsHost } = await import('./aws-host.ts');
  return openAwsHost(environment);
}

/** For `--help`. */
export const environmentUsage = `The environment says which host's log it is:
  ERRAND_DATA_DIR (default .errand)                     the server's data directory, on which no server may be running
  ERRAND_EVENTS_TABLE, ERRAND_BODIES_TABLE,
  ERRAND_VIEWS_TABLE, ERRAND_SHARDS, ERRAND_COUNTERS    the AWS host's tables, as its functions have them (their credentials and
                                                        region are found as the AWS SDK finds them); no function may be at work`;
