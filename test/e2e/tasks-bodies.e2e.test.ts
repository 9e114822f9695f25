import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Client, createClient } from './harness/client.ts';
import { type Errand, startErrand } from './harness/errand.ts';
import { type Answer, type Receipt, startTarget, type Target } from './harness/target.ts';

let errand: Errand;
let target: Target;
let client: Client;

beforeAll(async () => {
  [errand, target] = await Promise.all([startErrand(), startTarget()]);
  client = createClient(errand.url);
});
afterAll(async () => {
  await errand.stop();
  await target.close();
});

const KiB = 1_024;
const allBytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
const unicode = 'Grüße 你好 \u{1F382} e\u0301 \u2028 \ufeff "\\ \u0000 \r\n\t end';
let made = 0;

type Created = { readonly request: { readonly body?: unknown; readonly bodyBase64?: string } };

/** What the target received of a request, and the task as answered at its creation. */
async function sent(request: object): Promise<{ readonly receipt: Receipt; readonly created: Created }> {
  made += 1;
  const id = `sent-${made}`;
  const created = await client.post('/tasks', { id, request: { url: `${target.url}/${id}`, ...request } });
  expect(created.status).toBe(201);
  const [receipt] = await target.received(`/${id}`);
  if (receipt === undefined) throw new Error('nothing was received');
  await client.taskFinished(id);
  expect((await client.get(client.path(id))).body.request).toEqual(created.body.request);
  return { receipt, created: created.body };
}

/** The task whose target gave that answer. */
async function answered(answer: Answer, request: object = {}) {
  made += 1;
  const id = `answered-${made}`;
  target.on(`/${id}`, () => answer);
  await client.post('/tasks', { id, request: { url: `${target.url}/${id}`, ...request }, retry: { maxAttempts: 1 } });
  const task = await client.taskFinished(id);
  const { body } = await client.get(client.path(id, '/result'));
  expect(body.result).toEqual(task.result);
  return task;
}

