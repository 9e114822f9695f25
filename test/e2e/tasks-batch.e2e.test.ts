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

describe('a batch', () => {
  test('makes its tasks in order, as single creates would', async () => {
    const tasks = Array.from({ length: 100 }, (_, n) => later({ id: `batch/${n}`, labels: { n: String(n) } }));
    const answer = await client.post('/tasks/batch', { tasks });

    expect(answer.status).toBe(200);
    expect(answer.body.results).toHaveLength(100);
    for (const [n, result] of answer.body.results.entries()) {
      expect(result).toMatchObject({ status: 201, task: { id: `batch/${n}`, version: 1, status: 'scheduled', labels: { n: String(n) } } });
    }
    expect((await client.get('/tasks/batch/99')).body).toEqual(answer.body.results[99].task);
  });

  test('is not spoilt by a bad task, an existing one or a conflict', async () => {
    await client.post('/tasks', later({ id: 'mixed-existing' }));
    const answer = await client.post('/tasks/batch', {
      tasks: [
        later({ id: 'mixed-good' }),
        { id: 'mixed-empty' },
        42,
        null,
        later({ id: 'mixed-existing' }),
        later({ id: 'mixed-existing', delay: '2h' }),
        later({ id: 'mixed/cancel' }),
        later({ unknown: 1 }),
        later({ id: 'mixed-last' }),
      ],
    });

    expect(answer.status).toBe(200);
    expect(answer.body.results.map(({ status }: ApiAnswer) => status)).toEqual([201, 400, 400, 400, 200, 409, 400, 400, 201]);
    for (const result of answer.body.results) {
      if (result.status <= 201) expect(result).toEqual({ status: result.status, task: expect.objectContaining({ version: 1 }) });
      else
        expect(result).toEqual({
          status: result.status,
          problem: expect.objectContaining({
            type: expect.any(String),
            title: expect.any(String),
            status: result.status,
            detail: expect.any(String),
          }),
        });
    }
    expect((await client.get('/tasks/mixed-last')).status).toBe(200);
    expect((await client.get('/tasks/mixed-empty')).status).toBe(404);
  });

  test('makes one task of duplicates inside it', async () => {
    const same = { id: 'twin', request: { url: `${target.url}/twin` } };
    const answer = await client.post('/tasks/batch', { tasks: [same, same, same] });

    expect(statusesOf(answer.body.results)).toEqual([200, 200, 201]);
    await client.taskFinished('twin');
    expect(target.receipts('/twin')).toHaveLength(1);
  });

  test('lets one of two different tasks of one id through', async () => {
    const answer = await client.post('/tasks/batch', { tasks: [later({ id: 'rivals' }), later({ id: 'rivals', delay: '2h' })] });

    expect(statusesOf(answer.body.results)).toEqual([201, 409]);
  });

  test('makes two tasks of two that have no id, however alike', async () => {
    const answer = await client.post('/tasks/batch', { tasks: [later(), later()] });

    expect(statusesOf(answer.body.results)).toEqual([201, 201]);
    expect(answer.body.results[0].task.id).not.toBe(answer.body.results[1].task.id);
  });

  test('has 1 to 100 tasks', async () => {
    expect((await client.post('/tasks/batch', { tasks: [later()] })).status).toBe(200);
    for (const tasks of [[], Array.from({ length: 101 }, (_, n) => later({ id: `too-many/${n}` })), 'x', null]) {
      const refused = await client.post('/tasks/batch', { tasks });
      expect(refused.status).toBe(400);
      expect(refused.body.detail).toContain('1 to 100');
    }
    expect((await client.get('/tasks/too-many/0')).status).toBe(404);
  });
});
