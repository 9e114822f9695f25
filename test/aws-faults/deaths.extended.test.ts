import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { attemptsOf } from '../aws-host/faults/history.ts';
import { latenessOf } from '../aws-host/faults/lateness.ts';
import { createMortalFunction, type Death, type MortalFunction } from '../aws-host/faults/mortal-function.ts';
import { brokenPromises } from '../aws-host/faults/promises.ts';
import { createTasks, healed, ids, mixed, over } from '../aws-host/faults/tasks.ts';
import { type FunctionName, startWorld, type World } from '../aws-host/faults/world.ts';

const minuteMs = 60_000;
vi.setConfig({ testTimeout: 60_000 });
let world: World;
let mortal: MortalFunction | undefined;
beforeAll(async () => {
  world = await startWorld();
  await world.sweep();
});
afterEach(async () => {
  for (const name of ['dispatch', 'project', 'wake'] as const) world.valve(name).replace(null);
  await mortal?.stop();
  mortal = undefined;
});
afterAll(() => world?.stop());

async function dying(name: FunctionName, deaths: readonly Death[]): Promise<MortalFunction> {
  mortal = await createMortalFunction(world, name, deaths);
  world.valve(name).replace(mortal);
  return mortal;
}

test.for([
  // Its wakes are sent and the bus has heard nothing; then both, and Lambda has not heard that it was done.
  {
    name: 'dispatch',
    deaths: [
      { request: 1, carriedOut: true },
      { request: 2, carriedOut: true },
    ],
  },
  // Some counters are written and some are not; then nothing is, as it died on its way to the table.
  {
    name: 'project',
    deaths: [
      { request: 2, carriedOut: true },
      { request: 1, carriedOut: false },
    ],
  },
] as const)('a death of $name in the middle of a batch is made up for by the stream alone', async ({ name, deaths }) => {
  const reader = await dying(name, deaths);
  const created = await createTasks(world, mixed(`death-of-${name}`, 40, { timeout: '1s' }));
  await over(world, created.acknowledged);
  await world.quiet();
  expect(reader.died).toBe(deaths.length);
  expect(await brokenPromises(world, created)).toEqual([]);
  console.log(`${name} died ${reader.died} times: 40 tasks, no sweep; late by`, latenessOf(await world.log(), created.acknowledged));
});

test('attempts of a function that died are ended with their lease by the sweep, and made again', async () => {
  const wake = await dying('wake', [
    // Before it recorded anything; with starts recorded and no call made; with calls made and their outcomes on the way.
    { request: 1, of: 'Query', carriedOut: true },
    { request: 1, of: 'TaskStarted', carriedOut: true },
    { request: 2, of: 'TaskSucceeded', carriedOut: false },
  ]);
  const created = await createTasks(world, mixed('death-of-wake', 40, { timeout: '1s' }));
  const minutes = await healed(world, created.acknowledged, 10);
  expect(wake.died).toBe(3);
  expect(await brokenPromises(world, { ...created, interruptible: (id) => id.startsWith('death-of-wake/') })).toEqual([]);
  const log = await world.log();
  const interrupted = ids('death-of-wake', 40).flatMap((id) =>
    attemptsOf(log.get(id) ?? { events: [] }).flatMap((attempt) =>
      attempt.interrupted === null ? [] : [{ id, attempt: attempt.attempt }],
    ),
  );
  // Some had called already and the outcome went with the process, which is what "at least once" means; others had not.
  const called = interrupted.filter(({ id, attempt }) => world.target.calls.some((call) => call.task === id && call.attempt === attempt));
  expect(called.length).toBeGreaterThan(0);
  expect(interrupted.length).toBeGreaterThan(called.length);
  const late = latenessOf(log, created.acknowledged);
  expect(late.max).toBeLessThan(5 * minuteMs);
  console.log(
    `wake died 3 times: 40 tasks, ${interrupted.length} attempts interrupted, ${called.length} of them after their call, ${minutes} minutes of sweeps; late by`,
    late,
  );
});
