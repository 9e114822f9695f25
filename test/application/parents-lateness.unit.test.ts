import { describe, expect, test } from 'vitest';
import { second } from '../domain/task-histories.ts';
import { childInput, makeOrchestration, makeSchedule } from '../support/parent-inputs.ts';
import { ParentsWorld } from '../support/parents-world.ts';

/** When events of a type happened. */
function timesOf(world: ParentsWorld, kind: 'schedule' | 'orchestration', id: string, type: string): readonly number[] {
  return world.events(kind, id).flatMap((event) => (event.type === type ? [event.occurredAt] : []));
}

describe('where nothing goes wrong nothing waits for a look that heals', () => {
  test.each(['skip', 'allow', 'buffer-one'] as const)(
    'a schedule fires and makes its tasks at its times, with overlap %s',
    async (overlap) => {
      const world = new ParentsWorld();
      const createdAt = world.now;
      await makeSchedule(world.world, { rule: { kind: 'every', intervalMs: 90 * second }, overlap, maxOccurrences: 5 });
      await world.settle();

      const times = [1, 2, 3, 4, 5].map((n) => createdAt + n * 90 * second);
      expect(timesOf(world, 'schedule', 's', 'OccurrenceFired')).toEqual(times);
      for (const [index, at] of times.entries()) {
        expect(world.state('task', `s.${index + 1}`)).toMatchObject({ status: 'succeeded', createdAt: at, finishedAt: at });
      }
      expect(timesOf(world, 'schedule', 's', 'ScheduleFinished')).toEqual(times.slice(-1));
    },
  );

  test('an orchestration takes no longer than its pauses', async () => {
    const world = new ParentsWorld();
    const createdAt = world.now;
    const step = (delayMs: number) => ({ name: null, delayMs, task: { ...childInput, bodyFrom: null } });
    const check = { task: childInput, delayMs: 2 * second, retries: 1, gapMs: second };
    await makeOrchestration(world.world, { delayMs: 3 * second, steps: [step(0), step(5 * second), step(0)], check });
    await world.settle();

    expect(world.state('orchestration', 'o')).toMatchObject({ status: 'succeeded', finishedAt: createdAt + (3 + 2 + 5 + 2 + 2) * second });
  });
});
