import { describe, expect, test } from 'vitest';
import { simulate } from './simulation.ts';

const atATime = 25;

/** A test for every few worlds from one seed to another, both included: none of them breaks a law. */
export function worldTests(first: number, last: number): void {
  const starts = Array.from({ length: Math.ceil((last - first + 1) / atATime) }, (_, index) => first + index * atATime);
  describe.each(starts)('the worlds from seed %i on', (from) => {
    test('break no law', { timeout: 240_000 }, async () => {
      for (let seed = from; seed < Math.min(from + atATime, last + 1); seed += 1) {
        const { violations, host } = await simulate({ seed, host: seed % 2 === 1 ? 'aws' : 'server' });

        expect(violations, `npm run simulate -- --seeds 1 --from ${seed} --host ${host}`).toEqual([]);
      }
    });
  });
}
