import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiAnswer, type Client, createClient } from './harness/client.ts';
import { type Errand, startErrand } from './harness/errand.ts';
import { runsHere } from './harness/host.ts';
import { type Answer, type Receipt, startTarget, type Target } from './harness/target.ts';
import { until } from './harness/until.ts';
import { header, newSecret, oldSecret, signatureByHand, verify } from './harness/webhook.ts';

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

const nth =
  (...answers: readonly (Answer | undefined)[]) =>
  (_receipt: unknown, _response: unknown, count: number) =>
    answers[count - 1];
const once = { maxAttempts: 1 };

/** Creates a task that calls `/<id>` and tells `/<id>-told`. */
async function create(id: string, task: { readonly callback?: object } & Record<string, unknown> = {}): Promise<void> {
  const { callback, ...rest } = task;
  const body = {
    id,
    request: { url: `${target.url}/${encodeURIComponent(id)}` },
    retry: once,
    callback: { url: `${target.url}/${encodeURIComponent(id)}-told`, ...callback },
    ...rest,
  };
  const created = await client.post('/tasks', body);
  expect(created.status, created.text).toBe(201);
}

async function told(id: string, count = 1): Promise<readonly Receipt[]> {
  return target.received(`/${encodeURIComponent(id)}-told`, count);
}

function payload(receipt: Receipt | undefined): ApiAnswer['body'] {
  return JSON.parse(receipt?.body.toString() ?? '');
}

const callbackIs = (id: string, status: string, withinMs?: number): Promise<ApiAnswer['body']> =>
  client.taskWhen(id, `its callback is ${status}`, ({ callback }) => callback?.status === status, withinMs);

async function eventsOf(id: string): Promise<ApiAnswer['body'][]> {
  return (await client.get(client.path(id, '/events'))).body.events;
}

