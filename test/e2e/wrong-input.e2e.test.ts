import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiAnswer, type Client, createClient } from './harness/client.ts';
import { type Errand, startErrand } from './harness/errand.ts';
import { largestBody, runsHere } from './harness/host.ts';
import { exchangeRaw } from './harness/raw-socket.ts';

let errand: Errand;
let client: Client;

const url = 'http://127.0.0.1:9/';
const request = { url };
const far = { delay: '1h', request };

beforeAll(async () => {
  errand = await startErrand();
  client = createClient(errand.url);
  for (const id of ['here', 'a/b']) expect((await client.post('/tasks', { id, ...far })).status).toBe(201);
  expect((await client.post('/tasks', { id: 'runner-task', delay: '1h', runner: { name: 'simulate' } })).status).toBe(201);
});
afterAll(async () => {
  // Whatever was sent, the process is well and has logged no error.
  expect((await client.get('/health')).body.status).toBe('ok');
  expect(errand.stderr()).toBe('');
  await errand.stop();
});

const titles: Readonly<Record<number, RegExp>> = { 400: /bad request/i, 404: /not found/i, 405: /method/i, 413: /large/i, 415: /media/i };

/** Every error is told in one form: RFC 9457. */
function expectProblem(
  answer: { status: number; body: ApiAnswer['body']; headers: { get(name: string): string | null } },
  status: number,
): void {
  expect(answer.status, JSON.stringify(answer.body)).toBe(status);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  const { type, title, detail } = answer.body;
  expect(answer.body.status).toBe(status);
  expect(typeof type).toBe('string');
  expect(title).toMatch(titles[status] ?? /./);
  expect(detail.length).toBeGreaterThan(5);
}

function expectField(answer: ApiAnswer, path: string): void {
  expectProblem(answer, 400);
  const paths: string[] = answer.body.errors.map((error: { path: string }) => error.path);
  expect(paths, answer.text).toContain(path);
  for (const { message } of answer.body.errors) expect(message.length).toBeGreaterThan(3);
}

