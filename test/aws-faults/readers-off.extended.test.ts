import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { none } from '../aws-host/faults/faults.ts';
import { latenessOf } from '../aws-host/faults/lateness.ts';
import { brokenPromises } from '../aws-host/faults/promises.ts';
import { createTasks, ids, mixed, over } from '../aws-host/faults/tasks.ts';
import { startWorld, type World } from '../aws-host/faults/world.ts';

const minuteMs = 60_000;
vi.setConfig({ testTimeout: 60_000 });
let world: World;
beforeAll(async () => {
  world = await startWorld();
  await world.sweep();
});
afterEach(() => {
  world.proxy.inject(() => none);
  world.valve('dispatch').on();
  world.valve('project').on();
});
afterAll(() => world?.stop());

test('while dispatch is off tasks wait, and once it is on again they run without a sweep', async () => {
  world.valve('dispatch').off();
  const created = await createTasks(world, mixed('waiting', 60));
  world.clock.pass(3 * minuteMs);
  expect(world.target.calls).toEqual([]);
  world.valve('dispatch').on();
  await over(world, created.acknowledged);
  expect(await brokenPromises(world, created)).toEqual([]);
  const late = latenessOf(await world.log(), created.acknowledged);
  expect(late.max).toBeLessThan(4 * minuteMs);
  console.log('dispatch off for 3 minutes: 60 tasks, no sweep; late by', late);
});

test('while project is off tasks run and are cancelled all the same, and lists and statistics are made up for once it is on again', async () => {
  world.valve('project').off();
  const created = await createTasks(world, mixed('unseen', 60));
  const pending = await createTasks(
    world,
    ids('pending', 20).map((id) => ({ id, more: { delay: '1h' } })),
  );
  const cancelled = new Map<string, number>();
  for (const id of ids('pending', 20).slice(0, 10)) {
    const answer = await world.post(world.path(id, '/cancel'));
    expect(answer.status).toBe(200);
    cancelled.set(id, world.clock.now());
  }
  await over(world, created.acknowledged);
  const listed = (await world.get('/tasks?limit=100')).body.tasks.map(({ id }: { id: string }) => id);
  expect(listed.filter((id: string) => id.startsWith('unseen/') || id.startsWith('pending/'))).toEqual([]);
  world.valve('project').on();
  const acknowledged = [...created.acknowledged, ...pending.acknowledged];
  const unended = ({ id, state }: { id: string; state: { status: string } }) =>
    id.startsWith('pending/') && state.status === 'scheduled' ? null : 'it should have ended';
  expect(await brokenPromises(world, { acknowledged, cancelled, unended })).toEqual([]);
  console.log('project off: 60 tasks run; late by', latenessOf(await world.log(), created.acknowledged));
});

test('wakes that are lost while project is off are sent by project itself, as it writes their due rows late', async () => {
  world.valve('project').off();
  world.proxy.inject(({ operation }) => (operation === 'SendMessageBatch' ? { kind: 'parts', fateOf: () => 'lost' } : none));
  const created = await createTasks(world, mixed('late-rows', 40));
  await world.dispatched();
  // No due row, no wake: two sweeps find nothing of them.
  for (let minutes = 0; minutes < 2; minutes += 1) {
    world.clock.pass(minuteMs);
    await world.sweep();
  }
  world.proxy.inject(() => none);
  world.valve('project').on();
  await over(world, created.acknowledged);
  const unended = ({ id }: { id: string }) => (id.startsWith('pending/') ? null : 'it should have ended');
  expect(await brokenPromises(world, { ...created, unended })).toEqual([]);
  const late = latenessOf(await world.log(), created.acknowledged);
  expect(late.max).toBeLessThan(3 * minuteMs);
  console.log('project off and wakes lost: 40 tasks, no sweep after; late by', late);
});
