import { describe, expect, test } from 'vitest';
import type { EventLog } from '../../../src/application/ports.ts';
import { deleteTask } from '../../../src/application/task-commands.ts';
import { limits } from '../../../src/domain/limits.ts';
import { createFromEvent } from '../../../src/handlers/http/task-event.ts';
import { createWorld, type World, type WorldOptions } from '../../support/application-world.ts';
import { context } from './input/context.ts';
import { wrongTasks } from './input/wrong-tasks.ts';

const request = { url: 'https://shop.example/orders' };
const envelope = { id: 'event-1', source: 'shop', 'detail-type': 'ScheduleTask' };
const asking = (detail: unknown, more: object = {}): string => JSON.stringify({ ...envelope, detail, ...more });

function site(options: WorldOptions = {}) {
  const world = createWorld(options);
  return { world, bring: (text: string) => createFromEvent({ ...world.ports, input: context({ egress: 'public' }) }, text) };
}
const onlyStream = (world: World): string => {
  const streams = world.log.streams();
  expect(streams).toHaveLength(1);
  return streams[0]?.replace('task#', '') ?? '';
};
const refusal = (status: number, ...fields: string[]) => ({
  outcome: 'refused',
  problem: { status, ...(fields.length === 0 ? {} : { errors: fields.map((path) => expect.objectContaining({ path })) }) },
});

