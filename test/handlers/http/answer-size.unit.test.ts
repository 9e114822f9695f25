import { describe, expect, test } from 'vitest';
import { refusedLiteral } from '../../../src/adapters/http/public-address.ts';
import { limits } from '../../../src/domain/limits.ts';
import { answerGateway } from '../../../src/handlers/api-gateway.ts';
import { createApi } from '../../../src/handlers/http/api.ts';
import { batchAnswer } from '../../../src/handlers/http/openapi/answers.ts';
import { documentation } from '../../../src/handlers/http/openapi/documentation.ts';
import { project } from '../../../src/projections/project.ts';
import { createWorld } from '../../support/application-world.ts';
import { MemoryReadModels } from '../../support/memory-read-models.ts';
import { response } from '../../support/scripted-caller.ts';

/** What a Lambda function may answer (Lambda quotas: 6 MB for a synchronous invocation). */
const lambdaBytes = 6 * 1_024 * 1_024;
const url = 'https://shop.example/orders';

/** The real API on ports in memory. `sent` is how large each answer was, as the function sends it. */
function realApi() {
  const world = createWorld();
  const views = new MemoryReadModels();
  const api = createApi({
    ...world.ports,
    log: world.log,
    views,
    input: { egress: 'public', refusedLiteral, runner: () => null },
    access: { to: 'everybody' },
    version: '1.2.3',
    documentation,
    events: 'unavailable',
    health: async () => ({ host: 'aws' }),
    feedLagMs: async () => 0,
  });
  const sent: number[] = [];
  const ask = async (method: string, rawPath: string, given: { readonly query?: string; readonly body?: unknown } = {}) => {
    const result = await answerGateway(api, {
      rawPath,
      rawQueryString: given.query ?? '',
      headers: { 'content-type': 'application/json' },
      requestContext: { http: { method } },
      ...(given.body === undefined ? {} : { body: JSON.stringify(given.body) }),
    });
    sent.push(Buffer.byteLength(JSON.stringify(result)));
    return { status: result.statusCode, body: JSON.parse(result.body ?? 'null') };
  };
  /** All pages of a list, by its cursors. */
  const follow = async (path: string, limit: number, of: 'events' | 'tasks' | 'schedules') => {
    const pages = [];
    for (let cursor: string | undefined = ''; cursor !== undefined; ) {
      const { body } = await ask('GET', path, { query: `limit=${limit}${cursor === '' ? '' : `&cursor=${cursor}`}` });
      pages.push(body[of]);
      cursor = body.cursor;
    }
    return pages;
  };
  return { world, views, ask, follow, sent };
}

