import { lookup } from 'node:dns/promises';
import { writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiAnswer, type Client, createClient } from './harness/client.ts';
import { type Environment, type Errand, startErrand, temporaryFolder } from './harness/errand.ts';
import { hostName } from './harness/host.ts';
import { exchangeRaw, type RawAnswer } from './harness/raw-socket.ts';
import { startTarget, type Target } from './harness/target.ts';

const running: Errand[] = [];
let target: Target;

async function start(environment: Environment = {}): Promise<Errand> {
  const errand = await startErrand({ environment, dataDir: ':memory:' });
  running.push(errand);
  return errand;
}

beforeAll(async () => {
  target = await startTarget();
});
afterAll(async () => {
  await Promise.all(running.map((errand) => errand.stop()));
  await target.close();
});

describe('with API keys', () => {
  const keys = ['first-key', 'second.key~/+='];
  let errand: Errand;
  let client: Client;
  beforeAll(async () => {
    errand = await start({ ERRAND_API_KEYS: ` ${keys[0]} , ${keys[1]},` });
    client = createClient(errand.url);
  });
  const bearer = (key: string) => ({ headers: { authorization: `Bearer ${key}` } });

  const guarded: readonly (readonly [method: string, path: string, body: unknown])[] = [
    ['GET', '/tasks', undefined],
    ['POST', '/tasks', { request: { url: 'http://127.0.0.1:9/' } }],
    ['POST', '/tasks/batch', { tasks: [] }],
    ['GET', '/tasks/x', undefined],
    ['HEAD', '/tasks/x', undefined],
    ['PATCH', '/tasks/x', { delay: 1 }],
    ['DELETE', '/tasks/x', undefined],
    ['GET', '/tasks/x/status', undefined],
    ['GET', '/tasks/x/result', undefined],
    ['GET', '/tasks/x/events', undefined],
    ['POST', '/tasks/x/cancel', undefined],
    ['PUT', '/tasks/x/cancel', undefined],
    ['POST', '/tasks/x/run', undefined],
    ['POST', '/tasks/x/retry', undefined],
    ['POST', '/tasks/x/redeliver', undefined],
    ['GET', '/stats', undefined],
    ['GET', '/events', undefined],
  ];
  test.each(guarded)('%s %s asks for one', async (method, path, body) => {
    const none = await client.request(method, path, body);
    expect(none.status).toBe(401);
    expect(none.headers.get('www-authenticate')).toMatch(/^Bearer/);
    expect(none.headers.get('content-type')).toBe('application/problem+json');
    if (method !== 'HEAD') expect(none.body).toMatchObject({ type: 'about:blank', title: 'Unauthorized', status: 401 });
    for (const key of ['wrong', 'first-ke', 'first-keyx', 'FIRST-KEY', 'first-key,second.key~/+=', '']) {
      expect((await client.request(method, path, body, bearer(key))).status, key).toBe(401);
    }
  });

  test.each(keys)('%s opens every route', async (key) => {
    const answer = await client.get('/tasks', bearer(key));
    expect(answer.status).toBe(200);
    expect((await client.get('/tasks/nobody', bearer(key))).status).toBe(404);
    expect((await client.get('/stats', { headers: { authorization: `bearer ${key}` } })).status).toBe(200);
  });

  test('other ways to send one are not taken', async () => {
    const [key = ''] = keys;
    const basic = `Basic ${Buffer.from(`:${key}`).toString('base64')}`;
    for (const authorization of [key, basic, `Bearer ${key} ${key}`, `Bearer${key}`]) {
      expect((await client.get('/tasks', { headers: { authorization } })).status, authorization).toBe(401);
    }
    expect((await client.get(`/tasks?api_key=${key}`)).status).toBe(401);
    expect((await client.get('/tasks', { headers: { 'x-api-key': key } })).status).toBe(401);
  });

  test('health is open, and a wrong key does not close it', async () => {
    expect((await client.get('/health')).body).toMatchObject({ status: 'ok', host: hostName });
    expect((await client.get('/health', bearer('wrong'))).status).toBe(200);
  });

  test('answer routes are open, and say nothing without a genuine token', async () => {
    for (const ending of ['', '/fail', '/heartbeat']) expect((await client.post(`/tasks/x/callback/y${ending}`, {})).status).toBe(404);
  });

  test('Host and Origin may be any', async () => {
    const headers = { authorization: `Bearer ${keys[0]}`, origin: 'https://elsewhere.example' };
    expect((await client.get('/tasks', { headers })).status).toBe(200);
    const raw = `GET /tasks HTTP/1.1\r\nhost: elsewhere.example\r\nauthorization: Bearer ${keys[0]}\r\n\r\n`;
    expect((await exchangeRaw(errand.url, raw)).status).toBe(200);
  });

  test('an Idempotency-Key belongs to the key it was sent with', async () => {
    const body = { delay: '1h', request: { url: 'http://127.0.0.1:9/' } };
    const send = (key: string) => client.post('/tasks', body, { headers: { ...bearer(key).headers, 'idempotency-key': 'same' } });
    const [first, again, other] = [await send(keys[0] ?? ''), await send(keys[0] ?? ''), await send(keys[1] ?? '')];
    expect([first.status, again.status, other.status]).toEqual([201, 200, 201]);
    expect(again.body.id).toBe(first.body.id);
    expect(other.body.id).not.toBe(first.body.id);
  });

  test('none of them is ever said back', async () => {
    const answers = [
      await client.get('/health'),
      await client.get('/tasks', bearer('wrong')),
      await client.get('/tasks', bearer(keys[0] ?? '')),
    ];
    for (const { text } of answers) expect(text).not.toContain(keys[0]);
    expect(errand.stderr()).not.toContain(keys[0]);
  });
});