describe('a task that cannot be is refused with the name of its field', () => {
  const many = (count: number, value: unknown = 'x') =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`n${index}`, value]));
  const header = (headers: unknown) => ({ request: { url, headers } });
  const wrong: readonly (readonly [string, unknown, string])[] = [
    ['a list', [], ''],
    ['null', null, ''],
    ['a text', 'task', ''],
    ['a number', 1, ''],
    ['nothing to do', {}, ''],
    ['two things to do', { request, runner: { name: 'simulate' } }, 'runner'],
    ['three things to do', { request, runner: { name: 'simulate' }, event: { detailType: 'x' } }, 'event'],
    ['an unknown field', { request, colour: 'red' }, 'colour'],
    ['a field in the wrong case', { request, RunAt: 1 }, 'RunAt'],
    ['an unknown field of the request', { request: { url, verb: 'GET' } }, 'request.verb'],
    ['an empty id', { id: '', request }, 'id'],
    ['an id of 201 characters', { id: 'x'.repeat(201), request }, 'id'],
    ['an id that is a number', { id: 42, request }, 'id'],
    ['an id that is null', { id: null, request }, 'id'],
    ['an id beyond ASCII', { id: 'über', request }, 'id'],
    ['an id with a line break', { id: 'a\nb', request }, 'id'],
    ['an id with ?', { id: 'a?b', request }, 'id'],
    ['an id with %', { id: 'a%2Fb', request }, 'id'],
    ['an id with \\', { id: 'a\\b', request }, 'id'],
    ['the id .', { id: '.', request }, 'id'],
    ['the id ..', { id: '..', request }, 'id'],
    ['an id that ends like a route: /cancel', { id: 'a/cancel', request }, 'id'],
    ['an id that ends like a route: /run', { id: 'a/run', request }, 'id'],
    ['an id that ends like a route: /retry', { id: 'a/retry', request }, 'id'],
    ['an id that ends like a route: /redeliver', { id: 'a/redeliver', request }, 'id'],
    ['an id that ends like a route: /status', { id: 'a/status', request }, 'id'],
    ['an id that ends like a route: /result', { id: 'a/result', request }, 'id'],
    ['an id that ends like a route: /events', { id: 'a/events', request }, 'id'],
    ['an id that ends like a route: /callback/x', { id: 'a/callback/x', request }, 'id'],
    ['an id that ends like a route: /callback/x/fail', { id: 'a/callback/x/fail', request }, 'id'],
    ['a request that is a text', { request: url }, 'request'],
    ['a request without a URL', { request: {} }, 'request.url'],
    ['a URL that is a number', { request: { url: 1 } }, 'request.url'],
    ['an empty URL', { request: { url: '' } }, 'request.url'],
    ['a relative URL', { request: { url: '/path' } }, 'request.url'],
    ['a URL without slashes', { request: { url: 'http:host' } }, 'request.url'],
    ['another scheme', { request: { url: 'ftp://host/' } }, 'request.url'],
    ['a file', { request: { url: 'file:///etc/passwd' } }, 'request.url'],
    ['a script', { request: { url: 'javascript:alert(1)' } }, 'request.url'],
    ['a URL with credentials', { request: { url: 'http://user:pass@host/' } }, 'request.url'],
    ['a URL with a user', { request: { url: 'http://user@host/' } }, 'request.url'],
    ['a URL with an impossible port', { request: { url: 'http://host:99999/' } }, 'request.url'],
    ['a URL with a space before', { request: { url: ' http://host/' } }, 'request.url'],
    ['a URL with a line break', { request: { url: 'http://ho\nst/' } }, 'request.url'],
    ['a URL of 2,049 characters', { request: { url: `http://host/${'x'.repeat(2_037)}` } }, 'request.url'],
    ['an unknown method', { request: { url, method: 'BREW' } }, 'request.method'],
    ['the method CONNECT', { request: { url, method: 'CONNECT' } }, 'request.method'],
    ['the method TRACE', { request: { url, method: 'TRACE' } }, 'request.method'],
    ['an empty method', { request: { url, method: '' } }, 'request.method'],
    ['headers that are a text', header('a: b'), 'request.headers'],
    ['51 headers', header(many(51)), 'request.headers'],
    ['headers over 32 KiB', header(many(20, 'x'.repeat(2_000))), 'request.headers'],
    ['a header that is a number', header({ 'x-a': 1 }), 'request.headers.x-a'],
    ['a header with a line break', header({ 'x-a': 'a\r\nx-b: c' }), 'request.headers.x-a'],
    ['a header with a NUL', header({ 'x-a': 'a\u0000' }), 'request.headers.x-a'],
    ['a header beyond Latin-1', header({ 'x-a': '€' }), 'request.headers.x-a'],
    ['a header name with a space', header({ 'x a': '1' }), 'request.headers["x a"]'],
    ['an empty header name', header({ '': '1' }), 'request.headers[""]'],
    ['the same header twice', header({ 'x-a': '1', 'X-A': '2' }), 'request.headers.X-A'],
    ['the header Host', header({ Host: 'other' }), 'request.headers.Host'],
    ['the header Content-Length', header({ 'Content-Length': '1' }), 'request.headers.Content-Length'],
    ['the header Transfer-Encoding', header({ 'transfer-encoding': 'chunked' }), 'request.headers.transfer-encoding'],
    ['the header Connection', header({ connection: 'close' }), 'request.headers.connection'],
    ['the header Upgrade', header({ upgrade: 'h2c' }), 'request.headers.upgrade'],
    ['the header TE', header({ te: 'trailers' }), 'request.headers.te'],
    ['the header Keep-Alive', header({ 'keep-alive': '1' }), 'request.headers.keep-alive'],
    ['a header webhook-*', header({ 'Webhook-Id': 'x' }), 'request.headers.Webhook-Id'],
    ['a header errand-*', header({ 'errand-attempt': '9' }), 'request.headers.errand-attempt'],
    ['a listed header without a value', header([{ key: 'x-a' }]), 'request.headers[0].value'],
    ['a listed header without a key', header([{ key: 'x-a', value: '1' }, { value: '1' }]), 'request.headers[1].key'],
    ['a listed header with more', header([{ key: 'x-a', value: '1', secret: true }]), 'request.headers[0].secret'],
    ['a listed header that is a text', header(['x-a: 1']), 'request.headers[0]'],
    ['a mask as a secret', header({ authorization: '***' }), 'request.headers.authorization'],
    ['secret headers that are a text', { request: { url, secretHeaders: 'x-a' } }, 'request.secretHeaders'],
    ['a secret header that is no name', { request: { url, secretHeaders: ['x a'] } }, 'request.secretHeaders[0]'],
    ['a body over 256 KiB', { request: { url, body: 'x'.repeat(262_145) } }, 'request.body'],
    ['a body over 256 KiB as UTF-8', { request: { url, body: 'ä'.repeat(131_073) } }, 'request.body'],
    ['a body over 256 KiB as JSON', { request: { url, body: ['x'.repeat(262_141)] } }, 'request.body'],
    ['a body with half a character', { request: { url, body: '\ud800' } }, 'request.body'],
    ['bytes that are no base64', { request: { url, bodyBase64: 'not base64!' } }, 'request.bodyBase64'],
    ['bytes without padding', { request: { url, bodyBase64: 'YQ' } }, 'request.bodyBase64'],
    ['bytes over 256 KiB', { request: { url, bodyBase64: Buffer.alloc(262_145).toString('base64') } }, 'request.bodyBase64'],
    ['two bodies', { request: { url, body: 'a', bodyBase64: 'YQ==' } }, 'request.bodyBase64'],
    ['a runner nobody has registered', { runner: { name: 'nobody' } }, 'runner.name'],
    ['a runner without a name', { runner: { params: {} } }, 'runner.name'],
    [
      'parameters a runner does not take',
      { runner: { name: 'simulate', params: { executionTimeMs: 'long' } } },
      'runner.params.executionTimeMs',
    ],
    ['an event without a type', { event: { detail: {} } }, 'event.detailType'],
    ['an event type of 129 characters', { event: { detailType: 'x'.repeat(129) } }, 'event.detailType'],
    ['an event detail that is a text', { event: { detailType: 'x', detail: 'y' } }, 'event.detail'],
    ['a time that is a word', { request, runAt: 'tomorrow' }, 'runAt'],
    ['a time without an offset', { request, runAt: '2027-01-01T00:00:00' }, 'runAt'],
    ['a day that does not exist', { request, runAt: '2027-02-30T00:00:00Z' }, 'runAt'],
    ['a time with a fraction of a millisecond', { request, runAt: 1.5 }, 'runAt'],
    ['a time over 10 years ahead', { request, runAt: '2099-01-01T00:00:00Z' }, 'runAt'],
    ['a time that is true', { request, runAt: true }, 'runAt'],
    ['runAt and delay', { request, runAt: 1, delay: 1 }, 'delay'],
    ['a negative delay', { request, delay: -1 }, 'delay'],
    ['a negative delay as a text', { request, delay: '-5s' }, 'delay'],
    ['a delay without a unit', { request, delay: '30' }, 'delay'],
    ['a delay in years', { request, delay: 'P1Y' }, 'delay'],
    ['a delay over 10 years', { request, delay: '3654d' }, 'delay'],
    ['a delay that is null', { request, delay: null }, 'delay'],
    ['a timeout under 100 ms', { request, timeout: 99 }, 'timeout'],
    ['a timeout over 14 minutes', { request, timeout: '841s' }, 'timeout'],
    ['a completeWithin over 30 days', { request, strategy: 'async', completeWithin: '31d' }, 'completeWithin'],
    ['a completeWithin under 100 ms', { request, strategy: 'async', completeWithin: 1 }, 'completeWithin'],
    ['an unknown strategy', { request, strategy: 'fire-and-forget' }, 'strategy'],
    ['an asynchronous runner', { runner: { name: 'simulate' }, strategy: 'async' }, 'strategy'],
    ['no attempts', { request, retry: { maxAttempts: 0 } }, 'retry.maxAttempts'],
    ['101 attempts', { request, retry: { maxAttempts: 101 } }, 'retry.maxAttempts'],
    ['half an attempt', { request, retry: { maxAttempts: 1.5 } }, 'retry.maxAttempts'],
    ['an unknown backoff', { request, retry: { backoff: 'random' } }, 'retry.backoff'],
    ['a factor under 1', { request, retry: { factor: 0.5 } }, 'retry.factor'],
    ['a factor over 10', { request, retry: { factor: 11 } }, 'retry.factor'],
    ['a jitter over 1', { request, retry: { jitter: 1.1 } }, 'retry.jitter'],
    ['a negative initial delay', { request, retry: { initialDelay: -1 } }, 'retry.initialDelay'],
    ['delays and attempts', { request, retry: { delays: ['1s'], maxAttempts: 2 } }, 'retry.maxAttempts'],
    ['delays and a factor', { request, retry: { delays: ['1s'], factor: 2 } }, 'retry.factor'],
    ['100 delays', { request, retry: { delays: Array(100).fill(1) } }, 'retry.delays'],
    ['a delay among delays that is none', { request, retry: { delays: ['1s', 'x'] } }, 'retry.delays[1]'],
    ['an unknown field of the policy', { request, retry: { attempts: 3 } }, 'retry.attempts'],
    ['a startBefore that is none', { request, startBefore: 'soon' }, 'startBefore'],
    ['a callback without a URL', { request, callback: {} }, 'callback.url'],
    ['a callback that is a text', { request, callback: url }, 'callback'],
    ['a callback with a body', { request, callback: { url, body: 'x' } }, 'callback.body'],
    ['a callback on nothing', { request, callback: { url, on: [] } }, 'callback.on'],
    ['a callback on something else', { request, callback: { url, on: ['succeeded', 'started'] } }, 'callback.on[1]'],
    ['a callback with a header of ours', { request, callback: { url, headers: { 'webhook-id': 'x' } } }, 'callback.headers.webhook-id'],
    ['17 labels', { request, labels: many(17) }, 'labels'],
    ['a label that is a number', { request, labels: { a: 1 } }, 'labels.a'],
    ['a label key of 65 characters', { request, labels: { ['k'.repeat(65)]: 'x' } }, `labels.${'k'.repeat(65)}`],
    ['a label of 257 characters', { request, labels: { a: 'x'.repeat(257) } }, 'labels.a'],
    ['an empty label key', { request, labels: { '': 'x' } }, 'labels[""]'],
    ['labels that are a list', { request, labels: ['a'] }, 'labels'],
    ['a priority that is a word', { request, priority: 'high' }, 'priority'],
    ['a field that only reads have', { request, status: 'succeeded' }, 'status'],
    ['an origin of its own', { request, origin: { scheduleId: 'x', occurrence: 1 } }, 'origin'],
  ];
  test('and there are enough of them', () => expect(wrong.length).toBeGreaterThan(80));
  test.each(wrong)('%s', async (_what, task, path) => {
    const answer = await client.post('/tasks', task);
    expectField(answer, path);
    expect(answer.body.detail).toContain(answer.body.errors[0].path.split('[')[0]);
    // In a batch the same task spoils nothing but itself.
    const { status, body } = await client.post('/tasks/batch', { tasks: [task] });
    expect(status).toBe(200);
    expect(body.results[0].status).toBe(400);
    expect(body.results[0].problem.errors).toEqual(answer.body.errors);
  });

  test('several mistakes are named at once', async () => {
    const answer = await client.post('/tasks', { request: { url: 'x', method: 'y' }, timeout: 1, colour: 'red' });
    for (const path of ['request.url', 'request.method', 'timeout', 'colour']) expectField(answer, path);
  });

  test.each(['{"__proto__":{"id":"x"},"request":{"url":"http://a/"}}', '{"request":{"url":"http://a/","__proto__":{"method":"GET"}}}'])(
    'a field called __proto__: %s',
    async (raw) => {
      const answer = await client.post('/tasks', undefined, { raw });
      expectField(answer, raw.startsWith('{"__proto__') ? '__proto__' : 'request.__proto__');
    },
  );

  test.each(['', 'x'.repeat(256)])('an Idempotency-Key that is none: "%s"', async (key) => {
    const headers: Record<string, string> = { 'idempotency-key': key };
    expectField(await client.post('/tasks', { request }, { headers }), 'Idempotency-Key');
  });
});

