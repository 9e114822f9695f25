import { expect, test } from 'vitest';
import { orchestrationStream } from '../../src/application/orchestration-store.ts';
import type { EventLog } from '../../src/application/ports.ts';
import { hour } from '../domain/task-histories.ts';
import { createWorld, type World } from '../support/application-world.ts';
import { childInput, lookAt, makeOrchestration, makeSchedule } from '../support/parent-inputs.ts';

/** A process on a log that counts what is lost and what is read. */
function counting(cacheEntries = 0): { readonly world: World; readonly counts: { conflicts: number; loads: number } } {
  const counts = { conflicts: 0, loads: 0 };
  const through = (log: EventLog): EventLog => ({
    async append(...given) {
      const outcome = await log.append(...given);
      if (outcome === 'conflict') counts.conflicts += 1;
      return outcome;
    },
    read: (...given) => log.read(...given),
    load(...given) {
      counts.loads += 1;
      return log.load(...given);
    },
    readBody: (...given) => log.readBody(...given),
  });
  return { world: createWorld({ cacheEntries, through }), counts };
}

test.each([
  ['schedule', 's'],
  ['orchestration', 'o'],
] as const)('those of one process who look at the same %s take turns and lose no race to each other', async (kind, id) => {
  const { world, counts } = counting();
  await (kind === 'schedule' ? makeSchedule(world) : makeOrchestration(world, { delayMs: hour }));
  world.clock.jump(hour);
  await Promise.all([1, 2, 3, 4, 5].map(() => lookAt(world, kind, id)));

  expect(world.log.streams().filter((stream) => stream.startsWith('task#'))).toEqual([`task#${id}.1`]);
  expect(counts.conflicts).toBe(0);
});

test.each([
  [32, 0],
  [33, 2],
])('a state of %d steps is read again %d times of two, as few large ones would crowd out many others', async (steps, reads) => {
  const { world, counts } = counting(10);
  const step = { name: null, delayMs: 0, task: { ...childInput, bodyFrom: null } };
  await makeOrchestration(world, { delayMs: hour, steps: Array.from({ length: steps }, () => step) });
  const before = counts.loads;
  for (let read = 1; read <= 2; read += 1) await world.ports.orchestrations.load(orchestrationStream('o'));

  expect(counts.loads - before).toBe(reads);
});
