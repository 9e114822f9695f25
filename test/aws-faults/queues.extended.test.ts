import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import type { Part } from '../aws-host/faults/asked.ts';
import { createChance, forbidden, none, type PartFate, replyLost, requestLost, tooFast } from '../aws-host/faults/faults.ts';
import { latenessOf } from '../aws-host/faults/lateness.ts';
import { brokenPromises } from '../aws-host/faults/promises.ts';
import { faultSeed } from '../aws-host/faults/seed.ts';
import { createTasks, healed, ids, mixed, over } from '../aws-host/faults/tasks.ts';
import { startWorld, type World } from '../aws-host/faults/world.ts';
import { until } from '../e2e/harness/until.ts';

const chance = createChance(faultSeed());
vi.setConfig({ testTimeout: 60_000 });
let world: World;
beforeAll(async () => {
  world = await startWorld();
  await world.sweep();
});
afterEach(() => world.proxy.inject(() => none));
afterAll(() => world?.stop());

test('wakes of which some are refused, and whole requests throttled or without an answer, come by the retries of the stream alone', async () => {
  world.proxy.inject(({ operation, parts }) => {
    const [first] = parts;
    if (operation !== 'SendMessageBatch' || first === undefined) return none;
    const drawn = chance('wakes', first);
    if (drawn < 0.1) return tooFast;
    if (drawn < 0.16) return replyLost;
    if (drawn < 0.2) return requestLost;
    return {
      kind: 'parts',
      fateOf: (part) => {
        // One in twenty for longer than the sender's own four tries last.
        const isLong = chance('long', { key: part.key, before: 0 }) < 0.05 && part.before < 6;
        return isLong || chance('wake', part) < 0.2 ? { refused: 'ServiceUnavailable' } : 'taken';
      },
    };
  });
  const created = await createTasks(world, mixed('batches', 80));
  await over(world, created.acknowledged);
  expect(world.proxy.counts.get('SendMessageBatch part refused')).toBeGreaterThan(10);
  expect(await brokenPromises(world, created)).toEqual([]);
  console.log(
    'batches: 80 tasks, no sweep; late by',
    latenessOf(await world.log(), created.acknowledged),
    Object.fromEntries(world.proxy.counts),
  );
});

test('wakes that are sent twice, as their queue took them and said that it did not, make one attempt each', async () => {
  world.proxy.inject(({ operation }) =>
    operation === 'SendMessageBatch'
      ? { kind: 'parts', fateOf: ({ before }) => (before === 0 ? { denied: 'InternalError' } : 'taken') }
      : none,
  );
  // Both wait for the same moment, and begin in it.
  const created = await createTasks(world, mixed('twins', 40, { delay: '900ms' }));
  await over(world, created.acknowledged);
  expect(world.proxy.counts.get('SendMessageBatch part denied')).toBeGreaterThan(40);
  expect(await brokenPromises(world, created)).toEqual([]);
  console.log('twins: 40 tasks; late by', latenessOf(await world.log(), created.acknowledged));
});

test('a wake that the queue will never take is parked, and neither the shard nor the sweep waits for it', async () => {
  const wakeQueue = world.queue('ERRAND_WAKE_QUEUE_URL').split('/').at(-1);
  const fateOf = ({ key, before }: Part): PartFate => {
    if (key === 'task#refused/0@1' || key === 'task#refused/1@1') return { refused: 'InvalidParameterValue', senderFault: true };
    return key === 'task#lost-beside/0@1' && before === 0 ? 'lost' : 'taken';
  };
  world.proxy.inject(({ operation, resource }) =>
    operation === 'SendMessageBatch' && resource === wakeQueue ? { kind: 'parts', fateOf } : none,
  );
  // One is due at once, the other lies in the strip that the next sweep loads.
  await createTasks(world, [{ id: 'refused/0' }, { id: 'refused/1', more: { delay: '630s' } }, { id: 'lost-beside/0' }]);
  const others = await createTasks(world, mixed('beside', 80));
  await over(world, others.acknowledged);
  await healed(world, ['lost-beside/0'], 2);
  const repair = world.valve('repair');
  await until('a dead letter of repair', async () => {
    await repair.giveBack();
    return (await world.messagesIn(world.queue('ERRAND_REPAIR_QUEUE_URL', true))).visible >= 1 ? true : undefined;
  });
  world.proxy.inject(() => none);
  expect((await world.post(world.path('refused/1', '/cancel'))).status).toBe(200);
  await healed(world, ['refused/0', 'refused/1'], 8);
  expect(await brokenPromises(world, { acknowledged: ['refused/0', 'refused/1', 'lost-beside/0', ...others.acknowledged] })).toEqual([]);
});

test('a wake whose handler fails every time ends among the dead letters, and the sweep starts its task once that is mended', async () => {
  const stream = 'task#dead-letter/0';
  world.proxy.inject(({ operation, parts }) => (operation === 'Query' && parts[0]?.key === stream ? forbidden : none));
  const created = await createTasks(world, [{ id: 'dead-letter/0' }, ...mixed('well', 20)]);
  await over(world, ids('well', 20));
  const wake = world.valve('wake');
  const deadLetters = world.queue('ERRAND_WAKE_QUEUE_URL', true);
  await until('a dead letter', async () => {
    await wake.giveBack();
    return (await world.messagesIn(deadLetters)).visible === 1 ? true : undefined;
  });
  expect((await world.messagesIn(world.queue('ERRAND_WAKE_QUEUE_URL'))).held).toBe(0);
  world.proxy.inject(() => none);
  const minutes = await healed(world, created.acknowledged, 3);
  expect(minutes).toBeGreaterThan(0);
  expect(await brokenPromises(world, created)).toEqual([]);
  console.log(`dead letter: ${minutes} minutes of sweeps; late by`, latenessOf(await world.log(), ['dead-letter/0']));
});
