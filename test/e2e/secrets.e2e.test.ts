import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Client, createClient } from './harness/client.ts';
import { type Environment, type Errand, startErrand, temporaryFolder } from './harness/errand.ts';
import { openEventSource } from './harness/event-source.ts';
import { runsHere } from './harness/host.ts';
import { runScript } from './harness/script.ts';
import { startTarget, type Target } from './harness/target.ts';
import { until } from './harness/until.ts';

/** Every secret of this file begins with it, so that one search finds them all, also those cut short. */
const marker = 'm4rkerOfSecrets';
const secret = (name: string): string => `${marker}-${name}-${randomBytes(6).toString('hex')}`;
/** Not a secret: where it is not found either, the search is blind. */
const open = 'openToEverybody';

const apiKey = secret('api-key');
/** 24 bytes and more: the marker itself is part of the key, in base64 as keys are given. */
const keyOf = (name: string): string => Buffer.from(`${marker}-${name}`.padEnd(32, 'x').slice(0, 32)).toString('base64');
const environment: Environment = {
  ERRAND_API_KEYS: apiKey,
  ERRAND_SIGNING_SECRET: `whsec_${keyOf('sign')}`,
  ERRAND_SEALING_KEYS: keyOf('seal'),
  ERRAND_TOKEN_KEYS: keyOf('token'),
  ERRAND_LOG_LEVEL: 'debug',
};

/** A secret in plain, in hex, and in the three ways in which base64 may show what stands within it. */
function spellings(text: string): string[] {
  const bytes = Buffer.from(text);
  const inBase64 = [0, 1, 2].map((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64url');
    // The first and last characters depend on what stands beside it.
    return encoded.slice(shift === 0 ? 0 : shift + 1, -3);
  });
  return [text, bytes.toString('hex'), ...inBase64];
}

let tokens: string[] = [];

function expectNoSecret(what: string, content: string | Buffer): void {
  const text = typeof content === 'string' ? content : content.toString('latin1');
  const found = [...spellings(marker), ...tokens].filter(
    (spelling) => text.includes(spelling) || text.includes(spelling.replaceAll('-', '+').replaceAll('_', '/')),
  );
  expect(found, what).toEqual([]);
}

let errand: Errand;
let target: Target;
let client: Client;

beforeAll(async () => {
  target = await startTarget();
  errand = await startErrand({ environment, dataDir: temporaryFolder() });
  client = createClient(errand.url, { authorization: `Bearer ${apiKey}` });
});
afterAll(async () => {
  await errand.stop();
  await target.close();
});

/** A request that carries a secret in each of the ways there are. */
const request = (path: string) => ({
  url: `${target.url}${path}`,
  headers: {
    Authorization: `Bearer ${secret('authorization')}`,
    'Proxy-Authorization': `Basic ${secret('proxy')}`,
    Cookie: `session=${secret('cookie')}`,
    'X-Api-Key': secret('x-api-key'),
    'X-Mine': secret('mine'),
    'X-Open': open,
  },
  secretHeaders: ['x-mine'],
  body: { [open]: true },
});
const listed = (path: string) => {
  const { headers, ...rest } = request(path);
  return { ...rest, headers: Object.entries(headers).map(([key, value]) => ({ key, value })) };
};

const answers: (readonly [string, string])[] = [];

async function ask(method: string, path: string, body?: unknown, expected?: number): Promise<void> {
  const { status, text } = await client.request(method, path, body);
  if (expected !== undefined) expect(status, `${method} ${path}: ${text}`).toBe(expected);
  answers.push([`${method} ${path}`, text]);
}

