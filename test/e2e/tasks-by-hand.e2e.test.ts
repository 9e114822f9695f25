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

const later = (more: object = {}) => ({ event: { detailType: 'Later' }, delay: '1h', ...more });
const call = (path: string, more: object = {}) => ({ id: path, request: { url: `${target.url}/${path}` }, delay: '1h', ...more });
const typesOf = async (id: string) => (await client.get(client.path(id, '/events'))).body.events.map(({ type }: { type: string }) => type);

/** Lets the calls of a path wait until they are released, oldest first. */
function held(path: string): { release(answer?: Answer): void } {
  const open: ((answer: Answer) => void)[] = [];
  target.on(path, () => new Promise<Answer>((resolve) => void open.push(resolve)));
  return { release: (answer = {}) => open.shift()?.(answer) };
}

async function expectGone(id: string): Promise<void> {
  const path = client.path(id);
  const answers = await Promise.all([
    client.get(path),
    client.get(`${path}?asOf=1`),
    client.request('HEAD', path),
    client.get(`${path}/status`),
    client.get(`${path}/result`),
    client.get(`${path}/events`),
    client.patch(path, { delay: '1s' }),
    client.post(`${path}/cancel`),
    client.post(`${path}/run`),
    client.post(`${path}/retry`),
    client.post(`${path}/redeliver`),
    client.delete(path),
  ]);
  expect(answers.map(({ status }) => status)).toEqual(Array(12).fill(404));
}

describe.concurrent('a deletion', () => {
  test('removes a pending task from every read, and it is never called', async () => {
    // Long enough to show in the list before: on AWS that takes a second or two.
    const body = call('pending', { delay: '4s', labels: { set: 'deleted' } });
    const created = await client.post('/tasks', body);
    await until('the task in the list', async () => (await client.get('/tasks?label.set=deleted')).body.tasks[0]);
    const deleted = await client.delete('/tasks/pending');

    expect(deleted).toMatchObject({ status: 204, text: '' });
    await expectGone('pending');
    await until('the task no more in the list', async () =>
      (await client.get('/tasks?label.set=deleted')).body.tasks.length === 0 ? true : undefined,
    );
    await until('its time, and a while more', () => (Date.now() > Date.parse(created.body.runAt) + 500 ? true : undefined));
    expect(target.receipts('/pending')).toHaveLength(0);
    expect((await client.post('/tasks', body)).status).toBe(409);
    expect((await client.post('/tasks', later({ id: 'pending' }))).status).toBe(409);
    await expectGone('pending');
  });

  test('is possible between two attempts, and no second one follows', async () => {
    target.on('/between', () => ({ status: 500 }));
    await client.post('/tasks', call('between', { delay: 0, retry: { delays: ['800ms'] } }));
    const failed = await client.taskWhen(
      'between',
      'waits for its second attempt',
      (task) => task.attempt === 1 && task.status === 'scheduled',
    );
    expect((await client.delete('/tasks/between')).status).toBe(204);

    await until('the time of the second attempt', () => (Date.now() > Date.parse(failed.nextAttemptAt) + 300 ? true : undefined));
    expect(target.receipts('/between')).toHaveLength(1);
    await expectGone('between');
  });

  test.each(['succeeded', 'failed', 'cancelled'])('is possible of a task that has %s', async (status) => {
    const id = `deleted-${status}`;
    const failureChance = status === 'failed' ? 1 : 0;
    const runner = { name: 'simulate', params: { failureChance } };
    await client.post('/tasks', { id, runner, retry: { maxAttempts: 1 }, delay: status === 'cancelled' ? '1h' : 0 });
    if (status === 'cancelled') await client.post(`/tasks/${id}/cancel`);
    expect((await client.taskFinished(id)).status).toBe(status);

    expect((await client.delete(`/tasks/${id}`)).status).toBe(204);
    await expectGone(id);
  });

  test('is refused while the task runs, which goes on as if nothing had been asked', async () => {
    const { release } = held('/running');
    await client.post('/tasks', call('running', { delay: 0 }));
    await target.received('/running');
    const running = (await client.get('/tasks/running')).body;
    const refused = await client.delete('/tasks/running');

    expect(refused.status).toBe(409);
    expect(refused.body.detail).toContain(`attempt 1 started at ${running.updatedAt}`);
    release();
    expect(await client.taskFinished('running')).toMatchObject({ status: 'succeeded', attempt: 1 });
    expect((await client.delete('/tasks/running')).status).toBe(204);
  });

  test('ten times at once is one deletion', async () => {
    await client.post('/tasks', later({ id: 'ten' }));
    const answers = await Promise.all(Array.from({ length: 10 }, () => client.delete('/tasks/ten')));

    expect(answers.map(({ status }) => status).sort()).toEqual([204, ...Array(9).fill(404)]);
  });

  test('keeps the id used up after a restart of the process, too', async () => {
    let other = await startErrand();
    const on = () => createClient(other.url);
    await on().post('/tasks', later({ id: 'once' }));
    await on().delete('/tasks/once');
    await other.stop();
    other = await other.restart();

    expect((await on().get('/tasks/once')).status).toBe(404);
    expect((await on().post('/tasks', later({ id: 'once' }))).status).toBe(409);
    await other.stop();
  });
});

