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
  await errand.stop();
  await target.close();
});

const call = (path: string, more: object = {}) => ({ id: path, request: { url: `${target.url}/${path}` }, delay: '1h', ...more });

/** `calls`: how often the target had been called when the answer came. */
type Race = { readonly id: string; readonly answer: ApiAnswer; readonly calls: number };

const callsOf = (id: string) => target.receipts(`/${id}`).length;

/**
 * Lets the start of tasks and another request meet, round by round. Each round aims where the last one was undecided: later when
 * the request always came first, earlier when the start did, so that both win some on a fast host and on a slow one.
 */
async function race(
  name: string,
  of: { readonly rounds: number; readonly width: number; readonly send: (id: string) => Promise<ApiAnswer>; readonly won: number },
): Promise<readonly Race[]> {
  const spreadMs = 6;
  const all: Race[] = [];
  let aimMs = 0;
  let stepMs = 32;
  let last = 0;
  for (let round = 0; round < of.rounds; round += 1) {
    const created = await client.post('/tasks/batch', {
      tasks: Array.from({ length: of.width }, (_, n) => call(`${name}-${round}-${n}`, { delay: 200, retry: { maxAttempts: 1 } })),
    });
    const raced = await Promise.all(
      created.body.results.map(async ({ task }: { task: { id: string; runAt: string } }, n: number) => {
        const at = Date.parse(task.runAt) + aimMs + spreadMs * (n / of.width - 0.5);
        await until('the moment of the race', () => (Date.now() >= at - 10 ? true : undefined));
        while (Date.now() < at) await new Promise((resolve) => setImmediate(resolve));
        const answer = await of.send(task.id);
        return { id: task.id, answer, calls: callsOf(task.id) };
      }),
    );
    all.push(...raced);
    const wins = raced.filter(({ answer }) => answer.status === of.won).length;
    const direction = wins === of.width ? 1 : wins === 0 ? -1 : 0;
    if (direction !== 0) stepMs = direction === last ? stepMs * 2 : Math.max(4, stepMs / 2);
    aimMs += direction * stepMs;
    last = direction;
  }
  // Whatever was under way has shown by then.
  const end = Date.now() + 300;
  await until('a while more', () => (Date.now() > end ? true : undefined));
  return all;
}

describe('when a start and another request meet', () => {
  test('150 cancels: a 200 is never followed by a call, a 409 names what won', async ({ annotate }) => {
    const races = await race('cancel-race', { rounds: 6, width: 25, won: 200, send: (id) => client.post(`/tasks/${id}/cancel`) });
    const cancelled = races.filter(({ answer }) => answer.status === 200);
    const started = races.filter(({ answer }) => answer.status === 409);

    await annotate(`${cancelled.length} were cancelled, ${started.length} had started`);
    expect(cancelled.length + started.length).toBe(150);
    expect(cancelled.length).toBeGreaterThan(0);
    expect(started.length).toBeGreaterThan(0);
    for (const { id, answer } of started) {
      expect(answer.body.detail).toMatch(/(attempt 1 started|it succeeded) at \d{4}-/);
      expect(await client.taskFinished(id)).toMatchObject({ status: 'succeeded', attempt: 1 });
      expect(callsOf(id)).toBe(1);
    }
    for (const { id, answer } of cancelled) {
      expect(answer.body).toMatchObject({ status: 'cancelled', attempt: 0 });
      expect((await client.get(`/tasks/${id}`)).body).toEqual(answer.body);
      expect(callsOf(id)).toBe(0);
    }
  });

  test('75 deletions: a 204 is never followed by a call', async () => {
    const races = await race('delete-race', { rounds: 3, width: 25, won: 204, send: (id) => client.delete(`/tasks/${id}`) });

    for (const { id, answer, calls } of races) {
      // A task that has ended by then is deleted as well: only one that runs is not.
      expect([204, 409]).toContain(answer.status);
      if (answer.status === 204) {
        expect(callsOf(id)).toBe(calls);
        expect((await client.get(`/tasks/${id}`)).status).toBe(404);
      } else {
        expect(answer.body.detail).toMatch(/attempt 1 started at \d{4}-/);
        expect(await client.taskFinished(id)).toMatchObject({ status: 'succeeded' });
        expect(callsOf(id)).toBe(1);
      }
    }
  });

  test('75 moves to a later time: a 200 is followed by no call before it', async () => {
    const races = await race('move-race', {
      rounds: 3,
      width: 25,
      won: 200,
      send: (id) => client.patch(`/tasks/${id}`, { delay: '600ms' }),
    });

    for (const { id, answer, calls } of races) {
      expect([200, 409]).toContain(answer.status);
      await client.taskFinished(id);
      const receipts = target.receipts(`/${id}`);
      expect(receipts).toHaveLength(1);
      if (answer.status !== 200) continue;
      expect(calls).toBe(0);
      expect(receipts[0]?.at).toBeGreaterThanOrEqual(Date.parse(answer.body.runAt));
    }
  });

  test('75 runs by hand: the target is called once', async () => {
    const races = await race('run-race', { rounds: 3, width: 25, won: 200, send: (id) => client.post(`/tasks/${id}/run`) });

    for (const { id, answer } of races) {
      expect([200, 409]).toContain(answer.status);
      expect(await client.taskFinished(id)).toMatchObject({ status: 'succeeded', attempt: 1, run: 1 });
      expect(callsOf(id)).toBe(1);
    }
  });
});
