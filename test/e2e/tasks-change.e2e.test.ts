import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiAnswer, type Client, createClient } from './harness/client.ts';
import { type Errand, startErrand } from './harness/errand.ts';
import { type Answer, startTarget, type Target } from './harness/target.ts';
import { until } from './harness/until.ts';

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

const isoTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z/;
const later = (more: object = {}) => ({ event: { detailType: 'Later' }, delay: '1h', ...more });
const call = (path: string, more: object = {}) => ({ id: path, request: { url: `${target.url}/${path}` }, delay: '1h', ...more });

/** A task that failed its first attempt and waits an hour for the second. */
async function betweenRetries(id: string, more: object = {}): Promise<ApiAnswer['body']> {
  target.on(`/${id}`, (_receipt, _response, nth) => ({ status: nth === 1 ? 500 : 200 }));
  await client.post('/tasks', call(id, { delay: 0, retry: { delays: ['1h'] }, ...more }));
  return client.taskWhen(id, 'waits for its second attempt', (task) => task.attempt === 1 && task.status === 'scheduled');
}

/** Lets the calls of a path wait until they are released. */
function held(path: string): { release(answer?: Answer): void } {
  const open: ((answer: Answer) => void)[] = [];
  target.on(path, () => new Promise<Answer>((resolve) => void open.push(resolve)));
  return { release: (answer = {}) => open.shift()?.(answer) };
}

