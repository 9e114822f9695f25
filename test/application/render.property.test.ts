import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseExactJson } from '../../src/application/exact-json.ts';
import { busEntries, renderDetail, renderStreamEvent } from '../../src/application/render-event.ts';
import { renderTask } from '../../src/application/render-task.ts';
import { rescheduleTask, scheduleTask } from '../../src/application/task-commands.ts';
import type { TaskInput } from '../../src/application/task-input.ts';
import { limits } from '../../src/domain/limits.ts';
import { epoch, hour } from '../domain/task-histories.ts';
import { callbackInput, createWorld, taskInput } from '../support/application-world.ts';
import { anyHistories, storedEvents } from '../support/stored-events.ts';

const secretNames = ['Authorization', 'authorization', 'PROXY-Authorization', 'Cookie', 'X-Api-Key', 'x-mine', 'X-Token'];
const asked = ['x-mine', 'x-token'];

/** Values that occur nowhere by chance. */
const anySecret = fc.stringMatching(/^[A-Za-z0-9+/"\\ é]{4,20}$/).map((text) => `§${text}§`);
const anyHeaders = fc.array(
  fc.oneof(
    fc.record({ name: fc.constantFrom(...secretNames), value: anySecret }),
    fc.record({ name: fc.constantFrom('x-a', 'X-B', 'accept'), value: fc.constantFrom('1', 'plain') }),
  ),
  { maxLength: 6 },
);

describe('a secret', () => {
  test('is in no event, no rendering and no bus entry, whichever part of the task it belongs to', async () => {
    await fc.assert(
      fc.asyncProperty(anyHeaders, anyHeaders, anyHeaders, async (headers, callbackHeaders, changed) => {
        const world = createWorld();
        const input = taskInput('a', epoch + hour);
        if (input.action.kind !== 'http') throw new Error('not http');
        const action = { ...input.action, headers, secretHeaders: asked };
        const callback = { ...callbackInput, headers: callbackHeaders, secretHeaders: asked };
        await scheduleTask(world.ports, { ...input, action, callback }, { content: 'c', idempotencyId: null });
        const changes = { action: { ...action, headers: changed }, callback: { ...callback, headers: changed } };
        await rescheduleTask(world.ports, 'a', changes, {});

        const state = await world.state('a');
        if (state.status === 'missing' || state.status === 'deleted') throw new Error('the task is gone');
        const bodies = { body: new TextEncoder().encode('{"a":1}'), result: null };
        const shown = JSON.stringify([
          world.events('a'),
          world.events('a').map((event) => [renderStreamEvent(event), renderDetail(event), busEntries(event)]),
          renderTask(state, bodies),
          renderTask(state, null),
        ]);

        // Only secrets hold this sign; nothing that is shown does, whole or in part.
        expect(shown).not.toContain('§');
        // The log may hold the sealed form; whoever looks from outside sees neither.
        const outside = JSON.stringify([world.events('a').map(busEntries), renderTask(state, bodies)]);
        expect(outside).not.toMatch(/sealed|v1\.[0-9a-f]{8}\./);
        for (const { name, value } of changed.filter((header) => !header.value.startsWith('§'))) {
          if (changed.filter((other) => other.name.toLowerCase() === name.toLowerCase()).length === 1) expect(shown).toContain(value);
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe('a rendering', () => {
  test('of any reachable task and event is JSON-safe, with ISO times', () => {
    fc.assert(
      fc.property(anyHistories({ tasks: 2, steps: 30 }), (histories) => {
        for (const history of histories) {
          const events = storedEvents(history);
          for (const event of events) {
            const detail = renderDetail(event) as Record<string, unknown>;
            expect(parseExactJson(JSON.stringify(detail))).toEqual(detail);
            expect(detail['occurredAt']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
            expect(detail['id']).toBe(`${event.stream}@${event.version}`);
            // No epoch number leaves Errand.
            expect(JSON.stringify(renderStreamEvent(event))).not.toMatch(/:1[67]\d{11}[,}\]]/);
          }
          const { state } = history;
          if (state.status === 'missing' || state.status === 'deleted') continue;
          const listed = renderTask(state, null);
          expect(parseExactJson(JSON.stringify(listed))).toEqual(listed);
          expect(JSON.stringify(listed)).not.toMatch(/:1[67]\d{11}[,}\]]/);
          expect(listed.finishedAt !== null).toBe(['succeeded', 'failed', 'cancelled'].includes(state.status));
        }
      }),
      { numRuns: 100 },
    );
  });

  const bodied = async (bytes: Uint8Array, kind: 'text' | 'json' | 'binary' = 'text') => {
    const world = createWorld();
    const input = taskInput('a', epoch);
    const action = { ...input.action, body: { kind, bytes } } as TaskInput['action'];
    await world.schedule('a', { action });
    const [event] = await world.log.read('task#a', { after: 0 });
    if (event === undefined) throw new Error('no event');
    return renderDetail(event) as { readonly data: { readonly request: Record<string, unknown>; readonly bodyOmitted?: boolean } };
  };

  test.each([
    ['at the limit', limits.publishedBodyBytes, false],
    ['beyond the limit', limits.publishedBodyBytes + 1, true],
    ['apart from its event', limits.inlineBodyBytes + 1, true],
  ])('of an event with a body %s leaves it out: %s', async (_what, size, isOmitted) => {
    const { data } = await bodied(new Uint8Array(size).fill(0x61));

    expect(data.bodyOmitted === true).toBe(isOmitted);
    expect('body' in data.request).toBe(!isOmitted);
  });

  test('of an event with an empty body shows it as it is', async () => {
    const { data } = await bodied(new Uint8Array());

    expect([data.bodyOmitted, data.request['body']]).toEqual([undefined, '']);
  });

  test('of a deletion that opens a callback says cancelled, of another one deleted', async () => {
    const world = createWorld();
    await world.schedule('a', { callback: callbackInput, runAt: epoch + hour });
    await world.schedule('b', { runAt: epoch + hour });
    for (const id of ['a', 'b']) {
      const loaded = await world.store.load(`task#${id}`);
      await world.store.append(`task#${id}`, loaded, { type: 'TaskDeleted', data: {} }, { now: epoch });
    }

    expect(renderDetail(world.events('a')[1] ?? world.events('a')[0] ?? neverEvent())).toMatchObject({
      status: 'cancelled',
      callback: true,
    });
    expect(renderDetail(world.events('b')[1] ?? neverEvent())).toMatchObject({ status: 'deleted' });
  });

  test('of what a task emits comes from another source than the lifecycle', async () => {
    const world = createWorld();
    const detail = new TextEncoder().encode('["not an object"]');
    await world.schedule('a', { action: { kind: 'event', detailType: 'TaskSucceeded', body: { kind: 'json', bytes: detail } } });
    await world.wake('a');

    const entries = busEntries(world.events('a').at(-1) ?? neverEvent());

    expect(entries.map(({ source, detailType }) => [source, detailType])).toEqual([
      ['errand', 'TaskSucceeded'],
      ['errand.task', 'TaskSucceeded'],
    ]);
    expect(entries[1]?.detail).toEqual(['not an object']);
  });
});

function neverEvent(): never {
  throw new Error('there is no event');
}
