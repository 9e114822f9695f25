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

const to = (path: string) => ({ request: { url: `${target.url}/${path}` } });
const hourly = (id: string, more: object = {}) => ({ id, every: '1h', task: to(id), ...more });
const typesOf = async (id: string): Promise<readonly string[]> =>
  (await client.get(`/schedules/${id}/events`)).body.events.map(({ type }: { type: string }) => type);

/** Alone: it looks at whole lists. */
describe('a new schedule', () => {
  test('is created with its defaults, read, listed and found again by the same content', async () => {
    const asked = { id: 'nightly/report', cron: '0 9 * * 1-5', timezone: 'Europe/Athens', labels: { team: 'blue' }, task: to('report') };
    const created = await client.post('/schedules', asked);

    expect(created).toMatchObject({
      status: 201,
      body: {
        id: 'nightly/report',
        status: 'active',
        version: 1,
        cron: '0 9 * * 1-5',
        timezone: 'Europe/Athens',
        startAt: null,
        overlap: 'skip',
        misfire: 'run-once',
        catchUpWithin: 86_400_000,
        jitter: 0,
        occurrences: 0,
        skipped: 0,
        lastRuns: [],
        labels: { team: 'blue' },
        task: { request: { url: `${target.url}/report`, method: 'POST' }, timeout: 30_000 },
      },
    });
    expect(created.headers.get('location')).toBe('/schedules/nightly%2Freport');
    expect(created.headers.get('etag')).toBe('"1"');
    expect(created.body.nextRuns).toHaveLength(10);
    expect(await client.get('/schedules/nightly%2Freport')).toMatchObject({ status: 200, body: created.body });
    expect(await client.post('/schedules', asked)).toMatchObject({ status: 200, body: { version: 1 } });
    expect((await client.post('/schedules', { ...asked, cron: '0 8 * * *' })).status).toBe(409);
    const listed = await until('the schedule in its list', async () => {
      const { body } = await client.get('/schedules?status=active&label.team=blue');
      return body.schedules.length > 0 ? body.schedules : undefined;
    });
    expect(listed).toMatchObject([{ id: 'nightly/report', nextRuns: created.body.nextRuns }]);
    expect((await client.get('/tasks')).body.tasks).toEqual([]);
    expect((await client.get('/schedules?status=paused')).body.schedules).toEqual([]);
  });
});