describe('PATCH', () => {
  test('changes every field that it may, and nothing else', async () => {
    const first = await client.post('/tasks', {
      ...call('everything'),
      labels: { a: '1', b: '2' },
      callback: { url: `${target.url}/told` },
      retry: { maxAttempts: 3, jitter: 0 },
      priority: 5,
      startBefore: '1d',
    });
    const changes = {
      runAt: '2031-05-06T07:08:09.010+02:00',
      request: { url: `${target.url}/other?x=1`, method: 'PUT', headers: { 'x-new': '1' }, body: ['new'] },
      timeout: '5s',
      retry: { backoff: 'fixed', initialDelay: '7s', maxAttempts: 9 },
      callback: { url: `${target.url}/told-otherwise`, method: 'PUT', on: ['failed'] },
      labels: { c: '3' },
    };
    const changed = await client.patch('/tasks/everything', changes);

    expect(changed.status).toBe(200);
    expect(changed.headers.get('etag')).toBe('"2"');
    expect(changed.body).toEqual({
      ...first.body,
      version: 2,
      updatedAt: changed.body.updatedAt,
      runAt: '2031-05-06T05:08:09.010Z',
      nextAttemptAt: '2031-05-06T05:08:09.010Z',
      request: changes.request,
      timeoutMs: 5_000,
      maxAttempts: 9,
      retry: { maxAttempts: 9, backoff: 'fixed', initialDelay: 7_000, factor: 4, maxDelay: 3_600_000, jitter: 0.2 },
      callback: { url: `${target.url}/told-otherwise`, method: 'PUT', headers: {}, on: ['failed'], status: 'none', attempt: 0 },
      labels: { c: '3' },
    });
    expect((await client.get('/tasks/everything')).body).toEqual(changed.body);
    expect((await client.get('/tasks/everything?asOf=1')).body).toEqual(first.body);
    const { events } = (await client.get('/tasks/everything/events')).body;
    expect(events[1]).toMatchObject({ type: 'TaskRescheduled', data: { runAt: '2031-05-06T05:08:09.010Z', labels: { c: '3' } } });
  });

  test.each([
    ['runAt', { runAt: '2031-01-01T00:00:00Z' }, ['runAt', 'nextAttemptAt']],
    ['delay', { delay: '2h' }, ['runAt', 'nextAttemptAt']],
    ['request', { request: { url: 'http://127.0.0.1:9/other' } }, ['request']],
    ['timeout', { timeout: 100 }, ['timeoutMs']],
    ['retry', { retry: { maxAttempts: 1 } }, ['retry', 'maxAttempts']],
    ['callback', { callback: { url: 'http://127.0.0.1:9/told' } }, ['callback']],
    ['labels', { labels: {} }, ['labels']],
  ])('changes %s alone', async (field, changes, changedFields) => {
    const id = `alone-${field}`;
    const first = await client.post('/tasks', call(id, { labels: { a: '1' } }));
    const { body } = await client.patch(`/tasks/${id}`, changes);

    const different = Object.keys(body).filter((name) => JSON.stringify(body[name]) !== JSON.stringify(first.body[name]));
    expect(different.sort()).toEqual(
      [...changedFields, 'version', ...(body.updatedAt === first.body.updatedAt ? [] : ['updatedAt'])].sort(),
    );
  });

  test('replaces the whole of a field: a new request has no body or headers of the old one', async () => {
    const request = { url: `${target.url}/whole`, method: 'PUT', headers: { 'x-old': '1' }, body: { old: true } };
    await client.post('/tasks', { id: 'whole', request, delay: '1h' });
    const changed = await client.patch('/tasks/whole', { request: { url: `${target.url}/whole/new` }, delay: 0 });
    const [receipt] = await target.received('/whole/new');

    expect(changed.body.request).toEqual({ url: `${target.url}/whole/new`, method: 'POST', headers: {} });
    expect(receipt).toMatchObject({ method: 'POST' });
    expect(receipt?.headers).not.toHaveProperty('x-old');
    expect(receipt?.body).toHaveLength(0);
    await client.taskFinished('whole');
    expect(target.receipts('/whole')).toHaveLength(0);
  });

  test('removes a callback with null', async () => {
    await client.post('/tasks', call('untold', { callback: { url: `${target.url}/untold/told` } }));
    const changed = await client.patch('/tasks/untold', { callback: null, delay: 0 });
    expect(changed.body.callback).toBeNull();
    await client.post('/tasks', call('told', { callback: { url: `${target.url}/told/told` }, delay: 0 }));

    expect(await client.taskFinished('untold')).toMatchObject({ status: 'succeeded', callback: null });
    await target.received('/told/told');
    expect(target.receipts('/untold/told')).toHaveLength(0);
  });

  test('counts a new delay from now', async () => {
    await client.post('/tasks', later({ id: 'from-now' }));
    const before = Date.now();
    const { body } = await client.patch('/tasks/from-now', { delay: '10m' });

    expect(Date.parse(body.runAt)).toBeGreaterThanOrEqual(before + 600_000);
    expect(Date.parse(body.runAt)).toBeLessThanOrEqual(Date.now() + 600_000);
  });

  test('takes a time that has passed for now', async () => {
    await client.post('/tasks', call('overdue'));
    const before = Date.now();
    const { body } = await client.patch('/tasks/overdue', { runAt: '2001-01-01T00:00:00Z' });

    expect(Date.parse(body.runAt)).toBeGreaterThanOrEqual(before);
    await target.received('/overdue');
    expect(await client.taskFinished('overdue')).toMatchObject({ status: 'succeeded', runAt: body.runAt });
  });

  test('moves a task later: it is never early, and called once, at the new time', async () => {
    await client.post('/tasks', call('moved-later', { delay: '1s' }));
    const moved = await client.patch('/tasks/moved-later', { delay: '1500ms' });
    expect(moved.status).toBe(200);
    const [receipt] = await target.received('/moved-later');

    expect(receipt?.at).toBeGreaterThanOrEqual(Date.parse(moved.body.runAt));
    await client.taskFinished('moved-later');
    expect(target.receipts('/moved-later')).toHaveLength(1);
  });

  test('moves a task earlier: it runs then', async () => {
    const { body } = await client.post('/tasks', call('moved-earlier'));
    const moved = await client.patch('/tasks/moved-earlier', { delay: '300ms' });
    const [receipt] = await target.received('/moved-earlier');

    expect(receipt?.at).toBeGreaterThanOrEqual(Date.parse(moved.body.runAt));
    expect(receipt?.at).toBeLessThan(Date.parse(body.runAt));
  });

  test('many times at once leaves one time, and one call at it', async () => {
    await client.post('/tasks', call('to-and-fro'));
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, n) => client.patch('/tasks/to-and-fro', { delay: 1_000 + 50 * ((n * 5) % 12) })),
    );

    // Whoever loses too many races in a row is told to try again.
    for (const { status, headers } of answers) {
      expect([200, 503]).toContain(status);
      if (status === 503) expect(headers.get('retry-after')).not.toBeNull();
    }
    const [receipt] = await target.received('/to-and-fro');
    const task = await client.taskFinished('to-and-fro');
    const newest = answers.filter(({ status }) => status === 200).toSorted((left, right) => right.body.version - left.body.version)[0];
    expect(task.runAt).toBe(newest?.body.runAt);
    expect(receipt?.at).toBeGreaterThanOrEqual(Date.parse(task.runAt));
    expect(target.receipts('/to-and-fro')).toHaveLength(1);
  });

  test('that asks for what already is adds nothing to the history', async () => {
    await client.post('/tasks', later({ id: 'again' }));
    const changes = { runAt: '2031-01-01T00:00:00Z', labels: { a: '1', b: '2' }, timeout: '5s' };
    const first = await client.patch('/tasks/again', changes);
    const second = await client.patch('/tasks/again', { ...changes, labels: { b: '2', a: '1' } });

    expect(second.status).toBe(200);
    expect(second.body).toEqual(first.body);
  });

  test.each([
    [{}],
    [{ id: 'other' }],
    [{ priority: 1 }],
    [{ strategy: 'async' }],
    [{ unknown: 1 }],
    [{ delay: '1s', runAt: '2031-01-01T00:00:00Z' }],
    [{ delay: -1 }],
    [{ timeout: '99ms' }],
    [{ labels: null }],
    [{ request: null }],
    [[]],
  ])('with %j is refused and changes nothing', async (changes) => {
    await client.post('/tasks', call('unchanged'));

    expect((await client.patch('/tasks/unchanged', changes)).status).toBe(400);
    expect((await client.get('/tasks/unchanged')).body.version).toBe(1);
  });

  test('is possible 1,000 times; what follows is told the limit and can still be cancelled', async () => {
    await client.post('/tasks', later({ id: 'restless' }));
    for (let n = 1; n <= 1_000; n += 1) {
      const { status } = await client.patch('/tasks/restless', { labels: { n: String(n) } });
      if (status !== 200) expect({ n, status }).toEqual({ n, status: 200 });
    }
    const refused = await client.patch('/tasks/restless', { labels: { n: '1001' } });

    expect(refused).toMatchObject({ status: 400, body: { detail: expect.stringContaining('1000') } });
    expect(await client.get('/tasks/restless')).toMatchObject({ body: { version: 1_001, labels: { n: '1000' } } });
    expect((await client.get('/tasks/restless?asOf=500')).body).toMatchObject({ version: 500, labels: { n: '499' } });
    expect(await client.post('/tasks/restless/cancel')).toMatchObject({ status: 200, body: { status: 'cancelled' } });
  });
});

