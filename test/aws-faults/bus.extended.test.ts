import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { createChance, forbidden, none, replyLost, tooFast } from '../aws-host/faults/faults.ts';
import type { History } from '../aws-host/faults/history.ts';
import { brokenPromises } from '../aws-host/faults/promises.ts';
import { faultSeed } from '../aws-host/faults/seed.ts';
import { createTasks, healed, ids, over } from '../aws-host/faults/tasks.ts';
import { startWorld, type World } from '../aws-host/faults/world.ts';
import { until } from '../e2e/harness/until.ts';

const chance = createChance(faultSeed());
const minuteMs = 60_000;
vi.setConfig({ testTimeout: 60_000 });
let world: World;
beforeAll(async () => {
  world = await startWorld();
  await world.sweep();
});
afterEach(() => world.proxy.inject(() => none));
afterAll(() => world?.stop());

const withCallbacks = (name: string, count: number) =>
  ids(name, count).map((id, index) => ({
    id,
    path: index % 5 === 0 ? '/flaky' : '/ok',
    more: { callback: { url: `${world.target.url}/told`, on: ['succeeded'] } },
  }));

/** How long after the end of their tasks callbacks were told, at most and half of them. */
function callbackLateness(log: ReadonlyMap<string, History>, given: readonly string[]): { readonly p50: number; readonly max: number } {
  const late = given
    .map((id) => {
      const { state } = log.get(id) ?? {};
      const at = world.target.told.find(({ task }) => task === id)?.at ?? Number.NaN;
      return state?.status === 'succeeded' ? at - state.finishedAt : Number.NaN;
    })
    .sort((one, other) => one - other);
  return { p50: late[Math.floor(late.length / 2)] ?? Number.NaN, max: late.at(-1) ?? Number.NaN };
}

test('events that the bus refuses are parked, published by repair, and no callback is missing', async () => {
  const published = new Set<string>();
  world.proxy.inject(({ operation, parts }) => {
    const [first] = parts;
    if (operation !== 'PutEvents' || first === undefined) return none;
    const drawn = chance('bus', first);
    if (drawn < 0.08) return tooFast;
    if (drawn < 0.15) return replyLost;
    return {
      kind: 'parts',
      fateOf: (part) => {
        // A third for longer than the publisher's own four tries last.
        const isLong = chance('long', { key: part.key, before: 0 }) < 0.33 && part.before < 5;
        if (isLong || chance('entry', part) < 0.2)
          return { refused: chance('code', part) < 0.5 ? 'InternalFailure' : 'ThrottlingException' };
        published.add(part.key);
        return 'taken';
      },
    };
  });
  const created = await createTasks(world, withCallbacks('bus', 60));
  const repair = world.valve('repair');
  await over(world, created.acknowledged, () => repair.giveBack());
  expect(repair.invocations).toBeGreaterThan(5);
  await until('an empty repair queue', async () => {
    await repair.giveBack();
    const { visible, held } = await world.messagesIn(world.queue('ERRAND_REPAIR_QUEUE_URL'));
    return visible + held === 0 ? true : undefined;
  });
  expect((await world.messagesIn(world.queue('ERRAND_REPAIR_QUEUE_URL', true))).visible).toBe(0);
  const log = await world.log();
  const toldOf = new Set(world.environment['ERRAND_PUBLISHED_TYPES']?.split(','));
  const unpublished = Array.from(log.values()).flatMap(({ stream, events }) =>
    events
      .filter(({ type, version }) => toldOf.has(type) && !published.has(`${stream}@${version}`))
      .map(({ version }) => `${stream}@${version}`),
  );
  expect(unpublished).toEqual([]);
  expect(new Set(world.target.told.map(({ task }) => task)).size).toBe(60);
  expect(await brokenPromises(world, created)).toEqual([]);
  console.log(
    `bus: 60 callbacks, ${repair.invocations} repairs; callbacks late by`,
    callbackLateness(log, ids('bus', 60)),
    Object.fromEntries(world.proxy.counts),
  );
});

test('while the bus may not be used at all, callbacks come by the healing wake, and what was parked is published once it may', async () => {
  world.proxy.inject(({ operation }) => (operation === 'PutEvents' ? forbidden : none));
  const created = await createTasks(world, withCallbacks('forbidden', 20));
  const minutes = await healed(world, created.acknowledged, 4);
  const log = await world.log();
  const late = callbackLateness(log, ids('forbidden', 20));
  expect(late.max).toBeLessThan(4 * minuteMs);
  expect(late.p50).toBeGreaterThan(minuteMs / 2);

  world.proxy.inject(() => none);
  const before = world.proxy.counts.get('PutEvents') ?? 0;
  await until(
    'an empty repair queue',
    async () => {
      await world.valve('repair').giveBack();
      const { visible, held } = await world.messagesIn(world.queue('ERRAND_REPAIR_QUEUE_URL'));
      return visible + held === 0 ? true : undefined;
    },
    30_000,
  );
  expect((await world.messagesIn(world.queue('ERRAND_REPAIR_QUEUE_URL', true))).visible).toBe(0);
  expect((world.proxy.counts.get('PutEvents') ?? 0) - before).toBeGreaterThan(20);
  expect(await brokenPromises(world, created)).toEqual([]);
  console.log(`no bus: 20 callbacks, ${minutes} minutes of sweeps; callbacks late by`, late);
});
