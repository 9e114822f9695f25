import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Client, createClient } from './harness/client.ts';
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

const call = (path: string, more: object = {}) => ({ id: path, request: { url: `${target.url}/${path}` }, delay: '1h', ...more });
const eventsOf = async (id: string) => (await client.get(client.path(id, '/events'))).body.events;

describe('a cancel', () => {
  test.each(['POST', 'PUT'])('by %s ends a scheduled task, with its reason', async (method) => {
    const id = `cancel-${method}`;
    await client.post('/tasks', call(id));
    const answer = await client.request(method, `/tasks/${id}/cancel`, { reason: 'no longer needed — né' });

    expect(answer).toMatchObject({
      status: 200,
      body: { id, status: 'cancelled', version: 2, attempt: 0, nextAttemptAt: null, result: null },
    });
    expect(answer.headers.get('etag')).toBe('"2"');
    expect(answer.body.finishedAt).toBe(answer.body.updatedAt);
    expect((await client.get(`/tasks/${id}`)).body).toEqual(answer.body);
    expect((await eventsOf(id)).at(-1)).toMatchObject({ type: 'TaskCancelled', data: { reason: 'no longer needed — né' } });
  });

  test('needs no body and no content type', async () => {
    await client.post('/tasks', call('bare'));

    expect(await client.post('/tasks/bare/cancel')).toMatchObject({ status: 200, body: { status: 'cancelled' } });
    expect((await eventsOf('bare')).at(-1)).toMatchObject({ type: 'TaskCancelled', data: { reason: null } });
  });

  test('takes an empty object, and refuses what it does not know', async () => {
    await client.post('/tasks', call('empty'));

    for (const body of [{ why: 'x' }, { reason: 1 }, [], 'x', { reason: 'x'.repeat(100_000) }]) {
      expect((await client.post('/tasks/empty/cancel', body)).status).toBe(400);
    }
    expect((await client.get('/tasks/empty')).body.status).toBe('scheduled');
    expect((await client.post('/tasks/empty/cancel', {})).status).toBe(200);
  });

  test('of a cancelled task is 200 and changes nothing, also with another reason', async () => {
    await client.post('/tasks', call('twice'));
    const first = await client.post('/tasks/twice/cancel', { reason: 'first' });
    const second = await client.post('/tasks/twice/cancel', { reason: 'second' });
    const third = await client.request('PUT', '/tasks/twice/cancel');

    for (const again of [second, third]) {
      expect(again.status).toBe(200);
      expect(again.body).toEqual(first.body);
    }
    expect(await eventsOf('twice')).toHaveLength(2);
  });

  test('twenty times at once is 200 each time and one event', async () => {
    await client.post('/tasks', call('twenty'));
    const answers = await Promise.all(Array.from({ length: 20 }, () => client.post('/tasks/twenty/cancel')));

    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(await eventsOf('twenty')).toHaveLength(2);
  });

  test('between two attempts is possible, and no second one follows', async () => {
    target.on('/between', () => ({ status: 500 }));
    await client.post('/tasks', call('between', { delay: 0, retry: { delays: ['800ms'] } }));
    const failed = await client.taskWhen(
      'between',
      'waits for its second attempt',
      (task) => task.attempt === 1 && task.status === 'scheduled',
    );
    const cancelled = await client.post('/tasks/between/cancel');

    expect(cancelled).toMatchObject({ status: 200, body: { status: 'cancelled', attempt: 1 } });
    await until('the time of the second attempt, and a while more', () =>
      Date.now() > Date.parse(failed.nextAttemptAt) + 300 ? true : undefined,
    );
    expect(target.receipts('/between')).toHaveLength(1);
    expect((await client.get('/tasks/between')).body).toEqual(cancelled.body);
  });

  test('of a running task is refused, says which attempt started and when, and disturbs nothing', async () => {
    let release: (answer: Answer) => void = () => undefined;
    target.on('/running', () => new Promise<Answer>((resolve) => (release = resolve)));
    await client.post('/tasks', call('running', { delay: 0 }));
    await target.received('/running');
    const running = (await client.get('/tasks/running')).body;
    const refused = await client.post('/tasks/running/cancel');

    expect(refused).toMatchObject({ status: 409, body: { status: 409 } });
    expect(refused.body.detail).toContain(`attempt 1 started at ${running.updatedAt}`);
    release({ status: 200 });
    expect(await client.taskFinished('running')).toMatchObject({ status: 'succeeded', attempt: 1 });
  });

  test.each([
    ['succeeded', 0],
    ['failed', 1],
  ])('of a task that has %s is refused, and says so', async (status, failureChance) => {
    const id = `has-${status}`;
    await client.post('/tasks', { id, runner: { name: 'simulate', params: { failureChance } }, retry: { maxAttempts: 1 } });
    const task = await client.taskFinished(id);
    const refused = await client.post(`/tasks/${id}/cancel`);

    expect(task.status).toBe(status);
    expect(refused.status).toBe(409);
    expect(refused.body.detail).toContain(`${status} at ${task.finishedAt}`);
    expect((await client.get(`/tasks/${id}`)).body).toEqual(task);
  });
});
