import { describe, expect, test } from 'vitest';
import { changeSchedule, deleteSchedule, pauseSchedule, triggerSchedule } from '../../src/application/schedule-commands.ts';
import { scheduleStream } from '../../src/application/schedule-store.ts';
import { cancelTask } from '../../src/application/task-commands.ts';
import { handleWake } from '../../src/application/wake.ts';
import { limits } from '../../src/domain/limits.ts';
import { hour, minute, second } from '../domain/task-histories.ts';
import { createWorld, type World } from '../support/application-world.ts';
import { lookAt, makeSchedule } from '../support/parent-inputs.ts';

const stream = scheduleStream('s');
const types = ({ log }: World) => log.events(stream).map(({ type }) => type);
const everySecond = { rule: { kind: 'every', intervalMs: second } } as const;

describe('a worker that dies between an occurrence and its task', () => {
  /** A schedule whose first occurrence was fired, and whose worker died before it made the task. */
  async function fired(parts: Parameters<typeof makeSchedule>[1] = {}): Promise<World> {
    const world = createWorld();
    await makeSchedule(world, parts);
    world.clock.jump(hour);
    world.log.fault = (event) => (event.stream.startsWith('task#') ? 'request-lost' : null);
    await lookAt(world, 'schedule', 's').catch(() => undefined);
    world.log.fault = () => null;
    expect(types(world)).toEqual(['ScheduleCreated', 'OccurrenceFired']);
    return world;
  }
  const made = (world: World) => world.log.streams().filter((name) => name.startsWith('task#'));

  test('leaves a wake that comes again and makes the task at once', async () => {
    const world = await fired();
    const { clock, ports } = world;
    await handleWake(ports, { stream, version: 1, dueAt: clock.now(), target: null, lane: 'short' });

    expect(made(world)).toEqual(['task#s.1']);
    expect(types(world)).toEqual(['ScheduleCreated', 'OccurrenceFired', 'ChildConfirmed']);
    expect(await world.state('s.1')).toMatchObject({ status: 'scheduled', runAt: clock.now() });
  });

  test('leaves the task to be made by one whose clock is behind, which does not run it before it was named', async () => {
    const world = await fired();
    const namedAt = world.clock.now();
    world.clock.set(namedAt - 3 * second);
    await lookAt(world, 'schedule', 's');

    expect(await world.state('s.1')).toMatchObject({ status: 'scheduled', createdAt: namedAt - 3 * second, runAt: namedAt });
  });

  test.each<[string, (world: World) => Promise<unknown>, readonly string[]]>([
    ['a change', ({ ports }) => changeSchedule(ports, 's', { labels: { team: 'red' } }, {}), ['ScheduleChanged']],
    ['a deletion', ({ ports }) => deleteSchedule(ports, 's', {}), ['ScheduleDeleted']],
    ['a trigger', ({ ports }) => triggerSchedule(ports, 's', null), ['OccurrenceTriggered', 'ChildConfirmed']],
  ])('leaves the task to be made before %s', async (_what, command, then) => {
    const world = await fired();
    await command(world);

    expect(made(world)[0]).toBe('task#s.1');
    expect(types(world)).toEqual(['ScheduleCreated', 'OccurrenceFired', ...then]);
    expect(await world.state('s.1')).toMatchObject({ definition: { labels: {} } });
  });
});

