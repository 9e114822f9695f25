import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Client, createClient } from './harness/client.ts';
import { type Errand, startErrand } from './harness/errand.ts';
import { createProducer, type Producer } from './harness/producer.ts';
import { startTarget, type Target } from './harness/target.ts';
import { until } from './harness/until.ts';
import { header } from './harness/webhook.ts';

let errand: Errand;
let target: Target;
let client: Client;
let producer: Producer;

beforeAll(async () => {
  producer = createProducer();
  // Whoever may hand over events needs no key.
  const environment = { ...producer.environment, ERRAND_API_KEYS: 'a-key' };
  [errand, target] = await Promise.all([startErrand({ environment, dataDir: ':memory:' }), startTarget()]);
  client = createClient(errand.url, { authorization: 'Bearer a-key' });
  producer.connect(errand);
});
afterAll(async () => {
  producer.close();
  await errand.stop();
  await target.close();
});

const asking = (detail: unknown, source = 'shop') => ({ source, 'detail-type': 'ScheduleTask', detail });
const calling = (path: string, more: object = {}) => ({ request: { url: target.url + path }, ...more });
/** The tasks that carry a label, once there are any. */
const labelled = (value: string) =>
  until(`tasks of ${value}`, async () => {
    const { body } = await client.get(`/tasks?label.of=${value}`);
    return body.tasks.length > 0 ? body.tasks : undefined;
  });

describe('an event that asks for a task', () => {
  test('becomes the task that POST /tasks would have made of its detail', async () => {
    const detail = {
      id: 'order-42/reminder',
      request: {
        url: `${target.url}/remind`,
        headers: { authorization: 'Bearer secret', 'x-a': '1' },
        body: { order: 42, text: 'ü 🙂', exact: 12.5 },
      },
      labels: { customer: '7' },
      delay: '50ms',
    };

    await producer.publish(asking(detail));

    const [receipt] = await target.received('/remind');
    expect(JSON.parse(receipt?.body.toString() ?? '')).toEqual(detail.request.body);
    expect([header(receipt, 'authorization'), header(receipt, 'x-a'), header(receipt, 'errand-task-id')]).toEqual([
      'Bearer secret',
      '1',
      'order-42%2Freminder',
    ]);
    const task = await client.taskFinished(detail.id);
    expect(task).toMatchObject({ status: 'succeeded', labels: { customer: '7' }, origin: null });
    expect(JSON.stringify(task)).not.toContain('Bearer secret');
    expect(Date.parse(task.runAt) - Date.parse(task.createdAt)).toBe(50);
    // The same over HTTP finds it, and other content is refused.
    expect((await client.post('/tasks', detail)).status).toBe(200);
    expect((await client.post('/tasks', { ...detail, labels: {} })).status).toBe(409);
  });

  test('makes one task and one call, however often it comes', async () => {
    const event = asking(calling('/once', { labels: { of: 'once' } }));
    const id = await producer.publish(event);
    await target.received('/once');

    for (let times = 0; times < 3; times += 1) await producer.deliver({ id, ...event });
    await producer.idle();

    expect(await labelled('once')).toHaveLength(1);
    expect(target.receipts('/once')).toHaveLength(1);
  });

  test('whose id was that of an event with other content is refused, unless it comes from another source', async () => {
    const first = asking(calling('/first', { labels: { of: 'first' } }));
    const id = await producer.publish(first);
    await target.received('/first');
    const other = asking(calling('/other', { labels: { of: 'other' } }));

    await producer.deliver({ id, ...other });
    expect(await producer.refusal(id)).toMatchObject({ status: 409, event: { id, ...other } });
    expect(target.receipts('/other')).toEqual([]);

    await producer.deliver({ id, ...other, source: 'warehouse' });
    await target.received('/other');
  });

  test('for a task that was made over HTTP from the same content is done', async () => {
    const detail = { id: 'both-ways', ...calling('/both') };
    expect((await client.post('/tasks', detail)).status).toBe(201);
    const same = await producer.publish(asking(detail));
    const different = await producer.publish(asking({ ...detail, delay: '1h' }));

    expect(await producer.refusal(different)).toMatchObject({ status: 409, event: { id: different } });
    await producer.idle();
    await producer.deliver({ id: same, ...asking(detail) });
    await producer.idle();
    expect(target.receipts('/both')).toHaveLength(1);
    expect((await client.get('/tasks/both-ways')).body.version).toBeLessThanOrEqual(3);
  });

  test('with a body of 200 KiB is taken', async () => {
    const body = 'x'.repeat(200 * 1_024);

    await producer.publish(asking({ request: { url: `${target.url}/large`, body } }));

    const [receipt] = await target.received('/large');
    expect(receipt?.body.length).toBe(body.length);
  });

  test('is one of a hundred that come at once, each made and called once', async () => {
    await Promise.all(Array.from({ length: 100 }, (_, index) => producer.publish(asking(calling(`/many/${index}`)))));

    await until(
      'a hundred calls',
      () => (target.receipts().filter(({ path }) => path.startsWith('/many/')).length >= 100 ? true : undefined),
      30_000,
    );
    await producer.idle();

    const called = target.receipts().filter(({ path }) => path.startsWith('/many/'));
    expect(new Set(called.map(({ path }) => path)).size).toBe(100);
    expect(called).toHaveLength(100);
  });
});

describe('an event that cannot be taken', () => {
  test.each([
    ['names what is wrong with the request', { request: { url: 'ftp://shop.example/' } }, 400, 'detail.request.url'],
    ['names a field that is not known', { event: { detailType: 'A' }, colour: 'red' }, 400, 'detail.colour'],
    ['asks for nothing', {}, 400, 'detail'],
    ['has an id that no path can name', { id: 'a?b', event: { detailType: 'A' } }, 400, 'detail.id'],
    ['asks for code that is not there', { runner: { name: 'nobody' } }, 400, 'detail.runner.name'],
  ])('and %s is put aside with its problem, at once', async (_what, detail, status, field) => {
    const id = await producer.publish(asking(detail));

    const refusal = await producer.refusal(id);

    expect(refusal).toMatchObject({ status, field, event: { id, ...asking(detail) } });
    expect(refusal.detail).toContain(field);
  });

  test('holds up no other', async () => {
    const bad = await producer.publish(asking({ request: {} }));
    await producer.publish(asking(calling('/after-bad')));

    await target.received('/after-bad');
    await producer.refusal(bad);
  });

  test("is one of Errand's own, or of its tasks: nothing goes round", async () => {
    const looping = { id: 'looped', event: { detailType: 'A' } };
    // What this task emits is of the type that asks for tasks.
    expect((await client.post('/tasks', { id: 'emits', event: { detailType: 'ScheduleTask', detail: looping } })).status).toBe(201);
    expect((await client.taskFinished('emits')).status).toBe('succeeded');
    for (const source of ['errand', 'errand.task']) {
      const id = `own-${source}`;
      await producer.deliver({ id, ...asking(looping, source) });
      expect(await producer.refusal(id)).toMatchObject({ status: 400, field: 'source' });
    }
    await producer.idle();

    expect((await client.get('/tasks/looped')).status).toBe(404);
  });
});
