import { createHash } from 'node:crypto';
import type { Secrets } from '../../src/server/secret-files.ts';
import type { Settings } from '../../src/server/settings.ts';
import { region } from './stack/intrinsics.ts';
import type { Stack } from './stack/stack.ts';

/** Which secret each variable names; the value of a secret is what the variable without `_ARN` holds on the server. */
const secretVariables = {
  ERRAND_SIGNING_SECRET_ARN: ({ signing }) => signing.join(' '),
  ERRAND_SEALING_KEYS_ARN: ({ sealing }) => base64List(sealing),
  ERRAND_TOKEN_KEYS_ARN: ({ token }) => base64List(token),
} as const satisfies Readonly<Record<string, (secrets: Secrets) => string>>;

const base64List = (keys: readonly Uint8Array[]): string => keys.map((key) => Buffer.from(key).toString('base64')).join(',');

/** The secrets of the stack by their ARN. */
export function secretValues(stack: Stack, secrets: Secrets): ReadonlyMap<string, string> {
  const named = stack.functions.flatMap(({ Environment }) =>
    Object.entries(secretVariables).flatMap(([variable, value]) => {
      const arn = Environment.Variables[variable];
      return arn === undefined ? [] : [[arn, value(secrets)] as const];
    }),
  );
  return new Map(named);
}

/** What the settings of the server mean to a function; only variables that the template gives it are replaced. */
export function environmentOf(
  variables: Readonly<Record<string, string>>,
  settings: Settings,
  url: string,
): Readonly<Record<string, string>> {
  const own: Readonly<Record<string, string>> = {
    ERRAND_AUTH: settings.apiKeys.length === 0 ? 'open' : 'api-keys',
    ERRAND_API_KEY_HASHES: settings.apiKeys.map((key) => createHash('sha256').update(key).digest('hex')).join(','),
    ERRAND_EGRESS: settings.egress,
    ERRAND_PUBLIC_URL: settings.publicUrl ?? url,
    ERRAND_LOG_LEVEL: settings.logLevel,
  };
  return Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, own[name] ?? value]));
}

/** Points every client of the AWS SDK in this process to the emulators, whatever account the machine knows. */
export function pointClients(endpoints: { readonly dynamodb: string; readonly sqs: string; readonly others: string }): void {
  Object.assign(process.env, {
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_SESSION_TOKEN: '',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_ENDPOINT_URL_DYNAMODB: endpoints.dynamodb,
    AWS_ENDPOINT_URL_DYNAMODB_STREAMS: endpoints.dynamodb,
    AWS_ENDPOINT_URL_SQS: endpoints.sqs,
    AWS_ENDPOINT_URL_EVENTBRIDGE: endpoints.others,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: endpoints.others,
  });
}
