import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createFakeTime, fakeTimeLibrary } from '../harness/fake-time.ts';
import { byHandMinutes, report } from '../harness/fault-report.ts';
import { underLoad } from '../harness/under-load.ts';
import { until } from '../harness/until.ts';

const hourMs = 3_600_000;
const betweenMs = byHandMinutes === null ? 1_000 : (byHandMinutes * 60_000) / 6;
/** It ends ahead: what became due while it was so is due only then. */
const settings = [hourMs, 0, -hourMs, 0, hourMs];

test.skipIf(fakeTimeLibrary === null)(
  'a wall clock that is set forward and back an hour makes nothing early, nothing twice, and nothing lost',
  {
    timeout: 600_000,
  },
  async () => {
    const time = createFakeTime(fakeTimeLibrary ?? '');
    const begunAt = Date.now();
    const { faults, verdict, summary } = await underLoad(
      {
        single: 4,
        batch: 1,
        times: 8,
        mayMissTimes: true,
        restMs: 50,
        environment: time.environment,
        now: time.earliest,
        receivedAt: time.latest,
        // By its own clock what was due amid a jump runs an hour late.
        forgivenessMs: 2 * hourMs + 120_000,
      },
      async ({ acknowledged, client }) => {
        for (const offsetMs of settings) {
          const before = acknowledged();
          await until('some load', () => (acknowledged() > before + 50 ? true : undefined), 60_000);
          await time.set(offsetMs);
          const told = Date.parse((await client.get('/health')).headers.get('date') ?? '');
          expect(Math.abs(told - time.latest())).toBeLessThan(60_000);
          await pause(betweenMs);
        }
        return [{ from: begunAt - 2 * hourMs, to: Date.now() + 2 * hourMs, what: 'the clock was set' }];
      },
    );
    report({
      fault: 'the wall clock set forward and back an hour, five times, while running (libfaketime)',
      promised: 'nothing runs early by the clock of the server, nothing runs twice, no time of a schedule fires twice, and nothing is lost',
      observed: `${summary} (late by the clock that was set)`,
    });
    expect(verdict.extra).toEqual([]);
    expect(faults).toEqual([]);
  },
);