describe('a callback', () => {
  test.concurrent.each([
    ['beyond the basic plane', '\u{1f600}'],
    ['that are no characters', '\uffff'],
    ['of control', '\u0001'],
  ])('tells at once what holds characters %s', async (what, text) => {
    const id = `odd ${what}`;
    target.on(`/${encodeURIComponent(id)}`, () => ({ headers: { 'content-type': 'text/plain; charset=utf-8' }, body: text }));
    await create(id, { labels: { text } });

    expect(payload((await told(id))[0])).toMatchObject({ labels: { text }, result: { body: text } });
  });

  test.concurrent('tells a success with its result', async () => {
    const id = 'won.der/ful';
    target.on(`/${encodeURIComponent(id)}`, () => ({ status: 201, headers: { 'content-type': 'text/plain', 'x-own': '1' }, body: 'made' }));
    await create(id, { labels: { customer: '42' }, callback: { headers: { 'x-mine': 'yes', authorization: 'Bearer t0ld' } } });
    const [receipt] = await told(id);
    if (receipt === undefined) throw new Error('nothing was told');
    const task = await callbackIs(id, 'delivered');

    expect(receipt.method).toBe('POST');
    expect(receipt.headers).toMatchObject({
      'content-type': 'application/json',
      'x-mine': 'yes',
      authorization: 'Bearer t0ld',
      'webhook-id': 'won%2Eder%2Fful~callback~3',
    });
    expect(header(receipt, 'webhook-signature')).toBe(`${signatureByHand(newSecret, receipt)} ${signatureByHand(oldSecret, receipt)}`);
    verify(newSecret, receipt);
    verify(oldSecret, receipt);
    expect(payload(receipt)).toEqual({
      id,
      status: 'succeeded',
      attempt: 1,
      run: 1,
      result: task.result,
      labels: { customer: '42' },
      finishedAt: task.finishedAt,
    });
    expect(task.result).toMatchObject({ status: 201, body: 'made', headers: { 'x-own': '1' } });
    expect(task.callback).toMatchObject({
      status: 'delivered',
      attempt: 1,
      response: { status: 200 },
      on: ['succeeded', 'failed', 'cancelled'],
    });
    expect(task.callback).not.toHaveProperty('nextAttemptAt');
    expect((await client.get(client.path(id, '/result'))).body.callback).toMatchObject({ status: 'delivered', attempt: 1 });
    expect((await eventsOf(id)).at(-1)).toMatchObject({
      type: 'CallbackSucceeded',
      data: { outcomeVersion: 3, attempt: 1, result: { status: 200 } },
    });
  });

  test.concurrent('tells a failure with its error and the last answer', async () => {
    target.on('/failing', () => ({ status: 503, body: 'down' }));
    await create('failing', { retry: { maxAttempts: 2, backoff: 'fixed', initialDelay: 10, jitter: 0 } });
    const [receipt] = await told('failing');
    expect(payload(receipt)).toMatchObject({
      id: 'failing',
      status: 'failed',
      attempt: 2,
      run: 1,
      error: { kind: 'http', status: 503 },
      result: { status: 503, body: 'down' },
      labels: {},
    });
    await callbackIs('failing', 'delivered');
    // Between the attempts nothing was told.
    expect(target.receipts('/failing-told')).toHaveLength(1);
    expect(header(receipt, 'webhook-id')).toBe('failing~callback~5');
  });

  test.concurrent('tells a cancellation', async () => {
    await create('cancelled', { delay: '1h' });
    expect((await client.get('/tasks/cancelled')).body.callback.status).toBe('none');
    await client.post('/tasks/cancelled/cancel', { reason: 'not needed' });
    const [receipt] = await told('cancelled');
    const task = await callbackIs('cancelled', 'delivered');
    const { finishedAt } = task;
    expect(payload(receipt)).toEqual({ id: 'cancelled', status: 'cancelled', attempt: 0, run: 1, labels: {}, finishedAt });
    expect(target.receipts('/cancelled')).toHaveLength(0);
  });

  test.concurrent('tells a binary result as base64 and a large one up to 256 KiB', async () => {
    target.on('/binary', () => ({ body: Buffer.concat([Buffer.from([0, 255]), Buffer.alloc(300_000, 1)]) }));
    await create('binary');
    const [receipt] = await told('binary');
    const { result } = payload(receipt);
    expect(result).toMatchObject({ encoding: 'base64', truncated: true });
    expect(Buffer.from(result.body, 'base64')).toHaveLength(256 * 1_024);
    if (receipt !== undefined) verify(newSecret, receipt);
  });

  test.concurrent('tells the deletion of a pending task as a cancellation', async () => {
    await create('deleted', { delay: '1h', labels: { of: 'deleted' } });
    expect((await client.delete('/tasks/deleted')).status).toBe(204);
    const [receipt] = await told('deleted');
    expect(payload(receipt)).toMatchObject({ id: 'deleted', status: 'cancelled', labels: { of: 'deleted' } });
    expect((await client.get('/tasks/deleted')).status).toBe(404);
    expect(header(receipt, 'webhook-id')).toBe('deleted~callback~2');
  });

  test.concurrent('that is open when its task is deleted is still delivered', async () => {
    target.on('/open-told', nth({ status: 500 }));
    await create('open');
    await callbackIs('open', 'pending');
    await told('open');
    expect((await client.delete('/tasks/open')).status).toBe(204);
    const [first, second] = await told('open', 2);
    expect(payload(second)).toEqual(payload(first));
    expect(payload(second).status).toBe('succeeded');
  });

  test.concurrent('is made only for the statuses in `on`', async () => {
    target.on('/only-failed', () => ({ status: 200 }));
    target.on('/only-cancelled', () => ({ status: 400 }));
    await create('only-failed', { callback: { on: ['failed', 'cancelled'] } });
    await create('only-cancelled', { callback: { on: ['cancelled'] } });
    await create('not-deleted', { delay: '1h', callback: { on: ['succeeded', 'failed'] } });
    await create('not-cancelled', { delay: '1h', callback: { on: ['succeeded'] } });
    await client.delete('/tasks/not-deleted');
    await client.post('/tasks/not-cancelled/cancel');
    const tasks = await Promise.all(['only-failed', 'only-cancelled', 'not-cancelled'].map((id) => client.taskFinished(id)));
    expect(tasks.map(({ callback }) => callback.status)).toEqual(['none', 'none', 'none']);
    for (const id of ['only-failed', 'only-cancelled', 'not-cancelled'])
      expect((await client.post(`/tasks/${id}/redeliver`)).status).toBe(409);
    // Whatever would have been told has had its time once a later one was told.
    await create('told-later');
    await told('told-later');
    for (const id of ['only-failed', 'only-cancelled', 'not-deleted', 'not-cancelled'])
      expect(target.receipts(`/${id}-told`)).toHaveLength(0);
  });

  test.concurrent('by GET carries the scalar fields as query parameters', async () => {
    await create('by-get', { callback: { url: `${target.url}/by-get-told?kept=1`, method: 'GET' }, labels: { a: 'b' } });
    const [receipt] = await told('by-get');
    const { finishedAt } = await callbackIs('by-get', 'delivered');
    const query = Object.fromEntries(new URL(receipt?.path ?? '', target.url).searchParams);
    expect(query).toEqual({ kept: '1', id: 'by-get', status: 'succeeded', attempt: '1', run: '1', finishedAt });
    expect(receipt?.method).toBe('GET');
    expect(receipt?.body).toHaveLength(0);
    if (receipt !== undefined) verify(newSecret, receipt);
  });

  test.concurrent.each(['PUT', 'PATCH', 'DELETE'])('may use %s', async (method) => {
    await create(`by-${method}`, { callback: { method } });
    const [receipt] = await told(`by-${method}`);
    expect(receipt?.method).toBe(method);
    expect(payload(receipt).status).toBe('succeeded');
  });

  test.concurrent('can be given, changed and removed by PATCH', async () => {
    await create('patched', { delay: '1h' });
    expect((await client.patch('/tasks/patched', { callback: null })).body.callback).toBeNull();
    const answer = await client.patch('/tasks/patched', { callback: { url: `${target.url}/patched-elsewhere`, on: ['cancelled'] } });
    expect(answer.body.callback).toMatchObject({ url: `${target.url}/patched-elsewhere`, on: ['cancelled'], method: 'POST' });
    await client.post('/tasks/patched/cancel');
    await target.received('/patched-elsewhere');
    expect(target.receipts('/patched-told')).toHaveLength(0);
  });

  test.concurrent('tells the cancellation of a task whose answer was awaited', async () => {
    target.on('/cancel-waiting', () => ({ status: 202 }));
    await create('cancel-waiting', { strategy: 'async' });
    await client.taskWhen('cancel-waiting', 'waits', ({ status }) => status === 'waiting');
    await client.post('/tasks/cancel-waiting/cancel');
    expect(payload((await told('cancel-waiting'))[0])).toMatchObject({ status: 'cancelled', attempt: 1 });
  });
});