describe('PATCH between two attempts', () => {
  test('moves the next attempt', async () => {
    await betweenRetries('sooner');
    const moved = await client.patch('/tasks/sooner', { delay: '300ms' });
    expect(moved).toMatchObject({ status: 200, body: { status: 'scheduled', attempt: 1, run: 1, nextAttemptAt: moved.body.runAt } });
    const [, second] = await target.received('/sooner', 2);

    expect(second?.at).toBeGreaterThanOrEqual(Date.parse(moved.body.nextAttemptAt));
    expect(await client.taskFinished('sooner')).toMatchObject({ status: 'succeeded', attempt: 2, run: 1 });
  });

  test('gives the next attempt another request, under the same idempotency key', async () => {
    await betweenRetries('corrected', { request: { url: `${target.url}/corrected`, body: 'wrong' } });
    await client.patch('/tasks/corrected', { request: { url: `${target.url}/corrected`, body: 'right' }, delay: 0 });
    const receipts = await target.received('/corrected', 2);

    expect(receipts.map(({ body }) => body.toString())).toEqual(['wrong', 'right']);
    expect(receipts.map(({ headers }) => headers['errand-attempt'])).toEqual(['1', '2']);
    expect(new Set(receipts.map(({ headers }) => headers['idempotency-key'])).size).toBe(1);
  });

  test('grants more attempts, but not fewer than were made', async () => {
    await betweenRetries('counted');
    for (const retry of [{ maxAttempts: 1 }, { delays: [] }]) {
      const refused = await client.patch('/tasks/counted', { retry });
      expect(refused.status).toBe(409);
      expect(refused.body.detail).toContain('maxAttempts');
    }
    expect((await client.get('/tasks/counted')).body.maxAttempts).toBe(2);
    expect(await client.patch('/tasks/counted', { retry: { maxAttempts: 2 } })).toMatchObject({ status: 200, body: { maxAttempts: 2 } });
    expect(await client.patch('/tasks/counted', { retry: { maxAttempts: 5 } })).toMatchObject({
      status: 200,
      body: { maxAttempts: 5, attempt: 1 },
    });
  });

  test('keeps the next attempt where it is when only something else changes', async () => {
    const { nextAttemptAt, runAt } = await betweenRetries('kept');
    const { body } = await client.patch('/tasks/kept', { labels: { a: '1' } });

    expect(body).toMatchObject({ nextAttemptAt, runAt, error: { kind: 'http', status: 500 } });
  });
});