describe('a time that is held back while the occurrence before it is unfinished', () => {
  /** A schedule whose first task is still open at its second time. */
  async function held(intervalMs: number): Promise<World> {
    const world = createWorld();
    await makeSchedule(world, { rule: { kind: 'every', intervalMs }, overlap: 'buffer-one' });
    for (let time = 1; time <= 2; time += 1) {
      world.clock.jump(intervalMs);
      await lookAt(world, 'schedule', 's');
    }
    expect(types(world)).toEqual(['ScheduleCreated', 'OccurrenceFired', 'ChildConfirmed', 'OccurrenceBuffered']);
    return world;
  }

  test('fires as soon as that one ends, whatever its due row says', async () => {
    const world = await held(hour);
    await cancelTask(world.ports, 's.1', null, {});
    world.clock.jump(second);
    await handleWake(world.ports, { stream, version: 0, dueAt: 0, target: null, lane: 'short' });

    expect(types(world).slice(-2)).toEqual(['OccurrenceFired', 'ChildConfirmed']);
    expect(await world.state('s.2')).toMatchObject({ status: 'scheduled', runAt: world.clock.now() });
  });

  test.each([
    ['within the reach of a wake is woken for at its time', 10 * minute, 9 * minute],
    ['further away is gone towards in steps that a wake can reach', hour, limits.wakeHorizonMs],
  ])('a next time %s', async (_what, intervalMs, aheadMs) => {
    const world = await held(intervalMs);
    world.clock.jump(minute);
    await lookAt(world, 'schedule', 's');

    expect(world.wakes.sent).toEqual([{ stream, version: 4, dueAt: world.clock.now() + aheadMs, target: null, lane: 'short' }]);
    for (let steps = 0; steps < 10 && types(world).length === 4; steps += 1) {
      const [wake] = world.wakes.held;
      if (wake === undefined) throw new Error('nobody is to wake it');
      world.wakes.takeDue(wake.dueAt);
      world.clock.set(wake.dueAt);
      await handleWake(world.ports, wake);
    }
    expect(types(world).at(-1)).toBe('OccurrencesSkipped');
    expect(world.log.events(stream).at(-1)?.occurredAt).toBe((world.log.events(stream)[3]?.occurredAt ?? 0) + intervalMs);
  });
});

test('many missed times are made up for a hundred at a time, each hundred by a wake of its own', async () => {
  const world = createWorld();
  await makeSchedule(world, { ...everySecond, overlap: 'allow', misfire: 'run-all' });
  world.clock.jump(150 * second);
  await lookAt(world, 'schedule', 's');
  const fired = () => types(world).filter((type) => type === 'OccurrenceFired').length;

  expect(fired()).toBe(100);
  const wakes = world.wakes.takeDue(world.clock.now());
  expect(wakes).toMatchObject([{ stream, version: world.log.events(stream).length }]);
  for (const wake of wakes) await handleWake(world.ports, wake);
  expect(fired()).toBe(150);
});

describe('a change of the times of a schedule one of whose times is due', () => {
  const twoHours = { rule: { kind: 'every', intervalMs: 2 * hour } } as const;
  async function due(): Promise<World> {
    const world = createWorld();
    await makeSchedule(world);
    world.clock.jump(hour);
    return world;
  }

  test.each([
    ['unconditionally', {}],
    ['by the version that its caller has seen', { expectedVersions: [1] }],
  ])('comes after that time, %s', async (_how, guard) => {
    const world = await due();
    const outcome = await changeSchedule(world.ports, 's', twoHours, guard);

    expect(outcome).toMatchObject({ outcome: 'done', changed: true });
    expect(types(world)).toEqual(['ScheduleCreated', 'OccurrenceFired', 'ChildConfirmed', 'ScheduleChanged']);
  });

  test('is refused, and nothing is carried out, if its caller has seen another version', async () => {
    const world = await due();

    expect(await changeSchedule(world.ports, 's', twoHours, { expectedVersions: [2] })).toMatchObject({ outcome: 'refused' });
    expect(types(world)).toEqual(['ScheduleCreated']);
  });

  test('is refused if somebody else changes or pauses it meanwhile', async () => {
    for (const meanwhile of [
      (world: World) => changeSchedule(world.ports, 's', { labels: { team: 'red' } }, {}),
      (world: World) => pauseSchedule(world.ports, 's', {}),
    ]) {
      const world = await due();
      const beside = createWorld({ beside: world });
      const load = world.ports.store.load.bind(world.ports.store);
      let others = 0;
      // The second request is carried out while the first one looks at the task of the occurrence that is due.
      const store = {
        ...world.ports.store,
        load: async (name: string, version?: number) => {
          others += 1;
          if (others === 1) await meanwhile(beside);
          return load(name, version);
        },
      };
      const outcome = await changeSchedule({ ...world.ports, store }, 's', twoHours, { expectedVersions: [1] });

      expect(others).toBeGreaterThan(0);
      expect(outcome).toMatchObject({ outcome: 'refused', refusal: { reason: 'version-mismatch' } });
    }
  });
});

test('a task that is triggered after the clock was set back runs now', async () => {
  const world = createWorld();
  await makeSchedule(world);
  world.clock.jump(-10 * minute);
  await triggerSchedule(world.ports, 's', null);

  expect(await world.state('s.trigger-1')).toMatchObject({ status: 'scheduled', runAt: world.clock.now() });
});
