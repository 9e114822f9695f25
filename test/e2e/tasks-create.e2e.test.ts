import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Client, createClient } from './harness/client.ts';
import { type Errand, startErrand } from './harness/errand.ts';
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

const uuidV7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const utcTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;
/** A task that never runs while these tests do. */
const later = (more: object = {}) => ({ event: { detailType: 'Later' }, delay: '1h', ...more });
const statusesOf = (answers: readonly { readonly status: number }[]) => answers.map(({ status }) => status).sort();

describe('the answer to a create', () => {
  test('shows every default of the contract', async () => {
    const before = Date.now();
    const url = `${target.url}/defaults`;
    const created = await client.post('/tasks', { id: 'defaults', request: { url } });
    const after = Date.now();

    expect(created.status).toBe(201);
    expect(created.headers.get('content-type')).toMatch(/^application\/json/);
    expect(created.body).toEqual({
      id: 'defaults',
      status: 'scheduled',
      version: 1,
      attempt: 0,
      maxAttempts: 6,
      action: 'http',
      request: { url, method: 'POST', headers: {} },
      run: 1,
      runAt: expect.stringMatching(utcTime),
      nextAttemptAt: created.body.runAt,
      createdAt: expect.stringMatching(utcTime),
      updatedAt: created.body.createdAt,
      finishedAt: null,
      strategy: 'await',
      timeoutMs: 30_000,
      completeWithinMs: 3_600_000,
      retry: { maxAttempts: 6, backoff: 'exponential', initialDelay: 5_000, factor: 4, maxDelay: 3_600_000, jitter: 0.2 },
      startBeforeMs: null,
      labels: {},
      priority: 0,
      result: null,
      error: null,
      callback: null,
      origin: null,
    });
    for (const time of [created.body.runAt, created.body.createdAt]) {
      expect(Date.parse(time)).toBeGreaterThanOrEqual(before);
      expect(Date.parse(time)).toBeLessThanOrEqual(after);
    }
  });

  test('shows what was given instead of the defaults, in the units of answers', async () => {
    const created = await client.post('/tasks', {
      id: 'given',
      request: {
        url: `${target.url}/given`,
        method: 'put',
        headers: [{ key: 'X-A', value: '1' }],
        secretHeaders: ['X-Secret'],
        body: { a: 1 },
      },
      runAt: '2030-01-01T09:00:00+01:00',
      strategy: 'async',
      timeout: 'PT1M',
      completeWithin: '2d',
      retry: { delays: ['5s', '5m', 90_000], jitter: 0 },
      startBefore: '2h',
      callback: { url: `${target.url}/told`, on: ['failed'] },
      labels: { customer: '42' },
      priority: -3,
    });

    expect(created.status).toBe(201);
    expect(created.body).toMatchObject({
      request: { url: `${target.url}/given`, method: 'PUT', headers: { 'X-A': '1' }, body: { a: 1 } },
      runAt: '2030-01-01T08:00:00.000Z',
      nextAttemptAt: '2030-01-01T08:00:00.000Z',
      strategy: 'async',
      timeoutMs: 60_000,
      completeWithinMs: 172_800_000,
      maxAttempts: 4,
      retry: { delays: [5_000, 300_000, 90_000], jitter: 0 },
      startBeforeMs: 7_200_000,
      callback: { url: `${target.url}/told`, method: 'POST', headers: {}, on: ['failed'], status: 'none' },
      labels: { customer: '42' },
      priority: -3,
    });
  });

  test('names the task in Location, percent-encoded, and its version in ETag', async () => {
    const created = await client.post('/tasks', later({ id: 'order #42/e:1' }));

    expect(created.headers.get('location')).toBe('/tasks/order%20%2342%2Fe%3A1');
    expect(created.headers.get('etag')).toBe('"1"');
    const read = await client.get(created.headers.get('location') ?? '');
    expect(read.body.id).toBe('order #42/e:1');
  });

  test('has a UUIDv7 where no id was given, and two such creates make two tasks', async () => {
    const [first, second] = [await client.post('/tasks', later()), await client.post('/tasks', later())];

    expect(statusesOf([first, second])).toEqual([201, 201]);
    expect(first.body.id).toMatch(uuidV7);
    expect(second.body.id).toMatch(uuidV7);
    expect(second.body.id > first.body.id).toBe(true);
    expect(first.headers.get('location')).toBe(`/tasks/${first.body.id}`);
  });

  test('takes a time that has passed for now', async () => {
    const before = Date.now();
    const created = await client.post('/tasks', { event: { detailType: 'Past' }, runAt: '2001-01-01T00:00:00Z' });

    expect(Date.parse(created.body.runAt)).toBeGreaterThanOrEqual(before);
    expect((await client.taskFinished(created.body.id)).status).toBe('succeeded');
  });

  test('takes a number for epoch milliseconds', async () => {
    const created = await client.post('/tasks', { event: { detailType: 'Epoch' }, runAt: 1_900_000_000_000 });

    expect(created.body.runAt).toBe(new Date(1_900_000_000_000).toISOString());
  });
});

