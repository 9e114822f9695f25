import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiAnswer, type Client, createClient } from './harness/client.ts';
import { type Errand, startErrand } from './harness/errand.ts';
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

const to = (path: string, more: object = {}) => ({ request: { url: `${target.url}/${path}`, ...more } });
/** Far below the minute after which a lost callback would be made, far above what a busy machine takes for it. */
const atOnceMs = 25_000;
const retry = { maxAttempts: 3, backoff: 'fixed', initialDelay: '30s' };
const create = (id: string, body: object): Promise<ApiAnswer> => client.post('/orchestrations', { id, ...body });
const cancel = (id: string): Promise<ApiAnswer> => client.post(`/orchestrations/${id}/cancel`);
const orchestrationWhen = (id: string, holds: (body: ApiAnswer['body']) => boolean): Promise<ApiAnswer['body']> =>
  until(
    `${id} as awaited`,
    async () => {
      const { body } = await client.get(`/orchestrations/${id}`);
      return holds(body) ? body : undefined;
    },
    atOnceMs,
  );
const typesOf = async (taskId: string): Promise<readonly string[]> =>
  (await client.get(client.path(taskId, '/events'))).body.events.map(({ type }: { type: string }) => type);

describe.concurrent('a cancelled orchestration is told of at once', () => {
  const positions: readonly [string, (id: string) => object, (id: string) => Promise<unknown>][] = [
    ['before-it-begins', (id) => ({ delay: '1h', steps: [{ task: to(`${id}-1`) }] }), async () => undefined],
    [
      'between-two-tries',
      (id) => ({ steps: [{ task: { ...to(`no-${id}`), retry } }] }),
      (id) => client.taskWhen(`${id}.1`, 'failed once', ({ status, attempt }) => status === 'scheduled' && attempt === 1, atOnceMs),
    ],
    [
      'with-its-task-waiting',
      (id) => ({ steps: [{ task: { ...to(`${id}-1`), strategy: 'async' } }] }),
      (id) => client.taskWhen(`${id}.1`, 'waiting', ({ status }) => status === 'waiting', atOnceMs),
    ],
    [
      'before-a-step',
      (id) => ({ steps: [{ task: to(`${id}-1`) }, { delay: '1h', task: to(`${id}-2`) }] }),
      (id) => orchestrationWhen(id, ({ steps }) => steps[0].status === 'succeeded'),
    ],
    [
      'between-two-checks',
      (id) => ({ steps: [{ task: to(`${id}-1`), check: { ...to(`no-${id}`), retries: 3, gap: '1h' } }] }),
      (id) => client.taskFinished(`${id}.1.check.1`, atOnceMs),
    ],
  ];
  test.each(positions)('%s', async (id, definition, ready) => {
    target.on(`/no-${id}`, () => ({ status: 500 }));
    await create(id, { ...definition(id), callback: { url: `${target.url}/told-${id}` } });
    await ready(id);
    const cancelled = await cancel(id);
    expect(cancelled).toMatchObject({ status: 200, body: { status: 'cancelled' } });
    const [told] = await until(
      'the callback',
      () => {
        const receipts = target.receipts(`/told-${id}`);
        return receipts.length > 0 ? receipts : undefined;
      },
      atOnceMs,
    );
    expect(JSON.parse(String(told?.body))).toMatchObject({ id, status: 'cancelled', finishedAt: cancelled.body.finishedAt });
  });
});

describe.concurrent('the task that a cancelled orchestration waited for', () => {
  test('is cancelled between its tries, and says by what', async () => {
    target.on('/tries', () => ({ status: 500 }));
    await create('tries', { steps: [{ task: { ...to('tries'), retry } }] });
    await client.taskWhen('tries.1', 'failed once', ({ status, attempt }) => status === 'scheduled' && attempt === 1);
    await cancel('tries');
    expect((await client.get('/tasks/tries.1')).body).toMatchObject({
      status: 'cancelled',
      reason: 'the orchestration tries was cancelled',
      nextAttemptAt: null,
    });
    expect((await typesOf('tries.1')).at(-1)).toBe('TaskCancelled');
    expect((await cancel('tries')).status).toBe(200);
  });

  test('is left alone where it waits for its answer', async () => {
    await create('answered', { steps: [{ task: { ...to('answered'), strategy: 'async' } }] });
    await client.taskWhen('answered.1', 'waiting', ({ status }) => status === 'waiting');
    await cancel('answered');
    const [receipt] = target.receipts('/answered');
    const answer = await fetch(String(receipt?.headers['errand-callback-url']), { method: 'POST', body: 'late' });
    expect(answer.status).toBe(200);
    expect(await client.taskFinished('answered.1')).toMatchObject({ status: 'succeeded', result: { body: 'late' } });
  });
});

test('a callback is shown from the beginning, with the ends it is told of, the task that tells it, and whether that is there', async () => {
  const steps = [{ task: to('shown') }];
  const callback = { url: `${target.url}/shown-told`, on: ['failed', 'cancelled'] };
  const shown = { on: ['failed', 'cancelled'], taskId: 'shown.callback', status: 'none' };
  expect((await create('shown', { delay: '1h', steps, callback })).body.callback).toEqual(shown);
  expect((await client.get('/orchestrations/shown')).body.callback).toEqual(shown);
  expect((await cancel('shown')).body.callback).toEqual({ ...shown, status: 'confirmed' });
  expect((await client.taskFinished('shown.callback')).origin).toEqual({ orchestrationId: 'shown', step: 0, role: 'callback' });

  await create('shown-done', { steps, callback });
  const done = await orchestrationWhen('shown-done', ({ status }) => status === 'succeeded');
  expect(done.callback).toEqual({ ...shown, taskId: 'shown-done.callback' });
  expect((await create('shown-none', { delay: '1h', steps })).body.callback).toBeNull();
});

test('a task that failed is called again when it is retried by hand after its orchestration has finished', async () => {
  target.on('/again', (_receipt, _response, nth) => ({ status: nth === 1 ? 404 : 200 }));
  await create('again', { steps: [{ task: to('again') }] });
  await orchestrationWhen('again', ({ status }) => status === 'failed');
  expect((await client.post('/tasks/again.1/retry')).status).toBe(200);
  await target.received('/again', 2);
  expect(await client.taskFinished('again.1')).toMatchObject({ status: 'succeeded', run: 2 });
  expect((await client.get('/orchestrations/again')).body).toMatchObject({ status: 'failed', outcome: 'step-failed' });
});

test('a callback by GET carries id, status, outcome and end as parameters, however many steps there were', async () => {
  const steps = Array.from({ length: 60 }, (_unused, index) => ({
    name: `a step with a rather long name of its own, number ${index}`,
    delay: index === 0 ? 0 : '1h',
    task: to('by-get-1'),
  }));
  await create('by-get', { steps, labels: { customer: '42' }, callback: { url: `${target.url}/by-get?of=shop`, method: 'GET' } });
  await orchestrationWhen('by-get', (body) => body.steps[0].status === 'succeeded');
  const { body } = await cancel('by-get');
  const [told] = await target.received('/by-get');
  expect([...new URL(String(told?.path), target.url).searchParams]).toEqual([
    ['of', 'shop'],
    ['id', 'by-get'],
    ['status', 'cancelled'],
    ['outcome', ''],
    ['finishedAt', body.finishedAt],
  ]);
});
