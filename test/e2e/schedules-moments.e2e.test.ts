import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiAnswer, type Client, createClient } from './harness/client.ts';
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

const to = (path: string, more: object = {}) => ({ request: { url: `${target.url}/${path}` }, ...more });
const daily = (id: string, more: object = {}) => ({ id, every: '1d', task: to(id), ...more });
const pathsOf = ({ status, body }: ApiAnswer) => ({ status, paths: body.errors?.map(({ path }: { path: string }) => path) });

describe.concurrent('a start of now, which has passed when it arrives', () => {
  test.each([
    ['every', { every: '1h' }],
    ['daily', { recurrence: 'daily' }],
    ['monthly', { recurrence: 'monthly' }],
  ])('is the first time of a new schedule: %s', async (id, rule) => {
    const startAt = Date.now() - 5;
    const created = await client.post('/schedules', { id, ...rule, startAt, task: to(`start-${id}`) });
    expect(created).toMatchObject({ status: 201 });
    expect(Date.parse(created.body.nextRuns[0])).toBe(startAt);
    await target.received(`/start-${id}`);
    const { body } = await client.get(`/schedules/${id}`);
    expect(body).toMatchObject({ occurrences: 1, skipped: 0, lastRuns: [{ occurrence: 1, dueAt: new Date(startAt).toISOString() }] });
  });

  test('is the next time of a schedule that is changed', async () => {
    await client.post('/schedules', daily('restarted'));
    const startAt = new Date(Date.now() - 5).toISOString();
    expect((await client.patch('/schedules/restarted', { startAt })).body.startAt).toBe(startAt);
    await target.received('/restarted');
    expect((await client.get('/schedules/restarted')).body).toMatchObject({ occurrences: 1, lastRuns: [{ dueAt: startAt }] });
  });
});

describe.concurrent('a trigger with a key', () => {
  test('makes one task, however many ask at once, and tells it to each of them', async () => {
    const ids = Array.from({ length: 10 }, (_unused, index) => `keyed-${index}`);
    await Promise.all(ids.map((id) => client.post('/schedules', daily(id))));
    for (const id of ids) {
      const headers = { 'idempotency-key': 'once' };
      const answers = await Promise.all([1, 2, 3, 4].map(() => client.post(`/schedules/${id}/trigger`, undefined, { headers })));
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 200, 201]);
      expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
      const { events } = (await client.get(`/schedules/${id}/events`)).body;
      expect(events.filter(({ type }: { type: string }) => type === 'OccurrenceTriggered')).toHaveLength(1);
    }
  });

  test('is a conflict once its task was deleted', async () => {
    await client.post('/schedules', daily('emptied', { task: to('emptied', { startBefore: '1d' }) }));
    const headers = { 'idempotency-key': 'once' };
    const { body } = await client.post('/schedules/emptied/trigger', undefined, { headers });
    await client.taskFinished(body.id);
    expect((await client.delete(client.path(body.id))).status).toBe(204);
    const again = await client.post('/schedules/emptied/trigger', undefined, { headers });
    expect(again).toMatchObject({ status: 409, body: { detail: `the task ${body.id} was deleted; an id is never used again` } });
  });
});

describe('a schedule that could never run', () => {
  test('is refused, naming the field, when it is made and when it is changed to one', async () => {
    expect(pathsOf(await client.post('/schedules', daily('never', { endAt: Date.now() - 1 })))).toEqual({ status: 400, paths: ['endAt'] });
    const leapDay = { cron: '0 0 29 2 *', endAt: Date.now() + 1_000 };
    expect(pathsOf(await client.post('/schedules', { task: to('never'), ...leapDay }))).toEqual({ status: 400, paths: ['endAt'] });

    const startAt = Date.now() + 86_400_000;
    await client.post('/schedules', daily('bounded', { startAt, endAt: startAt + 86_400_000 }));
    for (const status of ['active', 'paused']) {
      if (status === 'paused') await client.post('/schedules/bounded/pause');
      const wrong = async (changes: object) => pathsOf(await client.patch('/schedules/bounded', changes));
      expect(await wrong({ endAt: startAt - 1 })).toEqual({ status: 400, paths: ['endAt'] });
      expect(await wrong({ startAt: startAt + 2 * 86_400_000 })).toEqual({ status: 400, paths: ['startAt'] });
      expect(await wrong({ startAt: startAt + 5, endAt: startAt })).toEqual({ status: 400, paths: ['endAt'] });
      expect(await wrong(leapDay)).toEqual({ status: 400, paths: ['endAt'] });
      expect((await client.get('/schedules/bounded')).body).toMatchObject({ status, endAt: new Date(startAt + 86_400_000).toISOString() });
    }
  });
});

describe('the task of a schedule, as it is read', () => {
  test('may be sent again', async () => {
    const task = to('again', {
      retry: { delays: ['5s', '1m'], jitter: 0.1 },
      callback: { url: `${target.url}/told`, on: ['failed'] },
      labels: { a: 'b' },
      startBefore: '1h',
    });
    for (const [id, sent] of Object.entries({
      'as-read': task,
      'as-read-plain': to('plain'),
      'as-read-event': { event: { detailType: 'Reminder', detail: { a: 1 } } },
      'as-read-binary': { request: { ...to('binary').request, method: 'PUT', bodyBase64: 'AP8B', headers: { 'content-type': 'x/y' } } },
      'as-read-query': { request: { ...to('query').request, method: 'GET', body: { a: 1 } }, strategy: 'async', completeWithin: '1h' },
    })) {
      const { body } = await client.post('/schedules', daily(id, { task: sent }));
      expect(await client.patch(`/schedules/${id}`, { task: body.task })).toMatchObject({ status: 200, body: { task: body.task } });
      expect(await client.post('/schedules', { ...daily(`${id}-copy`), task: body.task })).toMatchObject({
        status: 201,
        body: { task: body.task },
      });
    }
  });
});
