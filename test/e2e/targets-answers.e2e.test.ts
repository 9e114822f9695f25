import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiAnswer, type Client, createClient } from './harness/client.ts';
import { type Errand, startErrand } from './harness/errand.ts';
import { connectRaw } from './harness/raw-socket.ts';
import { startTarget, type Target } from './harness/target.ts';

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

const quickly = (maxAttempts: number) => ({ maxAttempts, backoff: 'fixed', initialDelay: 20, jitter: 0 });

/** Creates a task of that id for the path of the same name, and gives it back when it has ended. */
async function ended(id: string, task: { readonly request?: object } & Record<string, unknown> = {}): Promise<ApiAnswer['body']> {
  const { request, ...rest } = task;
  const created = await client.post('/tasks', { id, request: { url: `${target.url}/${id}`, ...request }, ...rest });
  expect(created.status, created.text).toBe(201);
  return client.taskFinished(id, 20_000);
}

async function historyOf(id: string): Promise<ApiAnswer['body'][]> {
  return (await client.get(`/tasks/${id}/events?limit=1000`)).body.events;
}

describe('a 2xx', () => {
  test.concurrent.each([200, 201, 202, 203, 204, 205, 206, 226, 299])('%i is a success', async (status) => {
    const id = `ok-${status}`;
    target.on(`/${id}`, () => ({
      status,
      headers: { 'X-Mixed': 'Yes', 'retry-after': '5' },
      body: status === 204 || status === 205 ? '' : 'done',
    }));
    const task = await ended(id);
    expect(task).toMatchObject({ status: 'succeeded', attempt: 1, run: 1, error: null, nextAttemptAt: null });
    expect(task.result).toMatchObject({ status, encoding: 'utf8', truncated: false });
    expect(task.result.headers['x-mixed']).toBe('Yes');
    expect(task.result.body).toBe(status === 204 || status === 205 ? '' : 'done');
    expect(target.receipts(`/${id}`)).toHaveLength(1);
  });
});

describe('a 3xx', () => {
  test.concurrent.each([300, 301, 302, 303, 304, 305, 307, 308])('%i is a failure and is not followed', async (status) => {
    const id = `redirect-${status}`;
    target.on(`/${id}`, () => ({ status, headers: { location: `${target.url}/elsewhere`, 'retry-after': '1' }, body: '' }));
    const task = await ended(id, { retry: quickly(3) });
    expect(task).toMatchObject({ status: 'failed', attempt: 1, error: { kind: 'http', status } });
    expect(task.result).toMatchObject({ status, headers: { location: `${target.url}/elsewhere` } });
    expect(target.receipts(`/${id}`)).toHaveLength(1);
    expect(target.receipts('/elsewhere')).toHaveLength(0);
  });
});

describe('a 4xx that says it will stay so', () => {
  const final = [
    400, 401, 402, 403, 404, 405, 406, 407, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 423, 424, 426, 428, 431, 451, 499,
  ];
  test.concurrent.each(final)('%i is final', async (status) => {
    const id = `final-${status}`;
    target.on(`/${id}`, () => ({ status, headers: { 'content-type': 'text/plain', 'retry-after': '0' }, body: `no: ${status}` }));
    const task = await ended(id, { retry: quickly(3) });
    expect(task).toMatchObject({ status: 'failed', attempt: 1, error: { kind: 'http', status }, nextAttemptAt: null });
    expect(task.error.message).toContain(String(status));
    expect(task.result).toMatchObject({ status, body: `no: ${status}` });
    expect(target.receipts(`/${id}`)).toHaveLength(1);
  });
});

describe('an answer that may change', () => {
  const later = [408, 425, 429, 500, 501, 502, 503, 504, 505, 507, 508, 511, 599];
  test.concurrent.each(later)('%i is tried again until the policy is spent', async (status) => {
    const id = `later-${status}`;
    target.on(`/${id}`, () => ({ status, body: 'busy' }));
    const task = await ended(id, { retry: quickly(3) });
    expect(task).toMatchObject({
      status: 'failed',
      attempt: 3,
      maxAttempts: 3,
      error: { kind: 'http', status },
      result: { status, body: 'busy' },
    });
    expect(target.receipts(`/${id}`)).toHaveLength(3);
  });

  test.concurrent.each([408, 429, 500, 503])('%i with errand-no-retry is final', async (status) => {
    const id = `no-retry-${status}`;
    target.on(`/${id}`, () => ({ status, headers: { 'Errand-No-Retry': 'true', 'retry-after': '0' } }));
    expect(await ended(id, { retry: quickly(3) })).toMatchObject({ status: 'failed', attempt: 1, error: { status } });
  });

  test.concurrent('errand-no-retry means it only as "true"', async () => {
    target.on('/no-retry-false', () => ({ status: 500, headers: { 'errand-no-retry': 'false' } }));
    expect(await ended('no-retry-false', { retry: quickly(2) })).toMatchObject({ attempt: 2 });
  });
});