describe('run', () => {
  test('makes a task due now', async () => {
    const created = await client.post('/tasks', call('now'));
    const before = Date.now();
    const answer = await client.post('/tasks/now/run');

    expect(answer).toMatchObject({ status: 200, body: { id: 'now', attempt: 0, run: 1, version: 2 } });
    expect(answer.headers.get('etag')).toBe('"2"');
    expect(Date.parse(answer.body.runAt)).toBeGreaterThanOrEqual(before);
    expect(Date.parse(answer.body.runAt)).toBeLessThan(Date.parse(created.body.runAt));
    await target.received('/now');
    expect(await client.taskFinished('now')).toMatchObject({ status: 'succeeded', attempt: 1 });
    expect(await typesOf('now')).toEqual(['TaskScheduled', 'TaskRescheduled', 'TaskStarted', 'TaskSucceeded']);
  });

  test('makes the next attempt of a task that waits for it', async () => {
    target.on('/next', (_receipt, _response, nth) => ({ status: nth === 1 ? 500 : 200 }));
    await client.post('/tasks', call('next', { delay: 0, retry: { delays: ['1h'] } }));
    await client.taskWhen('next', 'waits for its second attempt', (task) => task.attempt === 1 && task.status === 'scheduled');
    expect(await client.post('/tasks/next/run')).toMatchObject({ status: 200, body: { attempt: 1, run: 1 } });

    expect(await client.taskFinished('next')).toMatchObject({ status: 'succeeded', attempt: 2, run: 1 });
    expect(target.receipts('/next').map(({ headers }) => headers['errand-attempt'])).toEqual(['1', '2']);
  });

  test('twenty times at once calls the target once', async () => {
    await client.post('/tasks', call('twenty'));
    const answers = await Promise.all(Array.from({ length: 20 }, () => client.post('/tasks/twenty/run')));

    for (const { status } of answers) expect([200, 409]).toContain(status);
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThan(0);
    expect(await client.taskFinished('twenty')).toMatchObject({ status: 'succeeded', attempt: 1 });
    expect(target.receipts('/twenty')).toHaveLength(1);
  });

  test('is refused while the task runs and once it has ended, with what won', async () => {
    const { release } = held('/busy');
    await client.post('/tasks', call('busy', { delay: 0 }));
    await target.received('/busy');
    const running = await client.post('/tasks/busy/run');
    release();
    await client.taskFinished('busy');
    const ended = await client.post('/tasks/busy/run');

    expect(running).toMatchObject({ status: 409, body: { detail: expect.stringContaining('attempt 1 started at ') } });
    expect(ended).toMatchObject({ status: 409, body: { detail: expect.stringContaining('succeeded at ') } });
    expect(target.receipts('/busy')).toHaveLength(1);
  });
});

