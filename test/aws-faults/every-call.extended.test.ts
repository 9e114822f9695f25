import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { taskEventType } from '../../src/handlers/http/task-event.ts';
import { kindsOf } from '../aws-host/faults/asked.ts';
import { checkedHistory } from '../aws-host/faults/checked.ts';
import { forbidden, none } from '../aws-host/faults/faults.ts';
import { createMortalFunction } from '../aws-host/faults/mortal-function.ts';
import { brokenPromises } from '../aws-host/faults/promises.ts';
import { healed } from '../aws-host/faults/tasks.ts';
import { type FunctionName, startWorld, type World } from '../aws-host/faults/world.ts';
import { report } from '../e2e/harness/fault-report.ts';
import { until } from '../e2e/harness/until.ts';
import { faultsOf, summaryOf } from '../support/history-checker.ts';
import { localAccess } from '../support/local-access.ts';

vi.setConfig({ testTimeout: 300_000 });
const maxAttempts = 30;
const retry = { backoff: 'fixed', initialDelay: '100ms', maxAttempts, jitter: 0 };
/** Fed by a queue: a message that one of them died with is hidden for minutes, which pass at once here. */
const fedByQueues = ['wake', 'wake-long', 'callback', 'ingest', 'repair'] as const;
const functions: readonly FunctionName[] = [
  'commands',
  'queries',
  'dispatch',
  'project',
  'wake',
  'wake-long',
  'callback',
  'ingest',
  'sweep',
  'repair',
];
/** So often is everything done once more, until it has died after each kind of call: also after those that it makes because it died before. */
const roundsAtMost = 8;

let world: World;
let bus: EventBridgeClient;
beforeAll(async () => {
  world = await startWorld();
  bus = new EventBridgeClient({ ...localAccess, endpoint: world.endpoints.others });
  await world.sweep();
});
afterAll(async () => {
  bus?.destroy();
  await world?.stop();
});

const giveBack = async (): Promise<void> => void (await Promise.all(fedByQueues.map((name) => world.valve(name).giveBack())));

/** A client that asks again until it is answered: a gateway answers for a function that died. */
async function insisting(ask: () => Promise<{ readonly status: number }>): Promise<void> {
  await until('an answer', async () => ((await ask()).status < 300 ? true : undefined), 60_000);
}

/** Something for every function to do. Gives the tasks that it made, and notes when one was cancelled. */
async function everything(name: string, cancelled: Map<string, number>): Promise<readonly string[]> {
  const callback = { url: `${world.target.url}/told`, on: ['succeeded'] };
  const wanted = ['/ok', '/flaky', '/ok'].map((path, index) => ({
    id: `${name}/${index}`,
    request: { url: world.target.url + path },
    retry,
    timeout: '1s',
    callback,
  }));
  // The bus refuses what dispatch tells it, for repair to publish.
  if (name.startsWith('repair')) world.proxy.inject(({ operation }) => (operation === 'PutEvents' ? forbidden : none));
  for (const task of wanted) await insisting(() => world.post('/tasks', task));
  const slow = { id: `${name}/long`, request: { url: `${world.target.url}/ok` }, retry, timeout: '2m' };
  await insisting(() => world.post('/tasks', slow));
  const later = { id: `${name}/later`, request: { url: `${world.target.url}/ok` }, retry, delay: '1h' };
  await insisting(() => world.post('/tasks', later));
  await insisting(() => world.post(world.path(later.id, '/cancel')));
  cancelled.set(later.id, world.clock.now());
  const event = { id: `${name}/event`, request: { url: `${world.target.url}/ok` }, retry, timeout: '1s' };
  const entry = { EventBusName: 'errand-dev', Source: 'shop', DetailType: taskEventType, Detail: JSON.stringify(event) };
  await bus.send(new PutEventsCommand({ Entries: [entry] }));
  for (const path of ['/tasks?limit=10', '/stats', world.path(later.id)]) await insisting(() => world.get(path));
  await until(
    'the task of an event',
    async () => {
      await giveBack();
      return (await world.log()).has(event.id) ? true : undefined;
    },
    60_000,
  );
  await world.dispatched();
  await giveBack();
  await world.quiet(60_000);
  world.clock.pass(60_000);
  await world.sweep();
  world.proxy.inject(() => none);
  const ids = [...wanted.map(({ id }) => id), slow.id, later.id, event.id];
  await healed(world, ids, 60, giveBack);
  return ids;
}

test.for(functions)('%s dies after each kind of call that it makes, and every promise is kept', async (name) => {
  const [kinds, open] = [new Set<string>(), new Set<string>()];
  const mortal = await createMortalFunction(world, name, (asked) => {
    const own = kindsOf(asked);
    for (const kind of own) {
      if (!kinds.has(kind) && kinds.size > 0 && mortal.died > 0) open.add(kind);
      kinds.add(kind);
    }
    const fatal = own.find((kind) => open.delete(kind));
    return fatal !== undefined;
  });
  const valve = world.valve(name);
  // Its schedule comes again a minute later.
  const sweeping =
    name === 'sweep'
      ? {
          ...mortal,
          invoke: (event: unknown) =>
            mortal
              .invoke(event)
              .catch(() => mortal.invoke(event))
              .catch(() => null),
        }
      : mortal;
  valve.replace(sweeping);
  try {
    const cancelled = new Map<string, number>();
    const ids = [...(await everything(`${name}-calls`, cancelled))];
    expect(kinds.size).toBeGreaterThan(0);
    for (const kind of kinds) open.add(kind);
    for (let round = 0; open.size > 0; round += 1) {
      expect(round, `no death yet after ${[...open].join(', ')}`).toBeLessThan(roundsAtMost);
      ids.push(...(await everything(`${name}-${round}`, cancelled)));
    }
    await until(
      'all that repair has to publish',
      async () => {
        await giveBack();
        const { visible, held } = await world.messagesIn(world.queue('ERRAND_REPAIR_QUEUE_URL'));
        return visible + held === 0 ? true : undefined;
      },
      30_000,
    );
    const faults = await brokenPromises(world, { acknowledged: ids, cancelled, interruptible: () => true });
    const verdict = await checkedHistory(world, ids, maxAttempts, cancelled);
    report({
      fault: `AWS host: ${name} killed after each kind of call that it makes: ${[...kinds].join(', ')}`,
      promised: 'what it was doing is done again or made up for: nothing lost, nothing early, nothing twice without a reason in the log',
      observed: `${mortal.died} deaths; ${summaryOf(verdict)}; read models, due index and statistics as the log says`,
    });
    expect([...faults, ...faultsOf(verdict)]).toEqual([]);
  } finally {
    valve.replace(null);
    world.proxy.inject(() => none);
    await mortal.stop();
  }
});
