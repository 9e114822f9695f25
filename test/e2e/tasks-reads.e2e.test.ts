import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiAnswer, type Client, createClient } from './harness/client.ts';
import { type Errand, startErrand } from './harness/errand.ts';
import { type Answer, startTarget, type Target } from './harness/target.ts';
import { until } from './harness/until.ts';

let errand: Errand;
let target: Target;
let client: Client;
/** What GET answered at each version of the task `retried`. */
let seen: ReadonlyMap<number, ApiAnswer['body']>;

beforeAll(async () => {
  [errand, target] = await Promise.all([startErrand(), startTarget()]);
  client = createClient(errand.url);
  seen = await retriedTask('retried');
});
afterAll(async () => {
  await errand.stop();
  await target.close();
});

const later = (more: object = {}) => ({ event: { detailType: 'Later' }, delay: '1h', ...more });

/** A path of the target whose answers are given by hand: `release` answers the request that is open. */
function held(path: string): { release(answer: Answer): void } {
  const open: ((answer: Answer) => void)[] = [];
  target.on(path, () => new Promise<Answer>((resolve) => void open.push(resolve)));
  return { release: (answer) => open.shift()?.(answer) };
}

/** The whole task as GET answered it at each of its versions, of one that fails, waits, and succeeds at its second attempt. */
async function retriedTask(id: string): Promise<Map<number, ApiAnswer['body']>> {
  const answers = new Map<number, ApiAnswer['body']>();
  const { release } = held(`/${id}`);
  const look = async (version: number) =>
    void answers.set(version, await client.taskWhen(id, `version ${version}`, (task) => task.version === version));

  const request = { url: `${target.url}/${id}`, body: { text: 'x'.repeat(20_000) } };
  await client.post('/tasks', { id, request, delay: '3s', retry: { delays: ['800ms'] }, labels: { a: '1' } });
  await look(1);
  await client.patch(`/tasks/${id}`, { labels: { a: '2' }, request: { ...request, body: { text: 'y'.repeat(20_000) } } });
  await look(2);
  await target.received(`/${id}`, 1);
  await look(3);
  release({ status: 503, body: 'not now, '.repeat(2_000) });
  await look(4);
  await target.received(`/${id}`, 2);
  await look(5);
  release({ status: 200, body: 'well then' });
  await look(6);
  return answers;
}

describe('GET /tasks/{id}', () => {
  test('answers the version as ETag and in the body', async () => {
    await client.post('/tasks', later({ id: 'tagged' }));
    for (let version = 1; version <= 3; version += 1) {
      const answer = await client.get('/tasks/tagged');
      expect(answer).toMatchObject({ status: 200, body: { version } });
      expect(answer.headers.get('etag')).toBe(`"${version}"`);
      const changed = await client.patch('/tasks/tagged', { labels: { version: String(version) } });
      expect(changed.headers.get('etag')).toBe(`"${version + 1}"`);
    }
  });

  test('is fresh: it shows every change at once', async () => {
    await client.post('/tasks', later({ id: 'fresh' }));
    for (let n = 0; n < 20; n += 1) {
      const { body } = await client.patch('/tasks/fresh', { labels: { n: String(n) } });
      expect((await client.get('/tasks/fresh')).body).toEqual(body);
    }
  });

  test('says where the task stands, before, between and after its attempts', async () => {
    const at = (version: number) => seen.get(version);

    expect(at(1)).toMatchObject({
      status: 'scheduled',
      attempt: 0,
      nextAttemptAt: at(1).runAt,
      finishedAt: null,
      result: null,
      error: null,
    });
    expect(at(2)).toMatchObject({ status: 'scheduled', attempt: 0, labels: { a: '2' } });
    expect(at(3)).toMatchObject({ status: 'running', attempt: 1, nextAttemptAt: null, result: null, error: null });
    expect(at(4)).toMatchObject({
      status: 'scheduled',
      attempt: 1,
      runAt: at(1).runAt,
      finishedAt: null,
      error: { kind: 'http', status: 503 },
      result: { status: 503, body: 'not now, '.repeat(2_000) },
    });
    expect(Date.parse(at(4).nextAttemptAt)).toBeGreaterThan(Date.parse(at(4).updatedAt));
    expect(at(5)).toMatchObject({ status: 'running', attempt: 2, nextAttemptAt: null });
    expect(at(6)).toMatchObject({ status: 'succeeded', attempt: 2, maxAttempts: 2, run: 1, nextAttemptAt: null, error: null });
    expect(at(6)).toMatchObject({ finishedAt: at(6).updatedAt, createdAt: at(1).createdAt, result: { status: 200, body: 'well then' } });
  });

  test('of nothing is a 404 problem, whatever is asked of it', async () => {
    const answers = await Promise.all([
      client.get('/tasks/none'),
      client.get('/tasks/none?asOf=1'),
      client.get('/tasks/none/status'),
      client.get('/tasks/none/result'),
      client.get('/tasks/none/events'),
      client.patch('/tasks/none', { delay: '1s' }),
      client.post('/tasks/none/cancel'),
      client.post('/tasks/none/run'),
      client.post('/tasks/none/retry'),
      client.post('/tasks/none/redeliver'),
      client.delete('/tasks/none'),
    ]);

    for (const { status, headers, body } of answers) {
      expect(status).toBe(404);
      expect(headers.get('content-type')).toBe('application/problem+json');
      expect(body).toMatchObject({ type: expect.any(String), title: 'Not found', status: 404, detail: expect.any(String) });
    }
  });

  test('refuses parameters that it does not know', async () => {
    await client.post('/tasks', later({ id: 'parameters' }));

    for (const query of ['asof=1', 'version=1', 'asOf=x', 'asOf=', 'asOf=1.5', 'asOf=-1', 'asOf=2026-01-01', 'asOf=2026-01-01T00:00:00']) {
      expect((await client.get(`/tasks/parameters?${query}`)).status).toBe(400);
    }
  });
});