describe.concurrent('a schedule', () => {
  test('fires in its own time, each time one task of its own, until it has fired often enough', async () => {
    const created = await client.post('/schedules', {
      id: 'seconds',
      every: '1s',
      maxOccurrences: 3,
      labels: { team: 'red' },
      task: { request: { url: `${target.url}/seconds`, body: { hello: 'world' } }, labels: { kind: 'x' } },
    });
    const receipts = await target.received('/seconds', 3);
    const finished = await until('the end of the schedule', async () => {
      const { body } = await client.get('/schedules/seconds');
      return body.status === 'finished' && body.lastRuns.every(({ status }: { status: string }) => status === 'succeeded')
        ? body
        : undefined;
    });

    expect(finished).toMatchObject({
      occurrences: 3,
      skipped: 0,
      nextRuns: [],
      lastRuns: [1, 2, 3].map((occurrence) => ({ occurrence, taskId: `seconds.${occurrence}`, status: 'succeeded' })),
    });
    for (const [index, { at, body }] of receipts.entries()) {
      const dueAt = Date.parse(finished.lastRuns[index].dueAt);
      expect(dueAt).toBe(Date.parse(created.body.nextRuns[0]) + index * 1_000);
      expect(at).toBeGreaterThanOrEqual(dueAt);
      expect(body.toString()).toBe('{"hello":"world"}');
    }
    expect((await client.get('/tasks/seconds.2')).body).toMatchObject({
      origin: { scheduleId: 'seconds', occurrence: 2 },
      labels: { team: 'red', kind: 'x' },
    });
    expect((await client.get('/tasks/seconds.4')).status).toBe(404);
    expect(target.receipts('/seconds')).toHaveLength(3);
  });

  test('by a cron expression of seconds fires on the second', async () => {
    await client.post('/schedules', { id: 'ticking', cron: '* * * * * *', overlap: 'allow', task: to('ticking') });
    await target.received('/ticking', 3);
    const { lastRuns } = (await client.get('/schedules/ticking')).body;
    await client.delete('/schedules/ticking');
    expect(lastRuns.map(({ dueAt }: { dueAt: string }) => Date.parse(dueAt) % 1_000)).toEqual(lastRuns.map(() => 0));
    for (const { dueAt, taskId } of lastRuns.slice(0, 3)) {
      const { events } = (await client.get(client.path(taskId, '/events'))).body;
      const lateMs = Date.parse(events[1].occurredAt) - Date.parse(dueAt);
      expect(lateMs).toBeGreaterThanOrEqual(0);
      expect(lateMs).toBeLessThan(halfWithinMs);
    }
  });

  test('goes on when an occurrence fails', async () => {
    target.on('/failing', () => ({ status: 500 }));
    await client.post('/schedules', {
      id: 'failing',
      every: '1s',
      maxOccurrences: 2,
      task: { ...to('failing'), retry: { maxAttempts: 1 } },
    });

    const { lastRuns } = await until('two failures', async () => {
      const { body } = await client.get('/schedules/failing');
      return body.lastRuns.filter(({ status }: { status: string }) => status === 'failed').length === 2 ? body : undefined;
    });
    expect(lastRuns).toHaveLength(2);
  });

  test('fires nothing while it is paused, and goes on with the next regular time', async () => {
    await client.post('/schedules', { id: 'asleep', every: '1s', overlap: 'allow', misfire: 'run-all', task: to('asleep') });
    await target.received('/asleep');
    const { occurrences } = (await client.post('/schedules/asleep/pause')).body;
    // Another one shows that two of its times pass.
    await client.post('/schedules', { id: 'awake', every: '1s', maxOccurrences: 3, overlap: 'allow', task: to('awake') });
    await target.received('/awake', 3);
    expect((await client.get('/schedules/asleep')).body).toMatchObject({ status: 'paused', occurrences });
    expect(target.receipts('/asleep')).toHaveLength(occurrences);
    await client.post('/schedules/asleep/resume');
    await target.received('/asleep', occurrences + 1);
    const { events } = (await client.get('/schedules/asleep/events')).body;
    await client.delete('/schedules/asleep');
    const resumed = events.findIndex(({ type }: { type: string }) => type === 'ScheduleResumed');
    const [first, next] = [events.slice(0, resumed), events.slice(resumed + 1)].map((part) =>
      part.find(({ type }: { type: string }) => type === 'OccurrenceFired'),
    );
    expect(next.data.occurrence).toBe(occurrences + 1);
    expect(Date.parse(next.data.dueAt)).toBeGreaterThan(Date.parse(events[resumed].occurredAt));
    expect((Date.parse(next.data.dueAt) - Date.parse(first.data.dueAt)) % 1_000).toBe(0);
  });

  test('is paused and resumed once, however often it is asked', async () => {
    await client.post('/schedules', hourly('resting'));
    const paused = await client.post('/schedules/resting/pause');
    expect(paused).toMatchObject({ status: 200, body: { status: 'paused', version: 2, nextRuns: [] } });
    expect(await client.post('/schedules/resting/pause')).toMatchObject({ status: 200, body: { version: 2 } });
    const resumed = await client.post('/schedules/resting/resume', undefined, { headers: { 'if-match': '"2"' } });
    expect(resumed).toMatchObject({ status: 200, body: { status: 'active', version: 3 } });
    expect(resumed.body.nextRuns).toHaveLength(10);
    expect((await client.post('/schedules/resting/pause', undefined, { headers: { 'if-match': '"1"' } })).status).toBe(412);
    expect(await typesOf('resting')).toEqual(['ScheduleCreated', 'SchedulePaused', 'ScheduleResumed']);
  });

  test('is triggered at once, also while it is paused, and once for one key', async () => {
    await client.post('/schedules', hourly('pulled'));
    await client.post('/schedules/pulled/pause');

    const first = await client.post('/schedules/pulled/trigger');
    const second = await client.post('/schedules/pulled/trigger');
    expect(first).toMatchObject({ status: 201, body: { id: 'pulled.trigger-1', origin: { scheduleId: 'pulled', occurrence: 0 } } });
    expect(first.headers.get('location')).toBe('/tasks/pulled.trigger-1');
    expect(second).toMatchObject({ status: 201, body: { id: 'pulled.trigger-2' } });
    const headers = { 'idempotency-key': 'once' };
    const keyed = await client.post('/schedules/pulled/trigger', undefined, { headers });
    expect(keyed.status).toBe(201);
    expect(keyed.body.id).toMatch(/^pulled\.trigger-[\w-]{11}$/);
    expect(await client.post('/schedules/pulled/trigger', undefined, { headers })).toMatchObject({
      status: 200,
      body: { id: keyed.body.id },
    });
    await target.received('/pulled', 3);
    expect((await client.get('/schedules/pulled')).body).toMatchObject({ status: 'paused', occurrences: 0, lastRuns: [] });
  });

  test('is changed from its next time on, and keeps its numbers', async () => {
    await client.post('/schedules', hourly('moved', { task: to('before') }));
    const changed = await client.patch('/schedules/moved', { every: '1s', maxOccurrences: 1, task: to('after') });
    expect(changed).toMatchObject({
      status: 200,
      body: { every: 1_000, maxOccurrences: 1, task: { request: { url: `${target.url}/after` } } },
    });
    await target.received('/after');
    expect(target.receipts('/before')).toEqual([]);
    const unlimited = await client.patch('/schedules/moved', { maxOccurrences: null });
    expect(unlimited).toMatchObject({ status: 200, body: { status: 'active', maxOccurrences: null } });
    await target.received('/after', 2);
    expect((await client.get('/tasks/moved.2')).status).toBe(200);
    await client.delete('/schedules/moved');
  });

  test('is deleted for good, and its tasks stay', async () => {
    await client.post('/schedules', hourly('gone'));
    await client.post('/schedules/gone/trigger');
    expect((await client.delete('/schedules/gone')).status).toBe(204);
    expect((await client.get('/schedules/gone')).status).toBe(404);
    expect((await client.get('/schedules/gone/events')).status).toBe(404);
    expect((await client.delete('/schedules/gone')).status).toBe(404);
    expect((await client.post('/schedules', hourly('gone'))).status).toBe(409);
    expect((await client.get('/tasks/gone.trigger-1')).status).toBe(200);
  });

  test('leaves a task of somebody else alone that has the id of an occurrence', async () => {
    await client.post('/tasks', { id: 'taken.1', ...to('foreign'), delay: '1h' });
    await client.post('/schedules', { id: 'taken', every: '1s', maxOccurrences: 1, task: to('taken') });
    await target.received('/taken');
    expect((await client.get('/tasks/taken.1')).body).toMatchObject({ status: 'scheduled', origin: null });
    const read = await until('the end', async () => {
      const { body } = await client.get('/schedules/taken');
      return body.status === 'finished' ? body : undefined;
    });
    expect(read).toMatchObject({ occurrences: 1, skipped: 1, lastRuns: [{ occurrence: 2, taskId: 'taken.2' }] });
    expect(target.receipts('/foreign')).toEqual([]);
  });
});