describe('what is secret', () => {
  test('goes to the targets', async () => {
    target.on('/async', () => ({ status: 202 }));
    target.on('/fails', () => ({ status: 400 }));
    target.on('/retried', (_receipt, _response, nth) => ({ status: nth === 1 ? 503 : 200 }));
    const retry = { maxAttempts: 2, backoff: 'fixed', initialDelay: 1 };
    await ask('POST', '/tasks', { id: 's1', request: request('/plain'), callback: { ...request('/told'), body: undefined } }, 201);
    await ask('POST', '/tasks', { id: 's2', request: listed('/fails'), retry }, 201);
    await ask('POST', '/tasks', { id: 's3', request: request('/retried'), retry }, 201);
    await ask('POST', '/tasks', { id: 's4', request: request('/async'), strategy: 'async' }, 201);
    await ask('POST', '/tasks', { id: 's5', request: { ...request('/refused'), url: 'http://127.0.0.1:9/' }, retry }, 201);
    await ask('POST', '/tasks', { id: 's6', delay: '1h', request: request('/later') }, 201);
    await ask('PATCH', '/tasks/s6', { request: request('/changed') }, 200);
    await ask('POST', '/tasks/s6/run', undefined, 200);
    await ask(
      'POST',
      '/tasks/batch',
      {
        tasks: [
          { id: 's7', request: request('/plain') },
          { id: 's8', delay: '1h', request: listed('/plain') },
        ],
      },
      200,
    );
    await ask(
      'POST',
      '/schedules',
      { id: 's', every: '1h', task: { request: request('/scheduled'), callback: { ...request('/scheduled'), body: undefined } } },
      201,
    );
    await ask('PATCH', '/schedules/s', { task: { request: listed('/scheduled') } }, 200);
    await ask('POST', '/schedules/s/trigger', undefined, 201);
    const step = (path: string) => ({
      task: { request: request(path) },
      check: { request: request(`${path}-check`) },
      fallback: { request: request(path) },
    });
    await ask('POST', '/orchestrations', { id: 'o', delay: '1h', steps: [step('/later')] }, 201);
    await ask(
      'PATCH',
      '/orchestrations/o',
      { delay: 0, steps: [step('/step-1'), step('/step-2')], callback: { ...request('/step-told'), body: undefined } },
      200,
    );

    for (const path of [
      '/plain',
      '/told',
      '/fails',
      '/retried',
      '/async',
      '/changed',
      '/scheduled',
      '/step-1',
      '/step-1-check',
      '/step-2-check',
      '/step-told',
    ]) {
      const [receipt] = await target.received(path, 1, 30_000);
      for (const name of ['authorization', 'proxy-authorization', 'cookie', 'x-api-key', 'x-mine']) {
        expect(String(receipt?.headers[name]), `${path} ${name}`).toContain(marker);
      }
    }
    await Promise.all(['s1', 's2', 's3', 's5', 's6', 's7'].map((id) => client.taskFinished(id)));
    tokens = target.receipts('/async').map(({ headers }) => String(headers['errand-callback-url']).split('/').at(-1) ?? '');
    expect(tokens[0]?.length).toBeGreaterThan(40);
    await ask('POST', `/tasks/s4/callback/${tokens[0]}/heartbeat`, undefined, 200);
    await ask('POST', `/tasks/s4/callback/${tokens[0]}`, { answer: open }, 200);
    await ask('POST', '/tasks/s1/redeliver', undefined, 200);
  });

  test('comes back in no read', async () => {
    for (const id of ['s1', 's2', 's3', 's4', 's5', 's6', 's7', 's8', 's.trigger-1', 'o.1', 'o.1.check.1', 'o.callback']) {
      for (const ending of ['', '?asOf=1', '/status', '/result', '/events']) await ask('GET', `/tasks/${id}${ending}`);
    }
    for (const path of ['/schedules/s', '/schedules/s/events', '/orchestrations/o', '/orchestrations/o/events'])
      await ask('GET', path, undefined, 200);
    await until('everything to be listed', async () => ((await client.get('/tasks?limit=100')).body.tasks.length >= 14 ? true : undefined));
    for (const path of ['/tasks?limit=100', '/schedules', '/orchestrations', '/stats', '/health', '/openapi.json', '/docs'])
      await ask('GET', path, undefined, 200);
    expect(answers.length).toBeGreaterThan(80);
    for (const [what, text] of answers) expectNoSecret(what, text);
    expect(answers.filter(([, text]) => text.includes(open)).length).toBeGreaterThan(20);
  });

  test('comes back in no refusal', async () => {
    const wrong = secret('wrong');
    const url = `${target.url}/wrong`;
    const requests: unknown[] = [
      { url, headers: { authorization: `${wrong}\n` } },
      { url, headers: { authorization: [wrong] } },
      { url, headers: { authorization: { [open]: wrong } } },
      { url, headers: { authorization: wrong, Authorization: wrong } },
      { url, headers: [{ key: 'authorization', value: `${wrong}\u0000` }] },
      { url, headers: [{ key: 'x-mine', value: wrong, extra: wrong }], secretHeaders: ['x-mine'] },
      { url, headers: `authorization: ${wrong}` },
      { url, headers: { authorization: wrong }, body: 1, bodyBase64: wrong },
      { url: `http://${wrong}:${wrong}@example.com/` },
      { url: `ftp://example.com/${wrong}` },
      { url, method: wrong },
    ];
    for (const refused of requests) {
      const before = answers.length;
      await ask('POST', '/tasks', { request: refused }, 400);
      await ask('POST', '/schedules', { every: '1h', task: { request: refused } }, 400);
      await ask('POST', '/orchestrations', { steps: [{ task: { request: refused } }] }, 400);
      await ask('PATCH', '/tasks/s8', { request: refused }, 400);
      for (const [what, text] of answers.slice(before)) expectNoSecret(`${what} ${JSON.stringify(refused)}`, text);
    }
    const unknown = createClient(errand.url, { authorization: `Bearer ${wrong}` });
    expectNoSecret('401', (await unknown.get('/tasks')).text);
    const broken = await client.post('/tasks', undefined, { raw: `{"request":{"url":"${url}","headers":{"authorization":"${wrong}"}` });
    expect(broken.status).toBe(400);
    expectNoSecret('broken JSON', broken.text);
    expectNoSecret('a token of another task', (await client.post(`/tasks/s1/callback/${tokens[0]}`, {})).text);
  });

  test.runIf(runsHere('server-sent events'))('is in no event that is streamed', async () => {
    const stream = await openEventSource(`${errand.url}/events?after=0`, { authorization: `Bearer ${apiKey}` });
    await until('the events', () => (stream.events.some(({ event }) => event === 'CallbackReopened') ? true : undefined));
    expectNoSecret('server-sent events', JSON.stringify(stream.events));
    expect(JSON.stringify(stream.events)).toContain(open);
    await stream.close();
  });

  test('is not written to the log of the process, however much it tells', async () => {
    expectNoSecret('standard error', errand.stderr());
    expectNoSecret('standard output', errand.stdout());
    expect(errand.stdout()).toContain(errand.url);
  });

  test.runIf(runsHere('moving the log'))('lies in no file, and is in no export', async () => {
    const { dataDir } = errand;
    const look = (folder: string): string =>
      readdirSync(folder)
        .map((name) => {
          const content = readFileSync(join(folder, name));
          expectNoSecret(name, content);
          return content.toString('latin1');
        })
        .join('');
    // Once as it is written, with what still lies in the write-ahead logs, and once as it is left.
    expect(look(dataDir)).toContain(open);
    await errand.stop();
    expect(look(dataDir)).toContain(open);
    const folder = temporaryFolder();
    const exported = await runScript('src/operator/export.ts', ['--to', join(folder, 'log.jsonl')], {
      ...environment,
      ERRAND_DATA_DIR: dataDir,
    });
    expect(exported.code, exported.stderr).toBe(0);
    expectNoSecret('what the export says', exported.stdout + exported.stderr);
    expect(look(folder)).toContain(open);
  });
});

test('the search sees a secret in each spelling', () => {
  const within = `before${secret('x')}after`;
  for (const shift of ['', 'a', 'ab']) {
    const bytes = Buffer.from(shift + within);
    for (const text of [bytes.toString(), bytes.toString('hex'), bytes.toString('base64'), bytes.toString('base64url')]) {
      expect(() => expectNoSecret('a planted one', text)).toThrow();
    }
  }
  expectNoSecret('nothing', open);
});
