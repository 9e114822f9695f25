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
  // First the target: one of its calls stays open, and a stop waits for those.
  await target.close();
  await errand.stop();
});

type Listed = { readonly id: string; readonly status: string; readonly createdAt: string };
const statuses = ['scheduled', 'running', 'waiting', 'succeeded', 'failed', 'cancelled'] as const;
const later = (more: object = {}) => ({ event: { detailType: 'Later', detail: {} }, delay: '1h', ...more });
const idsOf = (tasks: readonly Listed[]) => tasks.map(({ id }) => id);

/** Creates many tasks, a hundred a request. */
async function createAll(tasks: readonly object[]): Promise<void> {
  for (let first = 0; first < tasks.length; first += 100) {
    const { body } = await client.post('/tasks/batch', { tasks: tasks.slice(first, first + 100) });
    expect(body.results.every(({ status }: ApiAnswer) => status === 201)).toBe(true);
  }
}

/** Every task of a list, page by page. `between` runs after each page but the last. */
async function walk(query: string, between: (page: readonly Listed[]) => Promise<void> = async () => undefined): Promise<Listed[]> {
  const tasks: Listed[] = [];
  let cursor: string | undefined;
  do {
    const answer = await client.get(`/tasks?${query}${cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`}`);
    expect(answer.status).toBe(200);
    tasks.push(...answer.body.tasks);
    cursor = answer.body.cursor;
    if (cursor !== undefined) await between(answer.body.tasks);
  } while (cursor !== undefined);
  return tasks;
}

let markers = 0;

/** Resolves when the lists show everything that was done before. */
async function caughtUp(): Promise<void> {
  markers += 1;
  await client.post('/tasks', later({ labels: { marker: String(markers) } }));
  await walkOnceThere(`label.marker=${markers}`, 1);
}

/** Lists lag the log a little: the list once it has so many tasks. */
const walkOnceThere = (query: string, count: number) =>
  until(`${count} tasks in the list of ${query}`, async () => {
    const tasks = await walk(query);
    return tasks.length === count ? tasks : undefined;
  });

describe('the list', () => {
  test('has the newest first, 50 a page unless another limit is asked for', async () => {
    for (let n = 0; n < 6; n += 1) await client.post('/tasks', later({ id: `ordered-${n}`, labels: { set: 'ordered' } }));
    await createAll(Array.from({ length: 54 }, (_, n) => later({ id: `ordered-more-${n}`, labels: { set: 'ordered' } })));
    const tasks = await walkOnceThere('label.set=ordered&limit=100', 60);

    const times = tasks.map(({ createdAt }) => Date.parse(createdAt));
    expect(times).toEqual(times.toSorted((left, right) => right - left));
    const single = idsOf(tasks).filter((id) => /^ordered-\d$/.test(id));
    const sameTime = new Set(tasks.filter(({ id }) => /^ordered-\d$/.test(id)).map(({ createdAt }) => createdAt)).size < 6;
    if (!sameTime) expect(single).toEqual([5, 4, 3, 2, 1, 0].map((n) => `ordered-${n}`));
    expect((await client.get('/tasks?label.set=ordered')).body.tasks).toHaveLength(50);
    expect((await client.get('/tasks?label.set=ordered&limit=1')).body.tasks).toHaveLength(1);
  });

  test('leaves the bodies of requests and results out and shows the rest as a read does', async () => {
    target.on('/listed', () => ({ body: 'a long answer' }));
    const request = { url: `${target.url}/listed`, body: 'a long request', headers: { authorization: 'secret' } };
    await client.post('/tasks', { id: 'listed', request, labels: { set: 'bodies' } });
    await client.post('/tasks', {
      id: 'listed-base64',
      request: { url: `${target.url}/listed`, bodyBase64: 'AAEC' },
      labels: { set: 'bodies' },
    });
    const read = await client.taskFinished('listed');
    await client.taskFinished('listed-base64');
    await until('the end in the list', async () => ((await walk('label.set=bodies&status=succeeded')).length === 2 ? true : undefined));

    const { text, body } = await client.get('/tasks?label.set=bodies');
    for (const left of ['a long request', 'a long answer', 'AAEC', 'bodyBase64', 'secret"']) expect(text).not.toContain(left);
    const { body: _answer, encoding: _encoding, ...result } = read.result;
    const { body: _sent, ...shown } = read.request;
    expect(body.tasks.find(({ id }: Listed) => id === 'listed')).toEqual({ ...read, request: shown, result });
  });

  test('can be narrowed to a status', async () => {
    target.on('/open', () => 'taken');
    target.on('/refuses', () => ({ status: 400 }));
    const of = (status: string, more: object) => client.post('/tasks', { id: `is-${status}`, labels: { set: 'status' }, ...more });
    await of('scheduled', later());
    await of('running', { request: { url: `${target.url}/open` }, timeout: '10m' });
    await of('waiting', { request: { url: `${target.url}/accepts` }, strategy: 'async' });
    await of('succeeded', { event: { detailType: 'E' } });
    await of('failed', { request: { url: `${target.url}/refuses` } });
    await of('cancelled', later());
    await client.post('/tasks/is-cancelled/cancel');
    for (const status of statuses) await client.taskWhen(`is-${status}`, status, (task) => task.status === status);

    for (const status of statuses) {
      // All of them were scheduled at first, and the list may lag.
      const tasks = await until(`is-${status} alone under ${status}`, async () => {
        const listed = await walk(`label.set=status&status=${status}`);
        return listed.map(({ id }) => id).join() === `is-${status}` ? listed : undefined;
      });
      expect(tasks).toMatchObject([{ id: `is-${status}`, status }]);
    }
  });

  test('can be narrowed to labels, all of which must fit', async () => {
    const odd: Readonly<Record<string, string>> = { 'a key/with?&=+%': 'a value & more = + % ü' };
    await client.post('/tasks', later({ id: 'l1', labels: { set: 'labels', colour: 'red', size: 's' } }));
    await client.post('/tasks', later({ id: 'l2', labels: { set: 'labels', colour: 'red', size: 'm', empty: '' } }));
    await client.post('/tasks', later({ id: 'l3', labels: { set: 'labels', colour: 'Red', ...odd } }));
    await walkOnceThere('label.set=labels', 3);
    const found = async (query: string) => idsOf((await client.get(`/tasks?${query}`)).body.tasks).sort();

    expect(await found('label.set=labels&label.colour=red')).toEqual(['l1', 'l2']);
    expect(await found('label.colour=red&label.set=labels&label.size=m')).toEqual(['l2']);
    expect(await found('label.set=labels&label.colour=Red')).toEqual(['l3']);
    expect(await found('label.set=labels&label.colour=red&label.size=l')).toEqual([]);
    expect(await found('label.set=labels&label.empty=')).toEqual(['l2']);
    expect(await found('label.set=labels&label.nothing=')).toEqual([]);
    const query = new URLSearchParams(Object.entries(odd).map(([key, value]): [string, string] => [`label.${key}`, value]));
    expect(await found(query.toString())).toEqual(['l3']);
    expect(await found('label.set=labels&label.colour=red&status=cancelled')).toEqual([]);
  });

  test('follows labels that were changed', async () => {
    await client.post('/tasks', later({ id: 'relabelled', labels: { set: 'before' } }));
    await walkOnceThere('label.set=before', 1);
    await client.patch('/tasks/relabelled', { labels: { set: 'after' } });

    await walkOnceThere('label.set=after', 1);
    expect(await walk('label.set=before')).toEqual([]);
  });

  test('can be narrowed to times of creation: from is inclusive, to exclusive', async () => {
    const created: Listed[] = [];
    for (let n = 0; n < 5; n += 1) {
      const { body } = await client.post('/tasks', later({ id: `time-${n}`, labels: { set: 'time' } }));
      created.push(body);
      await until('the next millisecond', () => (Date.now() > Date.parse(body.createdAt) + 1 ? true : undefined));
    }
    await walkOnceThere('label.set=time', 5);
    const [from = '', to = ''] = [created[1]?.createdAt, created[3]?.createdAt];
    const found = async (query: string) => idsOf((await client.get(`/tasks?label.set=time&${query}`)).body.tasks);

    expect(await found(`from=${from}`)).toEqual(['time-4', 'time-3', 'time-2', 'time-1']);
    expect(await found(`to=${to}`)).toEqual(['time-2', 'time-1', 'time-0']);
    expect(await found(`from=${from}&to=${to}`)).toEqual(['time-2', 'time-1']);
    expect(await found(`from=${Date.parse(from)}&to=${Date.parse(to)}`)).toEqual(['time-2', 'time-1']);
    expect(await found(`from=${Date.parse(from) + 1}&to=${Date.parse(to) + 1}`)).toEqual(['time-3', 'time-2']);
    expect(
      await found(`from=${encodeURIComponent(new Date(Date.parse(from) + 7_200_000).toISOString().replace('Z', '+02:00'))}`),
    ).toHaveLength(4);
    expect(await found(`from=${to}&to=${from}`)).toEqual([]);
    const all = idsOf((await client.get(`/tasks?from=${from}&to=${to}`)).body.tasks);
    expect(all).toEqual(['time-2', 'time-1']);
  });

  test.each([
    'status=done',
    'status=',
    'status=deleted',
    'status=succeeded,failed',
    'status=scheduled&status=failed',
    'limit=0',
    'limit=101',
    'limit=x',
    'limit=-1',
    'limit=1e1',
    'cursor=x',
    'cursor=',
    'cursor=e30',
    'cursor=bnVsbA',
    'from=yesterday',
    'from=2026-01-01',
    'to=2026-13-01T00:00:00Z',
    'label.=x',
    'labels.a=x',
    'sort=id',
    'Status=failed',
  ])('refuses %s', async (query) => {
    const refused = await client.get(`/tasks?${query}`);

    expect(refused).toMatchObject({ status: 400, body: { status: 400, errors: [{ path: expect.any(String) }] } });
    expect(refused.headers.get('content-type')).toBe('application/problem+json');
  });

  test('forgets a task that was deleted', async () => {
    await client.post('/tasks', later({ id: 'forgotten', labels: { set: 'forgotten' } }));
    await walkOnceThere('label.set=forgotten', 1);
    await client.delete('/tasks/forgotten');

    await walkOnceThere('label.set=forgotten', 0);
    expect(idsOf(await walk('limit=100'))).not.toContain('forgotten');
  });
});

describe('following the cursors of 1,000 tasks', () => {
  const set = 'label.set=thousand';
  const tasks = (prefix: string, count: number) =>
    Array.from({ length: count }, (_, n) => later({ id: `${prefix}/${n}`, labels: { set: 'thousand' } }));

  beforeAll(async () => {
    await createAll(tasks('thousand', 1_000));
    await walkOnceThere(`${set}&limit=100`, 1_000);
  });

  test('visits each exactly once, in order, whatever is created, deleted or changes meanwhile', async () => {
    const before = new Set(idsOf(await walk(`${set}&limit=100`)));
    const deleted = new Set<string>();
    let page = 0;
    const seen = await walk(`${set}&limit=37`, async (visited) => {
      page += 1;
      // One that was visited, the very last of the page among them, and one far ahead go; a few are changed; others come.
      const gone = [visited.at(-1)?.id ?? '', visited[5]?.id ?? '', `thousand/${page * 7}`];
      const [created] = await Promise.all([
        client.post('/tasks/batch', { tasks: tasks(`meanwhile-${page}`, 5) }),
        ...gone.map(async (id) => {
          if ((await client.delete(client.path(id))).status === 204) deleted.add(id);
        }),
        client.post(client.path(`thousand/${page * 11 + 1}`, '/cancel')),
        client.patch(client.path(`thousand/${page * 11 + 2}`), { delay: '2h' }),
      ]);
      expect(created.status).toBe(200);
    });

    const times = seen.map(({ createdAt }) => Date.parse(createdAt));
    expect(times).toEqual(times.toSorted((left, right) => right - left));
    const ids = idsOf(seen);
    expect(new Set(ids).size).toBe(ids.length);
    const stayed = [...before].filter((id) => !deleted.has(id));
    expect(deleted.size).toBeGreaterThan(40);
    expect(stayed.filter((id) => !ids.includes(id))).toEqual([]);
  });

  test('works for a status and for the whole list too', async () => {
    await caughtUp();
    const scheduled = await walk(`${set}&status=scheduled&limit=100`);
    const cancelled = await walk(`${set}&status=cancelled&limit=9`);
    const all = await walk('limit=100');

    expect(new Set(idsOf([...scheduled, ...cancelled])).size).toBe(scheduled.length + cancelled.length);
    expect(cancelled.length).toBeGreaterThan(10);
    expect(cancelled.every(({ status }) => status === 'cancelled')).toBe(true);
    expect(new Set(idsOf(all)).size).toBe(all.length);
    const inSet = new Set(idsOf(await walk(`${set}&limit=100`)));
    expect(idsOf(all).filter((id) => inSet.has(id))).toHaveLength(inSet.size);
  });
});

describe('/stats', () => {
  test('counts what the lists hold once everything has settled', async () => {
    const settled = await until('the same counts in the lists and the statistics', async () => {
      const listed = await Promise.all(
        statuses.map(async (status) => [status, (await walk(`status=${status}&limit=100`)).length] as const),
      );
      const { status, body } = await client.get('/stats');
      expect(status).toBe(200);
      return listed.every(([name, count]) => body.counts[name] === count) ? body : undefined;
    });

    expect(Object.keys(settled.counts).sort()).toEqual([...statuses].sort());
    expect(settled.counts.scheduled).toBeGreaterThan(0);
    expect(settled.feedLagMs).toBeGreaterThanOrEqual(0);
    expect(settled.oldestOverdueMs).toBeGreaterThanOrEqual(0);
  });

  test('counts attempts, successes, failures and retries of the last hour', async () => {
    await caughtUp();
    const before = (await client.get('/stats')).body.lastHour;
    target.on('/twice', (_receipt, _response, nth) => ({ status: nth === 1 ? 500 : 200 }));
    target.on('/never', () => ({ status: 404 }));
    await client.post('/tasks', { id: 'twice', request: { url: `${target.url}/twice` }, retry: { delays: [10] } });
    await client.post('/tasks', { id: 'never', request: { url: `${target.url}/never` } });
    await client.taskFinished('twice');
    await client.taskFinished('never');

    const after = await until('the statistics of both', async () => {
      const { lastHour } = (await client.get('/stats')).body;
      return lastHour.succeeded + lastHour.failed === before.succeeded + before.failed + 2 ? lastHour : undefined;
    });
    expect(after).toEqual({
      started: before.started + 3,
      succeeded: before.succeeded + 1,
      failed: before.failed + 1,
      retried: before.retried + 1,
    });
  });

  test('forgets deleted tasks', async () => {
    await caughtUp();
    const before = (await client.get('/stats')).body.counts;
    await client.post('/tasks', later({ id: 'counted' }));
    await until('the new task in the counts', async () =>
      (await client.get('/stats')).body.counts.scheduled > before.scheduled ? true : undefined,
    );
    await client.delete('/tasks/counted');

    await until('the counts as before', async () =>
      (await client.get('/stats')).body.counts.scheduled === before.scheduled ? true : undefined,
    );
    expect((await client.get('/stats')).body.counts).toEqual(before);
  });
});

describe('/health', () => {
  test('says that it is well, its version and its host', async () => {
    const { status, body } = await client.get('/health');

    expect(status).toBe(200);
    expect(body).toMatchObject({ status: 'ok', version: expect.stringMatching(/^\d+\.\d+\.\d+/) });
    expect(['server', 'aws']).toContain(body.host);
  });
});
