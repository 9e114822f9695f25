import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import type { Asked } from '../aws-host/faults/asked.ts';
import { checkedHistory } from '../aws-host/faults/checked.ts';
import { type Fault, type FaultOf, none, throttled, tooFast } from '../aws-host/faults/faults.ts';
import { brokenPromises } from '../aws-host/faults/promises.ts';
import { createTasks, healed, mixed } from '../aws-host/faults/tasks.ts';
import { startWorld, type World } from '../aws-host/faults/world.ts';
import { byHandMinutes, report } from '../e2e/harness/fault-report.ts';
import { faultsOf, summaryOf } from '../support/history-checker.ts';

vi.setConfig({ testTimeout: 240_000 });
const lastsMs = byHandMinutes === null ? 8_000 : 30_000;
const maxAttempts = 5;
let world: World;
beforeAll(async () => {
  world = await startWorld();
  await world.sweep();
});
afterEach(() => world.proxy.inject(() => none));
afterAll(() => world?.stop());

const isOfTables = ({ operation }: Asked): boolean => !['SendMessageBatch', 'PutEvents'].includes(operation);

/** Requests reach the tables once it goes on again, whether or not anybody still waits for their answers. */
function stopped(endsAt: number): FaultOf {
  return (asked) => (isOfTables(asked) && Date.now() < endsAt ? { kind: 'late', ms: endsAt - Date.now() } : none);
}
const throttling = (asked: Asked): Fault => (isOfTables(asked) ? throttled : tooFast);
/** Later than the client waits for some, and sooner for most. */
const late = ({ parts: [first] }: Asked): Fault => ({ kind: 'late', ms: first !== undefined && first.before % 3 === 2 ? 3_500 : 700 });

test.for([
  { name: 'stops', faultOf: () => stopped(Date.now() + lastsMs), what: 'an engine that stops' },
  { name: 'throttles', faultOf: () => throttling, what: 'tables, queues and bus that refuse everything for its rate,' },
  { name: 'is-late', faultOf: () => late, what: 'an engine that answers 0.7 to 3.5 s late' },
])(
  'while the engine $name creates wait or are answered 503, and afterwards nothing is lost, early or twice',
  async ({ name, faultOf, what }) => {
    // Some are due amid the fault, and some are under way as it begins.
    const before = await createTasks(world, mixed(`${name}-before`, 40, { delay: '1500ms' }));
    world.proxy.inject(faultOf());
    const amid = createTasks(world, mixed(`${name}-amid`, 20), 400);
    // This waits for time to pass: the fault lasts so long.
    await pause(lastsMs);
    world.proxy.inject(() => none);
    const created = await amid;
    expect([...before.strange, ...created.strange]).toEqual([]);
    expect(created.acknowledged.size).toBe(20);

    for (const queue of ['wake', 'wake-long', 'repair'] as const) await world.valve(queue).giveBack();
    const acknowledged = [...before.acknowledged, ...created.acknowledged];
    const minutes = await healed(world, acknowledged, 40, async () => {
      for (const queue of ['wake', 'wake-long', 'repair'] as const) await world.valve(queue).giveBack();
    });
    // A start or an outcome that could not be recorded in time leaves an attempt that nobody knows the end of.
    const faults = await brokenPromises(world, { acknowledged, interruptible: () => true });
    const verdict = await checkedHistory(world, acknowledged, maxAttempts);
    report({
      fault: `AWS host: ${what} for ${lastsMs / 1_000} s`,
      promised: '503 at the worst, nothing acknowledged lost, nothing early, nothing twice without a reason in the log',
      observed: `${created.answers503} answers 503, ${minutes} minutes of sweeps; ${summaryOf(verdict)}`,
    });
    expect([...faults, ...faultsOf(verdict)]).toEqual([]);
  },
);
