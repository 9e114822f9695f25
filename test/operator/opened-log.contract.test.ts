import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { sha256Digest } from '../../src/adapters/crypto/digest.ts';
import { systemClock } from '../../src/adapters/system-clock.ts';
import { deliverCallback } from '../../src/application/callback.ts';
import { dispatch, lateWakes } from '../../src/application/dispatch.ts';
import type { StoredEvent, Wake } from '../../src/application/ports.ts';
import { createTaskStore } from '../../src/application/task-store.ts';
import { handleWake } from '../../src/application/wake.ts';
import { wakeAt } from '../../src/domain/task/state.ts';
import { readEnvironment, viewVariables } from '../../src/handlers/environment.ts';
import { wireViews } from '../../src/handlers/wiring/dynamodb.ts';
import { exportLog } from '../../src/operator/export-log.ts';
import { importLog } from '../../src/operator/import-log.ts';
import type { LogHost } from '../../src/operator/log-host.ts';
import { callbackSpec, epoch, type History, hour, httpAction, minute, okResult, perform } from '../domain/task-histories.ts';
import { createWorld } from '../support/application-world.ts';
import { isDynoxideInstalled } from '../support/dynoxide.ts';
import { fail, start, succeed } from '../support/histories.ts';
import { MemoryEventBus } from '../support/memory-event-bus.ts';
import { created, storedEvents } from '../support/stored-events.ts';
import { at, emptyPlace, eventsAt, type Place, placeWith, temporaryFolder } from './places.ts';

const silent = (): void => undefined;
const action = { ...httpAction, headers: [], secretHeaders: [] };
const callback = { ...callbackSpec, headers: [] };

const withCallback = (stream: string): History => succeed(start(created(stream, { action, callback })));
function told(history: History): History {
  const outcome = { delivered: true, status: 204 } as const;
  const command = {
    type: 'record-callback',
    now: history.now,
    random: 0.5,
    outcomeVersion: history.events.length,
    attempt: 1,
    outcome,
  } as const;
  return perform(history, command).history;
}
function accepted(stream: string): History {
  const history = start(created(stream, { action, strategy: 'async', completeWithinMs: hour }));
  return perform(history, { type: 'accept', now: epoch, startedVersion: 2, response: okResult }).history;
}

/** Of every kind that is at rest: what has ended in every way, and what is still to happen. */
const ended = [
  succeed(start(created('task#succeeded', { action }))),
  fail(start(created('task#failed', { action })), false),
  told(withCallback('task#told')),
  perform(created('task#cancelled', { action }), { type: 'cancel', reason: null }).history,
  perform(created('task#deleted', { action }), { type: 'delete' }).history,
];
const later = created('task#later', { action }, epoch, epoch + hour);
const open = [
  later,
  created('task#overdue', { action }),
  fail(start(created('task#retrying', { action })), true),
  accepted('task#waiting'),
  withCallback('task#untold'),
];

/** The log of all of them, moved from a server to DynamoDB; and what the AWS host would do with it. */
async function moved(): Promise<{ readonly place: Place; readonly records: readonly StoredEvent[]; readonly due: readonly Wake[] }> {
  const file = join(temporaryFolder(), 'log.jsonl');
  const source = await placeWith('server', [...ended, ...open].flatMap(storedEvents));
  await at(source, (host) => exportLog(host, file, silent));
  const place = await emptyPlace('aws');
  await at(place, (host) => importLog(host, file, { withoutKeys: [], tell: silent }));
  const views = wireViews(readEnvironment(place.environment, viewVariables), systemClock);
  const due = await views.due({ until: Number.MAX_SAFE_INTEGER, limit: 100 });
  return { place, records: await eventsAt(place), due };
}

/** One process on the imported log, in a time of its own, whose calls are counted. */
function worldOn(host: LogHost) {
  const world = createWorld();
  let commits = 0;
  const commitId = (): string => {
    commits += 1;
    return `after-${commits}`;
  };
  const ids = { taskId: () => '', commitId };
  const store = createTaskStore({ log: host.log, ids, cacheEntries: 0 });
  const ports = { ...world.ports, store, digest: sha256Digest };
  const called = (): readonly string[] => world.caller.calls.map(({ request }) => request.url);
  return { ...world, ports, store, called };
}

describe.skipIf(!isDynoxideInstalled())('a log that was imported into DynamoDB', () => {
  test('is told to nobody: its records wake nothing and reach no bus', async () => {
    const { records } = await moved();
    const world = createWorld();
    const bus = new MemoryEventBus();

    await dispatch({ wakes: world.wakes, bus }, records, epoch + 2 * hour);

    expect(records.length).toBeGreaterThan(20);
    expect(lateWakes(records, epoch + 2 * hour)).toEqual([]);
    expect(world.wakes.sent).toEqual([]);
    expect(bus.published).toEqual([]);
  });

  test('has a due row for exactly what is still to happen, at its time', async () => {
    const { due } = await moved();

    expect(due.map(({ stream, dueAt }) => [stream, dueAt]).sort()).toEqual(open.map(({ stream, state }) => [stream, wakeAt(state)]).sort());
  });

  test('runs what is still to happen in its time, and calls no target of what has ended', async () => {
    const { place, due } = await moved();
    await at(place, async (host) => {
      const world = worldOn(host);
      await world.clock.advance(2 * minute);
      const wakeAll = async (): Promise<void> => {
        for (const wake of due) await handleWake(world.ports, wake);
      };

      await wakeAll();
      expect(world.called().toSorted()).toEqual([action.url, action.url, callback.url].sort());

      await world.clock.advance(hour);
      await wakeAll();
      expect(world.called().toSorted()).toEqual([action.url, action.url, action.url, callback.url].sort());
      const states = await Promise.all([...ended, ...open].map(async ({ stream }) => (await world.store.load(stream)).state));
      expect(Object.fromEntries(states.map((state) => [state.status === 'missing' ? '' : state.id, state.status]))).toEqual({
        succeeded: 'succeeded',
        failed: 'failed',
        told: 'succeeded',
        cancelled: 'cancelled',
        deleted: 'deleted',
        later: 'succeeded',
        overdue: 'succeeded',
        retrying: 'succeeded',
        // Nothing came within the hour that its target had: it is tried again.
        waiting: 'scheduled',
        untold: 'succeeded',
      });
    });
  });

  test('calls nobody for what has ended, also when it is woken or asked for a callback all the same', async () => {
    const { place } = await moved();
    await at(place, async (host) => {
      const world = worldOn(host);
      await world.clock.advance(24 * hour);

      for (const { stream, events } of ended) {
        await handleWake(world.ports, { stream, version: events.length, dueAt: 0, target: null, lane: 'short' });
        await deliverCallback(world.ports, stream, await world.store.load(stream), true);
      }

      expect(world.called()).toEqual([]);
    });
  });
});
