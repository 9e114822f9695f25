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

/** A task that never runs while these tests do. */
const later = (more: object = {}) => ({ event: { detailType: 'Later' }, delay: '1h', ...more });
const statusesOf = (answers: readonly { readonly status: number }[]) => answers.map(({ status }) => status).sort();

describe('an Idempotency-Key', () => {
  const keyed = (key: string, body: object, on: Client = client): Promise<ApiAnswer> =>
    on.post('/tasks', body, { headers: { 'idempotency-key': key } });

  test('finds the task of the same key and content, and refuses other content', async () => {
    const first = await keyed('k-1', later({ labels: { k: '1' } }));
    const second = await keyed('k-1', later({ labels: { k: '1' } }));

    expect([first.status, second.status]).toEqual([201, 200]);
    expect(second.body.id).toBe(first.body.id);
    expect(second.headers.get('location')).toBe(first.headers.get('location'));
    expect((await keyed('k-1', later({ labels: { k: '2' } }))).status).toBe(409);
    expect(await keyed('k-2', later({ labels: { k: '1' } }))).toMatchObject({ status: 201 });
    expect((await client.get(client.path(first.body.id))).body.id).toBe(first.body.id);
  });

  test('makes one task and one call of twenty creates at once', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => keyed('at once', { request: { url: `${target.url}/keyed` } })));

    expect(statusesOf(answers)).toEqual([...Array(19).fill(200), 201]);
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    await client.taskFinished(answers[0]?.body.id);
    expect(target.receipts('/keyed')).toHaveLength(1);
  });

  test('does not matter beside an id', async () => {
    const first = await keyed('beside', later({ id: 'beside-1' }));
    const second = await keyed('beside', later({ id: 'beside-2' }));

    expect([first.status, second.status]).toEqual([201, 201]);
    expect([first.body.id, second.body.id]).toEqual(['beside-1', 'beside-2']);
  });

  test('finds the same tasks when a whole batch is sent again', async () => {
    const tasks = [later({ labels: { n: '1' } }), later({ labels: { n: '2' } }), later({ id: 'named-in-batch' })];
    const send = () => client.post('/tasks/batch', { tasks }, { headers: { 'idempotency-key': 'batch' } });
    const [first, second] = [await send(), await send()];

    expect(first.body.results.map(({ status }: ApiAnswer) => status)).toEqual([201, 201, 201]);
    expect(second.body.results.map(({ status }: ApiAnswer) => status)).toEqual([200, 200, 200]);
    const ids = ({ body }: ApiAnswer) => body.results.map(({ task }: { task: { id: string } }) => task.id);
    expect(ids(second)).toEqual(ids(first));
  });
});

describe('with API keys', () => {
  let closed: Errand;
  beforeAll(async () => {
    closed = await startErrand({ environment: { ERRAND_API_KEYS: 'key-one,key-two' } });
  });
  afterAll(async () => {
    await closed.stop();
  });
  const as = (key: string) => createClient(closed.url, { authorization: `Bearer ${key}` });

  test('an Idempotency-Key belongs to its caller, and an id to everybody', async () => {
    const body = later({ labels: { shared: 'no' } });
    const headers = { 'idempotency-key': 'same-for-both' };
    const [one, two] = [await as('key-one').post('/tasks', body, { headers }), await as('key-two').post('/tasks', body, { headers })];

    expect([one.status, two.status]).toEqual([201, 201]);
    expect(one.body.id).not.toBe(two.body.id);
    expect((await as('key-two').post('/tasks', later({ labels: { shared: 'other' } }), { headers })).status).toBe(409);
    expect(await as('key-one').post('/tasks', body, { headers })).toMatchObject({ status: 200, body: { id: one.body.id } });

    expect((await as('key-one').post('/tasks', later({ id: 'shared' }))).status).toBe(201);
    expect((await as('key-two').post('/tasks', later({ id: 'shared' }))).status).toBe(200);
    expect((await as('key-two').get('/tasks/shared')).status).toBe(200);
  });

  test('a missing or wrong key is answered 401, and /health needs none', async () => {
    const anyone = createClient(closed.url);

    expect(await anyone.get('/tasks')).toMatchObject({ status: 401, body: { status: 401 } });
    expect((await as('wrong').post('/tasks', later())).status).toBe(401);
    expect((await as('key-one,key-two').get('/tasks')).status).toBe(401);
    expect(await anyone.get('/health')).toMatchObject({
      status: 200,
      body: { status: 'ok', version: expect.any(String), host: expect.any(String) },
    });
  });
});
