import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Client, createClient } from './harness/client.ts';
import { type Errand, startErrand } from './harness/errand.ts';
import { type Receipt, startTarget, type Target } from './harness/target.ts';
import { until } from './harness/until.ts';
import { encodedId, header, newSecret, oldSecret, signatureByHand, verify } from './harness/webhook.ts';

let errand: Errand;
let target: Target;
let client: Client;

beforeAll(async () => {
  [errand, target] = await Promise.all([
    startErrand({ environment: { ERRAND_SIGNING_SECRET: `${newSecret} ${oldSecret}` } }),
    startTarget(),
  ]);
  client = createClient(errand.url);
});
afterAll(async () => {
  await errand.stop();
  await target.close();
});

/** Creates a task for a path of its own and gives back the first request that arrives there. */
async function send(path: string, request: object, task: object = {}): Promise<Receipt> {
  const created = await client.post('/tasks', { request: { url: target.url + path, ...request }, ...task });
  expect(created.status, created.text).toBe(201);
  const [receipt] = await target.received(path.split('?')[0] ?? path);
  if (receipt === undefined) throw new Error('nothing was received');
  return receipt;
}

describe('the headers that Errand adds', () => {
  const ids = [
    'plain-id_1',
    'order-42/reminder',
    'a.b~c',
    '~',
    '~2',
    '...',
    '.hidden',
    'with space',
    ' !"#$&\'()*+,-./:;<=>@[]^_`{|}~',
    'a//b/',
    '/leading',
    'a:b@c;d=e&f',
    '{"json":true}',
    'callback/x',
    'x'.repeat(200),
    '~'.repeat(200),
  ];
  test.each(ids)('name the task, whatever its id: %s', async (id) => {
    const path = `/id-${ids.indexOf(id)}`;
    const receipt = await send(path, { body: { of: id } }, { id });

    expect(header(receipt, 'webhook-id')).toBe(encodedId(id));
    expect(header(receipt, 'idempotency-key')).toBe(encodedId(id));
    expect(decodeURIComponent(header(receipt, 'errand-task-id') ?? '')).toBe(id);
    expect(header(receipt, 'errand-task-id')).toMatch(/^[!-~]+$/);
    verify(newSecret, receipt);
    const read = await client.get(client.path(id));
    expect(read.body.id).toBe(id);
  });

  test('give the time, both signatures with the newest first, the attempt and the sender', async () => {
    const begun = Math.floor(Date.now() / 1_000);
    const receipt = await send('/all', { body: { a: 1 } }, { id: 'all', retry: { maxAttempts: 3 } });

    const timestamp = Number(header(receipt, 'webhook-timestamp'));
    expect(timestamp).toBeGreaterThanOrEqual(begun);
    expect(timestamp).toBeLessThanOrEqual(Math.floor(receipt.at / 1_000));
    expect(header(receipt, 'webhook-signature')).toBe(`${signatureByHand(newSecret, receipt)} ${signatureByHand(oldSecret, receipt)}`);
    verify(newSecret, receipt);
    verify(oldSecret, receipt);
    const { body: health } = await client.get('/health');
    expect(receipt.headers).toMatchObject({
      'errand-attempt': '1',
      'errand-max-attempts': '3',
      'user-agent': `Errand/${health.version}`,
      'content-type': 'application/json',
      'content-length': '7',
      host: new URL(target.url).host,
    });
    expect(receipt.headers).not.toHaveProperty('errand-callback-url');
    const names = receipt.rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
    expect(new Set(names).size).toBe(names.length);
  });

  test('stay the same over the attempts of a run, and say which attempt it is', async () => {
    target.on('/thrice', (_receipt, _response, nth) => ({ status: nth < 3 ? 503 : 200 }));
    const body = { a: 1 };
    await send('/thrice', { body }, { id: 'th.ri~ce', retry: { maxAttempts: 5, backoff: 'fixed', initialDelay: 1_100, jitter: 0 } });
    const receipts = await target.received('/thrice', 3);

    expect(receipts.map((receipt) => header(receipt, 'webhook-id'))).toEqual(Array(3).fill('th%2Eri%7Ece'));
    expect(receipts.map((receipt) => header(receipt, 'idempotency-key'))).toEqual(Array(3).fill('th%2Eri%7Ece'));
    expect(receipts.map((receipt) => header(receipt, 'errand-attempt'))).toEqual(['1', '2', '3']);
    expect(receipts.map((receipt) => header(receipt, 'errand-max-attempts'))).toEqual(['5', '5', '5']);
    for (const receipt of receipts) verify(newSecret, receipt);
    // Each attempt is signed for its own moment, or the target would refuse a late one as a replay.
    const times = receipts.map((receipt) => Number(header(receipt, 'webhook-timestamp')));
    expect(new Set(times).size).toBe(3);
  });

  test('name the second and third run, each of them anew', async () => {
    target.on('/by-hand', (_receipt, _response, nth) => ({ status: nth < 3 ? 400 : 200 }));
    const id = 'by.hand';
    await send('/by-hand', { body: 'x' }, { id });
    for (const run of [2, 3]) {
      await client.taskWhen(id, 'failed', ({ status }) => status === 'failed');
      expect((await client.post(client.path(id, '/retry'))).body).toMatchObject({ run, attempt: 0 });
      await target.received('/by-hand', run);
    }
    const receipts = target.receipts('/by-hand');

    expect(receipts.map((receipt) => header(receipt, 'webhook-id'))).toEqual(['by%2Ehand', 'by%2Ehand~2', 'by%2Ehand~3']);
    expect(receipts.map((receipt) => header(receipt, 'idempotency-key'))).toEqual(['by%2Ehand', 'by%2Ehand~2', 'by%2Ehand~3']);
    expect(receipts.map((receipt) => header(receipt, 'errand-attempt'))).toEqual(['1', '1', '1']);
    for (const receipt of receipts) verify(newSecret, receipt);
  });

  test('give way to an own user agent, content type and idempotency key', async () => {
    const own = { 'User-Agent': 'mine/1', 'IDEMPOTENCY-KEY': 'my key', 'Content-Type': 'application/vnd.mine+json' };
    const receipt = await send('/own', { headers: own, body: {} }, { id: 'own-headers' });

    expect(receipt.headers).toMatchObject({
      'user-agent': 'mine/1',
      'idempotency-key': 'my key',
      'content-type': 'application/vnd.mine+json',
      'webhook-id': 'own-headers',
    });
    const names = receipt.rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('the request', () => {
  const everyByte = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
  const text = 'Zwölf Boxkämpfer\r\n\u0000 \u{1F600}';
  const bodies: readonly (readonly [string, object, Buffer, string | undefined])[] = [
    ['a text', { body: text }, Buffer.from(text), 'text/plain; charset=utf-8'],
    ['an empty text', { body: '' }, Buffer.alloc(0), 'text/plain; charset=utf-8'],
    ['a text that looks like JSON', { body: ' {"a": 1} ' }, Buffer.from(' {"a": 1} '), 'text/plain; charset=utf-8'],
    ['a text with a byte order mark', { body: '\uFEFFx' }, Buffer.from('\uFEFFx'), 'text/plain; charset=utf-8'],
    ['an object', { body: { b: [1, null, 'x'], a: {} } }, Buffer.from('{"b":[1,null,"x"],"a":{}}'), 'application/json'],
    ['a list', { body: [1, 2] }, Buffer.from('[1,2]'), 'application/json'],
    ['a number', { body: 1.5 }, Buffer.from('1.5'), 'application/json'],
    ['false', { body: false }, Buffer.from('false'), 'application/json'],
    ['null', { body: null }, Buffer.from('null'), 'application/json'],
    ['bytes', { bodyBase64: everyByte.toString('base64') }, everyByte, 'application/octet-stream'],
    ['nothing', {}, Buffer.alloc(0), undefined],
    ['256 KiB', { body: 'ä'.repeat(128 * 1_024) }, Buffer.from('ä'.repeat(128 * 1_024)), 'text/plain; charset=utf-8'],
  ];
  test.each(bodies)('carries %s as it was given', async (what, request, expected, type) => {
    const path = `/body-${what.replaceAll(' ', '-')}`;
    const receipt = await send(path, request);

    expect(receipt.body.equals(expected)).toBe(true);
    expect(header(receipt, 'content-type')).toBe(type);
    expect(Number(header(receipt, 'content-length') ?? 0)).toBe(expected.length);
    // The reference library reads every body as UTF-8, so bytes that are none can only be verified by hand.
    expect(header(receipt, 'webhook-signature')?.split(' ')[0]).toBe(signatureByHand(newSecret, receipt));
  });

  test('keeps a member called __proto__ in its body', async () => {
    const raw = `{"request":{"url":"${target.url}/proto","body":{"__proto__":{"admin":true},"constructor":1}}}`;
    expect((await client.post('/tasks', undefined, { raw })).status).toBe(201);
    const [receipt] = await target.received('/proto');
    expect(receipt?.body.toString()).toBe('{"__proto__":{"admin":true},"constructor":1}');
  });

  test.each(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])('uses the method %s, in any case', async (method) => {
    const upper = await send(`/method-${method}`, { method });
    const lower = await send(`/method-lower-${method}`, { method: method.toLowerCase() });
    expect([upper.method, lower.method]).toEqual([method, method]);
    verify(newSecret, upper);
  });

  test('carries the body with DELETE and PUT too', async () => {
    const receipt = await send('/delete-body', { method: 'DELETE', body: { a: 1 } });
    expect(receipt.body.toString()).toBe('{"a":1}');
  });

  test.each(['GET', 'HEAD'])('turns an object into query parameters with %s', async (method) => {
    const body = { a: 1, text: 'ä &=', list: [1, 'two'], nested: { x: 1 }, nothing: null, yes: true };
    const receipt = await send(`/query-${method}?kept=1`, { method, body });
    const query = new URL(receipt.path, target.url).searchParams;

    expect([...query]).toEqual([
      ['kept', '1'],
      ['a', '1'],
      ['text', 'ä &='],
      ['list', '1'],
      ['list', 'two'],
      ['nested', '{"x":1}'],
      ['nothing', ''],
      ['yes', 'true'],
    ]);
    expect(receipt.body).toHaveLength(0);
    expect(receipt.headers).not.toHaveProperty('content-type');
    verify(newSecret, receipt);
  });

  test('keeps path and query of the URL as they are, but for the fragment', async () => {
    const receipt = await send('/odd/%2F/a%20b;c?x=%26&y=a+b&empty', {});
    expect(receipt.path).toBe('/odd/%2F/a%20b;c?x=%26&y=a+b&empty');
    const { path } = await send('/fragment', { url: `${target.url}/fragment#part` });
    expect(path).toBe('/fragment');
  });

  test('carries headers given as a list, in their order and also twice', async () => {
    const headers = [
      { key: 'X-Twice', value: 'one' },
      { key: 'x-other', value: 'ümlaut' },
      { key: 'X-Twice', value: 'two' },
      { key: 'x-empty', value: '' },
    ];
    const receipt = await send('/listed', { headers }, { id: 'listed' });

    expect(header(receipt, 'x-twice')).toBe('one, two');
    expect(header(receipt, 'x-other')).toBe('ümlaut');
    expect(header(receipt, 'x-empty')).toBe('');
    expect((await client.get('/tasks/listed')).body.request.headers).toEqual(headers);
  });
});

describe('secret headers', () => {
  const secrets = {
    Authorization: 'Bearer s3cret-authorization',
    'Proxy-Authorization': 'Basic s3cret-proxy',
    Cookie: 'session=s3cret-cookie',
    'X-Api-Key': 's3cret-key',
    'X-Mine': 's3cret-mine',
  };
  const masked = Object.fromEntries(Object.keys(secrets).map((name) => [name, '***']));
  const request = () => ({ url: `${target.url}/secrets`, headers: { ...secrets, 'X-Open': 'open' }, secretHeaders: ['x-mine'] });

  test('reach the target and read *** everywhere', async () => {
    const callback = { ...request(), url: `${target.url}/secrets-callback` };
    const created = await client.post('/tasks', { id: 'secrets', request: request(), callback, labels: { of: 'secrets' } });
    const [receipt] = await target.received('/secrets');
    const [told] = await target.received('/secrets-callback');
    for (const [name, value] of Object.entries(secrets)) {
      expect(header(receipt, name.toLowerCase())).toBe(value);
      expect(header(told, name.toLowerCase())).toBe(value);
    }
    await client.taskFinished('secrets');

    const answers = [
      created,
      await client.get('/tasks/secrets'),
      await client.get('/tasks/secrets?asOf=1'),
      await client.get('/tasks/secrets/events'),
      await client.get('/tasks/secrets/result'),
      await client.post('/tasks', { id: 'secrets', request: request(), callback, labels: { of: 'secrets' } }),
      await client.post('/tasks/secrets/redeliver'),
    ];
    const listed = await client.taskWhen('secrets', 'is listed', () => true).then(() => listOf('secrets'));
    for (const { text } of [...answers, listed]) expect(text).not.toContain('s3cret');
    expect(created.body.request.headers).toEqual({ ...masked, 'X-Open': 'open' });
    expect(created.body.callback.headers).toEqual({ ...masked, 'X-Open': 'open' });
    expect(created.body.request.secretHeaders).toEqual(['x-mine']);
    expect(listed.body.tasks[0].request.headers).toEqual({ ...masked, 'X-Open': 'open' });
    expect(answers[3]?.body.events[0].data.request.headers).toEqual({ ...masked, 'X-Open': 'open' });
  });

  async function listOf(label: string) {
    const found = async () => {
      const page = await client.get(`/tasks?label.of=${label}`);
      return page.body.tasks.length > 0 ? page : undefined;
    };
    return until(`a list with ${label}`, found);
  }

  test('are refused where the mask is sent back as a value', async () => {
    for (const name of Object.keys(secrets)) {
      const answer = await client.post('/tasks', { request: { ...request(), headers: { [name]: '***' } } });
      expect(answer.status, name).toBe(400);
      expect(answer.body.errors[0].path).toContain('request.headers');
    }
    const listed = { ...request(), headers: [{ key: 'AUTHORIZATION', value: '***' }] };
    expect((await client.post('/tasks', { request: listed })).body.errors[0].path).toBe('request.headers[0].value');
    const told = await client.post('/tasks', { request: { url: target.url }, callback: { url: target.url, headers: { cookie: '***' } } });
    expect(told.body.errors[0].path).toBe('callback.headers.cookie');
    expect((await client.post('/tasks', { request: { url: target.url, headers: { 'x-open': '***' } } })).status).toBe(201);
  });

  test('are changed by PATCH and read *** there too', async () => {
    await client.post('/tasks', { id: 'patched-secret', delay: '1h', request: request() });
    const changed = { url: `${target.url}/patched-secret`, headers: { authorization: 'Bearer s3cret-second' } };
    const answer = await client.patch('/tasks/patched-secret', { request: changed });
    expect(answer.body.request.headers).toEqual({ authorization: '***' });
    const refused = await client.patch('/tasks/patched-secret', { request: { ...changed, headers: answer.body.request.headers } });
    expect(refused.status).toBe(400);
    await client.post('/tasks/patched-secret/run');
    const [receipt] = await target.received('/patched-secret');
    expect(header(receipt, 'authorization')).toBe('Bearer s3cret-second');
  });
});

describe('a new process on the same log', () => {
  test('opens the secrets of the one before and signs with the secrets it is given', async () => {
    const first = await startErrand({ environment: { ERRAND_SIGNING_SECRET: oldSecret } });
    const firstClient = createClient(first.url);
    const request = {
      url: `${target.url}/reopened`,
      headers: { authorization: 'Bearer kept', 'x-mine': 'kept too' },
      secretHeaders: ['X-Mine'],
    };
    await firstClient.post('/tasks', { id: 'reopened', delay: '1h', request });
    await first.stop();
    const second = await first.restart({ ERRAND_SIGNING_SECRET: newSecret });
    try {
      const secondClient = createClient(second.url);
      expect((await secondClient.post('/tasks/reopened/run')).status).toBe(200);
      const [receipt] = await target.received('/reopened');
      if (receipt === undefined) throw new Error('nothing was received');
      expect(receipt.headers).toMatchObject({ authorization: 'Bearer kept', 'x-mine': 'kept too' });
      expect(header(receipt, 'webhook-signature')).toBe(signatureByHand(newSecret, receipt));
      // The same content is still known as the same, although its secrets are sealed.
      expect((await secondClient.post('/tasks', { id: 'reopened', delay: '1h', request })).status).toBe(200);
    } finally {
      await second.stop();
    }
  });
});
