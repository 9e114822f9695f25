import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiAnswer, type Client, createClient } from './harness/client.ts';
import { type Errand, startErrand } from './harness/errand.ts';
import { type Answer, startTarget, type Target } from './harness/target.ts';
import { header } from './harness/webhook.ts';

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

async function create(id: string, task: { readonly request?: object } & Record<string, unknown> = {}): Promise<void> {
  const { request, ...rest } = task;
  const created = await client.post('/tasks', { id, request: { url: `${target.url}/${id}`, ...request }, ...rest });
  expect(created.status, created.text).toBe(201);
}

const nth =
  (...answers: readonly (Answer | undefined)[]) =>
  (_receipt: unknown, _response: unknown, count: number) =>
    answers[count - 1];
const again = (value: string, body = '', type = 'text/plain'): Answer => ({
  headers: { 'errand-continue': value, 'content-type': type },
  body,
});

async function continuationsOf(id: string): Promise<ApiAnswer['body'][]> {
  const { body } = await client.get(`/tasks/${id}/events`);
  return body.events.filter(({ type }: { type: string }) => type === 'TaskContinued');
}

describe('errand-continue', () => {
  const durations: readonly (readonly [string, string, number])[] = [
    ['milliseconds', '1500', 1_500],
    ['short', '1.5s', 1_500],
    ['iso', 'PT1.5S', 1_500],
    ['now', '0ms', 0],
    ['zero', '0', 0],
    ['days', '7d', 7 * 86_400_000],
    ['almost-ten-years', '3652d', 3_652 * 86_400_000],
    ['spaced', '  2h  ', 7_200_000],
  ];
  test.concurrent.each(durations)('as a duration: %s', async (id, value, expected) => {
    target.on(`/${id}`, nth(again(value)));
    await create(id);
    await client.taskWhen(id, 'second run', ({ run }) => run === 2);
    const [event] = await continuationsOf(id);
    const pause = Date.parse(event.data.runAt) - Date.parse(event.occurredAt);
    expect(Math.abs(pause - expected)).toBeLessThanOrEqual(1_000);
    if (expected > 5_000) {
      expect((await client.get(`/tasks/${id}`)).body).toMatchObject({
        status: 'scheduled',
        run: 2,
        attempt: 0,
        runAt: event.data.runAt,
        nextAttemptAt: event.data.runAt,
      });
      return;
    }
    expect(await client.taskFinished(id)).toMatchObject({ status: 'succeeded', run: 2, attempt: 1 });
    const [, second] = target.receipts(`/${id}`);
    expect(second?.at ?? 0).toBeGreaterThanOrEqual(Date.parse(event.data.runAt));
  });

  const at = new Date(Math.floor(Date.now() / 1_000) * 1_000 + 86_400_000);
  const times: readonly (readonly [string, string])[] = [
    ['utc', at.toISOString()],
    ['without-milliseconds', at.toISOString().replace('.000', '')],
    ['offset', new Date(at.getTime() + 5.5 * 3_600_000).toISOString().replace('.000Z', '+05:30')],
    ['epoch', String(at.getTime())],
  ];
  test.concurrent.each(times)('as a time: %s', async (id, value) => {
    target.on(`/time-${id}`, nth(again(value)));
    await create(`time-${id}`);
    const task = await client.taskWhen(`time-${id}`, 'second run', ({ run }) => run === 2);
    expect(task.nextAttemptAt).toBe(at.toISOString());
  });

  test.concurrent('as a time that has passed means now', async () => {
    target.on('/passed', nth(again('2020-01-01T00:00:00Z')));
    await create('passed');
    expect(await client.taskFinished('passed')).toMatchObject({ status: 'succeeded', run: 2 });
  });

  test.concurrent('begins the next run with its own ids and a fresh set of attempts', async () => {
    const next = (value: number): Answer => again('10ms', JSON.stringify({ cursor: value }), 'application/json');
    const fail: Answer = { status: 503 };
    target.on('/paged', nth(fail, next(2), fail, fail, next(3), { body: 'end' }));
    await create('paged', { request: { body: { cursor: 1 } }, retry: { maxAttempts: 3, backoff: 'fixed', initialDelay: 10, jitter: 0 } });

    expect(await client.taskFinished('paged')).toMatchObject({
      status: 'succeeded',
      run: 3,
      attempt: 1,
      maxAttempts: 3,
      request: { body: { cursor: 3 } },
      result: { body: 'end' },
    });
    const seen = target.receipts('/paged').map((receipt) => ({
      id: header(receipt, 'webhook-id'),
      key: header(receipt, 'idempotency-key'),
      attempt: header(receipt, 'errand-attempt'),
      body: receipt.body.toString(),
    }));
    expect(seen).toEqual([
      { id: 'paged', key: 'paged', attempt: '1', body: '{"cursor":1}' },
      { id: 'paged', key: 'paged', attempt: '2', body: '{"cursor":1}' },
      { id: 'paged~2', key: 'paged~2', attempt: '1', body: '{"cursor":2}' },
      { id: 'paged~2', key: 'paged~2', attempt: '2', body: '{"cursor":2}' },
      { id: 'paged~2', key: 'paged~2', attempt: '3', body: '{"cursor":2}' },
      { id: 'paged~3', key: 'paged~3', attempt: '1', body: '{"cursor":3}' },
    ]);
    const events = (await client.get('/tasks/paged/events')).body.events;
    expect(
      events.filter(({ type }: { type: string }) => type === 'TaskStarted').map(({ data }: ApiAnswer['body']) => [data.run, data.attempt]),
    ).toEqual([
      [1, 1],
      [1, 2],
      [2, 1],
      [2, 2],
      [2, 3],
      [3, 1],
    ]);
  });

  test.concurrent('runs on although the policy allows a single attempt', async () => {
    target.on('/single', nth(again('1ms'), again('1ms'), again('1ms'), { body: 'end' }));
    await create('single', { retry: { maxAttempts: 1 } });
    expect(await client.taskFinished('single')).toMatchObject({ status: 'succeeded', run: 4, attempt: 1 });
  });

  const stays: readonly (readonly [string, Answer])[] = [
    ['text', again('1ms', 'not json')],
    ['nothing', again('1ms', '', 'application/json')],
    ['broken-json', again('1ms', '{"a":', 'application/json')],
    ['html', again('1ms', '{"a":1}', 'text/html')],
    ['large-text', again('1ms', 'x'.repeat(300_000))],
  ];
  test.concurrent.each(stays)('leaves the body as it is where the answer holds no JSON: %s', async (id, answer) => {
    target.on(`/stays-${id}`, nth(answer));
    await create(`stays-${id}`, { request: { body: 'the first', headers: { 'content-type': 'text/x-mine' } } });
    expect(await client.taskFinished(`stays-${id}`)).toMatchObject({ status: 'succeeded', run: 2 });
    const bodies = target.receipts(`/stays-${id}`).map(({ body, headers }) => [body.toString(), headers['content-type']]);
    expect(bodies).toEqual([
      ['the first', 'text/x-mine'],
      ['the first', 'text/x-mine'],
    ]);
  });

  const replaced: readonly (readonly [string, string, string])[] = [
    ['object', '{"b":2}', 'application/json; charset=utf-8'],
    ['list', '[1]', 'application/vnd.x+json'],
    ['number', '7', 'application/json'],
    ['large', JSON.stringify({ a: 'x'.repeat(200_000) }), 'application/json'],
  ];
  test.concurrent.each(replaced)('takes JSON as the next body: %s', async (id, body, type) => {
    target.on(`/next-${id}`, nth(again('1ms', body, type)));
    await create(`next-${id}`, { request: { body: 'a text' } });
    await client.taskFinished(`next-${id}`);
    const [, second] = target.receipts(`/next-${id}`);
    expect(second?.body.toString()).toBe(body);
    expect(header(second, 'content-type')).toBe('application/json');
  });

  test.concurrent('makes JSON the next query with GET', async () => {
    target.on('/walk', nth(again('1ms', '{"page":2}', 'application/json')));
    await create('walk', { request: { method: 'GET', body: { page: 1 } } });
    await client.taskFinished('walk');
    expect(target.receipts('/walk').map(({ path }) => path)).toEqual(['/walk?page=1', '/walk?page=2']);
  });

  const unreadable = [
    'soon',
    '',
    '-5s',
    '5 s',
    '1y',
    'P1M',
    '2026-13-01T00:00:00Z',
    '2026-02-30T00:00:00Z',
    '2026-01-01T00:00:00',
    '2026-01-01',
    '1e3',
    'NaN',
    'Infinity',
  ];
  const tooFar = ['3654d', '9999-01-01T00:00:00Z', '999999999999999', 'P600W'];
  test.concurrent.each([...unreadable, ...tooFar])('that reads "%s" fails the task for good', async (value) => {
    const id = `rejected-${[...unreadable, ...tooFar].indexOf(value)}`;
    target.on(`/${id}`, nth({ ...again(value), body: 'evidence' }));
    await create(id, { retry: { maxAttempts: 3, backoff: 'fixed', initialDelay: 1 } });
    const task = await client.taskFinished(id);
    expect(task).toMatchObject({
      status: 'failed',
      run: 1,
      attempt: 1,
      error: { kind: 'rejected' },
      result: { status: 200, body: 'evidence' },
    });
    expect(target.receipts(`/${id}`)).toHaveLength(1);
  });

  test.concurrent('with JSON that had to be cut fails the task for good', async () => {
    target.on('/cut', nth(again('1ms', JSON.stringify({ a: 'x'.repeat(270_000) }), 'application/json')));
    await create('cut', { retry: { maxAttempts: 3, backoff: 'fixed', initialDelay: 1 } });
    expect(await client.taskFinished('cut')).toMatchObject({ status: 'failed', attempt: 1, run: 1, error: { kind: 'truncated' } });
  });

  test.concurrent('means nothing on a failure', async () => {
    target.on('/failing', nth({ ...again('1ms'), status: 500 }, { ...again('1ms'), status: 400 }));
    await create('failing', { retry: { maxAttempts: 3, backoff: 'fixed', initialDelay: 1 } });
    expect(await client.taskFinished('failing')).toMatchObject({
      status: 'failed',
      run: 1,
      attempt: 2,
      error: { kind: 'http', status: 400 },
    });
  });

  test.concurrent('can be overtaken: a task between runs is cancelled and not called again', async () => {
    target.on('/stopped', nth(again('1h')));
    await create('stopped');
    await client.taskWhen('stopped', 'second run', ({ run }) => run === 2);
    expect((await client.post('/tasks/stopped/cancel')).body).toMatchObject({ status: 'cancelled', run: 2, attempt: 0 });
    expect((await client.post('/tasks/stopped/run')).status).toBe(409);
    expect(target.receipts('/stopped')).toHaveLength(1);
  });
});