describe('a callback that is not taken', () => {
  test.concurrent('is tried again after about a second, with the same id and content', async () => {
    target.on('/retried-told', nth({ status: 500 }, { status: 302, headers: { location: `${target.url}/moved` } }));
    await create('retried');
    const pending = await callbackIs('retried', 'pending').then(() =>
      client.taskWhen('retried', 'was tried', ({ callback }) => callback.attempt === 1),
    );
    expect(pending.status).toBe('succeeded');
    expect(pending.callback).toMatchObject({ status: 'pending', attempt: 1, response: { status: 500 } });
    const [first, second] = await told('retried', 2);
    const [failed] = (await eventsOf('retried')).filter(({ type }) => type === 'CallbackFailed');
    const pause = Date.parse(failed.data.retryAt) - Date.parse(failed.occurredAt);
    expect(pause).toBeGreaterThanOrEqual(800);
    expect(pause).toBeLessThanOrEqual(1_200);
    expect(failed.data.retryAt).toBe(pending.callback.nextAttemptAt);
    expect(second?.at ?? 0).toBeGreaterThanOrEqual(Date.parse(failed.data.retryAt));
    expect(header(second, 'webhook-id')).toBe(header(first, 'webhook-id'));
    expect(second?.body.toString()).toBe(first?.body.toString());
    // A redirect is no delivery and is not followed; the third try is about four seconds away.
    const again = await client.taskWhen('retried', 'was tried twice', ({ callback }) => callback.attempt === 2);
    expect(again.callback).toMatchObject({ status: 'pending', response: { status: 302 } });
    expect(target.receipts('/moved')).toHaveLength(0);
    const { data, occurredAt } = (await eventsOf('retried')).filter(({ type }) => type === 'CallbackFailed')[1];
    expect(Math.abs(Date.parse(data.retryAt) - Date.parse(occurredAt) - 4_000)).toBeLessThanOrEqual(800);
  });

  test.concurrent.each([400, 404, 409, 429, 503])('is tried again after %i too', async (status) => {
    target.on(`/${status}-told`, nth({ status }));
    await create(String(status));
    await told(String(status), 2);
    expect((await callbackIs(String(status), 'delivered')).callback).toMatchObject({ attempt: 2, response: { status: 200 } });
  });

  test.concurrent('is never told again after a 410', async () => {
    target.on('/gone-told', nth({ status: 410 }));
    await create('gone');
    const task = await callbackIs('gone', 'failed');
    expect(task).toMatchObject({ status: 'succeeded', callback: { status: 'failed', attempt: 1, response: { status: 410 } } });
    expect(task.callback).not.toHaveProperty('nextAttemptAt');
    expect((await eventsOf('gone')).at(-1)).toMatchObject({
      type: 'CallbackFailed',
      data: { retryAt: null, error: { kind: 'http', status: 410 } },
    });
    expect((await client.get('/tasks/gone/result')).body).toMatchObject({ status: 'succeeded', callback: { status: 'failed' } });
  });

  test.concurrent('obeys Retry-After', async () => {
    target.on('/rest-told', nth({ status: 503, headers: { 'retry-after': '2' } }));
    target.on('/long-rest-told', nth({ status: 503, headers: { 'retry-after': '100000' } }));
    await Promise.all([create('rest'), create('long-rest')]);
    const long = await client.taskWhen('long-rest', 'was tried', ({ callback }) => callback.attempt === 1);
    expect(Math.abs(Date.parse(long.callback.nextAttemptAt) - Date.now() - 86_400_000)).toBeLessThan(30_000);
    await told('rest', 2);
    const [failed] = (await eventsOf('rest')).filter(({ type }) => type === 'CallbackFailed');
    expect(Date.parse(failed.data.retryAt) - Date.parse(failed.occurredAt)).toBe(2_000);
    expect(target.receipts('/rest-told')[1]?.at ?? 0).toBeGreaterThanOrEqual(Date.parse(failed.data.retryAt));
  });

  test.concurrent('to a port where nobody listens stays pending, and says when it is tried next', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    await new Promise((resolve) => server.close(resolve));
    await create('dead', { callback: { url: `http://127.0.0.1:${port}/` } });
    const task = await client.taskWhen('dead', 'was tried', ({ callback }) => callback.attempt >= 1);
    expect(task).toMatchObject({ status: 'succeeded', error: null, callback: { status: 'pending', error: { kind: 'network' } } });
    expect(task.callback).not.toHaveProperty('response');
    const ahead = Date.parse(task.callback.nextAttemptAt) - Date.parse(task.updatedAt);
    expect(ahead).toBeGreaterThanOrEqual(800);
    expect((await client.get('/tasks/dead/result')).body.callback).toMatchObject({ status: 'pending' });
  });
});

