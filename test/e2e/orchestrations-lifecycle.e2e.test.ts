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
const ended = (id: string, withinMs = 30_000): Promise<ApiAnswer['body']> =>
  until(
    `the end of ${id}`,
    async () => {
      const { body } = await client.get(`/orchestrations/${id}`);
      return ['succeeded', 'failed', 'cancelled'].includes(body.status) ? body : undefined;
    },
    withinMs,
  );
const paths = (prefix: string) => target.receipts().flatMap(({ path }) => (path.startsWith(`/${prefix}`) ? [path.slice(1)] : []));

describe.concurrent('an orchestration', () => {
  test('runs its steps one after the other, each with its check, and tells the end', async () => {
    const asked = {
      id: 'order-42/ship',
      labels: { customer: '42' },
      steps: [
        { name: 'pay', task: to('good-1', { body: { amount: 3 } }) },
        { name: 'ship', task: { ...to('good-2'), bodyFrom: 'previous' } },
      ],
      check: to('good-check', { method: 'GET' }),
      callback: { url: `${target.url}/good-told` },
    };
    target.on('/good-1', () => ({ headers: { 'content-type': 'text/csv' }, body: 'paid;3' }));
    const created = await client.post('/orchestrations', asked);
    expect(created).toMatchObject({
      status: 201,
      body: {
        id: 'order-42/ship',
        status: 'scheduled',
        outcome: null,
        version: 1,
        currentStep: null,
        steps: [{ name: 'pay', status: 'pending' }, {}],
      },
    });
    expect(created.headers.get('location')).toBe('/orchestrations/order-42%2Fship');

    const done = await ended('order-42%2Fship');
    expect(done).toMatchObject({
      status: 'succeeded',
      outcome: 'completed',
      currentStep: 2,
      steps: [
        { name: 'pay', status: 'succeeded', taskId: 'order-42/ship.1', checks: 1 },
        { name: 'ship', status: 'succeeded', taskId: 'order-42/ship.2', checks: 1 },
      ],
    });
    const [told] = await target.received('/good-told');
    expect(paths('good')).toEqual(['good-1', 'good-check', 'good-2', 'good-check', 'good-told']);
    const [second] = target.receipts('/good-2');
    expect([second?.body.toString(), second?.headers['content-type']]).toEqual(['paid;3', 'text/csv']);
    expect(JSON.parse(String(told?.body))).toEqual({
      id: 'order-42/ship',
      status: 'succeeded',
      outcome: 'completed',
      steps: done.steps,
      labels: { customer: '42' },
      finishedAt: done.finishedAt,
    });
    expect((await client.get(client.path('order-42/ship.1'))).body).toMatchObject({
      origin: { orchestrationId: 'order-42/ship', step: 1, role: 'task' },
      labels: { customer: '42' },
      maxAttempts: 1,
    });
    expect(await client.post('/orchestrations', asked)).toMatchObject({ status: 200, body: { status: 'succeeded' } });
    expect((await client.post('/orchestrations', { ...asked, labels: {} })).status).toBe(409);
    const listed = await until('its row', async () => {
      const { body } = await client.get('/orchestrations?status=succeeded&label.customer=42');
      return body.orchestrations.length > 0 ? body.orchestrations : undefined;
    });
    expect(listed).toMatchObject([{ id: 'order-42/ship', steps: done.steps }]);
    const { events } = (await client.get('/orchestrations/order-42%2Fship/events?limit=3')).body;
    expect(events.map(({ type }: { type: string }) => type)).toEqual(['OrchestrationScheduled', 'StepStarted', 'StepFinished']);
  });

  test('tries a check again before it falls back, once, and has failed then', async () => {
    target.on('/weak-check', () => ({ status: 503 }));
    await client.post('/orchestrations', {
      id: 'weak',
      steps: [
        { task: to('weak-1'), check: { ...to('weak-check'), retries: 2, gap: '100ms' }, fallback: to('weak-fallback') },
        { task: to('weak-2') },
      ],
    });
    expect(await ended('weak')).toMatchObject({
      status: 'failed',
      outcome: 'fallback-succeeded',
      steps: [
        { status: 'failed', checks: 3, error: { kind: 'http' } },
        { status: 'pending', taskId: null },
      ],
    });
    expect(paths('weak')).toEqual(['weak-1', 'weak-check', 'weak-check', 'weak-check', 'weak-fallback']);
    expect((await client.post('/orchestrations/weak/cancel')).status).toBe(409);
  });

  test.each([
    ['check-failed', { check: true, fallback: false }],
    ['fallback-failed', { check: true, fallback: true }],
    ['step-failed', { check: false, fallback: true }],
  ])('ends with the outcome %s', async (outcome, { check, fallback }) => {
    target.on(`/${outcome}-no`, () => ({ status: 500 }));
    await client.post('/orchestrations', {
      id: outcome,
      steps: [
        { task: to(check ? `${outcome}-yes` : `${outcome}-no`), ...(check ? { check: to(`${outcome}-no`) } : {}) },
        { task: to(`${outcome}-never`) },
      ],
      ...(fallback ? { fallback: to(`${outcome}-no`) } : {}),
    });
    expect(await ended(outcome)).toMatchObject({ status: 'failed', outcome, steps: [{ status: 'failed' }, { status: 'pending' }] });
    expect(target.receipts(`/${outcome}-never`)).toEqual([]);
  });

  test('is changed before it begins, and not afterwards', async () => {
    await client.post('/orchestrations', { id: 'later', delay: '1h', steps: [{ task: to('later-old') }] });
    expect((await client.patch('/orchestrations/later', { labels: { a: 'b' } }, { headers: { 'if-match': '"7"' } })).status).toBe(412);
    const changed = await client.patch('/orchestrations/later', {
      delay: 0,
      steps: [{ task: to('later-1', { body: { a: 1 } }) }, { task: to('later-2', { body: 'second' }) }],
    });
    expect(changed).toMatchObject({ status: 200, body: { version: 2, steps: [{}, {}] } });
    expect(await ended('later')).toMatchObject({ status: 'succeeded' });
    expect(paths('later')).toEqual(['later-1', 'later-2']);
    expect(target.receipts('/later-2')[0]?.body.toString()).toBe('second');
    expect((await client.patch('/orchestrations/later', { labels: {} })).status).toBe(409);
  });

  test('keeps the bodies of what a change does not replace', async () => {
    await client.post('/orchestrations', {
      id: 'partly',
      delay: '1h',
      steps: [{ task: to('partly-1', { body: 'first body' }) }],
      check: to('partly-check', { body: 'check body' }),
    });
    await client.patch('/orchestrations/partly', { check: to('partly-check', { body: 'new check' }) });
    await client.patch('/orchestrations/partly', { delay: 0 });
    await ended('partly');
    expect(target.receipts('/partly-1')[0]?.body.toString()).toBe('first body');
    expect(target.receipts('/partly-check')[0]?.body.toString()).toBe('new check');
  });

  test('is cancelled before it begins: nothing runs', async () => {
    await client.post('/orchestrations', { id: 'never', delay: '1h', steps: [{ task: to('never-1') }] });
    expect(await client.post('/orchestrations/never/cancel', { reason: 'no' })).toMatchObject({
      status: 200,
      body: { status: 'cancelled', reason: 'no', steps: [{ status: 'cancelled' }] },
    });
    expect(await client.post('/orchestrations/never/cancel')).toMatchObject({ status: 200, body: { version: 2 } });
    expect(target.receipts('/never-1')).toEqual([]);
  });

  test('is not changed during a step, and cancelled: the call under way ends, and nothing follows', async () => {
    const { promise: held, resolve: release } = Promise.withResolvers<{ status: number }>();
    target.on('/stopped-1', () => held);
    await client.post('/orchestrations', {
      id: 'stopped',
      steps: [{ task: { ...to('stopped-1'), retry: { maxAttempts: 5, backoff: 'fixed', initialDelay: 0 } } }, { task: to('stopped-2') }],
      callback: { url: `${target.url}/stopped-told` },
    });
    await target.received('/stopped-1');
    expect((await client.patch('/orchestrations/stopped', { steps: [{ task: to('stopped-other') }] })).status).toBe(409);
    expect((await client.post('/orchestrations/stopped/cancel')).body.status).toBe('cancelled');
    release({ status: 503 });
    const task = await client.taskFinished('stopped.1');
    expect(task).toMatchObject({ status: 'failed', error: { kind: 'cancelled' } });
    await target.received('/stopped-told');
    expect(paths('stopped')).toEqual(['stopped-1', 'stopped-told']);
  });

  test('fails at a step whose id belongs to somebody else, and leaves that task alone', async () => {
    await client.post('/tasks', { id: 'mine.2', ...to('foreign'), delay: '1h' });
    await client.post('/orchestrations', { id: 'mine', steps: [{ task: to('mine-1') }, { task: to('mine-2') }] });
    expect(await ended('mine')).toMatchObject({
      status: 'failed',
      outcome: 'step-failed',
      steps: [{ status: 'succeeded' }, { status: 'failed', error: { kind: 'id-taken' } }],
    });
    expect((await client.get('/tasks/mine.2')).body).toMatchObject({ status: 'scheduled', origin: null });
  });

  test('of a hundred steps runs all of them in order', async () => {
    const steps = Array.from({ length: 100 }, (_unused, index) => ({ task: to(`many-${index + 1}`) }));
    await client.post('/orchestrations', { id: 'many', steps });
    expect(await ended('many', 50_000)).toMatchObject({ status: 'succeeded', currentStep: 100 });
    expect(paths('many')).toEqual(steps.map((_step, index) => `many-${index + 1}`));
  });
});

