import { expect, test } from 'vitest';
import { crashUnderLoad } from './harness/crash-scenario.ts';

test('a server that is killed ten times under load keeps every promise', async () => {
  const { load, listed, events, calls, calledAgain, faults, check } = await crashUnderLoad({
    kills: 10,
    loadMs: 3_000,
    single: 8,
    batch: 3,
  });

  console.log(
    `${load.acknowledged.size} tasks acknowledged, ${load.unanswered} requests unanswered, ${listed.length} tasks exist, ` +
      `${events.length} events, ${calls} calls, ${calledAgain} tasks called again because a kill cut their attempt off`,
  );
  const known = new Set(listed);
  expect(load.strange).toEqual([]);
  expect(known.size).toBe(listed.length);
  expect([...load.acknowledged].filter((id) => !known.has(id))).toEqual([]);
  expect(faults).toEqual([]);
  expect(check.stdout).toContain('No differences');
  expect(check.code).toBe(0);
});
