import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Client, createClient } from './harness/client.ts';
import { type Errand, startErrand } from './harness/errand.ts';
import { halfWithinMs } from './harness/host.ts';
import { startTarget, type Target } from './harness/target.ts';
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

const call = (path: string, more: object = {}) => ({ id: path, request: { url: `${target.url}/${path}` }, ...more });
const moment = (what: string, at: number) => until(what, () => (Date.now() > at ? true : undefined));

/** How late each of the tasks came, in milliseconds, sorted. Negative is early. */
async function lateness(tasks: readonly { readonly id: string; readonly runAt: string }[]): Promise<number[]> {
  const late: number[] = [];
  for (const { id, runAt } of tasks) {
    const receipts = await target.received(`/${id}`, 1, 30_000);
    expect(receipts).toHaveLength(1);
    late.push((receipts[0]?.at ?? 0) - Date.parse(runAt));
  }
  return late.sort((left, right) => left - right);
}

const described = (late: readonly number[]) =>
  `${late.length} tasks: late by ${late[0]} ms at least, ${late[Math.floor(late.length / 2)]} ms in the middle, ${late.at(-1)} ms at most`;

describe.concurrent('a task', () => {
  test('is never early: 50 spread over two seconds', async ({ annotate }) => {
    const tasks = await Promise.all(
      Array.from({ length: 50 }, async (_, n) => (await client.post('/tasks', call(`spread-${n}`, { delay: 40 * n }))).body),
    );
    const late = await lateness(tasks);

    await annotate(described(late));
    expect(late[0]).toBeGreaterThanOrEqual(0);
    // Generous: what is measured here is the machine. That the median is not off by seconds is the product's.
    expect(late[25]).toBeLessThan(halfWithinMs);
    for (const { id, runAt } of tasks) {
      const { body } = await client.get(client.path(id, '/events'));
      expect(Date.parse(body.events[1].occurredAt)).toBeGreaterThanOrEqual(Date.parse(runAt));
    }
  });

  test('is never early: 100 due at the same moment', async ({ annotate }) => {
    const runAt = Date.now() + 1_000;
    const tasks = Array.from({ length: 100 }, (_, n) => call(`together-${n}`, { runAt }));
    const { body } = await client.post('/tasks/batch', { tasks });
    const late = await lateness(body.results.map((result: { task: { id: string; runAt: string } }) => result.task));

    await annotate(described(late));
    expect(late[0]).toBeGreaterThanOrEqual(0);
  });

  test('is never early after being moved to and fro', async () => {
    const ids = Array.from({ length: 20 }, (_, n) => `moved-${n}`);
    await Promise.all(ids.map((id) => client.post('/tasks', call(id, { delay: '2s' }))));
    await Promise.all(ids.map((id) => client.patch(`/tasks/${id}`, { delay: '1h' })));
    const moved = await Promise.all(ids.map(async (id, n) => (await client.patch(`/tasks/${id}`, { delay: 2_000 + 20 * n })).body));

    expect((await lateness(moved))[0]).toBeGreaterThanOrEqual(0);
  });

  test('is retried no earlier than its answers say', async () => {
    target.on('/retries', (_receipt, _response, nth) => ({ status: nth <= 3 ? 500 : 200 }));
    await client.post('/tasks', call('retries', { retry: { delays: [100, 200, 300], jitter: 0 } }));
    await client.taskFinished('retries');
    const receipts = target.receipts('/retries');
    const { body } = await client.get('/tasks/retries/events');
    const failures = body.events.filter(({ type }: { type: string }) => type === 'TaskFailed');

    expect(receipts).toHaveLength(4);
    expect(failures).toHaveLength(3);
    for (const [n, { occurredAt, data }] of failures.entries()) {
      expect(Date.parse(data.retryAt) - Date.parse(occurredAt)).toBeGreaterThanOrEqual([100, 200, 300][n] ?? 0);
      expect(receipts[n + 1]?.at).toBeGreaterThanOrEqual(Date.parse(data.retryAt));
    }
  });
});

