import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { faultsOf } from '../support/event-validators.ts';
import { type Client, createClient } from './harness/client.ts';
import { type Errand, startErrand } from './harness/errand.ts';
import { type EventSourceStream, openEventSource, type ServerSentEvent } from './harness/event-source.ts';
import { startTarget, type Target } from './harness/target.ts';
import { until } from './harness/until.ts';

let errand: Errand;
let target: Target;
let client: Client;
/** A process where nothing happens, and a client of it that has been there from the start. */
let idleErrand: Errand;
let idle: EventSourceStream;
const open: EventSourceStream[] = [];

beforeAll(async () => {
  [errand, idleErrand, target] = await Promise.all([startErrand(), startErrand({ dataDir: ':memory:' }), startTarget()]);
  client = createClient(errand.url);
  idle = await openEventSource(`${idleErrand.url}/events`);
});
afterAll(async () => {
  await Promise.all(open.map((stream) => stream.close()));
  await idle.close();
  await Promise.all([errand.stop(), idleErrand.stop()]);
  await target.close();
});

async function listen(query = '', headers: Record<string, string> = {}): Promise<EventSourceStream> {
  const stream = await openEventSource(`${errand.url}/events${query}`, headers);
  open.push(stream);
  return stream;
}

const of = (stream: EventSourceStream, taskId: string): readonly ServerSentEvent[] =>
  stream.events.filter(({ data }) => data.taskId === taskId);

/** Resolves with the events of a task once the last of them is of the given type. */
const seen = (stream: EventSourceStream, taskId: string, last: string): Promise<readonly ServerSentEvent[]> =>
  until(`${last} of ${taskId}`, () => (of(stream, taskId).at(-1)?.event === last ? of(stream, taskId) : undefined));

const positions = (events: readonly ServerSentEvent[]): number[] => events.map(({ id }) => Number(id));

