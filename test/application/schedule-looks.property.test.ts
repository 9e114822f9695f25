import fc from 'fast-check';
import { expect, test } from 'vitest';
import { taskStream } from '../../src/application/task-store.ts';
import type { ScheduleDefinition } from '../../src/domain/schedule/events.ts';
import { isFinished } from '../../src/domain/task/state.ts';
import { epoch, second } from '../domain/task-histories.ts';
import { taskInput } from '../support/application-world.ts';
import { type Fault, faults, type Move, ParentsWorld } from '../support/parents-world.ts';

const anyMove: fc.Arbitrary<Move> = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ kind: 'go on' as const }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('deliver' as const), choice: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('twice' as const, 'lose' as const, 'early' as const), choice: fc.nat(9) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(100, second, 4 * second, 10 * second, 25 * second) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('fail' as const), fault: fc.constantFrom(...faults), later: fc.nat(4) }),
  },
);
const anyRules = fc.record({
  overlap: fc.constantFrom('skip' as const, 'allow' as const, 'buffer-one' as const),
  misfire: fc.constantFrom('run-once' as const, 'skip' as const),
});

const id = 'nightly';
const occurrences = 5;
const create = (world: ParentsWorld, rules: Partial<ScheduleDefinition>): Promise<void> =>
  world.createSchedule(id, { ...rules, maxOccurrences: occurrences });

test('every occurrence becomes one task, numbered without a gap, whatever becomes of wakes, processes and appends', async () => {
  const went = new Set<Fault>();
  await fc.assert(
    fc.asyncProperty(anyRules, fc.array(anyMove, { maxLength: 60, size: 'max' }), async (rules, moves) => {
      const world = new ParentsWorld();
      await create(world, rules);
      for (const move of moves) await world.make(move);
      await world.settle();
      for (const fault of world.went) went.add(fault);

      const fired = world.events('schedule', id).filter(({ type }) => type === 'OccurrenceFired');
      expect(world.state('schedule', id)).toMatchObject({ status: 'finished', occurrences, unconfirmed: null });
      expect(fired.map(({ data }) => data)).toMatchObject(
        Array.from({ length: occurrences }, (_unused, index) => ({ occurrence: index + 1, taskId: `${id}.${index + 1}` })),
      );
      expect([...world.tasks()].sort()).toEqual(fired.map((_event, index) => taskStream(`${id}.${index + 1}`)).sort());
      for (const [index, event] of fired.entries()) {
        const task = world.state('task', `${id}.${index + 1}`);
        if (!isFinished(task)) throw new Error(`the task is ${task.status}`);
        expect(task.definition).toMatchObject({ origin: { scheduleId: id, occurrence: index + 1 }, labels: { team: 'blue' } });
        expect(task.createdAt).toBeGreaterThanOrEqual(epoch + 10 * second);
        const following = fired[index + 1];
        if (rules.overlap !== 'allow' && following !== undefined) expect(following.occurredAt).toBeGreaterThanOrEqual(task.finishedAt);
        expect(event.occurredAt).toBeLessThanOrEqual(task.createdAt);
      }
    }),
    { numRuns: 100 },
  );
  // A world in which nothing goes wrong would show nothing.
  expect([...went].sort()).toEqual([...faults].sort());
});

test('an id that belongs to somebody else is left alone, and its time is recorded as skipped', async () => {
  const world = new ParentsWorld();
  await create(world, { overlap: 'allow' });
  await world.world.schedule(`${id}.2`, { ...taskInput(`${id}.2`, epoch), runAt: epoch + 3_600 * second });
  await world.settle();

  const skipped = world.events('schedule', id).filter(({ type }) => type === 'OccurrencesSkipped');
  expect(skipped.map(({ data }) => data)).toMatchObject([{ why: 'id-taken', taskId: `${id}.2`, count: 1 }]);
  expect(world.state('schedule', id)).toMatchObject({ status: 'finished', occurrences, skipped: 1, numbered: occurrences + 1 });
  expect(world.state('task', `${id}.2`)).toMatchObject({ status: 'succeeded', definition: { origin: null } });
});