describe('no answer', () => {
  const rawServers: Server[] = [];
  const children: ChildProcess[] = [];
  afterAll(() => {
    for (const server of rawServers) server.close();
    for (const child of children) child.kill('SIGKILL');
  });

  async function rawServer(answer: (socket: Socket) => void): Promise<string> {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => answer(socket));
    });
    rawServers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  }

  test.concurrent('a refused connection is tried again', async () => {
    const url = await rawServer((socket) => socket.destroy());
    await new Promise((resolve) => rawServers.at(-1)?.close(resolve));
    const task = await ended('refused', { request: { url }, retry: quickly(3) });
    expect(task).toMatchObject({ status: 'failed', attempt: 3, error: { kind: 'network' }, result: null });
    expect(task.error).not.toHaveProperty('status');
    const errors = (await historyOf('refused')).filter(({ type }) => type === 'TaskFailed').map(({ data }) => data.error.kind);
    expect(errors).toEqual(['network', 'network', 'network']);
  });

  const broken: readonly (readonly [string, string])[] = [
    ['a connection closed without a byte', ''],
    ['a connection closed inside the headers', 'HTTP/1.1 200 OK\r\ncontent-le'],
    ['a connection closed inside the body', 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this'],
    ['a connection closed inside a chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n64\r\nonly this'],
    ['something that is not HTTP', 'SSH-2.0-OpenSSH_9.6\r\n\r\n'],
    ['headers without an end', `HTTP/1.1 200 OK\r\nx: ${'x'.repeat(200_000)}`],
  ];
  test.concurrent.each(broken)('%s is tried again', async (what, bytes) => {
    const url = await rawServer((socket) => socket.end(bytes));
    const task = await ended(what.replaceAll(' ', '-'), { request: { url }, retry: quickly(2) });
    expect(task).toMatchObject({ status: 'failed', attempt: 2, error: { kind: 'network' } });
  });

  test.concurrent('a name that does not resolve is tried again', async () => {
    const task = await ended('unresolved', { request: { url: 'http://no-such-name.invalid/' }, retry: quickly(2), timeout: '10s' });
    expect(task).toMatchObject({ status: 'failed', attempt: 2, error: { kind: 'network' } });
  });

  async function timedOut(id: string, url: string): Promise<void> {
    const task = await ended(id, { request: { url }, timeout: 400, retry: quickly(2) });
    expect(task).toMatchObject({ status: 'failed', attempt: 2, error: { kind: 'timeout' }, result: null });
    const history = await historyOf(id);
    const times = history.map(({ occurredAt }) => Date.parse(occurredAt));
    expect(history.map(({ type }) => type)).toEqual(['TaskScheduled', 'TaskStarted', 'TaskFailed', 'TaskStarted', 'TaskFailed']);
    for (const [started, failed] of [
      [times[1], times[2]],
      [times[3], times[4]],
    ]) {
      // Timers count whole milliseconds of another clock.
      expect((failed ?? 0) - (started ?? 0)).toBeGreaterThanOrEqual(398);
      expect((failed ?? 0) - (started ?? 0)).toBeLessThan(3_000);
    }
  }

  test.concurrent('slow headers end at the timeout, and are tried again', async () => {
    await timedOut('slow-headers', await rawServer(() => undefined));
  });

  test.concurrent('headers that drip in end at the timeout', async () => {
    const url = await rawServer((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      const drip = setInterval(() => socket.write('x-a: b\r\n'), 50);
      socket.on('close', () => clearInterval(drip));
    });
    await timedOut('dripping-headers', url);
  });

  test.concurrent('a slow body ends at the timeout, however steadily it drips', async () => {
    const url = await rawServer((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n');
      const drip = setInterval(() => socket.write('x'), 50);
      socket.on('close', () => clearInterval(drip));
    });
    await timedOut('slow-body', url);
  });

  test.concurrent('a slow connect ends at the timeout', async () => {
    // A process that is stopped accepts nothing: once its queue is full, the system leaves further connections hanging.
    const script = `require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, function () { console.log(this.address().port) })`;
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    const [port] = await once(createInterface({ input: child.stdout }), 'line');
    child.kill('SIGSTOP');
    const url = `http://127.0.0.1:${port}/`;
    const fillers = Array.from({ length: 6 }, () => connectRaw(url));
    await Promise.race(fillers);
    await timedOut('slow-connect', url);
    child.kill('SIGKILL');
    for (const filler of fillers) void filler.then((connection) => connection.destroy());
  });
});

