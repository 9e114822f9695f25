import { expect, test } from 'vitest';
import type { Asked } from '../aws-host/faults/asked.ts';
import {
  createChance,
  type Fault,
  internal,
  none,
  type PartFate,
  replyLost,
  requestLost,
  throttled,
  tooFast,
} from '../aws-host/faults/faults.ts';
import { latenessOf } from '../aws-host/faults/lateness.ts';
import { createMortalFunction, type Death } from '../aws-host/faults/mortal-function.ts';
import { brokenPromises } from '../aws-host/faults/promises.ts';
import { faultSeed } from '../aws-host/faults/seed.ts';
import { type Create, createTasks, healed, ids } from '../aws-host/faults/tasks.ts';
import { startWorld } from '../aws-host/faults/world.ts';

const seed = faultSeed();
/** Longer than the SDK waits for an answer: what arrives so late was given up, and sent again, before. */
const tooLateMs = 3_500;

/** Everything at once: each request has a chance of each fault, each message and entry too. */
function storm(chance: ReturnType<typeof createChance>): (asked: Asked) => Fault {
  const isMessages = (operation: string): boolean => operation === 'SendMessageBatch' || operation === 'PutEvents';
  function fateOf(operation: string, part: Asked['parts'][number]): PartFate {
    const drawn = chance(`part of ${operation}`, part);
    if (drawn < 0.06) return { refused: operation === 'BatchExecuteStatement' ? 'ThrottlingError' : 'InternalFailure' };
    if (drawn < 0.12) return { denied: operation === 'BatchExecuteStatement' ? 'InternalServerError' : 'InternalFailure' };
    return drawn < 0.18 && isMessages(operation) ? 'lost' : 'taken';
  }
  return ({ operation, parts }) => {
    const [first] = parts;
    if (first === undefined) return none;
    const drawn = chance(operation, first);
    if (drawn < 0.05) return isMessages(operation) ? tooFast : throttled;
    if (drawn < 0.08) return internal;
    if (drawn < 0.14) return replyLost;
    if (drawn < 0.17) return requestLost;
    if (drawn < 0.175) return { kind: 'late', ms: tooLateMs };
    if (operation !== 'BatchExecuteStatement' && !isMessages(operation)) return none;
    return { kind: 'parts', fateOf: (part) => fateOf(operation, part) };
  };
}

/** Tasks of all kinds: at once and a little later, that fail and that fail for good, that tell of their end, and that will be cancelled. */
function tasks(name: string, count: number, told: string): readonly Create[] {
  return ids(name, count).map((id, index) => ({
    id,
    path: ['/ok', '/ok', '/flaky', '/bad'][index % 4] ?? '/ok',
    more: {
      timeout: '1s',
      delay: index % 10 === 9 ? '20m' : (index % 3) * 300,
      ...(index % 2 === 0 ? { callback: { url: told, on: ['succeeded', 'failed', 'cancelled'] } } : {}),
    },
  }));
}

test.for([0, 1, 2])('storm %i: whatever fails for minutes, everything acknowledged comes to its end once it is over', async (round) => {
  const chance = createChance(seed + round);
  const draw = (question: string, before = 0): number => chance(question, { key: 'world', before });
  const deaths = (name: string): readonly Death[] =>
    Array.from({ length: 3 }, (_unused, index) => ({
      request: 1 + Math.floor(draw(`request of ${name}`, index) * 40),
      carriedOut: draw(`carried out for ${name}`, index) < 0.5,
    }));
  const world = await startWorld();
  const mortal = await Promise.all(
    (['dispatch', 'wake', 'project'] as const).map((name) => createMortalFunction(world, name, deaths(name))),
  );
  try {
    await world.sweep();
    for (const each of mortal)
      world.valve(each.name.endsWith('project') ? 'project' : each.name.endsWith('dispatch') ? 'dispatch' : 'wake').replace(each);
    for (const each of mortal) each.weather(storm(chance));
    world.proxy.inject(storm(chance));
    const acknowledged: string[] = [];
    const cancelled = new Map<string, number>();
    let answers503 = 0;
    for (const part of ['a', 'b', 'c', 'd']) {
      const off = draw(`off ${part}`) < 0.5 ? world.valve('dispatch') : world.valve('project');
      off.off();
      const creates = tasks(`${round}${part}`, 50, `${world.target.url}/told`);
      const created = await createTasks(world, creates);
      expect(created.strange).toEqual([]);
      answers503 += created.answers503;
      acknowledged.push(...created.acknowledged);
      for (const { id } of creates.filter((_create, index) => index % 10 === 9).slice(0, 3)) {
        const answer = await world.post(world.path(id, '/cancel'));
        if (answer.status === 200) cancelled.set(id, world.clock.now());
      }
      off.on();
      world.clock.pass(30_000);
      await world.sweep().catch(() => undefined);
    }
    world.proxy.inject(() => none);
    for (const each of mortal) each.weather(() => none);
    const repair = world.valve('repair');
    const minutes = await healed(world, acknowledged, 90, async () => {
      for (const name of ['repair', 'callback', 'wake'] as const)
        if (draw(name, repair.invocations) < 0.3) await world.valve(name).giveBack();
    });
    expect(await brokenPromises(world, { acknowledged, cancelled, interruptible: () => true })).toEqual([]);
    const died = mortal.reduce((sum, each) => sum + each.died, 0);
    console.log(
      `storm ${round}: ${acknowledged.length} tasks, ${answers503} answers 503, ${died} deaths, ${cancelled.size} cancelled, ${minutes} minutes of sweeps; late by`,
      latenessOf(await world.log(), acknowledged),
      Object.fromEntries(world.proxy.counts),
    );
  } finally {
    for (const each of mortal) await each.stop();
    await world.stop();
  }
});
