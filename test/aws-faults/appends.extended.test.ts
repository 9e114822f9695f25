import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import type { Asked } from '../aws-host/faults/asked.ts';
import { createChance, type Fault, internal, none, replyLost, requestLost, throttled } from '../aws-host/faults/faults.ts';
import { attemptsOf } from '../aws-host/faults/history.ts';
import { latenessOf } from '../aws-host/faults/lateness.ts';
import { brokenPromises } from '../aws-host/faults/promises.ts';
import { faultSeed } from '../aws-host/faults/seed.ts';
import { createTasks, healed, ids } from '../aws-host/faults/tasks.ts';
import { startWorld, type World } from '../aws-host/faults/world.ts';

const chance = createChance(faultSeed());
vi.setConfig({ testTimeout: 60_000 });
let world: World;
beforeAll(async () => {
  world = await startWorld();
  await world.sweep();
});
afterEach(() => world.proxy.inject(() => none));
afterAll(() => world?.stop());

/** A third of what a function asks of DynamoDB fails in one way or another; one create in twelve is refused nine times in a row. */
function failing(asked: Asked): Fault {
  const [first] = asked.parts;
  if (first === undefined) return none;
  const drawn = chance(asked.operation, first);
  switch (asked.operation) {
    case 'BatchExecuteStatement':
      if (asked.parts.some((part) => isDoomed(part.key) && part.before < 9)) return throttled;
      if (drawn < 0.08) return throttled;
      if (drawn < 0.12) return internal;
      if (drawn < 0.24) return replyLost;
      if (drawn < 0.27) return requestLost;
      return {
        kind: 'parts',
        fateOf: (part) => {
          const own = chance('statement', part);
          if (own < 0.08) return { refused: 'ThrottlingError' };
          return own < 0.16 ? { denied: 'InternalServerError' } : 'taken';
        },
      };
    case 'Query':
    case 'TransactWriteItems':
    case 'BatchGetItem':
      if (drawn < 0.1) return throttled;
      return drawn < 0.2 ? replyLost : none;
    default:
      return none;
  }
}
/** So many failures in a row may outlast an attempt: its start window, or all tries to record its start. */
const isStormy = (id: string): boolean => id.startsWith('appends/');
const isDoomed = (key: string): boolean => key.endsWith('@1') && chance('doomed', { key, before: 0 }) < 1 / 12;

test('appends that are throttled, half applied or lose their replies lose no task that was acknowledged, and refuse honestly', async () => {
  world.proxy.inject(failing);
  const creates = ids('appends', 120).map((id, index) => ({ id, path: index % 5 === 0 ? '/flaky' : '/ok' }));
  const patient = await createTasks(world, creates.slice(0, 90));
  const impatient = await createTasks(world, creates.slice(90), 0);
  expect([...patient.strange, ...impatient.strange]).toEqual([]);
  expect(patient.acknowledged.size).toBe(90);
  expect(patient.answers503 + impatient.answers503).toBeGreaterThan(0);

  // What was refused may exist all the same, as 503 leaves open; what exists is run like any other.
  const log = await world.log();
  const acknowledged = [...patient.acknowledged, ...impatient.acknowledged];
  const existing = [...impatient.open].filter((id) => log.has(id));
  const minutes = await healed(world, [...acknowledged, ...existing], 40);
  world.proxy.inject(() => none);
  expect(await brokenPromises(world, { acknowledged, interruptible: isStormy })).toEqual([]);
  console.log(
    `appends: ${acknowledged.length} tasks acknowledged, ${patient.answers503 + impatient.answers503} answers 503, ` +
      `${impatient.open.size} given up by their clients of which ${existing.length} exist; ${minutes} minutes of sweeps; late by`,
    latenessOf(await world.log(), acknowledged),
    Object.fromEntries(world.proxy.counts),
  );
});

test('starts and outcomes whose replies are lost are recorded once, and called once', async () => {
  // Each such append is applied twice without an answer; then its own commit is found there, though reading it fails once as well.
  world.proxy.inject(({ operation, parts }) => {
    const [first] = parts;
    if (operation === 'BatchExecuteStatement' && first?.type?.startsWith('Task') && first.type !== 'TaskScheduled' && first.before < 2)
      return replyLost;
    if (operation === 'Query' && first !== undefined && chance('look', first) < 0.3) return throttled;
    return none;
  });
  const given = ids('replies', 60);
  const created = await createTasks(
    world,
    given.map((id, index) => ({ id, path: index % 3 === 0 ? '/flaky' : '/ok' })),
  );
  const minutes = await healed(world, created.acknowledged, 10);
  expect(await brokenPromises(world, { ...created, interruptible: isStormy })).toEqual([]);
  const log = await world.log();
  const attempts = given.map((id) => attemptsOf(log.get(id) ?? { events: [] }).length);
  expect(attempts).toEqual(given.map((_id, index) => (index % 3 === 0 ? 2 : 1)));
  expect(world.target.calls.filter(({ task }) => task.startsWith('replies/'))).toHaveLength(80);
  console.log(`replies: 60 tasks, 80 attempts, ${minutes} minutes of sweeps; late by`, latenessOf(log, given));
});