describe('a retry by hand', () => {
  test.concurrent('gives a failed task a fresh set of attempts, as often as asked', async () => {
    target.on('/again', nth({ status: 500 }, { status: 500 }, { status: 500 }, { status: 500 }, { status: 200 }));
    await create('again', { retry: { maxAttempts: 2, backoff: 'fixed', initialDelay: 1, jitter: 0 } });
    await client.taskFinished('again');
    expect((await client.post('/tasks/again/retry')).body).toMatchObject({ status: 'scheduled', run: 2, attempt: 0, error: null });
    expect(await client.taskWhen('again', 'failed again', ({ status, run }) => status === 'failed' && run === 2)).toMatchObject({
      attempt: 2,
    });
    expect((await client.post('/tasks/again/retry')).status).toBe(200);
    expect(await client.taskFinished('again')).toMatchObject({ status: 'succeeded', run: 3, attempt: 1 });
    expect(target.receipts('/again').map((receipt) => header(receipt, 'webhook-id'))).toEqual([
      'again',
      'again',
      'again~2',
      'again~2',
      'again~3',
    ]);
  });

  test.concurrent('is refused unless the task has failed', async () => {
    await create('waiting-for-retry', { delay: '1h' });
    const scheduled = await client.post('/tasks/waiting-for-retry/retry');
    expect(scheduled.status).toBe(409);
    await create('good');
    await client.taskFinished('good');
    const succeeded = await client.post('/tasks/good/retry');
    expect(succeeded.status).toBe(409);
    expect(succeeded.body.detail).toContain('succeeded');
    expect((await client.post('/tasks/nobody/retry')).status).toBe(404);
  });
});