describe('other routes name what is wrong with their input', () => {
  const wrong: readonly (readonly [string, string, unknown, string, Record<string, string>?])[] = [
    ['PATCH', '/tasks/here', {}, ''],
    ['PATCH', '/tasks/here', [], ''],
    ['PATCH', '/tasks/here', { id: 'other' }, 'id'],
    ['PATCH', '/tasks/here', { strategy: 'async' }, 'strategy'],
    ['PATCH', '/tasks/here', { status: 'cancelled' }, 'status'],
    ['PATCH', '/tasks/here', { colour: 'red' }, 'colour'],
    ['PATCH', '/tasks/here', { runAt: 'soon' }, 'runAt'],
    ['PATCH', '/tasks/here', { runAt: 0, delay: 0 }, 'delay'],
    ['PATCH', '/tasks/here', { delay: -1 }, 'delay'],
    ['PATCH', '/tasks/here', { request: {} }, 'request.url'],
    ['PATCH', '/tasks/here', { request: null }, 'request'],
    ['PATCH', '/tasks/here', { timeout: '15m' }, 'timeout'],
    ['PATCH', '/tasks/here', { retry: { maxAttempts: 0 } }, 'retry.maxAttempts'],
    ['PATCH', '/tasks/here', { callback: {} }, 'callback.url'],
    ['PATCH', '/tasks/here', { labels: { a: 1 } }, 'labels.a'],
    ['PATCH', '/tasks/here', { labels: null }, 'labels'],
    ['PATCH', '/tasks/runner-task', { request }, 'request'],
    ['PATCH', '/tasks/here', { delay: 1 }, 'If-Match', { 'if-match': 'abc' }],
    ['DELETE', '/tasks/here', undefined, 'If-Match', { 'if-match': '"1' }],
    ['POST', '/tasks/here/cancel', { why: 'x' }, 'why'],
    ['POST', '/tasks/here/cancel', { reason: 1 }, 'reason'],
    ['POST', '/tasks/here/cancel', { reason: 'x'.repeat(1_025) }, 'reason'],
    ['PUT', '/tasks/here/cancel', [], ''],
    ['POST', '/tasks/here/cancel', {}, 'If-Match', { 'if-match': 'W/' }],
    ['POST', '/tasks/here/run', { now: true }, 'now'],
    ['POST', '/tasks/here/run', [], ''],
    ['POST', '/tasks/here/retry', { attempts: 3 }, 'attempts'],
    ['POST', '/tasks/here/redeliver', { url }, 'url'],
    ['POST', '/tasks/batch', {}, 'tasks'],
    ['POST', '/tasks/batch', [], ''],
    ['POST', '/tasks/batch', { tasks: [] }, 'tasks'],
    ['POST', '/tasks/batch', { tasks: {} }, 'tasks'],
    ['POST', '/tasks/batch', { tasks: Array(101).fill({ request }) }, 'tasks'],
    ['POST', '/tasks/batch', { tasks: [{ request }], atomic: true }, 'atomic'],
    ['GET', '/tasks?status=done', undefined, 'status'],
    ['GET', '/tasks?status=failed&status=running', undefined, 'status'],
    ['GET', '/tasks?state=failed', undefined, 'state'],
    ['GET', '/tasks?limit=0', undefined, 'limit'],
    ['GET', '/tasks?limit=101', undefined, 'limit'],
    ['GET', '/tasks?limit=ten', undefined, 'limit'],
    ['GET', '/tasks?from=yesterday', undefined, 'from'],
    ['GET', '/tasks?to=2026-99-01', undefined, 'to'],
    ['GET', '/tasks?cursor=garbage', undefined, 'cursor'],
    ['GET', '/tasks?cursor=', undefined, 'cursor'],
    ['GET', '/tasks?cursor=eyJraW5kIjoiaGlzdG9yeSIsInZlcnNpb24iOjF9', undefined, 'cursor'],
    ['GET', '/tasks?label.=x', undefined, 'label[""]'],
    ['GET', `/tasks?label.a=${'x'.repeat(257)}`, undefined, 'label.a'],
    ['GET', '/tasks/here?asOf=yesterday', undefined, 'asOf'],
    ['GET', '/tasks/here?asOf=-1', undefined, 'asOf'],
    ['GET', '/tasks/here?asOf=1.5', undefined, 'asOf'],
    ['GET', '/tasks/here?version=1', undefined, 'version'],
    ['GET', '/tasks/here/events?limit=1001', undefined, 'limit'],
    ['GET', '/tasks/here/events?limit=-1', undefined, 'limit'],
    ['GET', '/tasks/here/events?cursor=garbage', undefined, 'cursor'],
    ['GET', '/tasks/here/events?after=1', undefined, 'after'],
  ];
  test.each(wrong.map(([method, path, body, field, headers = {}]) => [method, path, body, field, headers] as const))(
    '%s %s %j: %s',
    async (method, path, body, field, headers) => {
      expectField(await client.request(method, path, body, { headers }), field);
      expect((await client.get('/tasks/here')).body).toMatchObject({ status: 'scheduled', version: 1 });
    },
  );
});