describe('without API keys', () => {
  let errand: Errand;
  let port: string;
  beforeAll(async () => {
    errand = await start({ ERRAND_PUBLIC_URL: 'https://errand.example:8443/base' });
    port = new URL(errand.url).port;
  });

  const ask = (headers: string, path = '/tasks', method = 'GET'): Promise<RawAnswer> =>
    exchangeRaw(errand.url, `${method} ${path} HTTP/1.1\r\n${headers.replaceAll('PORT', port)}content-length: 0\r\n\r\n`);
  const refused = (answer: RawAnswer, word: string): void => {
    expect(answer.status).toBe(403);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(JSON.parse(answer.body)).toMatchObject({ type: 'about:blank', title: 'Forbidden', status: 403 });
    expect(JSON.parse(answer.body).detail).toContain(word);
  };

  const ownHosts = [
    '127.0.0.1:PORT',
    '127.0.0.1',
    'localhost:PORT',
    'LOCALHOST',
    'localhost.:PORT',
    '[::1]:PORT',
    '127.1.2.3',
    'errand.example:8443',
    'Errand.Example:8443',
    'errand.example',
    'errand.example.:443',
    'errand.example:9999',
  ];
  test.each(ownHosts)('the own name is answered: %s', async (host) => {
    expect((await ask(`host: ${host}\r\n`)).status).toBe(200);
  });

  const foreignHosts = [
    'evil.example',
    'evil.example:PORT',
    '127.0.0.1.evil.example:PORT',
    'localhost.evil.example',
    'evil.example.localhost.evil',
    '127.0.0.1@evil.example',
    'evil.example#127.0.0.1',
    '10.0.0.1',
    '0.0.0.0:PORT',
    '[::]:PORT',
    '[::ffff:10.0.0.1]',
    'errand.example.evil.example',
    'evil-errand.example',
    '2130706434',
    'a, localhost',
    '',
  ];
  test.each(foreignHosts)('a foreign Host is refused: "%s"', async (host) => {
    refused(await ask(`host: ${host}\r\n`), 'Host');
    refused(await ask(`host: ${host}\r\n`, '/health'), 'Host');
    refused(await ask(`host: ${host}\r\n`, '/tasks', 'POST'), 'Host');
  });

  test('a foreign host in the address itself is refused, whatever the Host says, and an own one is answered', async () => {
    for (const foreign of ['http://evil.example', 'HTTP://evil.example:1', `http://localhost@evil.example`, 'https://10.0.0.1']) {
      refused(await ask('host: localhost:PORT\r\n', `${foreign}/tasks`), 'Host');
    }
    expect((await ask('host: localhost:PORT\r\n', `http://localhost:${port}/tasks`)).status).toBe(200);
  });

  test('a request of HTTP/1.0 without a Host is refused', async () => {
    refused(await exchangeRaw(errand.url, 'GET /tasks HTTP/1.0\r\n\r\n'), 'Host');
  });

  const ownOrigins: readonly (readonly [string, string])[] = [
    ['127.0.0.1:PORT', 'http://127.0.0.1:PORT'],
    ['localhost:PORT', 'http://localhost:PORT'],
    ['localhost:PORT', 'https://errand.example:8443'],
  ];
  test.each(ownOrigins)('with Host %s the own Origin is answered: %s', async (host, origin) => {
    expect((await ask(`host: ${host}\r\norigin: ${origin}\r\n`)).status).toBe(200);
  });

  const foreignOrigins = [
    'https://evil.example',
    'http://evil.example:PORT',
    'null',
    'http://localhost:1',
    'http://127.0.0.1:1',
    'http://localhost',
    'https://localhost:PORT',
    'http://localhost:PORT.evil.example',
    'http://localhost.evil.example:PORT',
    'chrome-extension://abcdefghijklmnop',
    'file://',
    'https://errand.example',
    'http://errand.example:8443',
    'garbage',
  ];
  test.each(foreignOrigins)('a foreign Origin is refused: %s', async (origin) => {
    for (const [path, method] of [
      ['/tasks', 'POST'],
      ['/tasks', 'GET'],
      ['/tasks', 'OPTIONS'],
      ['/tasks/x', 'DELETE'],
      ['/events', 'GET'],
      ['/health', 'GET'],
    ]) {
      refused(await ask(`host: localhost:PORT\r\norigin: ${origin}\r\n`, path, method), 'Origin');
    }
  });

  test('nothing invites other web pages', async () => {
    for (const headers of [
      'host: localhost:PORT\r\n',
      'host: localhost:PORT\r\norigin: http://localhost:PORT\r\n',
      'host: localhost:PORT\r\norigin: https://evil.example\r\n',
    ]) {
      expect(Object.keys((await ask(headers)).headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
  });

  test('a large body of a foreign page is refused readably', async () => {
    const answer = await createClient(errand.url).post('/tasks', undefined, {
      raw: ' '.repeat(3_000_000),
      headers: { origin: 'https://evil.example' },
    });
    expect(answer.status).toBe(403);
  });
});

describe('settings that cannot be', () => {
  const key = Buffer.alloc(32, 1).toString('base64');
  const short = Buffer.alloc(8, 1).toString('base64');
  const wrong: readonly (readonly [string, Environment])[] = [
    ['HOST', { HOST: '0.0.0.0' }],
    ['HOST', { HOST: '::' }],
    ['HOST', { HOST: '192.0.2.1' }],
    ['HOST', { HOST: '0.0.0.0', ERRAND_API_KEYS: ' , ' }],
    ['ERRAND_EGRESS', { ERRAND_EGRESS: 'private' }],
    ['ERRAND_PUBLIC_URL', { ERRAND_PUBLIC_URL: 'errand.example' }],
    ['ERRAND_PUBLIC_URL', { ERRAND_PUBLIC_URL: 'ftp://errand.example' }],
    ['ERRAND_PUBLIC_URL', { ERRAND_PUBLIC_URL: 'http://u:p@errand.example' }],
    ['ERRAND_PUBLIC_URL', { ERRAND_PUBLIC_URL: 'https://errand.example/?q' }],
    ['ERRAND_CONCURRENCY', { ERRAND_CONCURRENCY: '0' }],
    ['ERRAND_CONCURRENCY', { ERRAND_CONCURRENCY: 'many' }],
    ['ERRAND_CONCURRENCY', { ERRAND_CONCURRENCY: '1.5' }],
    ['ERRAND_SIGNING_SECRET', { ERRAND_SIGNING_SECRET: 'secret-text' }],
    ['ERRAND_SIGNING_SECRET', { ERRAND_SIGNING_SECRET: `whsec_${key} whsec_?` }],
    ['ERRAND_SIGNING_SECRET', { ERRAND_SIGNING_SECRET: 'whsec_' }],
    ['ERRAND_SEALING_KEYS', { ERRAND_SEALING_KEYS: short }],
    ['ERRAND_SEALING_KEYS', { ERRAND_SEALING_KEYS: `${key},secret-text!` }],
    ['ERRAND_TOKEN_KEYS', { ERRAND_TOKEN_KEYS: 'secret-text' }],
    ['ERRAND_LOG_LEVEL', { ERRAND_LOG_LEVEL: 'loud' }],
  ];
  test.concurrent.each(wrong)('end the process with a message that names %s: %o', async (name, environment) => {
    const ended = await startErrand({ environment, dataDir: ':memory:' }).then(
      async (errand) => {
        await errand.stop();
        return 'it started';
      },
      (error: Error) => error.message,
    );
    expect(ended).toMatch(/^Errand ended with 1 before it was ready: /);
    expect(ended).toContain(name);
    // A line for whoever starts it, not a stack; and never the secret itself.
    expect(ended).not.toMatch(/^\s+at /m);
    expect(ended).not.toContain('secret-text');
    expect(ended).not.toContain(short);
  });

  test.concurrent('HOST says what to do about it', async () => {
    const message = await startErrand({ environment: { HOST: '0.0.0.0' }, dataDir: ':memory:' }).catch((error: Error) => error.message);
    expect(message).toContain('ERRAND_API_KEYS');
    expect(message).toContain('0.0.0.0');
  });

  test.concurrent.each([70_000, Number.NaN])('PORT is named: %i', async (port) => {
    await expect(startErrand({ port, dataDir: ':memory:' })).rejects.toThrow(/PORT/);
  });

  test.concurrent('a port that is taken, and a folder that is none, are told plainly', async () => {
    const port = Number(new URL(target.url).port);
    const taken = await startErrand({ port, dataDir: ':memory:' }).catch((error: Error) => error.message);
    expect(taken).toMatch(/ended with 1 .*(in use|EADDRINUSE)/s);
    const file = join(temporaryFolder(), 'file');
    writeFileSync(file, 'x');
    const noFolder = await startErrand({ dataDir: file }).catch((error: Error) => error.message);
    expect(noFolder).toMatch(/ended with 1/);
    expect(noFolder).toContain(file);
  });

  test.concurrent('with keys it may listen for everybody', async () => {
    const errand = await start({ HOST: '0.0.0.0', ERRAND_API_KEYS: 'k' });
    const url = `http://127.0.0.1:${new URL(errand.url).port}`;
    expect((await createClient(url).get('/tasks')).status).toBe(401);
    const client = createClient(url, { authorization: 'Bearer k' });
    expect((await client.get('/tasks')).status).toBe(200);
    // Reachable by others, it calls public addresses only, unless told otherwise.
    expect((await client.post('/tasks', { request: { url: 'http://127.0.0.1/' } })).status).toBe(400);
  });
});

describe('ERRAND_EGRESS=public', () => {
  let client: Client;
  beforeAll(async () => {
    client = createClient((await start({ ERRAND_EGRESS: 'public' })).url);
  });

  const literals = [
    '127.0.0.1',
    '127.1',
    '127.255.255.254',
    '0x7f.1',
    '0x7f000001',
    '2130706433',
    '017700000001',
    '0177.0.0.1',
    '%31%32%37.0.0.1',
    '１２７.０.０.１',
    '127。0。0。1',
    '127.0.0.1.',
    '0.0.0.0',
    '0',
    '10.0.0.1',
    '10.255.255.255',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '100.64.0.1',
    '169.254.169.254',
    '0xa9fea9fe',
    '168.63.129.16',
    '192.0.0.1',
    '192.0.2.1',
    '198.18.0.1',
    '198.51.100.1',
    '203.0.113.1',
    '224.0.0.1',
    '240.0.0.1',
    '255.255.255.255',
    '[::1]',
    '[::]',
    '[0:0:0:0:0:0:0:1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[::ffff:8.8.8.8]',
    '[::127.0.0.1]',
    '[64:ff9b::7f00:1]',
    '[64:ff9b::8.8.8.8]',
    '[64:ff9b:1::1]',
    '[2002:7f00:1::]',
    '[2001:0:4136:e378:8000:63bf:3fff:fdd2]',
    '[fc00::1]',
    '[fd12:3456::1]',
    '[fe80::1]',
    '[fec0::1]',
    '[ff02::1]',
    '[2001:db8::1]',
    '[fd00:ec2::254]',
    'localhost',
    'LocalHost',
    'localhost.',
    'sub.localhost',
  ];
  test.each(literals)('refuses %s when it is asked for', async (host) => {
    for (const url of [`http://${host}/`, `https://${host}:8443/x`]) {
      const asRequest = await client.post('/tasks', { request: { url } });
      expect(asRequest.status, asRequest.text).toBe(400);
      expect(asRequest.body.errors[0].path).toBe('request.url');
      const asCallback = await client.post('/tasks', { delay: '1h', request: { url: 'https://example.com/' }, callback: { url } });
      expect(asCallback.status, asCallback.text).toBe(400);
      expect(asCallback.body.errors[0].path).toBe('callback.url');
    }
  });

  test('refuses them in a change and in a batch too', async () => {
    await client.post('/tasks', { id: 'later', delay: '1h', request: { url: 'https://example.com/' } });
    const url = 'http://[::ffff:10.0.0.1]/';
    expect((await client.patch('/tasks/later', { request: { url } })).body.errors[0].path).toBe('request.url');
    expect((await client.patch('/tasks/later', { callback: { url } })).body.errors[0].path).toBe('callback.url');
    expect((await client.post('/tasks/batch', { tasks: [{ request: { url } }] })).body.results[0].status).toBe(400);
  });

  const routable = [
    'http://8.8.8.8/',
    'https://example.com/',
    'http://[2606:4700::1111]/',
    'http://127.0.0.1.example.com/',
    'http://1.1.1.1:8080/',
  ];
  test.each(routable)('takes %s', async (url) => {
    expect((await client.post('/tasks', { delay: '1h', request: { url } })).status).toBe(201);
  });

  test('fails a name that resolves to a private address at the attempt, for good; its callback alike', async () => {
    const name = await privateName();
    const url = `${target.url.replace('127.0.0.1', name)}/inside`;
    const retry = { maxAttempts: 5, backoff: 'fixed', initialDelay: 1 };
    const created = await client.post('/tasks', { id: 'resolved', request: { url }, retry, callback: { url: `${url}-told` } });
    expect(created.status, created.text).toBe(201);
    const task: ApiAnswer['body'] = await client.taskWhen('resolved', 'told', ({ callback }) => callback?.status === 'failed');
    expect(task).toMatchObject({ status: 'failed', attempt: 1, error: { kind: 'egress' } });
    expect(task.callback).toMatchObject({ status: 'failed', attempt: 1, error: { kind: 'egress' } });
    expect(task.callback).not.toHaveProperty('nextAttemptAt');
    expect(target.receipts()).toHaveLength(0);
  });
});

/** A name, other than localhost, that this machine resolves to addresses of its own only. */
async function privateName(): Promise<string> {
  for (const name of [hostname(), 'ip6-localhost', 'ip6-loopback', 'localhost.localdomain', 'localhost4', 'localhost6']) {
    if (!/^[a-z0-9.-]*[a-z][a-z0-9.-]*$/i.test(name)) continue;
    const found = await lookup(name, { all: true }).catch(() => []);
    if (
      found.length > 0 &&
      found.every(({ address }) =>
        /^(?:127\.|10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|::1$|f[cde])/.test(address),
      )
    )
      return name;
  }
  throw new Error('this machine has no name of its own: add "127.0.0.1 localhost.localdomain" to /etc/hosts');
}
