import { expect, test } from 'vitest';
import { byHandMinutes, report } from '../harness/fault-report.ts';
import { killUnderLoad } from '../harness/under-load.ts';

const minuteMs = 60_000;
/** By hand a gentler load, as its log is read whole at the end. */
const [kills, loadMs, restMs] = byHandMinutes === null ? [6, 2_000, 0] : [Math.ceil((byHandMinutes * minuteMs) / 8_000), 5_000, 100];

test('a server that is killed again and again amid creates, retries, callbacks, schedules, orchestrations and cancels keeps every promise', {
  timeout: 600_000 + 2 * (byHandMinutes ?? 0) * minuteMs,
}, async () => {
  const clients = { single: 6, batch: 2, cancelling: 4, orchestrating: 2, callbacks: true, times: 15 * Math.max(1, byHandMinutes ?? 1) };
  const startedAt = Date.now();
  const { outages, faults, verdict, summary } = await killUnderLoad({ ...clients, kills, loadMs, restMs });

  const lastedS = Math.round(((outages.at(-1)?.to ?? startedAt) - startedAt) / 1_000);
  report({
    fault: `kill -9 at random points under load, ${kills} times in ${lastedS} s, each time started again`,
    promised: 'nothing acknowledged is lost, nothing runs early, and only attempts that a kill cut off are made again',
    observed: summary,
  });
  expect(verdict.due).toBeGreaterThan(300);
  expect(faults).toEqual([]);
});