describe('retry', () => {
  /** A task that failed for good after two attempts. */
  async function failedTask(id: string, more: object = {}): Promise<ApiAnswer['body']> {
    target.on(`/${id}`, (_receipt, _response, nth) => ({ status: nth <= 2 ? 500 : 200 }));
    await client.post('/tasks', call(id, { delay: 0, retry: { delays: [30], jitter: 0 }, ...more }));
    const task = await client.taskFinished(id);
    expect(task).toMatchObject({ status: 'failed', attempt: 2, run: 1 });
    return task;
  }

  test('gives a failed task a fresh set of attempts, as the next run', async () => {
    const failed = await failedTask('retried');
    target.on('/retried', (_receipt, _response, nth) => ({ status: nth <= 3 ? 500 : 200 }));
    const before = Date.now();
    const answer = await client.post('/tasks/retried/retry');

    expect(answer).toMatchObject({
      status: 200,
      body: {
        status: 'scheduled',
        attempt: 0,
        run: 2,
        version: failed.version + 1,
        maxAttempts: 2,
        result: null,
        error: null,
        finishedAt: null,
      },
    });
    expect(Date.parse(answer.body.runAt)).toBeGreaterThanOrEqual(before);
    expect(await client.taskFinished('retried')).toMatchObject({ status: 'succeeded', attempt: 2, run: 2, createdAt: failed.createdAt });
    const receipts = target.receipts('/retried');
    expect(receipts.map(({ headers }) => headers['errand-attempt'])).toEqual(['1', '2', '1', '2']);
    expect(receipts.map(({ headers }) => headers['webhook-id'])).toEqual(['retried', 'retried', 'retried~2', 'retried~2']);
    expect(await typesOf('retried')).toEqual([
      'TaskScheduled',
      ...['TaskStarted', 'TaskFailed', 'TaskStarted', 'TaskFailed'],
      'TaskRetried',
      ...['TaskStarted', 'TaskFailed', 'TaskStarted', 'TaskSucceeded'],
    ]);
    // The past stays readable: the first run ended as it did.
    expect((await client.get(`/tasks/retried?asOf=${failed.version}`)).body).toEqual(failed);
  });

  test('ten times at once makes one run', async () => {
    await failedTask('together');
    const { release } = held('/together');
    const answers = await Promise.all(Array.from({ length: 10 }, () => client.post('/tasks/together/retry')));

    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(409)]);
    await target.received('/together', 3);
    expect(await client.get('/tasks/together/result')).toMatchObject({ status: 202, body: { status: 'running' } });
    release();
    expect(await client.taskFinished('together')).toMatchObject({ status: 'succeeded', run: 2, attempt: 1 });
    expect(target.receipts('/together')).toHaveLength(3);
  });

  test('is possible again and again, and of a task that failed for good at once', async () => {
    target.on('/refuses', () => ({ status: 410 }));
    await client.post('/tasks', call('refuses', { delay: 0 }));
    for (let run = 1; run <= 4; run += 1) {
      expect(await client.taskWhen('refuses', `ends run ${run}`, (task) => task.status === 'failed' && task.run === run)).toMatchObject({
        attempt: 1,
      });
      if (run < 4) expect((await client.post('/tasks/refuses/retry')).body.run).toBe(run + 1);
    }
    const ids = target.receipts('/refuses').map(({ headers }) => headers['idempotency-key']);
    expect(ids).toEqual(['refuses', 'refuses~2', 'refuses~3', 'refuses~4']);
  });

  test.each(['scheduled', 'succeeded', 'cancelled'])('is refused of a task that is %s', async (status) => {
    const id = `not-failed-${status}`;
    await client.post('/tasks', later({ id, ...(status === 'succeeded' ? { delay: 0 } : {}) }));
    if (status === 'cancelled') await client.post(`/tasks/${id}/cancel`);
    if (status !== 'scheduled') await client.taskFinished(id);
    const refused = await client.post(`/tasks/${id}/retry`);

    expect(refused).toMatchObject({ status: 409, body: { status: 409 } });
    expect(refused.body.detail).toContain(status);
  });

  test('is refused between two attempts and during one', async () => {
    const { release } = held('/not-yet');
    await client.post('/tasks', call('not-yet', { delay: 0, retry: { delays: ['1h'] } }));
    await target.received('/not-yet');
    expect(await client.post('/tasks/not-yet/retry')).toMatchObject({
      status: 409,
      body: { detail: expect.stringContaining('attempt 1 started at ') },
    });
    release({ status: 500 });
    await client.taskWhen('not-yet', 'waits for its second attempt', (task) => task.status === 'scheduled');
    expect((await client.post('/tasks/not-yet/retry')).status).toBe(409);
  });

  test('lets the new run be changed, cancelled and retried once more', async () => {
    await failedTask('onwards');
    await client.post('/tasks/onwards/retry');
    await client.taskFinished('onwards');
    expect((await client.post('/tasks/onwards/retry')).status).toBe(409);

    await failedTask('postponed');
    const { release } = held('/postponed');
    await client.post('/tasks/postponed/retry');
    await target.received('/postponed', 3);
    release({ status: 404 });
    expect(await client.taskFinished('postponed')).toMatchObject({ status: 'failed', run: 2, attempt: 1 });
  });
});

describe('run, retry and redeliver', () => {
  test.each(['run', 'retry', 'redeliver'])('%s is a POST without a body, or with an empty object', async (action) => {
    await client.post('/tasks', later({ id: 'methods' }));

    for (const method of ['GET', 'PUT', 'DELETE', 'PATCH']) {
      const refused = await client.request(method, `/tasks/methods/${action}`);
      expect(refused.status).toBe(405);
      expect(refused.headers.get('allow')).toBe('POST');
    }
    expect((await client.post(`/tasks/methods/${action}`, { now: true })).status).toBe(400);
    expect([200, 409]).toContain((await client.post(`/tasks/methods/${action}`, {})).status);
  });
});