describe('a task that has started', () => {
  test('cannot be changed while it runs: the answer says which attempt started, and when', async () => {
    const { release } = held('/started');
    await client.post('/tasks', call('started', { delay: 0 }));
    await target.received('/started');
    const running = (await client.get('/tasks/started')).body;

    for (const changes of [{ delay: '1h' }, { labels: { a: '1' } }, { request: { url: target.url } }]) {
      const refused = await client.patch('/tasks/started', changes);
      expect(refused.status).toBe(409);
      expect(refused.body.detail).toMatch(/attempt 1 started at /);
      const time = refused.body.detail.split('attempt 1 started at ')[1];
      expect(time).toMatch(isoTime);
      expect(time.startsWith(running.updatedAt)).toBe(true);
    }
    release();
    await client.taskFinished('started');
  });

  test.each([
    ['succeeded', { event: { detailType: 'E' } }],
    ['failed', { runner: { name: 'simulate', params: { failureChance: 1 } }, retry: { maxAttempts: 1 } }],
    ['cancelled', { event: { detailType: 'E' }, delay: '1h' }],
  ])('and %s cannot be changed either: the answer says so', async (status, body) => {
    const id = `over-${status}`;
    await client.post('/tasks', { id, ...body });
    if (status === 'cancelled') await client.post(`/tasks/${id}/cancel`);
    const task = await client.taskFinished(id);
    const refused = await client.patch(`/tasks/${id}`, { delay: '1h' });

    expect(task.status).toBe(status);
    expect(refused.status).toBe(409);
    expect(refused.body.detail).toContain(`${status} at ${task.finishedAt}`);
    expect((await client.get(`/tasks/${id}`)).body).toEqual(task);
  });
});

describe('If-Match', () => {
  const requests = [
    ['PATCH', '', { labels: { a: 'new' } }],
    ['POST', '/cancel', undefined],
    ['POST', '/run', undefined],
    ['POST', '/retry', undefined],
    ['DELETE', '', undefined],
  ] as const;

  test.each(requests)('of another version stops %s %s, and of the current one lets it through', async (method, ending, body) => {
    const id = `guarded${ending}-${method}`.replace('/', '-');
    const failing = { runner: { name: 'simulate', params: { failureChance: 1 } }, retry: { maxAttempts: 1 } };
    await client.post('/tasks', { id, ...(ending === '/retry' ? failing : later()) });
    if (ending === '/retry') await client.taskFinished(id);
    else await client.patch(`/tasks/${id}`, { labels: { a: 'old' } });
    const before = await client.get(`/tasks/${id}`);
    const current = before.headers.get('etag') ?? '';
    const send = (tag: string) => client.request(method, `/tasks/${id}${ending}`, body, { headers: { 'if-match': tag } });

    for (const tag of ['"1"', '"99"', '"x"', '"0", "98"']) {
      const refused = await send(tag);
      expect(refused).toMatchObject({ status: 412, body: { status: 412 } });
      expect(refused.headers.get('content-type')).toBe('application/problem+json');
    }
    expect((await client.get(`/tasks/${id}`)).body).toEqual(before.body);
    expect((await send(current)).status).toBe(method === 'DELETE' ? 204 : 200);
  });

  test('lets one of several changes through that all knew the same version', async () => {
    await client.post('/tasks', later({ id: 'one-of-many' }));
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, n) =>
        client.patch('/tasks/one-of-many', { labels: { n: String(n) } }, { headers: { 'if-match': '"1"' } }),
      ),
    );

    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(412)]);
    const winner = answers.find(({ status }) => status === 200);
    expect((await client.get('/tasks/one-of-many')).body).toEqual(winner?.body);
  });

  test('of a start that came between stops a cancel', async () => {
    const { release } = held('/came-between');
    const created = await client.post('/tasks', call('came-between', { delay: 0 }));
    await target.received('/came-between');
    const refused = await client.post('/tasks/came-between/cancel', undefined, {
      headers: { 'if-match': created.headers.get('etag') ?? '' },
    });

    expect(refused.status).toBe(412);
    expect(refused.headers.get('etag')).toBe('"2"');
    release();
    await until('the end', async () => ((await client.get('/tasks/came-between')).body.status === 'succeeded' ? true : undefined));
  });
});
