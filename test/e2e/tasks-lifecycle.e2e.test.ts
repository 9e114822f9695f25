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

describe('a task', () => {
  test('is created, called at once, and its result can be read', async () => {
    const created = await client.post('/tasks', { id: 'first', request: { url: `${target.url}/first`, body: { hello: 'world' } } });

    expect(created.status).toBe(201);
    expect(created.headers.get('location')).toBe('/tasks/first');
    expect(created.headers.get('etag')).toBe('"1"');
    const task = await client.taskFinished('first');
    expect(task).toMatchObject({ status: 'succeeded', attempt: 1, result: { status: 200, body: '{"ok":true}', encoding: 'utf8' } });
    expect(target.receipts('/first')).toHaveLength(1);
  });
});