describe('creating the same task again', () => {
  test('forty times at once makes one task and one call', async () => {
    const body = { id: 'forty', request: { url: `${target.url}/forty`, body: { n: 1 } } };
    const answers = await Promise.all(Array.from({ length: 40 }, () => client.post('/tasks', body)));

    expect(statusesOf(answers)).toEqual([...Array(39).fill(200), 201]);
    for (const answer of answers) {
      expect(answer.headers.get('location')).toBe('/tasks/forty');
      expect(answer.body.id).toBe('forty');
      expect(answer.headers.get('etag')).toBe(`"${answer.body.version}"`);
    }
    expect((await client.taskFinished('forty')).attempt).toBe(1);
    const again = await client.post('/tasks', body);
    expect(again).toMatchObject({ status: 200, body: { status: 'succeeded', result: { status: 200 } } });
    expect(target.receipts('/forty')).toHaveLength(1);
  });

  test('forty different contents at once let one through and answer 409 to the rest', async () => {
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, n) =>
        client.post('/tasks', { id: 'contended', request: { url: `${target.url}/contended`, body: { n } } }),
      ),
    );

    expect(statusesOf(answers)).toEqual([201, ...Array(39).fill(409)]);
    const winner = answers.findIndex(({ status }) => status === 201);
    await client.taskFinished('contended');
    expect(target.receipts('/contended').map(({ body }) => body.toString())).toEqual([`{"n":${winner}}`]);
  });

  test('with other content is refused and changes nothing', async () => {
    const first = later({ id: 'different', labels: { a: '1' } });
    await client.post('/tasks', first);

    for (const other of [
      { ...first, labels: { a: '2' } },
      { ...first, delay: '2h' },
      { ...first, priority: 0 },
      later({ id: 'different' }),
    ]) {
      const refused = await client.post('/tasks', other);
      expect(refused).toMatchObject({ status: 409, body: { status: 409, title: 'Conflict' } });
    }
    expect((await client.get('/tasks/different')).body).toMatchObject({ version: 1, labels: { a: '1' } });
    expect((await client.post('/tasks', first)).status).toBe(200);
  });

  test('is the same whatever the order of its keys, on every level', async () => {
    const one = '{"id":"order-of-keys","event":{"detailType":"E","detail":{"a":1,"b":{"c":[1,{"d":2,"e":3}],"f":null}}},"delay":"1h"}';
    const two =
      '{ "delay": "1h", "event": { "detail": { "b": { "f": null, "c": [1, {"e":3,"d":2}] }, "a": 1 }, "detailType": "E" }, "id": "order-of-keys" }';
    const three = one.replace('[1,', '[2,');

    expect((await client.post('/tasks', undefined, { raw: one })).status).toBe(201);
    expect((await client.post('/tasks', undefined, { raw: two })).status).toBe(200);
    expect((await client.post('/tasks', undefined, { raw: three })).status).toBe(409);
  });

  test('is the same when a relative time names another moment, and keeps the first one', async () => {
    const body = later({ id: 'relative', delay: '45m' });
    const first = await client.post('/tasks', body);
    const second = await client.post('/tasks', body);

    expect(second.status).toBe(200);
    expect(second.body.runAt).toBe(first.body.runAt);
    // The same length written otherwise is other content: what was sent counts, not what it means.
    expect((await client.post('/tasks', { ...body, delay: 2_700_000 })).status).toBe(409);
  });

  test('is compared with the first create, also after the task was changed', async () => {
    const body = later({ id: 'changed-since', labels: { a: '1' } });
    await client.post('/tasks', body);
    const changed = await client.patch('/tasks/changed-since', { labels: { a: '2' }, delay: '3h' });
    expect(changed.status).toBe(200);

    const again = await client.post('/tasks', body);
    expect(again.status).toBe(200);
    expect(again.body).toEqual(changed.body);
    expect((await client.post('/tasks', { ...body, labels: { a: '2' }, delay: '3h' })).status).toBe(409);
  });

  test('finds it whatever became of it', async () => {
    const cancelled = later({ id: 'was-cancelled' });
    await client.post('/tasks', cancelled);
    await client.post('/tasks/was-cancelled/cancel');

    expect(await client.post('/tasks', cancelled)).toMatchObject({ status: 200, body: { status: 'cancelled' } });
  });

  test('is refused once it was deleted, with the same content and with other', async () => {
    const body = later({ id: 'was-deleted' });
    await client.post('/tasks', body);
    expect((await client.delete('/tasks/was-deleted')).status).toBe(204);

    for (const again of [body, later({ id: 'was-deleted', delay: '2h' })]) {
      expect(await client.post('/tasks', again)).toMatchObject({ status: 409, body: { detail: expect.stringContaining('deleted') } });
    }
    expect((await client.get('/tasks/was-deleted')).status).toBe(404);
  });
});