describe.concurrent('while the task before is unfinished', () => {
  test.each([
    ['skip', ['/skip'], { skipped: 1 }],
    ['allow', ['/allow', '/allow'], { skipped: 0 }],
  ])('overlap %s decides what becomes of the next time', async (overlap, called, expected) => {
    const { promise: held, resolve: release } = Promise.withResolvers<undefined>();
    target.on(`/${overlap}`, () => held);
    await client.post('/schedules', { id: overlap, every: '2s', overlap, task: to(overlap) });
    await target.received(`/${overlap}`);
    await until('the next time', async () => {
      const { body } = await client.get(`/schedules/${overlap}`);
      return body.occurrences + body.skipped >= 2 ? body : undefined;
    });
    const seen = await target.received(`/${overlap}`, called.length);
    expect(seen.map(({ path }) => path)).toEqual(called);
    expect((await client.get(`/schedules/${overlap}`)).body).toMatchObject(expected);
    await client.delete(`/schedules/${overlap}`);
    release(undefined);
  });

  test('overlap buffer-one keeps one time and fires it when that task ends', async () => {
    const { promise: held, resolve: release } = Promise.withResolvers<undefined>();
    target.on('/buffer', (_receipt, _response, nth) => (nth === 1 ? held : undefined));
    await client.post('/schedules', { id: 'buffer', every: '2s', overlap: 'buffer-one', maxOccurrences: 2, task: to('buffer') });
    await target.received('/buffer');
    await until('the time that is kept', async () => ((await typesOf('buffer')).includes('OccurrenceBuffered') ? true : undefined));
    expect(target.receipts('/buffer')).toHaveLength(1);
    const releasedAt = Date.now();
    release(undefined);
    const [, second] = await target.received('/buffer', 2);
    expect((second?.at ?? 0) - releasedAt).toBeLessThan(3_000);
  });
});