describe('the stream of events', () => {
  test('tells what happens from now on, and says what it is', async () => {
    await client.post('/tasks', { id: 'before', request: { url: `${target.url}/before` } });
    await client.taskFinished('before');
    const stream = await listen();
    expect(stream.status).toBe(200);
    expect(stream.headers.get('content-type')).toMatch(/^text\/event-stream/);
    expect(stream.headers.get('cache-control')).toContain('no-');
    await client.post('/tasks', { id: 'live', request: { url: `${target.url}/live` } });
    const events = await seen(stream, 'live', 'TaskSucceeded');
    expect(events.map(({ event }) => event)).toEqual(['TaskScheduled', 'TaskStarted', 'TaskSucceeded']);
    expect(of(stream, 'before')).toEqual([]);
  });

  test('after=0 begins at the start, after=N behind N', async () => {
    const all = await listen('?after=0');
    await seen(all, 'live', 'TaskSucceeded');
    expect(of(all, 'before').map(({ event }) => event)).toEqual(['TaskScheduled', 'TaskStarted', 'TaskSucceeded']);
    const third = all.events[2];
    const rest = await listen(`?after=${third?.id}`);
    await seen(rest, 'live', 'TaskSucceeded');
    expect(rest.events.slice(0, 3)).toEqual(all.events.slice(3, 6));
  });

  test('can be narrowed to some types', async () => {
    const stream = await listen('?types=TaskSucceeded,TaskCancelled&after=0');
    await client.post('/tasks', { id: 'narrowed', delay: '1h', request: { url: `${target.url}/narrowed` } });
    await client.post('/tasks/narrowed/cancel');
    await seen(stream, 'narrowed', 'TaskCancelled');
    expect(new Set(stream.events.map(({ event }) => event))).toEqual(new Set(['TaskSucceeded', 'TaskCancelled']));
    const nothing = await listen('?types=NoSuchType&after=0');
    expect(nothing.status).toBe(200);
    expect(nothing.events).toEqual([]);
  });

  test('has the detail that subscribers are promised, with ISO times and masked secrets', async () => {
    const stream = await listen();
    const request = {
      url: `${target.url}/shape`,
      headers: { Authorization: 'Bearer s3cret', 'x-mine': 's3cret too' },
      secretHeaders: ['x-mine'],
      body: { a: 1 },
    };
    target.on('/shape', (_receipt, _response, nth) => ({ status: nth === 1 ? 503 : 200, body: 'short' }));
    const callback = { url: `${target.url}/shape-told`, headers: { cookie: 's3cret cookie' } };
    const retry = { maxAttempts: 2, backoff: 'fixed', initialDelay: 10, jitter: 0 };
    await client.post('/tasks', { id: 'shape', labels: { customer: '42' }, retry, request, callback });
    const events = await seen(stream, 'shape', 'CallbackSucceeded');

    expect(events.map(({ event }) => event)).toEqual([
      'TaskScheduled',
      'TaskStarted',
      'TaskFailed',
      'TaskStarted',
      'TaskSucceeded',
      'CallbackSucceeded',
    ]);
    const iso = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
    for (const [index, { event, data }] of events.entries()) {
      expect(data).toMatchObject({ id: `task#shape@${index + 1}`, taskId: 'shape', version: index + 1, type: event, run: 1, origin: null });
      expect(data.labels).toEqual({ customer: '42' });
      expect(data.occurredAt).toMatch(iso);
      expect(typeof data.data).toBe('object');
    }
    expect(events.map(({ data }) => data.status)).toEqual(['scheduled', 'running', 'scheduled', 'running', 'succeeded', 'succeeded']);
    expect(events.map(({ data }) => data.attempt)).toEqual([undefined, 1, 1, 2, 2, 2]);
    expect(events.map(({ data }) => data.callback)).toEqual([undefined, undefined, undefined, undefined, true, undefined]);
    const [scheduled, started, failed, , succeeded] = events;
    expect(scheduled?.data.data.runAt).toMatch(iso);
    expect(started?.data.data.leaseUntil).toMatch(iso);
    expect(failed?.data.data.retryAt).toMatch(iso);
    expect(scheduled?.data.data.request).toMatchObject({ headers: { Authorization: '***', 'x-mine': '***' }, body: { a: 1 } });
    expect(scheduled?.data.data.callback.headers).toEqual({ cookie: '***' });
    expect(succeeded?.data.data.result).toMatchObject({ status: 200, body: 'short' });
    expect(JSON.stringify(events)).not.toContain('s3cret');
    // The history of the task tells the same.
    const history = (await client.get('/tasks/shape/events')).body.events;
    expect(history.map(({ data }: { data: object }) => data)).toEqual(events.map(({ data }) => data.data));
  });

  test('leaves out bodies over 4 KiB, and says so', async () => {
    const stream = await listen();
    const [small, large] = ['x'.repeat(4_096), 'x'.repeat(4_097)];
    target.on('/small', () => ({ body: small }));
    target.on('/large', () => ({ body: large }));
    for (const [id, body] of [
      ['small', small],
      ['large', large],
    ]) {
      await client.post('/tasks', { id, request: { url: `${target.url}/${id}`, body } });
    }
    const [smallFirst, , smallLast] = await seen(stream, 'small', 'TaskSucceeded');
    const [largeFirst, , largeLast] = await seen(stream, 'large', 'TaskSucceeded');
    expect(smallFirst?.data.data.request.body).toBe(small);
    expect(smallLast?.data.data.result.body).toBe(small);
    expect(JSON.stringify(smallFirst)).not.toContain('bodyOmitted');
    expect(largeFirst?.data.data).toMatchObject({ bodyOmitted: true });
    expect(largeFirst?.data.data.request).not.toHaveProperty('body');
    expect(largeLast?.data.data.result).toMatchObject({ status: 200, bodyOmitted: true });
    expect(largeLast?.data.data.result).not.toHaveProperty('body');
  });

  test('tells a deletion that opens a callback as a cancellation', async () => {
    const stream = await listen();
    const request = { url: `${target.url}/dropped` };
    await client.post('/tasks', { id: 'dropped', delay: '1h', request, callback: { url: `${target.url}/dropped-told` } });
    await client.delete('/tasks/dropped');
    const events = await seen(stream, 'dropped', 'CallbackSucceeded');
    expect(events.map(({ event }) => event)).toEqual(['TaskScheduled', 'TaskDeleted', 'CallbackSucceeded']);
    expect(events[1]?.data).toMatchObject({ status: 'cancelled', callback: true });
  });
});

