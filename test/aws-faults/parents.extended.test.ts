import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import type { StoredEvent } from '../../src/application/ports.ts';
import { createMortalFunction, type Death, type MortalFunction } from '../aws-host/faults/mortal-function.ts';
import { brokenPromises } from '../aws-host/faults/promises.ts';
import { healed } from '../aws-host/faults/tasks.ts';
import { startWorld, type World } from '../aws-host/faults/world.ts';
import { until } from '../e2e/harness/until.ts';

vi.setConfig({ testTimeout: 120_000 });
let world: World;
let mortal: MortalFunction | undefined;
beforeAll(async () => {
  world = await startWorld();
  await world.sweep();
});
afterEach(async () => {
  world.valve('wake').replace(null);
  await mortal?.stop();
  mortal = undefined;
});
afterAll(() => world?.stop());

const to = (path: string) => ({ request: { url: `${world.target.url}/${path}` } });
const before = (of: string): Death => ({ request: 1, of, carriedOut: false });
const after = (of: string): Death => ({ request: 1, of, carriedOut: true });

/** Has the function that wakes die in these places, one after another. */
async function dying(deaths: readonly Death[]): Promise<MortalFunction> {
  mortal = await createMortalFunction(world, 'wake', deaths);
  world.valve('wake').replace(mortal);
  return mortal;
}

/**
 * A schedule or an orchestration once it has ended. The queue gives back what died with the function, as after the visibility timeout;
 * attempts that died are found by a sweep of the minutes that pass.
 */
async function ended(path: string) {
  for (let minutes = 0; minutes < 20; minutes += 1) {
    await world.valve('wake').giveBack();
    await world.quiet(60_000);
    const { body } = await world.get(path);
    if (['finished', 'succeeded', 'failed'].includes(body.status)) return body;
    world.clock.pass(60_000);
    await world.sweep();
  }
  throw new Error(`${path} does not end`);
}

const dueAtOf = ({ data }: StoredEvent): number => Number((data as { readonly dueAt?: number }).dueAt);
const typed = (events: readonly StoredEvent[], type: string) => events.filter((event) => event.type === type);

/**
 * Each of these tasks was made once, is the only one that begins as they do, and has succeeded. An attempt that died with the function is
 * made again once its lease has ended, which the sweep finds.
 */
async function expectEachOnce(prefix: string, taskIds: readonly string[]): Promise<void> {
  await healed(world, taskIds, 10);
  const made = Array.from(await world.log()).filter(([id]) => id.startsWith(prefix));
  expect(made.map(([id, { state }]) => [id, state.status]).sort()).toEqual(taskIds.map((id) => [id, 'succeeded']));
  expect(await brokenPromises(world, { acknowledged: taskIds, interruptible: () => true })).toEqual([]);
}

test('a function that dies between an occurrence and its task, or right after it, leaves one task for each occurrence', async () => {
  const wake = await dying([before('TaskScheduled'), after('TaskScheduled')]);
  const times = 3;
  await world.post('/schedules', {
    id: 'torn',
    every: '1s',
    overlap: 'allow',
    misfire: 'run-all',
    maxOccurrences: times,
    task: { ...to('ok'), timeout: '1s' },
  });
  expect(await ended('/schedules/torn')).toMatchObject({ occurrences: times, skipped: 0 });

  expect(wake.died).toBe(2);
  const ids = Array.from({ length: times }, (_unused, index) => `torn.${index + 1}`);
  expect(typed(await world.eventsOf('schedule#torn'), 'OccurrenceFired').map(({ data }) => data)).toMatchObject(
    ids.map((taskId, index) => ({ taskId, occurrence: index + 1 })),
  );
  await expectEachOnce('torn.', ids);
});

test('a function that dies between two steps, in any place, leaves an orchestration that goes on there', async () => {
  const wake = await dying(['TaskScheduled', 'StepFinished'].flatMap((type) => [before(type), after(type)]));
  const steps = Array.from({ length: 4 }, () => ({ task: { ...to('ok'), timeout: '1s', retry: { maxAttempts: 5, initialDelay: 0 } } }));
  await world.post('/orchestrations', { id: 'tough', steps });
  expect(await ended('/orchestrations/tough')).toMatchObject({ status: 'succeeded', outcome: 'completed', currentStep: 4 });

  expect(wake.died).toBe(4);
  const ids = steps.map((_step, index) => `tough.${index + 1}`);
  const events = await world.eventsOf('orchestration#tough');
  for (const type of ['StepStarted', 'StepFinished']) expect(typed(events, type)).toHaveLength(steps.length);
  const calls = world.target.calls.flatMap(({ task }) => (task.startsWith('tough.') ? [task] : []));
  // An attempt that died with the function is made again; it is never made beside the next step.
  expect([...new Set(calls)]).toEqual(ids);
  expect(calls).toEqual(calls.toSorted());
  await expectEachOnce('tough.', ids);
});

test('after ten seconds in which nothing was woken, each schedule makes up for what it missed as it was asked to', async () => {
  // Two seconds apart, so that what is due right afterwards is not taken for missed.
  const policies = ['run-once', 'skip', 'run-all'];
  for (const misfire of policies) await world.post('/schedules', { id: misfire, every: '2s', overlap: 'allow', misfire, task: to('ok') });
  const fired = async (id: string): Promise<readonly number[]> =>
    typed(await world.eventsOf(`schedule#${id}`), 'OccurrenceFired').map(dueAtOf);
  await until(
    'the first time of each',
    async () => {
      const all = await Promise.all(policies.map(fired));
      return all.every((times) => times.length > 0) || undefined;
    },
    60_000,
  );

  world.valve('wake').off();
  world.clock.pass(10_000);
  const upTo = world.clock.now();
  world.valve('wake').on();

  await until(
    'what comes after',
    async () => (await Promise.all(policies.map(fired))).every((times) => times.some((at) => at > upTo)) || undefined,
    60_000,
  );
  await Promise.all(policies.map((id) => world.delete(`/schedules/${id}`)));
  const [once, none, all] = await Promise.all(policies.map(async (id) => afterwards(await world.eventsOf(`schedule#${id}`))));
  // Five times were missed at least, unless the last of them is made up for.
  expect(once).toMatchObject({ unaccounted: 0, nextIsPast: true });
  expect(none).toMatchObject({ unaccounted: 0, nextIsPast: false });
  expect(once?.skipped).toBeGreaterThanOrEqual(3);
  expect(none?.skipped).toBeGreaterThanOrEqual(4);
  expect(all).toEqual({ skipped: 0, unaccounted: 0, nextIsPast: null });
});

/** How many times were skipped, how many are neither fired nor skipped, and whether the first that fired after a skip was past by then. */
function afterwards(events: readonly StoredEvent[]) {
  const skips = typed(events, 'OccurrencesSkipped');
  const skipped = skips.reduce((sum, { data }) => sum + Number((data as { readonly count?: number }).count), 0);
  const due = typed(events, 'OccurrenceFired').map(dueAtOf);
  const times = (Math.max(...due) - Math.min(...due)) / 2_000 + 1;
  const [skip] = skips;
  const next = typed(events, 'OccurrenceFired').find(({ version }) => skip !== undefined && version > skip.version);
  const nextIsPast = skip === undefined || next === undefined ? null : dueAtOf(next) <= skip.occurredAt;
  return { skipped, unaccounted: times - due.length - skipped, nextIsPast };
}