describe('an answer stays within what a Lambda function may answer', () => {
  test('a history of large events comes in pages shorter than the limit, and is whole', async () => {
    const { ask, follow, sent } = realApi();
    await ask('POST', '/tasks', { body: { id: 'a', delay: '1h', request: { url } } });
    for (let change = 1; change <= 300; change += 1) {
      await ask('PATCH', '/tasks/a', { body: { request: { url, headers: { 'x-large': `${change} ${'x'.repeat(30_000)}` } } } });
    }

    const pages = await follow('/tasks/a/events', 1_000, 'events');

    expect(pages.flat().map(({ version }: { version: number }) => version)).toEqual(Array.from({ length: 301 }, (_, index) => index + 1));
    expect(pages.map(({ length }) => length)).toEqual([expect.any(Number), expect.any(Number), expect.any(Number)]);
    expect(Math.max(...sent)).toBeLessThan(lambdaBytes);
  });

  test('a list of tasks with many headers comes in pages shorter than the limit, and is whole', async () => {
    const { world, views, ask, follow, sent } = realApi();
    // A quote is four bytes in the end.
    const headers = { 'x-quotes': '"'.repeat(30_000) };
    for (let task = 0; task < 60; task += 1) {
      const { status } = await ask('POST', '/tasks', { body: { id: `task-${task}`, delay: '1h', request: { url, headers } } });
      expect(status).toBe(201);
    }
    const events = world.log.streams().flatMap((stream) => world.events(stream.slice('task#'.length)));
    await project({ log: world.log, views, onBroken: () => undefined }, events);

    const pages = await follow('/tasks', 100, 'tasks');

    const ids = pages.flat().map(({ id }: { id: string }) => id);
    expect(ids.sort()).toEqual(Array.from({ length: 60 }, (_, task) => `task-${task}`).sort());
    expect(pages).toHaveLength(2);
    expect(Math.max(...sent)).toBeLessThan(lambdaBytes);
  });

  test('schedules and their histories with many headers come in pages shorter than the limit, and are whole', async () => {
    const { world, views, ask, follow, sent } = realApi();
    const headers = { 'x-quotes': '"'.repeat(30_000) };
    for (let schedule = 0; schedule < 60; schedule += 1) {
      const { status } = await ask('POST', '/schedules', {
        body: { id: `s-${schedule}`, every: '1h', task: { request: { url, headers } } },
      });
      expect(status).toBe(201);
    }
    for (let change = 1; change <= 60; change += 1) {
      await ask('PATCH', '/schedules/s-0', { body: { task: { request: { url: `${url}/${change}`, headers } } } });
    }
    const events = world.log.streams().flatMap((stream) => world.log.events(stream));
    await project({ log: world.log, views, onBroken: () => undefined }, events);

    const ids = (await follow('/schedules', 100, 'schedules')).flat().map(({ id }: { id: string }) => id);
    expect(ids.sort()).toEqual(Array.from({ length: 60 }, (_, schedule) => `s-${schedule}`).sort());
    const history = (await follow('/schedules/s-0/events', 1_000, 'events')).flat();
    expect(history.map(({ version }: { version: number }) => version)).toEqual(Array.from({ length: 61 }, (_, index) => index + 1));
    expect(Math.max(...sent)).toBeLessThan(lambdaBytes);
  });

  test('a batch whose bodies grow by their escapes is answered for each task, with the bodies of the first', async () => {
    const { ask, sent } = realApi();
    const body = '"'.repeat(20_000);
    const tasks = Array.from({ length: 100 }, (_, task) => ({ id: `task-${task}`, delay: '1h', request: { url, body } }));

    const answer = await ask('POST', '/tasks/batch', { body: { tasks } });

    expect(batchAnswer.safeParse(answer.body).error).toBeUndefined();
    const results: { status: number; task: { id: string; request: { body?: string } } }[] = answer.body.results;
    expect(results.map(({ status, task }) => [status, task.id])).toEqual(tasks.map(({ id }) => [201, id]));
    const shown = results.map(({ task }) => task.request.body === body);
    const first = shown.indexOf(false);
    expect(first).toBeGreaterThan(40);
    expect(shown).toEqual(results.map((_result, index) => index < first));
    expect(Object.keys(results[first]?.task.request ?? {})).toEqual(['url', 'method', 'headers']);
    expect((await ask('GET', '/tasks/task-99')).body.request.body === body).toBe(true);
    expect(Math.max(...sent)).toBeLessThan(lambdaBytes);
  });

  test('a batch that is sent again once its tasks have large results is answered as well, what is refused in its place', async () => {
    const { world, ask, sent } = realApi();
    world.caller.answer = () => response(200, {}, 'x'.repeat(limits.resultBytes));
    const tasks = [...Array.from({ length: 30 }, (_, task) => ({ id: `task-${task}`, request: { url } })), { id: 'bad' }];
    await ask('POST', '/tasks/batch', { body: { tasks } });
    for (let task = 0; task < 30; task += 1) await world.wake(`task-${task}`);

    const answer = await ask('POST', '/tasks/batch', { body: { tasks } });

    const results: { status: number; task: { status: string; result: { body?: string } } }[] = answer.body.results;
    expect(results.map(({ status }) => status)).toEqual([...Array.from({ length: 30 }, () => 200), 400]);
    expect(results.slice(0, 30).every(({ task }) => task.status === 'succeeded')).toBe(true);
    expect(results.slice(0, 30).map(({ task }) => task.result.body?.length)).toEqual(
      Array.from({ length: 30 }, (_, task) => (task < 15 ? limits.resultBytes : undefined)),
    );
    expect(Math.max(...sent)).toBeLessThan(lambdaBytes);
  });
});