describe('the result', () => {
  const kib = 1_024;
  const everyByte = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
  const bodies: readonly (readonly [string, Buffer, object])[] = [
    ['text', Buffer.from('Zwölf \u{1F600}\r\n\u0000'), { body: 'Zwölf \u{1F600}\r\n\u0000', encoding: 'utf8', truncated: false }],
    ['marked-text', Buffer.from('\uFEFFx'), { body: '\uFEFFx', encoding: 'utf8', truncated: false }],
    ['nothing', Buffer.alloc(0), { body: '', encoding: 'utf8', truncated: false }],
    ['bytes', everyByte, { body: everyByte.toString('base64'), encoding: 'base64', truncated: false }],
    ['exactly-256-KiB', Buffer.alloc(256 * kib, 'a'), { body: 'a'.repeat(256 * kib), encoding: 'utf8', truncated: false }],
    ['one-byte-more', Buffer.alloc(256 * kib + 1, 'a'), { body: 'a'.repeat(256 * kib), encoding: 'utf8', truncated: true }],
    [
      'a-cut-character',
      Buffer.from(`${'a'.repeat(256 * kib - 1)}ä`),
      { body: 'a'.repeat(256 * kib - 1), encoding: 'utf8', truncated: true },
    ],
    ['much-too-much', Buffer.alloc(5_000_000, 'b'), { body: 'b'.repeat(256 * kib), encoding: 'utf8', truncated: true }],
  ];
  test.each(bodies)('is kept as received: %s', async (what, body, expected) => {
    target.on(`/${what}`, () => ({ headers: { 'content-type': 'text/x-own', 'X-Two': 'b' }, body }));
    const task = await ended(what);
    expect(task.status).toBe('succeeded');
    const { status, headers, durationMs, ...rest } = task.result;
    expect(rest).toEqual(expected);
    expect(status).toBe(200);
    expect(headers).toMatchObject({ 'content-type': 'text/x-own', 'x-two': 'b' });
    expect(durationMs).toBeGreaterThanOrEqual(0);
    expect((await client.get(`/tasks/${what}/result`)).body.result).toEqual(task.result);
  });

  test('of a failure is kept too, and cut alike', async () => {
    target.on('/failed-result', () => ({ status: 422, body: Buffer.alloc(300_000, 'c') }));
    const task = await ended('failed-result');
    expect(task.result).toMatchObject({ status: 422, body: 'c'.repeat(256 * kib), truncated: true });
  });
});

test('the history tells every attempt with its answer', async () => {
  target.on('/told', (_receipt, _response, nth) => ({ status: [503, 429, 201][nth - 1] ?? 500, body: `answer ${nth}` }));
  await ended('told', { retry: quickly(5), request: { body: { a: 1 } } });
  const history = await historyOf('told');

  expect(history.map(({ version, type }) => `${version} ${type}`)).toEqual([
    '1 TaskScheduled',
    '2 TaskStarted',
    '3 TaskFailed',
    '4 TaskStarted',
    '5 TaskFailed',
    '6 TaskStarted',
    '7 TaskSucceeded',
  ]);
  expect(history[0].data).toMatchObject({ action: 'http', request: { method: 'POST', body: { a: 1 } } });
  expect(history[1].data).toMatchObject({ attempt: 1, run: 1 });
  expect(history[2].data).toMatchObject({
    startedVersion: 2,
    error: { kind: 'http', status: 503 },
    result: { status: 503, body: 'answer 1' },
  });
  expect(history[3].data).toMatchObject({ attempt: 2, run: 1 });
  expect(history[4].data).toMatchObject({ startedVersion: 4, error: { kind: 'http', status: 429 }, result: { body: 'answer 2' } });
  expect(history[6].data).toMatchObject({ startedVersion: 6, result: { status: 201, body: 'answer 3' } });
  const iso = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
  for (const { occurredAt } of history) expect(occurredAt).toMatch(iso);
  for (const moment of [history[0].data.runAt, history[1].data.leaseUntil, history[2].data.retryAt]) expect(moment).toMatch(iso);
});