describe('an event that asks for a task', () => {
  test('makes it of its detail, whatever else the bus has put beside it', async () => {
    const { world, bring } = site();

    const made = await bring(
      asking(
        { id: 'a', request, labels: { x: '1' }, delay: 500 },
        { version: '0', account: '1', time: '2026-11-30T12:00:00Z', resources: [] },
      ),
    );

    expect(made).toEqual({ outcome: 'done', taskId: 'a', isNew: true });
    expect(await world.state('a')).toMatchObject({
      status: 'scheduled',
      runAt: world.clock.now() + 500,
      definition: { labels: { x: '1' }, origin: null },
    });
  });

  test('seals what is secret', async () => {
    const { world, bring } = site();

    await bring(asking({ id: 'a', request: { ...request, headers: { authorization: 'Bearer hush' } } }));

    expect(JSON.stringify(world.events('a'))).not.toContain('hush');
  });

  test('that comes again finds the task, also under an id of its own', async () => {
    for (const detail of [{ request }, { id: 'mine', request }]) {
      const { world, bring } = site();
      const first = await bring(asking(detail));

      expect(first).toMatchObject({ outcome: 'done', isNew: true });
      expect(await bring(asking(detail))).toEqual({ ...first, isNew: false });
      // Written in another order, it is the same.
      expect(await bring(JSON.stringify({ detail, 'detail-type': 'ScheduleTask', source: 'shop', id: 'event-1' }))).toEqual({
        ...first,
        isNew: false,
      });
      expect(world.events(onlyStream(world))).toHaveLength(1);
    }
  });

  test('with the id of another one is refused for other content, and is another one from another source', async () => {
    const { world, bring } = site();
    await bring(asking({ request }));

    expect(await bring(asking({ request, priority: 1 }))).toMatchObject(refusal(409));
    expect(await bring(asking({ request, priority: 1 }, { source: 'warehouse' }))).toMatchObject({ outcome: 'done', isNew: true });
    expect(world.log.streams()).toHaveLength(2);
  });

  test('names its task by its own id only where its detail names none', async () => {
    const { world, bring } = site();

    for (const id of ['event-1', 'event-2']) await bring(asking({ id: 'mine', request }, { id }));

    expect(onlyStream(world)).toBe('mine');
  });

  test('is refused for a task that was deleted, as POST /tasks is', async () => {
    const { world, bring } = site();
    await bring(asking({ id: 'a', event: { detailType: 'A' } }));
    await world.wake('a');
    await deleteTask(world.ports, 'a', {});

    expect(await bring(asking({ id: 'a', event: { detailType: 'A' } }))).toMatchObject(refusal(409));
  });

  test('keeps the digits of whole numbers and members of any name', async () => {
    const { world, bring } = site();
    const body = '{"n":12345678901234567890,"__proto__":{"a":1}}';

    await bring(
      `{"id":"e","source":"shop","detail-type":"ScheduleTask","detail":{"id":"a","request":{"url":"${request.url}","body":${body}}}}`,
    );

    expect(new TextDecoder().decode(world.events('a')[0]?.body)).toBe(body);
  });

  const wrongObjects = wrongTasks.filter(([task]) => task !== null && typeof task === 'object' && !Array.isArray(task));
  test.each(wrongObjects.map(([task, ...fields]) => ({ task, fields })))(
    'is refused as POST /tasks is: $task',
    async ({ task, fields }) => {
      const { world, bring } = site();

      const made = await bring(asking(task));

      expect(made).toMatchObject(refusal(400));
      const named = made.outcome === 'refused' ? (made.problem.errors ?? []).map(({ path }) => path) : [];
      const below = fields.map((field) => (field === '' || field.startsWith('[') ? `detail${field}` : `detail.${field}`));
      expect(named.toSorted()).toEqual(below.toSorted());
      expect(world.log.streams()).toEqual([]);
    },
  );

  test.each([
    ['nothing at all', '', []],
    ['no JSON', '{"id":', []],
    ['JSON that is no object', '[]', ['']],
    ['no detail', JSON.stringify(envelope), ['detail']],
    ['a detail that is a text', asking('{}'), ['detail']],
    ['a detail that is a list', asking([]), ['detail']],
    ['no id', asking({ request }, { id: undefined }), ['id']],
    ['an id that is too long', asking({ request }, { id: 'x'.repeat(256) }), ['id']],
    ['an id that no header could carry', asking({ request }, { id: 'ü' }), ['id']],
    ['no source', asking({ request }, { source: '' }), ['source']],
    ['a source that is too long', asking({ request }, { source: 'x'.repeat(257) }), ['source']],
    ['the source of Errand', asking({ request }, { source: 'errand' }), ['source']],
    ['the source of tasks', asking({ request }, { source: 'errand.task' }), ['source']],
    ['another type', asking({ request }, { 'detail-type': 'OrderPlaced' }), ['detail-type']],
    ['an address that is not public', asking({ request: { url: 'http://127.0.0.1/' } }), ['detail.request.url']],
  ])('is refused for %s', async (_what, text, fields) => {
    const { world, bring } = site();

    expect(await bring(text)).toMatchObject(refusal(400, ...fields));
    expect(world.log.streams()).toEqual([]);
  });

  test('may be as deep as a request, and no deeper', async () => {
    // The detail, its event and the detail of that are three levels.
    const nested = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`;
    const text = (levels: number) =>
      `{"id":"e","source":"s","detail-type":"ScheduleTask","detail":{"id":"a","event":{"detailType":"A","detail":{"deep":${nested(levels)}}}}}`;
    const { bring } = site();

    expect(await bring(text(limits.jsonDepth - 2))).toMatchObject(refusal(400));
    expect(await bring(text(limits.jsonDepth - 3))).toMatchObject({ outcome: 'done' });
  });

  test('may be as large as a request, and no larger', async () => {
    const { bring } = site();
    const padded = (bytes: number): string => asking({ request }).padEnd(bytes, ' ');

    expect(await bring(padded(limits.requestBytes + 1))).toMatchObject(refusal(413));
    expect(await bring(padded(limits.requestBytes))).toMatchObject({ outcome: 'done' });
  });

  test('is neither made nor refused while the log takes nothing, or others always come first', async () => {
    const faulty = (append: EventLog['append']) =>
      site({ through: (log) => ({ append, load: log.load.bind(log), read: log.read.bind(log), readBody: log.readBody.bind(log) }) });

    await expect(faulty(() => Promise.reject(new Error('throttled'))).bring(asking({ request }))).rejects.toThrow('throttled');
    await expect(faulty(async () => 'conflict').bring(asking({ request }))).rejects.toThrow('too quickly');
  });
});