describe('many calls to one slow target', () => {
  test('begin side by side: none waits for another and loses an attempt by it', async () => {
    const calls = 80;
    const { promise: allCame, resolve: open } = Promise.withResolvers<undefined>();
    target.on('/held', () => allCame);
    const tasks = Array.from({ length: calls }, (_unused, nth) => ({ id: `held-${nth}`, request: { url: `${target.url}/held` } }));
    expect((await client.post('/tasks/batch', { tasks })).status).toBe(200);

    const receipts = await target.received('/held', calls, 30_000);
    open(undefined);

    expect(new Set(receipts.map(({ headers }) => headers['errand-attempt']))).toEqual(new Set(['1']));
    for (const { id } of tasks) expect(await client.taskFinished(id)).toMatchObject({ status: 'succeeded', attempt: 1 });
  });
});

describe('startBefore', () => {
  let own: Errand;
  let on: Client;
  const eventTypes = async (id: string) => (await on.get(on.path(id, '/events'))).body.events.map(({ type }: { type: string }) => type);

  // Nothing runs over the due time: the process is down. What was asked for by then is decided by the next one.
  beforeAll(async () => {
    own = await startErrand();
    on = createClient(own.url);
    // More than a second ahead: a wake that is nearer is waited for in place on AWS, also while the host stops.
    const runAt = Date.now() + 1_900;
    const tasks = [
      call('tiny', { runAt, startBefore: '1ms' }),
      call('zero', { runAt, startBefore: 0 }),
      call('ample', { runAt, startBefore: '1h' }),
      call('none', { runAt }),
      call('moved', { runAt, startBefore: '1ms' }),
      call('told', { runAt, startBefore: '1ms', callback: { url: `${target.url}/told/callback` } }),
    ];
    const { body } = await on.post('/tasks/batch', { tasks });
    expect(body.results.map(({ status }: { status: number }) => status)).toEqual(Array(6).fill(201));
    await on.patch('/tasks/moved', { delay: '1h' });
    await own.stop();
    await moment('the due time', runAt + 100);
    own = await own.restart();
    on = createClient(own.url);
    target.on('/slow-start', (_receipt, _response, nth) => ({ status: nth === 1 ? 500 : 200 }));
    await on.post('/tasks', call('slow-start', { startBefore: '2500ms', retry: { delays: ['2600ms'], jitter: 0 } }));
  });
  afterAll(async () => {
    await own.stop();
  });

  test.each(['tiny', 'zero', 'told'])('fails a task for good that was not started in time: %s', async (id) => {
    const task = await on.taskFinished(id);

    expect(task).toMatchObject({ status: 'failed', attempt: 0, run: 1, result: null, error: { kind: 'expired' } });
    expect(await eventTypes(id)).toEqual(expect.arrayContaining(['TaskScheduled', 'TaskFailed']));
    expect(await eventTypes(id)).not.toContain('TaskStarted');
    expect(target.receipts(`/${id}`)).toHaveLength(0);
    expect(await on.get(`/tasks/${id}/result`)).toMatchObject({ status: 200, body: { status: 'failed', error: { kind: 'expired' } } });
  });

  test.each(['ample', 'none'])('leaves alone a task that may start later: %s', async (id) => {
    expect(await on.taskFinished(id)).toMatchObject({ status: 'succeeded', attempt: 1 });
    expect(target.receipts(`/${id}`)).toHaveLength(1);
  });

  test('counts from where the task was moved to', async () => {
    expect(await on.get('/tasks/moved')).toMatchObject({ body: { status: 'scheduled', startBeforeMs: 1 } });
  });

  test('that has passed is told to the callback', async () => {
    const [receipt] = await target.received('/told/callback');

    expect(JSON.parse(receipt?.body.toString() ?? '')).toMatchObject({ id: 'told', status: 'failed', error: { kind: 'expired' } });
  });

  test('starts afresh when the task is retried', async () => {
    await on.taskFinished('tiny');
    // A millisecond is soon over, so the run may expire again: what counts is that it is a run of its own.
    const retried = await on.post('/tasks/tiny/retry');
    expect(retried).toMatchObject({ status: 200, body: { status: 'scheduled', run: 2, attempt: 0 } });

    expect(await on.taskFinished('tiny')).toMatchObject({ run: 2 });
  });

  test('is about the first attempt only', async () => {
    expect(await on.taskFinished('slow-start', 20_000)).toMatchObject({ status: 'succeeded', attempt: 2 });
  });
});