describe('HEAD', () => {
  test('answers as GET does, without the body', async () => {
    await client.post('/tasks', later({ id: 'head' }));
    for (const path of ['/tasks/head', '/tasks/head/status', '/tasks/head/result', '/tasks/head/events', '/tasks', '/health', '/stats']) {
      const [get, head] = [await client.get(path), await client.request('HEAD', path)];
      expect(head.status).toBe(get.status);
      expect(head.text).toBe('');
      for (const name of ['etag', 'content-type', 'retry-after']) expect(head.headers.get(name)).toBe(get.headers.get(name));
    }
    const head = await client.request('HEAD', '/tasks/head');
    expect(head.headers.get('etag')).toBe('"1"');
    expect(await client.request('HEAD', '/tasks/none')).toMatchObject({ status: 404, text: '' });
  });
});

describe('asOf', () => {
  test('by version answers exactly what GET answered then', async () => {
    expect([...seen.keys()]).toEqual([1, 2, 3, 4, 5, 6]);
    for (const [version, then] of seen) {
      const answer = await client.get(`/tasks/retried?asOf=${version}`);
      expect(answer.status).toBe(200);
      expect(answer.body).toEqual(then);
      expect(answer.headers.get('etag')).toBe(`"${version}"`);
    }
    expect((await client.get('/tasks/retried?asOf=0')).status).toBe(404);
    expect((await client.get('/tasks/retried?asOf=7')).status).toBe(404);
    expect((await client.get('/tasks/retried?asOf=999999999')).status).toBe(404);
  });

  test('by time answers the last version up to then, however the time is written', async () => {
    const versions = [...seen.values()].map((task) => ({ task, at: Date.parse(task.updatedAt) }));

    for (const { at } of versions) {
      for (const time of [at, at - 1]) {
        // Versions of one millisecond cannot be told apart by time: the last of them is meant.
        const then = versions.findLast((version) => version.at <= time)?.task;
        const plusOne = new Date(time + 3_600_000).toISOString().replace('Z', '+01:00');
        for (const written of [String(time), new Date(time).toISOString(), encodeURIComponent(plusOne), plusOne]) {
          const answer = await client.get(`/tasks/retried?asOf=${written}`);
          expect(answer.status).toBe(then === undefined ? 404 : 200);
          if (then !== undefined) expect(answer.body).toEqual(then);
        }
      }
    }
    const newest = versions.at(-1)?.task;
    expect((await client.get('/tasks/retried?asOf=2999-01-01T00:00:00Z')).body).toEqual(newest);
    expect((await client.get('/tasks/retried?asOf=1000000000')).status).toBe(404);
  });

  test('of a deleted task is 404, for its versions and its times', async () => {
    const { body } = await client.post('/tasks', later({ id: 'gone' }));
    await client.delete('/tasks/gone');

    for (const asOf of ['1', '2', Date.parse(body.createdAt), Date.now()]) {
      expect((await client.get(`/tasks/gone?asOf=${asOf}`)).status).toBe(404);
    }
  });
});

describe('GET /tasks/{id}/status', () => {
  test('is five fields', async () => {
    const { body } = await client.post('/tasks', later({ id: 'short' }));
    const answer = await client.get('/tasks/short/status');

    expect(answer.body).toEqual({ id: 'short', status: 'scheduled', version: 1, attempt: 0, nextAttemptAt: body.nextAttemptAt });
    expect(answer.headers.get('etag')).toBe('"1"');
    await client.post('/tasks/short/run');
    const task = await client.taskFinished('short');
    expect((await client.get('/tasks/short/status')).body).toEqual({
      id: 'short',
      status: 'succeeded',
      version: task.version,
      attempt: 1,
      nextAttemptAt: null,
    });
  });
});