describe('a body that is not JSON', () => {
  const routes: readonly (readonly [string, string])[] = [
    ['POST', '/tasks'],
    ['POST', '/tasks/batch'],
    ['PATCH', '/tasks/here'],
    ['POST', '/tasks/here/cancel'],
    ['PUT', '/tasks/here/cancel'],
    ['POST', '/tasks/here/run'],
    ['POST', '/tasks/here/retry'],
    ['POST', '/tasks/here/redeliver'],
  ];
  const malformed = [
    '{',
    '{"a":}',
    "{'a':1}",
    '{"a":1,}',
    '{"a":1}{"b":2}',
    'undefined',
    'NaN',
    '\uFEFF{}',
    '[1',
    '"',
    '// x\n{}',
    '\u0000',
  ];

  test.each(routes)('is refused by %s %s', async (method, path) => {
    for (const raw of malformed) {
      const answer = await client.request(method, path, undefined, { raw });
      expectProblem(answer, 400);
      expect(answer.body.detail).toMatch(/JSON/);
    }
  });

  const types = [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/xml',
    'text/json',
    'application/jsonx',
    '',
    'json',
    'application/octet-stream',
  ];
  test.each(routes)('by its content type is refused by %s %s', async (method, path) => {
    for (const type of types) {
      const answer = await client.request(method, path, undefined, { raw: Buffer.from('{}'), headers: { 'content-type': type } });
      expectProblem(answer, 415);
      expect(answer.body.detail).toContain('application/json');
    }
    const untyped = await exchangeRaw(errand.url, `${method} ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}`);
    expect(untyped.status).toBe(415);
    expect(untyped.headers['content-type']).toBe('application/problem+json');
  });

  test.each(['application/json', 'APPLICATION/JSON; charset=UTF-8', 'application/merge-patch+json', 'application/json ; a=b'])(
    'cannot be said of %s',
    async (type) => {
      const answer = await client.post('/tasks', undefined, { raw: JSON.stringify(far), headers: { 'content-type': type } });
      expect(answer.status, answer.text).toBe(201);
    },
  );

  test.each([Buffer.from([0xff, 0xfe, 0x7b, 0, 0x7d, 0]), Buffer.from([0x22, 0xc3, 0x28, 0x22]), Buffer.from([0x7b, 0xed, 0xa0, 0x80])])(
    'but bytes that are no UTF-8 is refused: %o',
    async (raw) => {
      const answer = await client.post('/tasks', undefined, { raw });
      expectProblem(answer, 400);
      expect(answer.body.detail).toContain('UTF-8');
    },
  );

  test.each(['POST /tasks', 'POST /tasks/batch', 'PATCH /tasks/here'])('is required by %s', async (call) => {
    const [method = '', path = ''] = call.split(' ');
    const answer = await client.request(method, path);
    expectProblem(answer, 400);
    expect(answer.body.detail).toMatch(/body/);
  });
});

