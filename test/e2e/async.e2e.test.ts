import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiAnswer, type Client, createClient } from './harness/client.ts';
import { type Errand, startErrand } from './harness/errand.ts';
import { type Answer, type Receipt, startTarget, type Target } from './harness/target.ts';
import { until } from './harness/until.ts';
import { encodedId, header } from './harness/webhook.ts';

const key = 'the-only-key';
let errand: Errand;
let target: Target;
let client: Client;

beforeAll(async () => {
  // With a key, so that every answer below proves that its route needs none.
  [errand, target] = await Promise.all([startErrand({ environment: { ERRAND_API_KEYS: key } }), startTarget()]);
  client = createClient(errand.url, { authorization: `Bearer ${key}` });
});
afterAll(async () => {
  await errand.stop();
  await target.close();
});

const nth =
  (...answers: readonly (Answer | undefined)[]) =>
  (_receipt: unknown, _response: unknown, count: number) =>
    answers[count - 1];
const accepted: Answer = { status: 202, headers: { 'content-type': 'text/plain' }, body: 'on it' };

async function create(id: string, task: { readonly request?: object } & Record<string, unknown> = {}): Promise<void> {
  const { request, ...rest } = task;
  const url = `${target.url}/${encodeURIComponent(id)}`;
  const created = await client.post('/tasks', { id, strategy: 'async', request: { url, ...request }, ...rest });
  expect(created.status, created.text).toBe(201);
}

function answerUrl(receipt: Receipt | undefined): string {
  const url = header(receipt, 'errand-callback-url');
  if (url === undefined) throw new Error('the request named no URL to answer to');
  return url;
}

/** Creates an asynchronous task that is accepted, and resolves with the URL to answer to once it waits. */
async function waiting(id: string, task: Record<string, unknown> = {}): Promise<string> {
  target.on(`/${encodeURIComponent(id)}`, () => accepted);
  await create(id, task);
  const [receipt] = await target.received(`/${encodeURIComponent(id)}`);
  await client.taskWhen(id, 'waits', ({ status }) => status === 'waiting');
  return answerUrl(receipt);
}

async function post(
  url: string,
  body: string | Uint8Array | undefined = undefined,
  headers: Record<string, string> = {},
): Promise<ApiAnswer> {
  return createClient(url).request('POST', '', undefined, body === undefined ? { headers } : { raw: body, headers });
}

const soon = (maxAttempts: number) => ({ maxAttempts, backoff: 'fixed', initialDelay: 20, jitter: 0 });

