import { describe, expect, test } from 'vitest';
import { type Latencies, measureLatencies, percentile } from '../bench/aws-latency-run.ts';
import { isDynoxideInstalled } from './support/dynoxide.ts';

/** Enough for a 99th percentile that is not the worst of all, at a rate that leaves the machine time. */
const load = { immediate: 250, delayed: 250, perSecond: 5 };
/** The least that the harness adds to a record of the stream and to a message (test/aws-host/delays.ts). */
const leastAddedMs = 59 + 8;
const targets = { immediateP50: 500, delayedP99: 1_500 } as const;
/** Whatever else runs on the machine only ever adds to what is measured, so the best of a few runs is nearest to the truth. */
const runsAtMost = 3;

const figures = ({ immediate, delayed }: Latencies) => ({
  immediateP50: percentile(immediate.whole, 0.5),
  immediateP99: percentile(immediate.whole, 0.99),
  delayedP50: percentile(delayed, 0.5),
  delayedP99: percentile(delayed, 0.99),
  earliest: Math.min(...delayed),
});

describe.skipIf(!isDynoxideInstalled())('the AWS host, with the delays that others measured on AWS', () => {
  test('calls half of the immediate targets within 500 ms, delayed ones at most 1.5 s late (p99) and never early', async () => {
    let isMet = false;
    for (let run = 1; run <= runsAtMost && !isMet; run += 1) {
      const latencies = await measureLatencies(load);
      const seen = figures(latencies);
      console.log(`run ${run}, milliseconds: ${JSON.stringify(seen)}`);
      expect(latencies.immediate.whole).toHaveLength(load.immediate);
      expect(latencies.delayed).toHaveLength(load.delayed);
      // Otherwise the figures would say nothing about AWS.
      expect(Math.min(...latencies.immediate.started)).toBeGreaterThanOrEqual(leastAddedMs);
      expect(seen.earliest).toBeGreaterThanOrEqual(0);
      isMet = seen.immediateP50 <= targets.immediateP50 && seen.delayedP99 <= targets.delayedP99;
    }
    expect(isMet, `${JSON.stringify(targets)} in none of ${runsAtMost} runs`).toBe(true);
  });
});