describe('nesting', () => {
  const nested = (depth: number): string =>
    `{"delay":"1h","request":{"url":"${url}","body":${'['.repeat(depth - 2)}${']'.repeat(depth - 2)}}}`;

  test('of 100 levels is taken, of 101 refused with the limit', async () => {
    expect((await client.post('/tasks', undefined, { raw: nested(100) })).status).toBe(201);
    const answer = await client.post('/tasks', undefined, { raw: nested(101) });
    expectProblem(answer, 400);
    expect(answer.body.detail).toContain('100');
  });

  test.each([100_000, 2_000_000])('%i levels deep is refused quickly', async (depth) => {
    for (const raw of ['['.repeat(depth), '{"a":'.repeat(depth / 5), `${'['.repeat(depth)}${']'.repeat(depth)}`.slice(0, 4_000_000)]) {
      const begun = performance.now();
      expectProblem(await client.post('/tasks', undefined, { raw }), 400);
      expect(performance.now() - begun).toBeLessThan(3_000);
    }
  });

  test('inside a text is only a text', async () => {
    const body = `\\"${'['.repeat(1_000)}`;
    expect((await client.post('/tasks', { delay: '1h', request: { url, body } })).status).toBe(201);
  });
});

describe('a body over 4 MiB', () => {
  const limit = 4 * 1_024 * 1_024;
  const padded = (bytes: number): string => {
    const text = JSON.stringify(far);
    return text + ' '.repeat(bytes - text.length);
  };

  test('is refused with the limit, one of exactly that size is not', async () => {
    expect((await client.post('/tasks', undefined, { raw: padded(limit) })).status).toBe(201);
    const answer = await client.post('/tasks', undefined, { raw: padded(limit + 1) });
    expectProblem(answer, 413);
    expect(answer.body.detail).toContain(String(limit));
  });

  test.each([limit + 1, 8_000_000, 30_000_000])('is refused readably when all %i bytes are sent', async (bytes) => {
    for (let round = 0; round < 3; round += 1) {
      const answer = await client.post('/tasks', undefined, { raw: padded(bytes) });
      expect(answer).toMatchObject({ status: 413, body: expect.any(Object) });
      if (bytes <= largestBody) expectProblem(answer, 413);
    }
  });

  test('is refused without a content-length too', async () => {
    const pieces = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let sent = 0; sent <= limit; sent += 65_536) controller.enqueue(new Uint8Array(65_536).fill(0x20));
        controller.close();
      },
    });
    const options = { method: 'POST', headers: { 'content-type': 'application/json' }, body: pieces, duplex: 'half' } as RequestInit;
    const response = await fetch(`${errand.url}/tasks`, options);
    expectProblem({ status: response.status, headers: response.headers, body: await response.json() }, 413);
  });

  test.each(['/tasks', '/tasks/batch', '/tasks/here/cancel', '/tasks/here/callback/x', '/nowhere'])('is refused by %s', async (path) => {
    expectProblem(await client.post(path, undefined, { raw: padded(limit + 1) }), 413);
  });

  test.runIf(runsHere('refusal from the announced length'))('is refused from its announced length alone', async () => {
    const head = `POST /tasks HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${limit + 1}\r\n`;
    expect((await exchangeRaw(errand.url, `${head}\r\n`)).status).toBe(413);
    expect((await exchangeRaw(errand.url, `${head}expect: 100-continue\r\n\r\n`)).status).toBe(413);
  });

  test('can be split: chunked bodies below it are taken', async () => {
    const text = JSON.stringify(far);
    const chunks = [text.slice(0, 5), text.slice(5)].map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join('');
    const head = 'POST /tasks HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n';
    expect((await exchangeRaw(errand.url, `${head}${chunks}0\r\n\r\n`)).status).toBe(201);
  });
});

