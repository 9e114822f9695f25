import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { latenessOf } from '../aws-host/faults/lateness.ts';
import { brokenPromises } from '../aws-host/faults/promises.ts';
import { createTasks, healed, mixed } from '../aws-host/faults/tasks.ts';
import { startWorld, type World } from '../aws-host/faults/world.ts';
import type { Stack } from '../aws-host/stack/stack.ts';
import { until } from '../e2e/harness/until.ts';

const minuteMs = 60_000;
vi.setConfig({ testTimeout: 60_000 });
let world: World;
let dispatch: Stack['mappings'][number] | undefined;
beforeAll(async () => {
  world = await startWorld({
    adjust: (stack) => {
      const mappings = stack.mappings.map((mapping) => ({ ...mapping }));
      dispatch = mappings.find(({ FunctionName }) => FunctionName.includes('dispatch'));
      return { ...stack, mappings };
    },
  });
  await world.sweep();
});
afterAll(() => world?.stop());

/** How many records the mapping of `dispatch` has given up for their age. */
function givenUp(): number {
  return world.lines
    .filter(({ message, fields }) => message.includes('given up') && fields['condition'] === 'RecordAgeExceeded')
    .reduce((sum, { fields }) => sum + Number(fields['records']), 0);
}

test('tasks whose records nobody dispatched before they were too old are started by the sweep alone', async () => {
  if (dispatch === undefined) throw new Error('nothing invokes dispatch');
  const ageS = dispatch.MaximumRecordAgeInSeconds;
  expect(ageS).toBe(82_800);
  // An outage of a day, in a second.
  dispatch.MaximumRecordAgeInSeconds = 1;
  world.valve('dispatch').off();
  const created = await createTasks(world, mixed('aged', 60));
  // Once the last record is given up, nothing of them is left in the stream.
  await until('the end of the records', () => (givenUp() === 60 ? true : undefined), 20_000);
  dispatch.MaximumRecordAgeInSeconds = ageS;
  world.valve('dispatch').on();
  expect(world.target.calls.filter(({ task }) => task.startsWith('aged/'))).toEqual([]);
  for (const id of created.acknowledged) world.undispatched.add(`task#${id}@1`);
  const minutes = await healed(world, created.acknowledged, 4);
  const late = latenessOf(await world.log(), created.acknowledged);
  expect(late.max).toBeLessThan(2 * minuteMs + 30_000);
  expect(await brokenPromises(world, created)).toEqual([]);
  console.log(
    `dispatch off for longer than records live: 60 tasks, ${givenUp()} records given up, ${minutes} minutes of sweeps; late by`,
    late,
  );
});
