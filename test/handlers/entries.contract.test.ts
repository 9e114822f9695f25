import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { InvalidEnvironment } from '../../src/handlers/environment.ts';
import type { Create } from '../../src/handlers/lambda.ts';

const entries = ['callback', 'commands', 'dispatch', 'ingest', 'project', 'queries', 'repair', 'sweep', 'wake', 'wake-long'] as const;

const environment = {
  ERRAND_EVENTS_TABLE: 'events',
  ERRAND_BODIES_TABLE: 'bodies',
  ERRAND_VIEWS_TABLE: 'views',
  ERRAND_WAKE_QUEUE_URL: 'http://127.0.0.1:1/wake',
  ERRAND_WAKE_LONG_QUEUE_URL: 'http://127.0.0.1:1/wake-long',
  ERRAND_REPAIR_QUEUE_URL: 'http://127.0.0.1:1/repair',
  ERRAND_INGEST_DEAD_LETTERS_URL: 'http://127.0.0.1:1/refused',
  ERRAND_BUS_NAME: 'tasks',
  ERRAND_SIGNING_SECRET_ARN: 'arn:signing',
  ERRAND_SEALING_KEYS_ARN: 'arn:sealing',
  ERRAND_TOKEN_KEYS_ARN: 'arn:token',
  ERRAND_AUTH: 'api-keys',
  ERRAND_API_KEY_HASHES: '',
  ERRAND_EGRESS: 'public',
  ERRAND_PUBLIC_URL: 'https://errand.example',
  ERRAND_SHARDS: '2',
  ERRAND_COUNTERS: '2',
  ERRAND_PUBLISHED_TYPES: '',
  ERRAND_LOG_LEVEL: 'silent',
};

/** What each secret holds: as the stack makes it, as the server takes it, and several during a rotation. */
const secrets = new Map([
  ['arn:signing', 'ab'.repeat(32)],
  ['arn:sealing', Buffer.alloc(32, 1).toString('base64')],
  ['arn:token', `${Buffer.alloc(32, 2).toString('base64')} ${'cd'.repeat(32)}`],
]);

/** Secrets Manager, as far as reading goes. */
let manager: Server;
const asked: string[] = [];

beforeAll(async () => {
  manager = createServer((request, response) => {
    request.setEncoding('utf8').once('data', (body: string) => {
      const { SecretId } = JSON.parse(body);
      asked.push(SecretId);
      const text = secrets.get(SecretId);
      response.writeHead(text === undefined ? 400 : 200, { 'content-type': 'application/x-amz-json-1.1' });
      response.end(JSON.stringify(text === undefined ? { __type: 'ResourceNotFoundException' } : { ARN: SecretId, SecretString: text }));
    });
  }).listen(0, '127.0.0.1');
  await once(manager, 'listening');
  const address = manager.address();
  vi.stubEnv('AWS_ENDPOINT_URL_SECRETS_MANAGER', `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`);
  vi.stubEnv('AWS_REGION', 'eu-west-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'local');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'local');
});

afterAll(async () => {
  vi.unstubAllEnvs();
  manager.closeAllConnections();
  manager.close();
  await once(manager, 'close');
});

const load = (entry: string): Promise<{ readonly create: Create; readonly handler: unknown }> => import(`../../src/handlers/${entry}.ts`);
const context = { getRemainingTimeInMillis: () => 900_000 };

describe('each function', () => {
  test.each(entries)('%s names everything that its environment lacks', async (entry) => {
    const { create } = await load(entry);

    await expect(create({})).rejects.toThrow(InvalidEnvironment);
    await expect(create({})).rejects.toThrow('ERRAND_LOG_LEVEL');
    const { ERRAND_LOG_LEVEL: _gone, ...rest } = environment;
    await expect(create(rest)).rejects.toThrow('ERRAND_LOG_LEVEL must be');
  });

  test.each(entries)('%s is wired from its environment, and exports what Lambda calls', async (entry) => {
    const { create, handler } = await load(entry);

    expect(await create(environment)).toBeTypeOf('function');
    expect(handler).toBeTypeOf('function');
  });

  test.each(['dispatch', 'project', 'repair', 'wake', 'wake-long', 'callback', 'ingest'])(
    '%s has nothing to do with an empty batch',
    async (entry) => {
      const handle = await (await load(entry)).create(environment);

      expect(await handle({ Records: [] }, context)).toEqual({ batchItemFailures: [] });
    },
  );

  test.each([
    ['callback', ['arn:sealing', 'arn:signing']],
    ['commands', ['arn:sealing', 'arn:token']],
    ['wake', ['arn:sealing', 'arn:signing', 'arn:token']],
    ['wake-long', ['arn:sealing', 'arn:signing', 'arn:token']],
    ['ingest', ['arn:sealing']],
    ['queries', []],
    ['dispatch', []],
    ['project', []],
    ['sweep', []],
    ['repair', []],
  ])('%s reads the secrets %j and no other', async (entry, expected) => {
    asked.length = 0;

    await (await load(entry)).create(environment);

    expect(asked.toSorted()).toEqual(expected);
  });

  test('that finds no usable secret says which, and nothing of what it holds', async () => {
    const { create } = await load('commands');
    secrets.set('arn:short', 'abcdef');

    await expect(create({ ...environment, ERRAND_SEALING_KEYS_ARN: 'arn:short' })).rejects.toThrow(/ERRAND_SEALING_KEYS_ARN/);
    await expect(create({ ...environment, ERRAND_SEALING_KEYS_ARN: 'arn:short' })).rejects.not.toThrow(/abcdef/);
    await expect(create({ ...environment, ERRAND_SEALING_KEYS_ARN: 'arn:none' })).rejects.toThrow();
  });
});

describe('the two functions of the API', () => {
  const request = (method: string, path: string) => ({
    rawPath: path,
    rawQueryString: '',
    headers: {},
    requestContext: { http: { method }, stage: '$default' },
    isBase64Encoded: false,
  });

  test('say that they run on AWS, and which version', async () => {
    const handle = await (await load('queries')).create(environment);

    expect(await handle(request('GET', '/health'), context)).toMatchObject({
      statusCode: 200,
      body: expect.stringMatching(/^\{"status":"ok","version":"\d+\.\d+\.\d+","host":"aws"\}$/),
    });
  });

  test('let nobody in without a key, also while there are no keys', async () => {
    for (const [entry, method] of [
      ['queries', 'GET'],
      ['commands', 'POST'],
    ] as const) {
      const handle = await (await load(entry)).create(environment);

      expect(await handle(request(method, '/tasks'), context)).toMatchObject({ statusCode: 401 });
    }
  });
});