describe('paths and methods', () => {
  const nowhere = ['/nowhere', '/task', '/tasks/', '/Tasks', '//tasks', '/tasks.json', '/health/x', '/stats/', '/v1/tasks', '/tasksx'];
  test.each(nowhere)('there is nothing at %s', async (path) => {
    expectProblem(await client.get(path), 404);
    expectProblem(await client.post(path, {}), 404);
  });

  const missing: readonly (readonly [method: string, path: string, body: unknown])[] = [
    ['GET', '/tasks/nobody', undefined],
    ['GET', '/tasks/nobody/status', undefined],
    ['GET', '/tasks/nobody/result', undefined],
    ['GET', '/tasks/nobody/events', undefined],
    ['GET', '/tasks/nobody?asOf=1', undefined],
    ['GET', '/tasks/here?asOf=0', undefined],
    ['GET', '/tasks/here?asOf=2', undefined],
    ['PATCH', '/tasks/nobody', { delay: 1 }],
    ['DELETE', '/tasks/nobody', undefined],
    ['POST', '/tasks/nobody/cancel', undefined],
    ['PUT', '/tasks/nobody/cancel', undefined],
    ['POST', '/tasks/nobody/run', undefined],
    ['POST', '/tasks/nobody/retry', undefined],
    ['POST', '/tasks/nobody/redeliver', undefined],
    ['POST', '/tasks/nobody/callback/x', undefined],
    ['POST', '/tasks/here/callback/x', undefined],
    ['POST', '/tasks/here/callback/x/fail', undefined],
    ['POST', '/tasks/here/callback/x/heartbeat', undefined],
    ['GET', '/tasks/%00', undefined],
    ['GET', `/tasks/${'x'.repeat(5_000)}`, undefined],
    ['GET', '/tasks/%E2%82%AC', undefined],
    ['GET', '/tasks/HERE', undefined],
  ];
  test.each(missing)('%s %s finds nobody', async (method, path, body) => {
    expectProblem(await client.request(method, path, body), 404);
  });

  const methods: readonly (readonly [string, string, string[]])[] = [
    ['PUT', '/tasks', ['GET', 'POST']],
    ['DELETE', '/tasks', ['GET', 'POST']],
    ['PATCH', '/tasks', ['GET', 'POST']],
    ['OPTIONS', '/tasks', ['GET', 'POST']],
    ['POST', '/tasks/here', ['GET', 'PATCH', 'DELETE']],
    ['PUT', '/tasks/here', ['GET', 'PATCH', 'DELETE']],
    ['PUT', '/tasks/batch', []],
    ['GET', '/tasks/here/cancel', ['POST', 'PUT']],
    ['DELETE', '/tasks/here/cancel', ['POST', 'PUT']],
    ['GET', '/tasks/here/run', ['POST']],
    ['PUT', '/tasks/here/run', ['POST']],
    ['GET', '/tasks/here/retry', ['POST']],
    ['GET', '/tasks/here/redeliver', ['POST']],
    ['POST', '/tasks/here/status', ['GET']],
    ['POST', '/tasks/here/result', ['GET']],
    ['POST', '/tasks/here/events', ['GET']],
    ['GET', '/tasks/here/callback/x', ['POST']],
    ['PUT', '/tasks/here/callback/x', ['POST']],
    ['GET', '/tasks/here/callback/x/fail', ['POST']],
    ['GET', '/tasks/here/callback/x/heartbeat', ['POST']],
    ['POST', '/health', ['GET']],
    ['DELETE', '/stats', ['GET']],
    ['POST', '/events', ['GET']],
  ];
  test.each(methods)('%s %s is not possible', async (method, path, allowed) => {
    const answer = await client.request(method, path);
    expectProblem(answer, 405);
    const allow = (answer.headers.get('allow') ?? '').split(/, */);
    for (const each of allowed) expect(allow).toContain(each);
    expect(allow).not.toContain(method);
  });

  test.each(['BREW', 'PROPFIND', 'get'])('an unusual method is refused: %s', async (method) => {
    const answer = await exchangeRaw(errand.url, `${method} /tasks HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n`);
    expect([400, 405]).toContain(answer.status);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(JSON.parse(answer.body)).toMatchObject({ status: answer.status });
  });

  test.each(['/tasks/%', '/tasks/%2', '/tasks/%zz', '/tasks/%ff', '/tasks/%c3%28', '/%', '/tasks/%u0041', '/tasks/here%'])(
    'an encoding that cannot be read is refused: %s',
    async (path) => {
      const answer = await exchangeRaw(errand.url, `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
      expect(answer.status).toBe(400);
      expect(answer.headers['content-type']).toBe('application/problem+json');
      expect(JSON.parse(answer.body)).toMatchObject({ status: 400, title: 'Bad request' });
    },
  );

  test('an id with slashes reads encoded or not, and dots do not climb', async () => {
    expect((await client.get('/tasks/a%2Fb')).body.id).toBe('a/b');
    expect((await client.get('/tasks/a/b')).body.id).toBe('a/b');
    for (const path of ['/tasks/../health', '/tasks/x/../here', '/./health', '/tasks/./here']) {
      const answer = await exchangeRaw(errand.url, `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
      expect(answer.status, path).toBe(404);
    }
  });

  test('HEAD is answered like GET, without a body', async () => {
    const answer = await client.request('HEAD', '/tasks/here');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('etag')).toBe('"1"');
    expect(answer.text).toBe('');
    expect((await client.request('HEAD', '/tasks/nobody')).status).toBe(404);
  });
});

describe('a route whose body is optional', () => {
  const calls: readonly (readonly [string, string, number])[] = [
    ['POST', 'run', 200],
    ['POST', 'cancel', 200],
    ['PUT', 'cancel', 200],
    ['POST', 'retry', 409],
    ['POST', 'redeliver', 409],
  ];
  test.each(calls)('takes none, without a content type, and an empty object: %s %s', async (method, ending, status) => {
    const bodies: readonly (readonly [string, string])[] = [
      ['', ''],
      ['content-length: 0\r\n', ''],
      ['content-length: 0\r\ncontent-type: text/plain\r\n', ''],
      ['transfer-encoding: chunked\r\n', '0\r\n\r\n'],
      ['content-length: 2\r\ncontent-type: application/json\r\n', '{}'],
    ];
    for (const [index, [headers, body]] of bodies.entries()) {
      const id = `${method}-${ending}-${index}`;
      await client.post('/tasks', { id, ...far });
      const raw = `${method} /tasks/${id}/${ending} HTTP/1.1\r\nhost: localhost\r\n${headers}\r\n${body}`;
      const answer = await exchangeRaw(errand.url, raw);
      expect(answer.status, answer.body).toBe(status);
    }
  });
});
