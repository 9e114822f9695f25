import { describe, expect, test } from 'vitest';
import type { EventLog } from '../../src/application/ports.ts';
import { createSchedule, triggerSchedule } from '../../src/application/schedule-commands.ts';
import { scheduleStream } from '../../src/application/schedule-store.ts';
import { taskStream } from '../../src/application/task-store.ts';
import { day } from '../domain/task-histories.ts';
import { createWorld, taskInput, type World } from '../support/application-world.ts';
import type { MemoryEventLog } from '../support/memory-event-log.ts';

const id = 'nightly';
const key = 'aB3_-xyz012';
const taskId = `${id}.trigger-${key}`;

async function scheduled(): Promise<World> {
  const world = createWorld();
  const { id: _id, runAt: _runAt, delayMs: _delay, ...template } = taskInput('a', 0);
  const input = {
    id,
    rule: { kind: 'every', intervalMs: day },
    timezone: 'UTC',
    startAt: null,
    endAt: null,
    maxOccurrences: null,
    jitterMs: 0,
    overlap: 'skip',
    misfire: 'run-once',
    catchUpWithinMs: day,
    template,
    labels: {},
  } as const;
  await createSchedule(world.ports, input, { content: id, idempotencyId: null });
  return world;
}
const triggers = (world: World) => world.log.events(scheduleStream(id)).filter(({ type }) => type === 'OccurrenceTriggered');

/** A log before which `first` happens, once, when a stream is loaded for the n-th time. */
const before =
  (stream: string, nth: number, first: () => Promise<unknown>) =>
  (log: MemoryEventLog): EventLog => {
    let loads = 0;
    return {
      append: log.append.bind(log),
      read: log.read.bind(log),
      readBody: log.readBody.bind(log),
      load: async (loaded, schema) => {
        if (loaded === stream) {
          loads += 1;
          if (loads === nth) await first();
        }
        return log.load(loaded, schema);
      },
    };
  };

describe('a trigger with a key', () => {
  test('finds the task that was named and not made: it makes it', async () => {
    const world = await scheduled();
    world.log.fault = ({ type }) => (type === 'TaskScheduled' ? 'request-lost' : null);
    await expect(triggerSchedule(world.ports, id, key)).rejects.toThrow();
    world.log.fault = () => null;
    expect(await triggerSchedule(world.ports, id, key)).toEqual({ outcome: 'done', created: false, taskId });
    expect(await world.state(taskId)).toMatchObject({ status: 'scheduled' });
    expect(triggers(world)).toHaveLength(1);
  });

  test('makes the task that another had named a moment before, and had not made yet', async () => {
    const world = await scheduled();
    const rival = createWorld({ beside: world });
    let isFirst = true;
    const through = (log: MemoryEventLog): EventLog => ({
      read: log.read.bind(log),
      load: log.load.bind(log),
      readBody: log.readBody.bind(log),
      append: async (event, snapshot) => {
        if (isFirst) {
          isFirst = false;
          log.fault = ({ type }) => (type === 'TaskScheduled' ? 'request-lost' : null);
          await expect(triggerSchedule(rival.ports, id, key)).rejects.toThrow();
          log.fault = () => null;
        }
        return log.append(event, snapshot);
      },
    });
    const mine = await triggerSchedule(createWorld({ beside: world, through }).ports, id, key);
    expect(mine).toEqual({ outcome: 'done', created: false, taskId });
    expect(await world.state(taskId)).toMatchObject({ status: 'scheduled' });
    expect(triggers(world)).toHaveLength(1);
  });

  test.each([1, 2, 3, 4])(
    'asked by two at once, the other before load %i of the schedule, makes one task and says so once',
    async (nth) => {
      const world = await scheduled();
      const rival = createWorld({ beside: world });
      let theirs: unknown;
      const through = before(scheduleStream(id), nth, async () => {
        theirs = await triggerSchedule(rival.ports, id, key);
      });
      const mine = await triggerSchedule(createWorld({ beside: world, through }).ports, id, key);
      theirs ??= await triggerSchedule(rival.ports, id, key);
      expect([mine, theirs]).toContainEqual({ outcome: 'done', created: true, taskId });
      expect([mine, theirs]).toContainEqual({ outcome: 'done', created: false, taskId });
      expect(triggers(world)).toHaveLength(1);
    },
  );

  test.each([1, 2])('asked by two at once, the other before load %i of the task, makes one task and says so once', async (nth) => {
    const world = await scheduled();
    const rival = createWorld({ beside: world });
    let theirs: unknown;
    const through = before(taskStream(taskId), nth, async () => {
      theirs = await triggerSchedule(rival.ports, id, key);
    });
    const mine = await triggerSchedule(createWorld({ beside: world, through }).ports, id, key);
    theirs ??= await triggerSchedule(rival.ports, id, key);
    expect([mine, theirs]).toContainEqual({ outcome: 'done', created: true, taskId });
    expect([mine, theirs]).toContainEqual({ outcome: 'done', created: false, taskId });
    expect(triggers(world)).toHaveLength(1);
  });
});
