import { DescribeTableCommand } from '@aws-sdk/client-dynamodb';
import { PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { ListQueuesCommand } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { dynamoClient, eventBridgeClient, secretsClient, sqsClient } from '../../../src/adapters/aws/clients.ts';
import { failureKind } from '../../../src/adapters/aws/failures.ts';
import { readSecret } from '../../../src/adapters/aws/secrets.ts';
import { type Fault, type FaultyService, startFaultyService } from '../../support/faulty-service.ts';

const requests = {
  DynamoDB: () => dynamoClient().send(new DescribeTableCommand({ TableName: 'events' })),
  SQS: () => sqsClient().send(new ListQueuesCommand({})),
  EventBridge: () => eventBridgeClient().send(new PutEventsCommand({ Entries: [{ Source: 'errand' }] })),
};
const services = Object.entries(requests);

async function failureOf(request: Promise<unknown>): Promise<unknown> {
  return request.then(
    () => expect.unreachable('the request succeeded'),
    (error: unknown) => error,
  );
}

describe('clients of AWS, told everything else by the environment', () => {
  let service: FaultyService;
  let fault: Fault;

  beforeEach(async () => {
    service = await startFaultyService(null, () => fault);
    vi.stubEnv('AWS_ENDPOINT_URL', service.endpoint);
    vi.stubEnv('AWS_REGION', 'eu-west-1');
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'local');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'local');
  });
  afterEach(async () => {
    vi.useRealTimers();
    vi.unstubAllEnvs();
    await service.close();
  });

  test.each(services)('%s: a request without an answer ends after three seconds, as one that may be repeated', async (_name, send) => {
    fault = 'silence';
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    let ended = false;
    const failure = failureOf(send()).finally(() => {
      ended = true;
    });
    await service.arrived(1);

    await vi.advanceTimersByTimeAsync(2_900);
    expect(ended).toBe(false);
    await vi.advanceTimersByTimeAsync(200);

    expect(failureKind(await failure)).toBe('transient');
  });

  test.each(
    services.flatMap(([name, send]) => (['throttled', 'unavailable', 'not sent'] as const).map((each) => [name, each, send] as const)),
  )('%s: a request that was %s is left to the adapter, which may try again', async (_name, each, send) => {
    fault = each;

    expect(failureKind(await failureOf(send()))).toBe('transient');

    expect(service.asked).toHaveLength(1);
  });

  test.each(services)('%s: what is not allowed is nothing to try again', async (_name, send) => {
    fault = 'forbidden';
    expect(failureKind(await failureOf(send()))).toBe('permanent');
  });

  test('Secrets Manager is asked again by the client itself', async () => {
    fault = 'unavailable';
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'], shouldAdvanceTime: true, advanceTimeDelta: 5 });
    const failure = failureOf(secretsClient().send(new GetSecretValueCommand({ SecretId: 'one' })));
    for (const tries of [1, 2, 3]) {
      await service.arrived(tries);
      await vi.advanceTimersByTimeAsync(2_000);
    }

    await failure;

    expect(service.asked).toHaveLength(3);
  });
});

describe('a secret', () => {
  const clientWith = (answer: object) => {
    const client = secretsClient();
    const asked: unknown[] = [];
    client.middlewareStack.add(
      () =>
        async ({ input }) => {
          asked.push(input);
          return { output: { $metadata: {}, ...answer }, response: undefined };
        },
      { step: 'initialize', priority: 'high' },
    );
    return { client, asked };
  };

  test('is read as text, in its current version', async () => {
    const { client, asked } = clientWith({ SecretString: 'whsec_c2VjcmV0' });

    expect(await readSecret(client, 'arn:one')).toBe('whsec_c2VjcmV0');
    expect(asked).toEqual([{ SecretId: 'arn:one' }]);
  });

  test.each([{}, { SecretString: '' }, { SecretBinary: new Uint8Array([7]) }])(
    'that holds no text is an error that names it',
    async (answer) => {
      await expect(readSecret(clientWith(answer).client, 'arn:one')).rejects.toThrow(/arn:one/);
    },
  );
});