describe('the body that a target receives', () => {
  test.each([
    ['a JSON text with a number beyond 2^53', '{"n":9007199254740993,"m":1.10,"e":1E400}'],
    ['white space', '  {\n\t"a" :1 }\r\n '],
    ['Unicode, a byte order mark and control characters', unicode],
    ['a byte order mark first', '\ufeffx'],
    ['one character', '0'],
    ['what looks like base64', 'aGVsbG8='],
    ['256 KiB', 'a'.repeat(256 * KiB)],
    ['256 KiB of what JSON escapes', '\u0001'.repeat(256 * KiB)],
    ['256 KiB of characters of three bytes', '你'.repeat(Math.floor((256 * KiB) / 3))],
  ])('is a string byte for byte: %s', async (_what, body) => {
    const { receipt, created } = await sent({ body });

    expect(receipt.body.equals(Buffer.from(body, 'utf8'))).toBe(true);
    expect(receipt.headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(receipt.headers['content-length']).toBe(String(Buffer.byteLength(body)));
    expect(created.request.body).toBe(body);
  });

  test('is empty for an empty string, still as text', async () => {
    const { receipt, created } = await sent({ body: '' });

    expect(receipt.body).toHaveLength(0);
    expect(receipt.headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(created.request.body).toBe('');
  });

  test('is nothing, without a content type, where none was given', async () => {
    const { receipt, created } = await sent({});

    expect(receipt.body).toHaveLength(0);
    expect(receipt.headers).not.toHaveProperty('content-type');
    expect(created.request).not.toHaveProperty('body');
  });

  test.each([
    ['floats', { a: 0.1, b: 1e-7, c: 1.5e300, d: -0.25, e: 3.0 }],
    ['the safe integers', [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]],
    ['null', null],
    ['nulls and empty things', { a: null, b: '', c: [], d: {}, e: [null, ''] }],
    ['false', false],
    ['zero', 0],
    ['a list', [1, [2, [3]]]],
    ['Unicode', { [unicode]: unicode }],
    ['a key that is not a property', JSON.parse('{"__proto__":{"a":1},"constructor":2}')],
  ])('is JSON for anything else: %s', async (_what, body) => {
    const { receipt, created } = await sent({ body });

    expect(receipt.body.toString()).toBe(JSON.stringify(body));
    expect(receipt.headers['content-type']).toBe('application/json');
    expect(created.request.body).toEqual(body);
  });

  test('keeps the order of the keys', async () => {
    const { receipt } = await sent({ body: { z: 1, a: 2, m: { y: 1, b: 2 } } });

    expect(receipt.body.toString()).toBe('{"z":1,"a":2,"m":{"y":1,"b":2}}');
  });

  test('is bytes for bodyBase64', async () => {
    const bodyBase64 = Buffer.from(allBytes).toString('base64');
    const { receipt, created } = await sent({ bodyBase64 });

    expect(receipt.body.equals(allBytes)).toBe(true);
    expect(created.request.bodyBase64).toBe(bodyBase64);
    expect(created.request).not.toHaveProperty('body');
  });

  test('is empty for an empty bodyBase64, which stays one', async () => {
    const { receipt, created } = await sent({ bodyBase64: '' });

    expect(receipt.body).toHaveLength(0);
    expect(created.request.bodyBase64).toBe('');
  });

  test('is 256 KiB of bytes too', async () => {
    const bytes = Buffer.alloc(256 * KiB, allBytes);
    const { receipt } = await sent({ bodyBase64: bytes.toString('base64') });

    expect(receipt.body.equals(bytes)).toBe(true);
  });

  test.each([
    ['body', { body: 'a'.repeat(256 * KiB + 1) }],
    ['body', { body: '你'.repeat(Math.ceil((256 * KiB) / 3)) }],
    ['body', { body: ['a'.repeat(256 * KiB)] }],
    ['bodyBase64', { bodyBase64: Buffer.alloc(256 * KiB + 1).toString('base64') }],
  ])('is refused above 256 KiB: %s', async (path, body) => {
    const refused = await client.post('/tasks', { request: { url: target.url, ...body } });

    expect([400, 413]).toContain(refused.status);
    expect(JSON.stringify(refused.body)).toContain(`request.${path}`);
    expect(refused.body.detail).toContain('262144');
  });

  test.each([
    ['body', { body: '<a/>' }],
    ['body', { body: { a: 1 } }],
    ['bodyBase64', { bodyBase64: 'AAEC' }],
  ])('keeps the content type that was given with a %s, in any case', async (_field, body) => {
    const { receipt } = await sent({ ...body, headers: { 'Content-TYPE': 'application/xml; q="x"' } });

    expect(receipt.headers['content-type']).toBe('application/xml; q="x"');
    expect(receipt.rawHeaders.filter((name) => name.toLowerCase() === 'content-type')).toHaveLength(1);
  });

  test.each(['PUT', 'PATCH', 'DELETE', 'post'])('is sent with %s', async (method) => {
    const { receipt } = await sent({ method, body: { a: 1 } });

    expect(receipt.method).toBe(method.toUpperCase());
    expect(receipt.body.toString()).toBe('{"a":1}');
  });
});

describe('with GET and HEAD', () => {
  test.each(['GET', 'HEAD'])('%s sends an object as query parameters, after those of the address', async (method) => {
    made += 1;
    const path = `/query-${made}`;
    const body = { text: 'a b&c=d+e', number: 1.5, yes: true, unicode: '你', empty: '' };
    await client.post('/tasks', { id: path, request: { url: `${target.url}${path}?first=1`, method, body } });
    const [receipt] = await target.received(path);

    const query = new URL(receipt?.path ?? '', target.url).searchParams;
    expect(Object.fromEntries(query)).toEqual({ first: '1', text: 'a b&c=d+e', number: '1.5', yes: 'true', unicode: '你', empty: '' });
    expect(receipt).toMatchObject({ method });
    expect(receipt?.body).toHaveLength(0);
    expect(receipt?.headers).not.toHaveProperty('content-type');
    const task = await client.taskFinished(path);
    expect(task).toMatchObject({ status: 'succeeded', request: { url: `${target.url}${path}?first=1`, method, body } });
    expect(task.result.body).toBe(method === 'HEAD' ? '' : '{"ok":true}');
  });

  test('the query of the address stays as it was written', async () => {
    made += 1;
    const path = `/signed-${made}`;
    const url = `${target.url}${path}?flag&a=%20+x&sig=%2f%2F==&&`;
    await client.post('/tasks', { id: path, request: { url, method: 'GET', body: { b: 'y', list: [1, 'z'] } } });
    await client.post('/tasks', { request: { url, method: 'GET', body: {} } });
    const receipts = await target.received(path, 2);

    const queries = receipts.map((receipt) => receipt.path.slice(path.length));
    expect(queries.sort()).toEqual(['?flag&a=%20+x&sig=%2f%2F==&&', '?flag&a=%20+x&sig=%2f%2F==&&&b=y&list=1&list=z']);
  });

  test.each([
    ['text', { body: 'a text' }, 'a text', 'text/plain; charset=utf-8'],
    ['bytes', { bodyBase64: 'AAEC' }, '\u0000\u0001\u0002', undefined],
  ])('%s is sent as a body nevertheless', async (_what, body, received, type) => {
    const { receipt } = await sent({ method: 'GET', ...body });

    expect(receipt).toMatchObject({ method: 'GET' });
    expect(receipt.body.toString()).toBe(received);
    if (type !== undefined) expect(receipt.headers['content-type']).toBe(type);
  });

  test('an address is sent as it was given where there is no body', async () => {
    made += 1;
    const path = `/exact-${made}`;
    await client.post('/tasks', { request: { url: `${target.url}${path}?b=2&a=%20+x&&=`, method: 'get' } });
    const [receipt] = await target.received(path);

    expect(receipt).toMatchObject({ method: 'GET', path: `${path}?b=2&a=%20+x&&=` });
  });
});

describe('the result', () => {
  test('is the answer as it was: status, headers, body and how long it took', async () => {
    const task = await answered({
      status: 202,
      headers: { 'content-type': 'text/x-own; a=b', 'x-own': 'yes' },
      body: '{ "n": 9007199254740993 }',
    });

    expect(task.status).toBe('succeeded');
    expect(task.result).toEqual({
      status: 202,
      headers: expect.objectContaining({ 'content-type': 'text/x-own; a=b', 'x-own': 'yes' }),
      body: '{ "n": 9007199254740993 }',
      encoding: 'utf8',
      truncated: false,
      durationMs: expect.any(Number),
    });
  });

  test('is kept of a failure too', async () => {
    const task = await answered({ status: 422, body: 'no, because…' });

    expect(task).toMatchObject({ status: 'failed', attempt: 1, error: { kind: 'http', status: 422 } });
    expect(task.result).toMatchObject({ status: 422, body: 'no, because…', encoding: 'utf8' });
  });

  test.each([
    ['204 without a body', { status: 204 }],
    ['an empty body', { body: '' }],
  ])('is empty for %s', async (_what, answer) => {
    const task = await answered({ headers: {}, ...answer });

    expect(task.result).toMatchObject({ body: '', encoding: 'utf8', truncated: false });
  });

  test.each([
    ['Unicode and control characters', unicode],
    ['a byte order mark first', '\ufeff{}'],
    ['256 KiB', 'z'.repeat(256 * KiB)],
    ['just above what is kept beside an event', 'y'.repeat(8 * KiB + 1)],
  ])('is text where the bytes are UTF-8: %s', async (_what, body) => {
    const { result } = await answered({ body });

    expect(result.encoding).toBe('utf8');
    expect(result.body === body).toBe(true);
    expect(result.truncated).toBe(false);
  });

  test.each([
    ['all bytes', allBytes],
    ['a lone continuation byte', Uint8Array.of(0x61, 0x80, 0x62)],
    ['a character cut off', Uint8Array.of(0x61, 0xe4, 0xbd)],
    ['half of a surrogate pair', Uint8Array.of(0xed, 0xa0, 0x80)],
    ['an overlong slash', Uint8Array.of(0xc0, 0xaf)],
    ['256 KiB', Buffer.alloc(256 * KiB, allBytes)],
  ])('is base64 where they are not: %s', async (_what, bytes) => {
    const { result } = await answered({ headers: { 'content-type': 'application/json' }, body: bytes });

    expect(result.encoding).toBe('base64');
    expect(Buffer.from(result.body, 'base64').equals(bytes)).toBe(true);
    expect(result.truncated).toBe(false);
  });

  test('keeps a compressed answer as it came', async () => {
    const bytes = gzipSync('hello '.repeat(1_000));
    const { result } = await answered({ headers: { 'content-type': 'text/plain', 'content-encoding': 'gzip' }, body: bytes });

    expect(result).toMatchObject({ encoding: 'base64', headers: { 'content-encoding': 'gzip' } });
    expect(Buffer.from(result.body, 'base64').equals(bytes)).toBe(true);
  });

  test('is cut above 256 KiB, and says so', async () => {
    const text = await answered({ body: 'x'.repeat(256 * KiB + 1) });
    expect(text).toMatchObject({ status: 'succeeded', result: { encoding: 'utf8', truncated: true } });
    expect(text.result.body === 'x'.repeat(256 * KiB)).toBe(true);

    const bytes = Buffer.alloc(256 * KiB + 1, allBytes);
    const binary = await answered({ body: bytes });
    expect(binary.result).toMatchObject({ encoding: 'base64', truncated: true });
    expect(Buffer.from(binary.result.body, 'base64').equals(bytes.subarray(0, 256 * KiB))).toBe(true);

    const large = await answered({ body: 'l'.repeat(3 * 1_024 * KiB) });
    expect(large.result).toMatchObject({ encoding: 'utf8', truncated: true });
    expect(large.result.body).toHaveLength(256 * KiB);
  });

  test('stays text when the cut falls into a character', async () => {
    const { result } = await answered({ body: `x${'你'.repeat(90_000)}` });

    expect(result).toMatchObject({ encoding: 'utf8', truncated: true });
    expect(result.body === `x${'你'.repeat(87_381)}`).toBe(true);
  });
});