describe('redeliver', () => {
  test.concurrent('sends a delivered callback again, with the same id', async () => {
    await create('again');
    await callbackIs('again', 'delivered');
    const answer = await client.post('/tasks/again/redeliver');
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ status: 'succeeded', callback: { status: 'pending', attempt: 0 } });
    const [first, second] = await told('again', 2);
    expect(header(second, 'webhook-id')).toBe(header(first, 'webhook-id'));
    expect(payload(second)).toEqual(payload(first));
    expect((await callbackIs('again', 'delivered')).callback.attempt).toBe(1);
    expect((await eventsOf('again')).map(({ type }) => type).slice(3)).toEqual([
      'CallbackSucceeded',
      'CallbackReopened',
      'CallbackSucceeded',
    ]);
    expect(target.receipts('/again')).toHaveLength(1);
  });

  test.concurrent('gives a failed one a fresh set of tries', async () => {
    target.on('/revived-told', nth({ status: 410 }, { status: 500 }));
    await create('revived');
    await callbackIs('revived', 'failed');
    expect((await client.post('/tasks/revived/redeliver')).status).toBe(200);
    await told('revived', 3);
    expect((await callbackIs('revived', 'delivered')).callback.attempt).toBe(2);
  });

  test.concurrent('brings a pending one forward', async () => {
    target.on('/forward-told', nth({ status: 503, headers: { 'retry-after': '3600' } }));
    await create('forward');
    await client.taskWhen('forward', 'was tried', ({ callback }) => callback.attempt === 1);
    expect((await client.post('/tasks/forward/redeliver')).status).toBe(200);
    await callbackIs('forward', 'delivered');
  });

  test.concurrent('is refused without a callback, before the end, and for nobody', async () => {
    await client.post('/tasks', { id: 'bare', request: { url: `${target.url}/bare` } });
    await client.taskFinished('bare');
    expect((await client.post('/tasks/bare/redeliver')).status).toBe(409);
    await create('unfinished', { delay: '1h' });
    const unfinished = await client.post('/tasks/unfinished/redeliver');
    expect(unfinished.status).toBe(409);
    expect(unfinished.body.detail).toContain('scheduled');
    expect((await client.post('/tasks/nobody/redeliver')).status).toBe(404);
  });
});

