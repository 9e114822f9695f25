import { describe, expect, test } from 'vitest';
import { simulate } from './simulation.ts';

describe.each(['aws', 'server'] as const)('a simulated world on %s', (host) => {
  test.each([1, 2, 3, 4, 5, 6])('gives the same log, byte for byte, whenever it is run (seed %i)', async (seed) => {
    const first = await simulate({ seed, host });
    const second = await simulate({ seed, host });

    expect(second.log).toBe(first.log);
    expect(second.lines).toEqual(first.lines);
    expect(first.events).toBeGreaterThan(0);
  });

  test('gives another log under another seed', async () => {
    const logs = await Promise.all([7, 8, 9].map(async (seed) => (await simulate({ seed, host })).log));

    expect(new Set(logs).size).toBe(3);
  });
});
