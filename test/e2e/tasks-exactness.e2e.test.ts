import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Client, createClient } from './harness/client.ts';
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

const hourMs = 3_600_000;
const apart = (later: string, earlier: string): number => Date.parse(later) - Date.parse(earlier);

describe('times in one answer agree', () => {
  test('a delay counts from createdAt, to the millisecond, however many are created at once', async () => {
    const created = await Promise.all(
      Array.from({ length: 200 }, () => client.post('/tasks', { request: { url: `${target.url}/never` }, delay: '1h' })),
    );
    const batch = await client.post('/tasks/batch', {
      tasks: Array.from({ length: 100 }, () => ({ request: { url: `${target.url}/never` }, delay: hourMs })),
    });

    const tasks = [...created.map(({ body }) => body), ...batch.body.results.map(({ task }: { task: unknown }) => task)];
    expect(new Set(tasks.map(({ runAt, createdAt }) => apart(runAt, createdAt)))).toEqual(new Set([hourMs]));
  });

  test('a task for now, or for a time that has passed, is due at its creation', async () => {
    for (const time of [{}, { delay: 0 }, { runAt: '2020-01-01T00:00:00Z' }]) {
      const { body } = await client.post('/tasks', { request: { url: `${target.url}/now` }, ...time });
      expect(apart(body.runAt, body.createdAt)).toBe(0);
    }
  });

  test('a new delay counts from the change', async () => {
    await client.post('/tasks', { id: 'moved', request: { url: `${target.url}/never` }, delay: '1d' });
    for (let change = 0; change < 20; change += 1) {
      const { body } = await client.patch('/tasks/moved', { delay: '2h' });
      expect(apart(body.runAt, body.updatedAt)).toBe(2 * hourMs);
    }
  });

  test('a pause that the target asks for counts from when its answer was recorded', async () => {
    target.on('/again', (_receipt, _response, nth) => (nth < 4 ? { headers: { 'errand-continue': '40ms' } } : undefined));
    await client.post('/tasks', { id: 'again', request: { url: `${target.url}/again` } });
    await client.taskFinished('again');

    const { body } = await client.get('/tasks/again/events');
    const continued = body.events.filter(({ type }: { type: string }) => type === 'TaskContinued');
    expect(continued.map((event: { occurredAt: string; data: { runAt: string } }) => apart(event.data.runAt, event.occurredAt))).toEqual([
      40, 40, 40,
    ]);
  });
});

test('a task cancelled between retries ended without result and without error, wherever one looks', async () => {
  target.on('/failing', () => ({ status: 500, body: 'boom' }));
  const callback = { url: `${target.url}/cancelled` };
  await client.post('/tasks', { id: 'between', request: { url: `${target.url}/failing` }, retry: { delays: ['10m'] }, callback });
  await client.taskWhen('between', 'its first attempt failed', ({ attempt, status }) => attempt === 1 && status === 'scheduled');

  const cancelled = await client.post('/tasks/between/cancel');

  expect(cancelled.body).toMatchObject({ status: 'cancelled', result: null, error: null });
  const { body } = await client.get('/tasks/between/result');
  expect([body.status, 'result' in body, 'error' in body]).toEqual(['cancelled', false, false]);
  const [told] = await target.received('/cancelled');
  const payload = JSON.parse(String(told?.body));
  expect([payload.status, 'result' in payload, 'error' in payload]).toEqual(['cancelled', false, false]);
});

test('whole numbers that no double holds reach the target with all their digits, and tell contents apart', async () => {
  const sent = '{"id":"digits","request":{"url":"URL","body":{"a":[9007199254740993,-12345678901234567890],"b":1.5}}}';
  const raw = sent.replace('URL', `${target.url}/digits`);
  const created = await client.post('/tasks', undefined, { raw, headers: { 'content-type': 'application/json' } });

  expect(created.status).toBe(201);
  expect(created.text).toContain('9007199254740993');
  const [receipt] = await target.received('/digits');
  expect(String(receipt?.body)).toBe('{"a":[9007199254740993,-12345678901234567890],"b":1.5}');
  const again = await client.post('/tasks', undefined, { raw, headers: { 'content-type': 'application/json' } });
  expect(again.status).toBe(200);
  const other = raw.replace('9007199254740993', '9007199254740992');
  expect((await client.post('/tasks', undefined, { raw: other, headers: { 'content-type': 'application/json' } })).status).toBe(409);
});

test('a cursor with anything added is refused', async () => {
  const { body } = await client.get('/tasks?limit=1');
  for (const cursor of [`${body.cursor}*`, `${body.cursor}=`, ` ${body.cursor}`]) {
    expect((await client.get(`/tasks?limit=1&cursor=${encodeURIComponent(cursor)}`)).status).toBe(400);
  }
  const history = await client.get('/tasks/moved/events?limit=1');
  expect((await client.get(`/tasks/moved/events?cursor=${history.body.cursor}!!x`)).status).toBe(400);
});

describe('a body', () => {
  test('that is compressed is refused with the reason', async () => {
    const { status, body } = await client.post('/tasks', {}, { headers: { 'content-encoding': 'gzip' } });
    expect([status, body.detail]).toEqual([415, 'a body must not be encoded, but its content-encoding is gzip']);
  });

  test.each([
    ['5', 'a JSON object is expected'],
    ['{}', 'exactly one of request, runner and event must be given'],
  ])('%s is refused in a sentence that reads', async (raw, detail) => {
    const { status, body } = await client.post('/tasks', undefined, { raw, headers: { 'content-type': 'application/json' } });
    expect([status, body.detail]).toEqual([400, detail]);
  });
});