describe('GET /tasks/{id}/result', () => {
  test('is 202 with Retry-After until the task has finished, then 200', async () => {
    const { release } = held('/result');
    await client.post('/tasks', { id: 'result', request: { url: `${target.url}/result` }, delay: '600ms' });
    const scheduled = await client.get('/tasks/result/result');
    await target.received('/result');
    const running = await client.get('/tasks/result/result');
    release({ body: 'done' });
    const task = await client.taskFinished('result');
    const finished = await client.get('/tasks/result/result');

    for (const [answer, status] of [
      [scheduled, 'scheduled'],
      [running, 'running'],
    ] as const) {
      expect(answer).toMatchObject({ status: 202, body: { id: 'result', status } });
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    }
    expect(finished.status).toBe(200);
    expect(finished.headers.has('retry-after')).toBe(false);
    expect(finished.body).toEqual({ id: 'result', status: 'succeeded', result: task.result });
  });

  test('names a time to ask again that does not lie after the attempt', async () => {
    await client.post('/tasks', later({ id: 'in-a-minute', delay: '1m' }));
    const seconds = Number((await client.get('/tasks/in-a-minute/result')).headers.get('retry-after'));

    expect(seconds).toBeGreaterThanOrEqual(1);
    expect(seconds).toBeLessThanOrEqual(61);
  });

  test('has the error of a failed task and neither of a cancelled one', async () => {
    target.on('/refuses', () => ({ status: 400, body: 'bad' }));
    await client.post('/tasks', { id: 'refused', request: { url: `${target.url}/refuses` } });
    await client.post('/tasks', later({ id: 'cancelled' }));
    await client.post('/tasks/cancelled/cancel');
    const task = await client.taskFinished('refused');

    expect((await client.get('/tasks/refused/result')).body).toEqual({
      id: 'refused',
      status: 'failed',
      result: task.result,
      error: { kind: 'http', status: 400, message: expect.any(String) },
    });
    expect(await client.get('/tasks/cancelled/result')).toMatchObject({ status: 200, body: { id: 'cancelled', status: 'cancelled' } });
  });
});

describe('GET /tasks/{id}/events', () => {
  test('is the whole history, oldest first, of versions without a gap', async () => {
    const { status, body } = await client.get('/tasks/retried/events');

    expect(status).toBe(200);
    expect(body).not.toHaveProperty('cursor');
    const types = ['TaskScheduled', 'TaskRescheduled', 'TaskStarted', 'TaskFailed', 'TaskStarted', 'TaskSucceeded'];
    expect(body.events.map(({ type }: { type: string }) => type)).toEqual(types);
    for (const [index, event] of body.events.entries()) {
      expect(Object.keys(event).sort()).toEqual(['data', 'occurredAt', 'type', 'version']);
      expect(event.version).toBe(index + 1);
      expect(event.occurredAt).toBe(seen.get(event.version).updatedAt);
    }
    expect(body.events[2].data).toMatchObject({ attempt: 1, run: 1 });
    expect(body.events[3].data).toMatchObject({
      startedVersion: 3,
      error: { kind: 'http', status: 503 },
      retryAt: seen.get(4).nextAttemptAt,
    });
    expect(body.events[5].data).toMatchObject({ startedVersion: 5, result: { status: 200, body: 'well then' } });
  });

  test('comes in pages, each where the one before ended', async () => {
    await client.post('/tasks', later({ id: 'pages' }));
    for (let n = 2; n <= 25; n += 1) await client.patch('/tasks/pages', { labels: { n: String(n) } });
    for (const limit of [1, 7, 24, 25, 26]) {
      const versions: number[] = [];
      let cursor: string | undefined;
      do {
        const { body } = await client.get(`/tasks/pages/events?limit=${limit}${cursor === undefined ? '' : `&cursor=${cursor}`}`);
        expect(body.events.length).toBeLessThanOrEqual(limit);
        versions.push(...body.events.map(({ version }: { version: number }) => version));
        cursor = body.cursor;
      } while (cursor !== undefined);
      expect(versions).toEqual(Array.from({ length: 25 }, (_, index) => index + 1));
    }
  });

  test('has 100 events a page by default', async () => {
    await client.post('/tasks', later({ id: 'long' }));
    for (let n = 2; n <= 105; n += 1) await client.patch('/tasks/long', { labels: { n: String(n) } });
    const first = await client.get('/tasks/long/events');
    const second = await client.get(`/tasks/long/events?cursor=${first.body.cursor}`);

    expect(first.body.events).toHaveLength(100);
    expect(second.body.events.map(({ version }: { version: number }) => version)).toEqual([101, 102, 103, 104, 105]);
    expect((await client.get('/tasks/long/events?limit=1000')).body.events).toHaveLength(105);
    // Beyond the 32nd and 64th version the state is folded from a stored one: it must be the same.
    for (const version of [1, 31, 32, 33, 64, 65, 105]) {
      const then = (await client.get(`/tasks/long?asOf=${version}`)).body;
      expect(then).toMatchObject({ version, labels: version === 1 ? {} : { n: String(version) } });
    }
  });

  test('refuses a limit or a cursor that cannot be', async () => {
    await client.post('/tasks', later({ id: 'refusals' }));
    const list = await until('a list with a cursor', async () => (await client.get('/tasks?limit=1')).body.cursor as string | undefined);

    for (const query of [
      'limit=0',
      'limit=1001',
      'limit=x',
      'limit=-1',
      'limit=1.5',
      'cursor=x',
      'cursor=',
      `cursor=${list}`,
      'offset=1',
    ]) {
      expect(await client.get(`/tasks/refusals/events?${query}`)).toMatchObject({ status: 400, body: { status: 400 } });
    }
  });
});
