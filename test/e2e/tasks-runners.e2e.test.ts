import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Client, createClient } from './harness/client.ts';
import { type Errand, startErrand } from './harness/errand.ts';

let errand: Errand;
let client: Client;

beforeAll(async () => {
  errand = await startErrand();
  client = createClient(errand.url);
});
afterAll(async () => {
  await errand.stop();
});

/** The data of a task's one event of a type. */
async function dataOf(id: string, type: string) {
  const { body } = await client.get(client.path(id, '/events'));
  return body.events.find((event: { type: string }) => event.type === type)?.data;
}

describe('an event', () => {
  test('is put on the bus when due and succeeds with an empty object as its result', async () => {
    const detail = { text: 'zwölf 🎂', nested: [1.5, null, { deep: '' }] };
    const created = await client.post('/tasks', { id: 'event', event: { detailType: 'Reminder', detail } });
    expect(created).toMatchObject({ status: 201, body: { action: 'event', event: { detailType: 'Reminder', detail } } });
    expect(created.body).not.toHaveProperty('request');

    const task = await client.taskFinished('event');
    expect(task).toMatchObject({ status: 'succeeded', attempt: 1, event: { detailType: 'Reminder', detail } });
    expect(task.result).toMatchObject({ status: 200, body: '{}', encoding: 'utf8', truncated: false });
    expect(await client.get('/tasks/event/result')).toMatchObject({ status: 200, body: { result: { status: 200, body: '{}' } } });
    expect((await dataOf('event', 'TaskSucceeded')).emitted).toEqual({ detailType: 'Reminder', detail });
  });

  test('without a detail has an empty one', async () => {
    const created = await client.post('/tasks', { id: 'bare', event: { detailType: 'Bare' } });
    expect(created.body.event).toEqual({ detailType: 'Bare', detail: {} });
    await client.taskFinished('bare');

    expect((await dataOf('bare', 'TaskSucceeded')).emitted).toEqual({ detailType: 'Bare', detail: {} });
  });

  test('is emitted at its time, not before', async () => {
    const created = await client.post('/tasks', { id: 'timed', event: { detailType: 'Timed' }, delay: '400ms' });
    const task = await client.taskFinished('timed');

    expect(Date.parse(task.finishedAt)).toBeGreaterThanOrEqual(Date.parse(created.body.runAt));
  });
});

describe('a runner', () => {
  test('that completes makes the task succeed with what it returned', async () => {
    const runner = { name: 'simulate', params: { failureChance: 0, executionTimeMs: 20 } };
    const created = await client.post('/tasks', { id: 'simulated', runner });
    expect(created).toMatchObject({ status: 201, body: { action: 'runner', runner } });

    const task = await client.taskFinished('simulated');
    expect(task).toMatchObject({ status: 'succeeded', attempt: 1, error: null, runner });
    expect(task.result).toMatchObject({ status: 200, encoding: 'utf8', truncated: false });
    expect(JSON.parse(task.result.body)).toEqual({ executionTimeMs: 20 });
    expect(task.result.durationMs).toBeGreaterThanOrEqual(15);
  });

  test('that always fails is tried as often as its policy says, with what it threw as the error', async () => {
    const runner = { name: 'simulate', params: { failureChance: 1 } };
    await client.post('/tasks', { id: 'failing', runner, retry: { delays: [20, 20] } });

    const task = await client.taskFinished('failing');
    expect(task).toMatchObject({ status: 'failed', attempt: 3, maxAttempts: 3, result: null });
    expect(task.error).toEqual({ kind: 'runner', message: 'Simulated failure.' });
    const { body } = await client.get('/tasks/failing/result');
    expect(body).toEqual({ id: 'failing', status: 'failed', error: task.error });
    const types = (await client.get('/tasks/failing/events')).body.events.map(({ type }: { type: string }) => type);
    expect(types).toEqual(['TaskScheduled', ...Array(3).fill(['TaskStarted', 'TaskFailed']).flat()]);
  });

  test('that takes longer than its timeout fails with that', async () => {
    const runner = { name: 'simulate', params: { failureChance: 0, executionTimeMs: 1_000 } };
    await client.post('/tasks', { id: 'slow', runner, timeout: 100, retry: { maxAttempts: 1 } });

    expect(await client.taskFinished('slow')).toMatchObject({ status: 'failed', attempt: 1, error: { kind: 'timeout' } });
  });

  test('called message emits MessageSent', async () => {
    const params = { message: 'Lunch?', recipient: 'ada@example.com' };
    await client.post('/tasks', { id: 'message', runner: { name: 'message', params } });

    const task = await client.taskFinished('message');
    expect(task.status).toBe('succeeded');
    expect(JSON.parse(task.result.body)).toEqual(params);
    const { emitted } = await dataOf('message', 'TaskSucceeded');
    expect(emitted).toMatchObject({ detailType: 'MessageSent', detail: params });
  });

  test('that is not registered is refused, as are parameters that it does not take', async () => {
    for (const [runner, path] of [
      [{ name: 'nobody' }, 'runner.name'],
      [{ name: 'constructor' }, 'runner.name'],
      [{ name: 'message', params: { message: 'x' } }, 'runner.params.recipient'],
      [{ name: 'simulate', params: { failureChance: 2 } }, 'runner.params.failureChance'],
      [{ name: 'simulate', params: { unknown: 1 } }, 'runner.params.unknown'],
    ] as const) {
      const refused = await client.post('/tasks', { id: 'refused', runner });
      expect(refused).toMatchObject({ status: 400, body: { errors: [{ path }] } });
    }
    expect((await client.get('/tasks/refused')).status).toBe(404);
  });

  test('cannot be replaced by a request, nor an event', async () => {
    await client.post('/tasks', { id: 'stays', runner: { name: 'simulate' }, delay: '1h' });
    await client.post('/tasks', { id: 'stays-too', event: { detailType: 'E' }, delay: '1h' });

    for (const id of ['stays', 'stays-too']) {
      expect((await client.patch(`/tasks/${id}`, { request: { url: 'http://127.0.0.1:9/' } })).status).toBe(400);
      expect((await client.patch(`/tasks/${id}`, { timeout: '1s' })).status).toBe(200);
    }
  });

  test('takes its params by default from nothing', async () => {
    const created = await client.post('/tasks', { id: 'no-params', runner: { name: 'simulate' }, delay: '1h' });

    expect(created.body.runner).toEqual({ name: 'simulate', params: {} });
  });
});

describe('exactly one of request, runner and event', () => {
  test.each([
    {},
    { request: { url: 'http://127.0.0.1:9/' }, event: { detailType: 'E' } },
    { runner: { name: 'simulate' }, event: { detailType: 'E' } },
  ])('is asked for: %j is refused', async (body) => {
    expect((await client.post('/tasks', body)).status).toBe(400);
  });
});