describe('an accepted task', () => {
  test.concurrent('waits, and says until when', async () => {
    const begun = Date.now();
    const url = await waiting('waits', { completeWithin: '10m' });
    const { body } = await client.get('/tasks/waits');
    expect(body).toMatchObject({ status: 'waiting', strategy: 'async', attempt: 1, result: null, error: null, finishedAt: null });
    expect(Math.abs(Date.parse(body.completeBy) - begun - 600_000)).toBeLessThan(10_000);
    expect((await client.get('/tasks/waits/result')).status).toBe(202);
    expect((await client.get('/tasks/waits/events')).body.events[2]).toMatchObject({
      type: 'TaskAccepted',
      data: { startedVersion: 2, response: { status: 202, body: 'on it' } },
    });
    expect(url).toBe(`${errand.url}/tasks/waits/callback/${url.split('/').at(-1)}`);
    // The URL opens the door, so nothing that can be read may hold it.
    const token = url.split('/').at(-1) ?? '';
    for (const path of ['/tasks/waits', '/tasks/waits/events', '/tasks?limit=100'])
      expect((await client.get(path)).text).not.toContain(token);
  });

  const everyByte = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
  const kib256 = 256 * 1_024;
  const answers: readonly (readonly [string, string | Uint8Array | undefined, string | undefined, object])[] = [
    ['json', '{"done": true}', 'application/json', { body: '{"done": true}', encoding: 'utf8', truncated: false }],
    ['broken-json', '{"done"', 'application/json', { body: '{"done"', encoding: 'utf8', truncated: false }],
    ['text', 'fertig \u{1F600}\u0000', 'text/plain; charset=utf-8', { body: 'fertig \u{1F600}\u0000', encoding: 'utf8', truncated: false }],
    ['marked', '\uFEFFx', 'text/plain', { body: '\uFEFFx', encoding: 'utf8', truncated: false }],
    ['binary', everyByte, 'image/png', { body: everyByte.toString('base64'), encoding: 'base64', truncated: false }],
    ['xml', '<a/>', 'application/xml', { body: '<a/>', encoding: 'utf8', truncated: false }],
    ['form', 'a=1&b=2', 'application/x-www-form-urlencoded', { body: 'a=1&b=2', encoding: 'utf8', truncated: false }],
    ['deep', '['.repeat(5_000), 'application/json', { body: '['.repeat(5_000), encoding: 'utf8', truncated: false }],
    ['nothing', undefined, undefined, { body: '', encoding: 'utf8', truncated: false }],
    ['as-large-as-kept', 'x'.repeat(kib256), 'text/plain', { body: 'x'.repeat(kib256), encoding: 'utf8', truncated: false }],
    ['larger', 'x'.repeat(1_000_000), 'text/plain', { body: 'x'.repeat(kib256), encoding: 'utf8', truncated: true }],
  ];
  test.concurrent.each(answers)('succeeds with the bytes that are posted: %s', async (what, body, type, expected) => {
    const id = `posted-${what}`;
    const url = await waiting(id);
    const answer = await post(url, body, type === undefined ? {} : { 'content-type': type });
    expect(answer.status, answer.text).toBe(200);
    const { body: task } = await client.get(`/tasks/${id}`);
    expect(task).toMatchObject({ status: 'succeeded', attempt: 1, run: 1, result: { status: 200, ...expected } });
    if (type !== undefined) expect(task.result.headers['content-type']).toBe(type);
    expect((await client.get(`/tasks/${id}/result`)).body.result).toEqual(task.result);
    expect(target.receipts(`/${id}`)).toHaveLength(1);
  });

  test.concurrent.each(['order/42 x', 'a.b~c', "x!'()*", 'callback/fail'])('is answered whatever its id: %s', async (id) => {
    const url = await waiting(id);
    expect(encodedId(id)).toBe(header(target.receipts(`/${encodeURIComponent(id)}`)[0], 'webhook-id'));
    expect((await post(`${url}/heartbeat`)).status).toBe(200);
    expect((await post(url, 'ok')).status).toBe(200);
    expect((await client.get(client.path(id))).body.status).toBe('succeeded');
  });

  test.concurrent('takes the same answer twice, also at once, and no other', async () => {
    const url = await waiting('twice');
    const both = await Promise.all([post(url, 'same'), post(url, 'same'), post(url, 'same')]);
    expect(both.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect((await post(url, 'same')).status).toBe(200);
    const other = await post(url, 'other');
    expect(other.status).toBe(409);
    expect(other.headers.get('content-type')).toBe('application/problem+json');
    expect((await post(url)).status).toBe(409);
    expect((await client.get('/tasks/twice')).body.result.body).toBe('same');
    const types = (await client.get('/tasks/twice/events')).body.events.map(({ type }: { type: string }) => type);
    expect(types.filter((type: string) => type === 'TaskSucceeded')).toHaveLength(1);
  });

  test.concurrent('compares answers as a whole, also beyond what is kept', async () => {
    const url = await waiting('twice-large');
    const large = 'x'.repeat(400_000);
    expect((await post(url, large)).status).toBe(200);
    expect((await post(url, large)).status).toBe(200);
    expect((await post(url, `${large.slice(0, -1)}y`)).status).toBe(409);
  });

  test.concurrent('refuses answers over 4 MiB and goes on waiting', async () => {
    const url = await waiting('too-large');
    const answer = await post(url, Buffer.alloc(4 * 1_024 * 1_024 + 1, 'x'));
    expect(answer.status).toBe(413);
    expect((await client.get('/tasks/too-large')).body.status).toBe('waiting');
    expect((await post(url, 'smaller')).status).toBe(200);
  });

  test.concurrent('does not take an answer by GET', async () => {
    const url = await waiting('by-get');
    const answer = await fetch(url);
    expect(answer.status).toBe(405);
    expect(answer.headers.get('allow')).toContain('POST');
  });
});

describe('a token', () => {
  test.concurrent('that was tampered with, or is another task’s, is not found', async () => {
    const [url, foreign] = await Promise.all([waiting('mine'), waiting('theirs')]);
    const token = url.split('/').at(-1) ?? '';
    const theirs = foreign.split('/').at(-1) ?? '';
    const base = `${errand.url}/tasks/mine/callback/`;
    const [version = '', run = '', mac = ''] = token.split('.');
    const flipped = `${mac.slice(0, -2)}${mac.at(-2) === 'A' ? 'B' : 'A'}${mac.at(-1)}`;
    const forged = [
      theirs,
      `${version}.${run}.${flipped}`,
      `${version}.${Number(run) + 1}.${mac}`,
      `${Number(version) + 1}.${run}.${mac}`,
      `0${version}.${run}.${mac}`,
      token.slice(0, -1),
      `${token}A`,
      token.toUpperCase(),
      'x',
      encodeURIComponent(`${token}\u0000`),
      'a'.repeat(2_000),
    ];
    for (const each of forged) {
      for (const ending of ['', '/fail', '/heartbeat']) {
        const answer = await post(base + each + ending, 'x');
        expect(answer.status, each + ending).toBe(404);
        expect(answer.headers.get('content-type')).toBe('application/problem+json');
      }
    }
    expect((await post(`${errand.url}/tasks/nobody/callback/${token}`, 'x')).status).toBe(404);
    expect((await client.get('/tasks/mine')).body).toMatchObject({ status: 'waiting', version: 3 });
    expect((await post(url, 'genuine')).status).toBe(200);
  });

  test.concurrent('of a run that is over is refused: cancelled', async () => {
    const url = await waiting('over-cancelled');
    expect((await client.post('/tasks/over-cancelled/cancel')).body.status).toBe('cancelled');
    for (const ending of ['', '/fail', '/heartbeat']) expect((await post(url + ending, 'late')).status).toBe(409);
    expect((await client.get('/tasks/over-cancelled')).body.status).toBe('cancelled');
  });

  test.concurrent('of a run that is over is refused: failed, and retried by hand', async () => {
    const url = await waiting('over-failed', { retry: { maxAttempts: 1 } });
    expect((await post(`${url}/fail`, 'no')).status).toBe(200);
    await client.taskFinished('over-failed');
    for (const ending of ['', '/fail', '/heartbeat']) expect((await post(url + ending, 'late')).status).toBe(409);
    await client.post('/tasks/over-failed/retry');
    const receipts = await target.received('/over-failed', 2);
    await client.taskWhen('over-failed', 'waits again', ({ status }) => status === 'waiting');
    for (const ending of ['', '/fail', '/heartbeat']) expect((await post(url + ending, 'late')).status).toBe(409);
    expect(header(receipts[1], 'webhook-id')).toBe('over-failed~2');
    expect((await post(answerUrl(receipts[1]), 'in time')).status).toBe(200);
  });

  test.concurrent('of a task that has succeeded cannot fail it or keep it alive', async () => {
    const url = await waiting('over-succeeded');
    await post(url, 'done');
    for (const ending of ['/fail', '/heartbeat']) expect((await post(url + ending)).status).toBe(409);
    expect((await client.get('/tasks/over-succeeded')).body.result.body).toBe('done');
  });

  test.concurrent('of a deleted task is not found', async () => {
    const url = await waiting('deleted');
    expect((await client.delete('/tasks/deleted')).status).toBe(204);
    for (const ending of ['', '/fail', '/heartbeat']) expect((await post(url + ending, 'late')).status).toBe(404);
  });

  test.concurrent('of an earlier attempt answers for the run, but neither fails nor prolongs the current one', async () => {
    target.on('/earlier', nth(accepted, accepted));
    await create('earlier', { retry: soon(3) });
    const [first] = await target.received('/earlier');
    await client.taskWhen('earlier', 'waits', ({ status }) => status === 'waiting');
    expect((await post(`${answerUrl(first)}/fail`, 'try again')).status).toBe(200);
    const [, second] = await target.received('/earlier', 2);
    await client.taskWhen('earlier', 'waits again', ({ status, attempt }) => status === 'waiting' && attempt === 2);
    expect(answerUrl(second)).not.toBe(answerUrl(first));

    expect((await post(`${answerUrl(first)}/fail`, 'stale')).status).toBe(409);
    expect((await post(`${answerUrl(first)}/heartbeat`)).status).toBe(409);
    expect((await post(`${answerUrl(second)}/heartbeat`)).status).toBe(200);
    expect((await post(answerUrl(first), 'late but good')).status).toBe(200);
    expect((await client.get('/tasks/earlier')).body).toMatchObject({ status: 'succeeded', attempt: 2, result: { body: 'late but good' } });
    expect((await post(answerUrl(second), 'late but good')).status).toBe(200);
    expect((await post(answerUrl(second), 'something else')).status).toBe(409);
  });
});

describe('an early answer', () => {
  test.concurrent.each([200, 500, 404])('before the HTTP answer ends the task, although that is then %i', async (status) => {
    const id = `early-${status}`;
    target.on(`/${id}`, async (receipt) => {
      expect((await post(answerUrl(receipt), 'early')).status).toBe(200);
      expect((await client.get(`/tasks/${id}`)).body.status).toBe('succeeded');
      return { status, body: 'too late' };
    });
    await create(id, { retry: soon(3) });
    await client.taskFinished(id);
    // The HTTP answer has been read once another task of the same target has come and gone.
    target.on(`/${id}-after`, () => ({ status: 200 }));
    await create(`${id}-after`, { strategy: 'await' });
    await client.taskFinished(`${id}-after`);
    const { body } = await client.get(`/tasks/${id}`);
    expect(body).toMatchObject({ status: 'succeeded', attempt: 1, result: { status: 200, body: 'early' }, error: null });
    expect(target.receipts(`/${id}`)).toHaveLength(1);
  });

  test.concurrent('between two attempts ends the task, and there is no second call', async () => {
    target.on('/between', nth({ status: 500 }));
    await create('between', { retry: { maxAttempts: 3, backoff: 'fixed', initialDelay: '1s', jitter: 0 } });
    const [receipt] = await target.received('/between');
    const { nextAttemptAt } = await client.taskWhen(
      'between',
      'failed once',
      ({ status, attempt }) => status === 'scheduled' && attempt === 1,
    );
    expect((await post(answerUrl(receipt), 'after all')).status).toBe(200);
    expect((await client.get('/tasks/between')).body).toMatchObject({ status: 'succeeded', result: { body: 'after all' }, error: null });
    await until('the time of the second attempt', () => (Date.now() > Date.parse(nextAttemptAt) + 500 ? true : undefined));
    expect(target.receipts('/between')).toHaveLength(1);
  });

  test.concurrent('can be a failure or a heartbeat too', async () => {
    target.on('/early-fail', async (receipt, _response, count) => {
      if (count === 1) {
        expect((await post(`${answerUrl(receipt)}/heartbeat`)).status).toBe(200);
        expect((await post(`${answerUrl(receipt)}/fail`, 'cannot')).status).toBe(200);
      }
      return accepted;
    });
    await create('early-fail', { retry: soon(2) });
    const task = await client.taskWhen(
      'early-fail',
      'waits after its second attempt',
      ({ status, attempt }) => status === 'waiting' && attempt === 2,
    );
    expect(task.attempt).toBe(2);
    const events = (await client.get('/tasks/early-fail/events')).body.events;
    expect(events.find(({ type }: { type: string }) => type === 'TaskFailed').data.error).toEqual({ kind: 'rejected', message: 'cannot' });
  });
});

describe('completeWithin', () => {
  test.concurrent('passing without an answer is a timeout, retried by policy', async () => {
    target.on('/silent', () => accepted);
    await create('silent', { completeWithin: 400, retry: soon(2) });
    const task = await client.taskFinished('silent');
    expect(task).toMatchObject({ status: 'failed', attempt: 2, error: { kind: 'timeout' } });
    const events: ApiAnswer['body'][] = (await client.get('/tasks/silent/events')).body.events;
    const acceptedAt = events.filter(({ type }) => type === 'TaskAccepted').map(({ occurredAt }) => Date.parse(occurredAt));
    const failedAt = events.filter(({ type }) => type === 'TaskFailed').map(({ occurredAt }) => Date.parse(occurredAt));
    expect(failedAt).toHaveLength(2);
    for (const [index, at] of failedAt.entries()) expect(at - (acceptedAt[index] ?? 0)).toBeGreaterThanOrEqual(400);
    const [first] = target.receipts('/silent');
    expect((await post(answerUrl(first), 'too late')).status).toBe(409);
  });

  test.concurrent('counts from a heartbeat of the current attempt', async () => {
    target.on('/alive', () => accepted);
    await create('alive', { completeWithin: '2s', retry: { maxAttempts: 1 } });
    const [receipt] = await target.received('/alive');
    const first = await client.taskWhen('alive', 'waits', ({ status }) => status === 'waiting');
    await until('half of the time to pass', () => (Date.now() > Date.parse(first.completeBy) - 1_000 ? true : undefined));
    const before = Date.now();
    expect((await post(`${answerUrl(receipt)}/heartbeat`)).status).toBe(200);
    const { body: second } = await client.get('/tasks/alive');
    expect(Date.parse(second.completeBy)).toBeGreaterThanOrEqual(before + 2_000);
    await until('the first deadline to pass', () => (Date.now() > Date.parse(first.completeBy) + 200 ? true : undefined));
    expect((await client.get('/tasks/alive')).body.status).toBe('waiting');
    expect(await client.taskFinished('alive')).toMatchObject({ status: 'failed', error: { kind: 'timeout' } });
    const events: ApiAnswer['body'][] = (await client.get('/tasks/alive/events')).body.events;
    expect(events.map(({ type }) => type)).toEqual(['TaskScheduled', 'TaskStarted', 'TaskAccepted', 'TaskHeartbeat', 'TaskFailed']);
    expect(Date.parse(events[4].occurredAt)).toBeGreaterThanOrEqual(Date.parse(second.completeBy));
  });

  test.concurrent('is not recorded anew for a crowd of heartbeats', async () => {
    const url = await waiting('chatty', { completeWithin: '1h' });
    const answers = await Promise.all(Array.from({ length: 50 }, () => post(`${url}/heartbeat`)));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect((await client.get('/tasks/chatty')).body.version).toBe(3);
  });
});

describe('/fail', () => {
  test.concurrent('makes the attempt fail with its body as the message, and the policy decides', async () => {
    target.on('/reported', () => accepted);
    await create('reported', { retry: soon(2) });
    const [first] = await target.received('/reported');
    expect((await post(`${answerUrl(first)}/fail`, 'the printer is on fire', { 'content-type': 'text/plain' })).status).toBe(200);
    const [, second] = await target.received('/reported', 2);
    await client.taskWhen('reported', 'waits again', ({ status, attempt }) => status === 'waiting' && attempt === 2);
    expect((await post(`${answerUrl(second)}/fail`, '{"code":7}', { 'content-type': 'application/json' })).status).toBe(200);
    expect(await client.taskFinished('reported')).toMatchObject({
      status: 'failed',
      attempt: 2,
      error: { kind: 'rejected', message: '{"code":7}' },
    });
    expect((await client.get('/tasks/reported/events')).body.events[3].data.error).toEqual({
      kind: 'rejected',
      message: 'the printer is on fire',
    });
  });

  const messages: readonly (readonly [string, string | Uint8Array | undefined])[] = [
    ['nothing', undefined],
    ['ascii', 'x'.repeat(20_000)],
    ['characters-of-three-bytes', '€'.repeat(5_000)],
    ['characters-of-four-bytes', `a${'\u{1F600}'.repeat(5_000)}`],
    ['bytes-that-are-no-text', Buffer.alloc(20_000, 0xff)],
  ];
  test.concurrent.each(messages)('keeps at most 8 KiB: %s', async (what, message) => {
    const id = `long-${what}`;
    const url = await waiting(id, { retry: { maxAttempts: 1 } });
    expect((await post(`${url}/fail`, message)).status).toBe(200);
    const { error } = await client.taskFinished(id);
    expect(error.kind).toBe('rejected');
    const bytes = Buffer.byteLength(error.message);
    expect(bytes).toBeGreaterThan(0);
    expect(bytes).toBeLessThanOrEqual(8_192);
    if (typeof message === 'string') {
      expect(message.startsWith(error.message)).toBe(true);
      expect(bytes).toBeGreaterThan(8_192 - 4);
    }
  });
});

test('errand-continue on an asynchronous task wins over waiting', async () => {
  target.on('/continued', nth({ ...accepted, headers: { 'errand-continue': '10ms' } }, accepted));
  await create('continued');
  const [first, second] = await target.received('/continued', 2);
  const task = await client.taskWhen('continued', 'waits in its second run', ({ status, run }) => status === 'waiting' && run === 2);
  expect(task).toMatchObject({ run: 2, attempt: 1 });
  expect(header(second, 'webhook-id')).toBe('continued~2');
  expect((await post(answerUrl(first), 'of the first run')).status).toBe(409);
  expect((await post(answerUrl(second), 'of the second run')).status).toBe(200);
});

test('a failure before the 2xx is judged as ever', async () => {
  target.on('/sync-failure', nth({ status: 503 }, { status: 404 }));
  await create('sync-failure', { retry: soon(3) });
  expect(await client.taskFinished('sync-failure')).toMatchObject({ status: 'failed', attempt: 2, error: { kind: 'http', status: 404 } });
});

test('the answer routes need no key, all others do', async () => {
  const url = await waiting('keyless');
  expect((await fetch(`${errand.url}/tasks/keyless`)).status).toBe(401);
  expect((await fetch(`${url}/heartbeat`, { method: 'POST', headers: { authorization: 'Bearer wrong' } })).status).toBe(200);
  expect((await fetch(url, { method: 'POST', body: 'x' })).status).toBe(200);
});

test('the URL to answer to begins with ERRAND_PUBLIC_URL', async () => {
  const other = await startErrand({ environment: { ERRAND_PUBLIC_URL: 'https://errand.example:8443/base/' } });
  try {
    target.on('/public', () => accepted);
    const api = createClient(other.url);
    await api.post('/tasks', { id: 'a/b', strategy: 'async', request: { url: `${target.url}/public` } });
    const [receipt] = await target.received('/public');
    expect(answerUrl(receipt)).toMatch(/^https:\/\/errand\.example:8443\/base\/tasks\/a%2Fb\/callback\/[^/]+$/);
    const path = new URL(answerUrl(receipt)).pathname.replace(/^\/base/, '');
    await api.taskWhen('a/b', 'waits', ({ status }) => status === 'waiting');
    expect((await post(other.url + path, 'through the proxy')).status).toBe(200);
  } finally {
    await other.stop();
  }
});
