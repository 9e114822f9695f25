import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Client, createClient } from './harness/client.ts';
import { type Errand, startErrand } from './harness/errand.ts';
import { startTarget, type Target } from './harness/target.ts';
import { until } from './harness/until.ts';

let errand: Errand;
let target: Target;
let client: Client;

const request = { url: 'http://127.0.0.1:9/never' };
const asked = {
  tasks: { delay: '1h', request },
  schedules: { every: '1d', task: { request } },
  orchestrations: { delay: '1h', steps: [{ task: { request } }] },
};
type Kind = keyof typeof asked;
const kinds = Object.keys(asked) as Kind[];

beforeAll(async () => {
  [errand, target] = await Promise.all([startErrand(), startTarget()]);
  client = createClient(errand.url);
  await Promise.all(kinds.flatMap((kind) => ['here', 'there'].map((id) => client.post(`/${kind}`, { id, ...asked[kind] }))));
});
afterAll(async () => {
  await errand.stop();
  await target.close();
});

describe('a parameter that is not known', () => {
  type Asked = [method: string, path: string, body?: object];
  const routes: readonly Asked[] = [
    ...kinds.flatMap((kind): Asked[] => [
      ['POST', `/${kind}`, { id: 'unwanted', ...asked[kind] }],
      ['GET', `/${kind}`],
      ['GET', `/${kind}/here`],
      ['PATCH', `/${kind}/here`, { labels: { a: 'b' } }],
      ['GET', `/${kind}/here/events`],
    ]),
    ['POST', '/tasks/batch', { tasks: [{ id: 'unwanted', ...asked.tasks }] }],
    ['GET', '/tasks/here/status'],
    ['GET', '/tasks/here/result'],
    ...['cancel', 'run', 'retry', 'redeliver'].map((command): Asked => ['POST', `/tasks/here/${command}`]),
    ['PUT', '/tasks/here/cancel'],
    ['DELETE', '/tasks/here'],
    ...['pause', 'resume', 'trigger'].map((command): Asked => ['POST', `/schedules/here/${command}`]),
    ['DELETE', '/schedules/here'],
    ['POST', '/orchestrations/here/cancel'],
    ['GET', '/stats'],
    ['GET', '/health'],
    ['GET', '/openapi.json'],
    ['GET', '/docs'],
  ];
  test.each(routes)('is refused by %s %s', async (...[method, path, body]: Asked) => {
    const answer = await client.request(method, `${path}?colour=red`, body);
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ path: 'colour', message: 'is not a known parameter' }] } });
  });

  test('so that nothing came of any of them', async () => {
    for (const kind of kinds) {
      expect((await client.get(`/${kind}/here`)).body.version).toBe(1);
      expect((await client.get(`/${kind}/unwanted`)).status).toBe(404);
    }
  });

  test('is none of ours in the address that a target answers to: what it answered counts', async () => {
    await client.post('/tasks', { id: 'answered', request: { url: `${target.url}/answered` }, strategy: 'async' });
    const [receipt] = await target.received('/answered');
    const answer = await fetch(`${receipt?.headers['errand-callback-url']}?from=queue-7`, { method: 'POST', body: 'done' });
    expect(answer.status).toBe(200);
    expect(await client.taskFinished('answered')).toMatchObject({ status: 'succeeded', result: { body: 'done' } });
  });
});

describe('a cursor', () => {
  test('of one list is refused by the others', async () => {
    const cursors = new Map<Kind, string>();
    for (const kind of kinds) {
      const cursor = await until(
        `a first page of ${kind}`,
        async () => (await client.get(`/${kind}?limit=1`)).body.cursor as string | undefined,
      );
      cursors.set(kind, cursor);
    }
    for (const kind of kinds) {
      for (const [of, cursor] of cursors) {
        const answer = await client.get(`/${kind}?limit=1&cursor=${cursor}`);
        expect([kind, of, answer.status]).toEqual([kind, of, kind === of ? 200 : 400]);
        if (kind !== of) expect(answer.body.errors).toMatchObject([{ path: 'cursor' }]);
      }
    }
  });
});
