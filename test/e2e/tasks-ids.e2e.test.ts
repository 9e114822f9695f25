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

/** A task that never runs while these tests do. */
const later = (more: object = {}) => ({ event: { detailType: 'Later' }, delay: '1h', ...more });

const unusualIds = [
  'a b',
  ' leading and trailing ',
  ' ',
  '#',
  'a#b',
  '/',
  '//',
  '/a',
  'a/',
  'a//b',
  'a/./b',
  'a/../b',
  '...',
  '.a',
  'a.b.c',
  'order-42/reminder',
  'batch',
  'cancel',
  'a/batch',
  'a/events/b',
  'a/callback/b/c',
  'a/callback',
  'callback/x',
  'events',
  'status',
  'schedules/1',
  `!"$&'()*+,-;:<=>@[]^_\`{|}~`,
  'x'.repeat(200),
  '/'.repeat(200),
];

const nameOf = (id: string) => (id.length > 40 ? `${id.length} times ${id.charAt(0)}` : JSON.stringify(id));

describe('an id', () => {
  test.each(unusualIds.map((id) => ({ id, called: nameOf(id) })))('may be $called: every route finds its task', async ({ id }) => {
    const created = await client.post('/tasks', later({ id, labels: { unusual: 'yes' } }));
    expect(created.status).toBe(201);
    expect(created.headers.get('location')).toBe(`/tasks/${encodeURIComponent(id)}`);

    const [task, status, result, events] = await Promise.all(
      ['', '/status', '/result', '/events'].map((ending) => client.get(client.path(id, ending))),
    );
    expect(task).toMatchObject({ status: 200, body: { id, action: 'event' } });
    expect(status).toMatchObject({ status: 200, body: { id, version: 1 } });
    expect(result).toMatchObject({ status: 202, body: { id, status: 'scheduled' } });
    expect(events).toMatchObject({ status: 200, body: { events: [{ version: 1, type: 'TaskScheduled' }] } });
    expect(await client.patch(client.path(id), { labels: { patched: 'yes' } })).toMatchObject({ status: 200, body: { id, version: 2 } });
    expect(await client.post(client.path(id, '/retry'))).toMatchObject({ status: 409 });
    expect(await client.post(client.path(id, '/redeliver'))).toMatchObject({ status: 409 });
    expect(await client.post(client.path(id, '/run'))).toMatchObject({ status: 200, body: { id } });
    expect(await client.taskFinished(id)).toMatchObject({ id, status: 'succeeded' });
    expect(await client.post(client.path(id, '/cancel'))).toMatchObject({ status: 409 });
    expect(await client.delete(client.path(id))).toMatchObject({ status: 204 });
    expect(await client.get(client.path(id))).toMatchObject({ status: 404 });
  });

  test('may contain slashes that come raw or encoded', async () => {
    const id = 'raw/and/encoded';
    await client.post('/tasks', later({ id }));

    for (const path of ['/tasks/raw/and/encoded', '/tasks/raw%2Fand%2Fencoded', '/tasks/raw/and%2fencoded']) {
      expect(await client.get(path)).toMatchObject({ status: 200, body: { id } });
      expect(await client.get(`${path}/status`)).toMatchObject({ status: 200, body: { id } });
      expect(await client.get(`${path}%2Fstatus`)).toMatchObject({ status: 200, body: { id } });
    }
    expect((await client.get('/tasks/raw')).status).toBe(404);
    expect((await client.get('/tasks/raw/and/encoded/')).status).toBe(404);
    expect(await client.post('/tasks/raw/and/encoded/cancel')).toMatchObject({ status: 200, body: { id, status: 'cancelled' } });
  });

  test.each([
    ['//raw', '/tasks///raw'],
    ['raw//inside', '/tasks/raw//inside'],
    ['raw/', '/tasks/raw/'],
    ['raw+plus', '/tasks/raw+plus'],
    ["raw!$&'()*,;=:@", "/tasks/raw!$&'()*,;=:@"],
  ])('may come raw in a path: %j', async (id, path) => {
    await client.post('/tasks', later({ id }));

    expect(await client.get(path)).toMatchObject({ status: 200, body: { id } });
    expect(await client.get(`${path}/status`)).toMatchObject({ status: 200, body: { id } });
    expect(await client.delete(path)).toMatchObject({ status: 204 });
  });

  test('is told apart by its case and by each of its spaces', async () => {
    const ids = ['same', 'Same', 'same ', ' same', 'sa me'];
    const created = await Promise.all(ids.map((id) => client.post('/tasks', later({ id, labels: { exact: id } }))));

    expect(created.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201]);
    for (const id of ids) expect((await client.get(client.path(id))).body.labels).toEqual({ exact: id });
  });

  test.each([
    'a/cancel',
    'a/run',
    'a/retry',
    'a/redeliver',
    'a/status',
    'a/result',
    'a/events',
    'a/callback/b',
    'a/callback/',
    'a/callback/b/fail',
    'a/callback/b/heartbeat',
    '/cancel',
  ])('that ends in a route, such as %j, is refused', async (id) => {
    const refused = await client.post('/tasks', later({ id }));

    expect(refused.status).toBe(400);
    expect(refused.headers.get('content-type')).toBe('application/problem+json');
    expect(refused.body.errors).toEqual([{ path: 'id', message: expect.stringContaining('must not end in') }]);
  });

  const impossible = ['', '.', '..', 'x'.repeat(201), 'a?b', 'a%b', 'a\\b', 'é', 'a\nb', 'a\tb', '\u0000'];
  test.each(impossible.map((id) => ({ id, called: nameOf(id) })))('cannot be $called', async ({ id }) => {
    const refused = await client.post('/tasks', later({ id }));

    expect(refused).toMatchObject({ status: 400, body: { errors: [{ path: 'id' }] } });
  });
});