describe('wrong orchestrations', () => {
  const task = { request: { url: 'http://127.0.0.1:9/x' } };
  test.each([
    [{}, 'steps'],
    [{ steps: [] }, 'steps'],
    [{ steps: Array.from({ length: 101 }, () => ({ task })) }, 'steps'],
    [{ steps: [{}] }, 'steps[0].task'],
    [{ steps: [{ task: {} }] }, 'steps[0].task'],
    [{ steps: [{ task }, { task: { request: { url: 'x' } } }] }, 'steps[1].task.request.url'],
    [{ steps: [{ task: { ...task, bodyFrom: 'next' } }] }, 'steps[0].task.bodyFrom'],
    [{ steps: [{ task: { ...task, bodyFrom: 'previous' } }] }, 'steps[0].task.bodyFrom'],
    [{ steps: [{ task, fallback: { ...task, bodyFrom: 'previous' } }] }, 'steps[0].fallback.bodyFrom'],
    [{ steps: [{ task, check: task, fallback: { ...task, bodyFrom: 'previous' } }] }, 'steps[0].fallback.bodyFrom'],
    [{ steps: [{ task }], fallback: { ...task, bodyFrom: 'previous' } }, 'fallback.bodyFrom'],
    [{ steps: [{ task }], check: task, fallback: { ...task, bodyFrom: 'previous' } }, 'fallback.bodyFrom'],
    [{ steps: [{ task, check: { retries: 1 } }] }, 'steps[0].check.request'],
    [{ steps: [{ task, check: { ...task, retries: 101 } }] }, 'steps[0].check.retries'],
    [{ steps: [{ task: { runner: { name: 'nobody' } } }] }, 'steps[0].task.runner.name'],
    [{ steps: [{ task }], fallback: {} }, 'fallback'],
    [{ steps: [{ task }], id: 'x/cancel' }, 'id'],
    [{ steps: [{ task }], runAt: 0, delay: 0 }, 'delay'],
  ])('are refused, naming the field: %j', async (body, path) => {
    const answer = await client.post('/orchestrations', body);
    expect(answer.status).toBe(400);
    expect(answer.body.errors.map((error: { path: string }) => error.path)).toContain(path);
  });

  test('are refused as changes too, by what they would come to', async () => {
    const fallback = { ...task, bodyFrom: 'previous' };
    const second = { task: { ...task, bodyFrom: 'previous' } };
    await client.post('/orchestrations', { id: 'patched', delay: '1h', steps: [{ task, fallback: null }, second], fallback });
    for (const [changes, path] of [
      [{ steps: [second] }, 'steps[0].task.bodyFrom'],
      [{ steps: [{ task }] }, 'fallback.bodyFrom'],
    ] as const) {
      expect(await client.patch('/orchestrations/patched', changes)).toMatchObject({ status: 400, body: { errors: [{ path }] } });
    }
    expect(await client.patch('/orchestrations/patched', { steps: [{ task }], fallback: null })).toMatchObject({
      status: 200,
      body: { version: 2 },
    });
  });

  test('that are too large are refused, and there is none that was not made', async () => {
    const steps = [1, 2, 3].map(() => ({ task: { request: { url: 'http://127.0.0.1:9/x', body: 'x'.repeat(100_000) } } }));
    expect((await client.post('/orchestrations', { id: 'large', steps })).status).toBe(413);
    expect((await client.get('/orchestrations/large')).status).toBe(404);
    expect((await client.post('/orchestrations/large/cancel')).status).toBe(404);
  });
});