describe('wrong schedules', () => {
  const task = { request: { url: 'http://127.0.0.1:9/x' } };
  test.each([
    [{ task }, ''],
    [{ cron: '* * * * *', every: '1s', task }, 'every'],
    [{ cron: '61 * * * *', task }, 'cron'],
    [{ cron: '0 9 * * *', timezone: 'Mars/Olympus', task }, 'timezone'],
    [{ every: '10ms', task }, 'every'],
    [{ every: '1h' }, 'task'],
    [{ every: '1h', task: {} }, 'task'],
    [{ every: '1h', task: { ...task, runAt: 0 } }, 'task.runAt'],
    [{ every: '1h', task: { request: { url: 'ftp://x' } } }, 'task.request.url'],
    [{ every: '1h', task, misfire: 'run-all' }, 'misfire'],
    [{ every: '1h', task, overlap: 'both' }, 'overlap'],
    [{ every: '1h', task, startAt: '2030-01-01T00:00:00Z', endAt: '2029-01-01T00:00:00Z' }, 'endAt'],
    [{ every: '1h', task, id: 'x/trigger' }, 'id'],
    [{ every: '1h', task, id: 'x'.repeat(181) }, 'id'],
    [{ every: '1h', task, colour: 'red' }, 'colour'],
  ])('are refused, naming the field: %j', async (body, path) => {
    const answer = await client.post('/schedules', body);
    expect(answer.status).toBe(400);
    expect(answer.body.errors.map((error: { path: string }) => error.path)).toContain(path);
  });

  test('that could never fire are refused', async () => {
    expect((await client.post('/schedules', { cron: '0 0 30 2 *', task })).status).toBe(400);
    expect((await client.post('/schedules', { recurrence: 'daily', endAt: 0, task })).status).toBe(400);
  });

  test('and wrong changes too', async () => {
    await client.post('/schedules', { id: 'kept', every: '1h', task });
    for (const body of [
      {},
      { id: 'other' },
      { cron: 'x' },
      { timezone: 'x' },
      { every: '1h', cron: '* * * * *' },
      { misfire: 'run-all' },
    ]) {
      expect((await client.patch('/schedules/kept', body)).status).toBe(400);
    }
    expect((await client.get('/schedules/kept')).body.version).toBe(1);
    expect((await client.patch('/schedules/none', { every: '1h' })).status).toBe(404);
  });
});