describe('a client that comes back', () => {
  const count = 400;

  test('goes on after the last event it has seen, without a gap or a repeat, while events stream in', async () => {
    const from = await listen('?after=0');
    await until('the start', () => (from.events.length > 0 ? true : undefined));
    const ids = Array.from({ length: count }, (_, index) => `burst-${index}`);
    const batches = Array.from({ length: count / 20 }, (_, index) => ids.slice(index * 20, index * 20 + 20));
    const received: ServerSentEvent[] = [];
    let stream = await listen('?types=TaskScheduled,TaskStarted,TaskSucceeded');
    const whole = await listen('?types=TaskScheduled,TaskStarted,TaskSucceeded');
    const ended = (): number => received.filter(({ event }) => event === 'TaskSucceeded').length;

    async function comeBack(): Promise<void> {
      await stream.close();
      received.push(...stream.events);
      const last = received.at(-1)?.id;
      // Last-Event-ID counts, also where the URL still says where the first connection began.
      const query = '?types=TaskScheduled,TaskStarted,TaskSucceeded&after=0';
      stream = await listen(query, last === undefined ? {} : { 'last-event-id': last });
    }

    for (const [index, batch] of batches.entries()) {
      const tasks = batch.map((id) => ({ id, request: { url: `${target.url}/burst` } }));
      const { body } = await client.post('/tasks/batch', { tasks });
      expect(body.results.every(({ status }: { status: number }) => status === 201)).toBe(true);
      const mark = stream.events.length;
      await until('something new', () => (stream.events.length > mark ? true : undefined));
      if (index % 2 === 1) await comeBack();
    }
    await until(
      'the end of all tasks',
      async () => {
        if (ended() + stream.events.filter(({ event }) => event === 'TaskSucceeded').length < count) return undefined;
        return true;
      },
      30_000,
    );
    await comeBack();
    await until('all events on the unbroken stream', () => (whole.events.length >= count * 3 ? true : undefined));
    expect(received).toHaveLength(count * 3);
    expect(positions(received)).toEqual(positions(whole.events));
    expect(received).toEqual(whole.events);
    const order = positions(received);
    expect(order.every((position, index) => index === 0 || position > (order[index - 1] ?? 0))).toBe(true);
    for (const id of ids.slice(0, 50)) {
      expect(received.filter(({ data }) => data.taskId === id).map(({ data }) => data.version)).toEqual([1, 2, 3]);
    }
  });

  test('reads a long way back as one that was always there', async () => {
    const again = await listen('?after=0');
    await until('everything', () => (of(again, `burst-${count - 1}`).length === 3 ? true : undefined));
    await until('the last task', () =>
      again.events.filter(({ data }) => data.taskId.startsWith('burst-')).length === count * 3 ? true : undefined,
    );
    const order = positions(again.events);
    expect(order).toEqual([...new Set(order)].sort((left, right) => left - right));
  });

  test('finds the events of before after a restart, under the same ids', async () => {
    const before = await listen('?after=0');
    await until('everything', () => (of(before, `burst-${count - 1}`).length === 3 ? true : undefined));
    const sample = before.events.slice(0, 100);
    await errand.stop();
    errand = await errand.restart();
    client = createClient(errand.url);
    const after = await listen('?after=0');
    await until('the sample', () => (after.events.length >= 100 ? true : undefined));
    expect(after.events.slice(0, 100)).toEqual(sample);
    const resumed = await listen('', { 'last-event-id': sample[49]?.id ?? '' });
    await until('the rest of the sample', () => (resumed.events.length >= 50 ? true : undefined));
    expect(resumed.events.slice(0, 50)).toEqual(sample.slice(50));
  });
});

describe('what cannot be asked for', () => {
  const wrong: readonly (readonly [string, Record<string, string>, string])[] = [
    ['?after=-1', {}, 'after'],
    ['?after=x', {}, 'after'],
    ['?after=1.5', {}, 'after'],
    ['?after=', {}, 'after'],
    ['?after=99999999999999999999', {}, 'after'],
    ['?types=', {}, 'types'],
    ['?types=Task%20Started', {}, 'types'],
    ['?types=a,,b', {}, 'types'],
    ['?since=1', {}, 'since'],
    ['', { 'last-event-id': 'x' }, 'Last-Event-ID'],
    ['', { 'last-event-id': '-1' }, 'Last-Event-ID'],
  ];
  test.each(wrong)('%s %o is refused', async (query, headers, path) => {
    const answer = await client.get(`/events${query}`, { headers });
    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.body).toMatchObject({ status: 400, errors: [{ path }] });
  });

  test('other methods are refused', async () => {
    const answer = await client.post('/events', {});
    expect(answer.status).toBe(405);
    expect(answer.headers.get('allow')).toContain('GET');
  });
});

test('every event of tasks, schedules and orchestrations holds to the JSON Schema of its type', async () => {
  const stream = await listen();
  const to = (path: string) => ({ request: { url: `${target.url}/${path}`, headers: { authorization: 'Bearer secret' }, body: { a: 1 } } });
  target.on('/described-fails', () => ({ status: 503 }));
  await client.post('/schedules', { id: 'described', every: '1s', maxOccurrences: 2, task: to('described') });
  await client.post('/schedules', { id: 'described-too', every: '1h', task: to('described') });
  for (const what of ['trigger', 'pause', 'resume']) await client.post(`/schedules/described-too/${what}`);
  await client.patch('/schedules/described-too', { every: '2h' });
  await client.delete('/schedules/described-too');
  const steps = [{ task: to('described') }, { task: { ...to('described'), bodyFrom: 'previous' }, check: to('described-fails') }];
  await client.post('/orchestrations', { id: 'described', steps, fallback: to('described'), callback: { url: `${target.url}/described` } });
  const retry = { delays: [0] };
  await client.post('/tasks', { id: 'described', ...to('described-fails'), retry, callback: { url: `${target.url}/described` } });

  const last = ['ScheduleFinished', 'ScheduleDeleted', 'OrchestrationFinished', 'CallbackSucceeded'];
  await until('all of it', () => (last.every((type) => stream.events.some(({ event }) => event === type)) ? true : undefined), 20_000);
  const types = new Set(stream.events.map(({ event }) => event));
  expect(types.size).toBeGreaterThan(18);
  expect(stream.events.flatMap(({ event, data }) => faultsOf(event, data).map((fault) => `${event} ${data.id}: ${fault}`))).toEqual([]);
});

test('an idle client hears a comment every 15 seconds', async () => {
  // The first comment comes with the answer.
  await until('a second comment', () => (idle.comments.length >= 2 ? true : undefined), 25_000);
  expect(idle.events).toEqual([]);
});