describe('a new run', () => {
  test.concurrent('supersedes the open callback of the one before', async () => {
    target.on('/renewed', nth({ status: 400 }, { status: 200 }));
    target.on('/renewed-told', nth({ status: 503, headers: { 'retry-after': '1' } }));
    await create('renewed');
    const pending = await client.taskWhen('renewed', 'was told in vain', ({ callback }) => callback.attempt === 1);
    expect(pending).toMatchObject({ status: 'failed', callback: { status: 'pending' } });
    expect((await client.post('/tasks/renewed/retry')).body).toMatchObject({ status: 'scheduled', run: 2, callback: { status: 'none' } });
    const [, second] = await told('renewed', 2);
    expect(payload(second)).toMatchObject({ status: 'succeeded', run: 2 });
    expect(header(second, 'webhook-id')).not.toBe(header(target.receipts('/renewed-told')[0], 'webhook-id'));
    await callbackIs('renewed', 'delivered');
    const passed = Date.parse(pending.callback.nextAttemptAt) + 500;
    await until('the time of the old callback', () => (Date.now() > passed ? true : undefined));
    expect(target.receipts('/renewed-told')).toHaveLength(2);
  });
});

test.runIf(runsHere('recovery at the start'))('a callback that is pending outlives the process', async () => {
  const first = await startErrand();
  target.on('/outlived-told', nth({ status: 500 }));
  const api = createClient(first.url);
  await api.post('/tasks', {
    id: 'outlived',
    request: { url: `${target.url}/outlived` },
    callback: { url: `${target.url}/outlived-told` },
  });
  await api.taskWhen('outlived', 'was told in vain', ({ callback }) => callback.attempt === 1);
  await first.kill();
  const second = await first.restart();
  try {
    await target.received('/outlived-told', 2);
    await createClient(second.url).taskWhen('outlived', 'delivered', ({ callback }) => callback.status === 'delivered');
  } finally {
    await second.stop();
  }
});
