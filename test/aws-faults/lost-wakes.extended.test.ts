import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { none } from '../aws-host/faults/faults.ts';
import { latenessOf } from '../aws-host/faults/lateness.ts';
import { brokenPromises } from '../aws-host/faults/promises.ts';
import { createTasks, healed, mixed } from '../aws-host/faults/tasks.ts';
import { startWorld, type World } from '../aws-host/faults/world.ts';

const minuteMs = 60_000;
vi.setConfig({ testTimeout: 60_000 });
let world: World;
beforeAll(async () => {
  world = await startWorld();
  await world.sweep();
});
afterEach(() => world.proxy.inject(() => none));
afterAll(() => world?.stop());

test.for([
  { losses: 1, withinMinutes: 2 },
  { losses: 3, withinMinutes: 5 },
])(
  'wakes that are lost $losses times in a row are sent again by the sweep within $withinMinutes minutes each',
  async ({ losses, withinMinutes }) => {
    const name = `lost-${losses}`;
    world.proxy.inject(({ operation }) =>
      operation === 'SendMessageBatch'
        ? { kind: 'parts', fateOf: ({ key, before }) => (key.startsWith(`task#${name}/`) && before < losses ? 'lost' : 'taken') }
        : none,
    );
    const created = await createTasks(world, mixed(name, 40));
    const minutes = await healed(world, created.acknowledged, 20);
    const late = latenessOf(await world.log(), created.acknowledged);
    expect(late.attempts).toBe(48);
    expect(late.max).toBeLessThan(withinMinutes * minuteMs + 10_000);
    expect(late.p50).toBeGreaterThan(minuteMs / 2);
    expect(await brokenPromises(world, created)).toEqual([]);
    console.log(`every wake lost ${losses} times: 40 tasks, 48 attempts, ${minutes} minutes of sweeps; late by`, late);
  },
);
