import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { byHandMinutes, report } from '../harness/fault-report.ts';
import { underLoad } from '../harness/under-load.ts';

const minuteMs = 60_000;
const lastsMs = (byHandMinutes ?? 0.4) * minuteMs;
const everyMs = byHandMinutes === null ? 1_000 : 5_000;

type Sample = { readonly residentMiB: number; readonly handles: number };

test.skipIf(process.platform !== 'linux')(
  'a server under steady load keeps its memory and its handles flat, and every promise',
  {
    timeout: 600_000 + 2 * lastsMs,
  },
  async () => {
    const samples: Sample[] = [];
    const times = Math.max(10, Math.floor(lastsMs / 2_500));
    const clients = {
      single: 6,
      batch: 1,
      cancelling: 2,
      orchestrating: 1,
      callbacks: true,
      times,
      restMs: byHandMinutes === null ? 100 : 400,
    };
    const { faults, summary } = await underLoad(clients, async ({ pid }) => {
      for (const end = Date.now() + lastsMs; Date.now() < end; ) {
        await pause(everyMs);
        samples.push(sampleOf(pid));
      }
      return [];
    });

    const fifth = Math.floor(samples.length / 5);
    const [early, late] = [samples.slice(fifth, 2 * fifth), samples.slice(-fifth)];
    const memory = [early, late].map((of) => Math.round(median(of.map(({ residentMiB }) => residentMiB))));
    const handles = [early, late].map((of) => median(of.map((sample) => sample.handles)));
    const highest = Math.round(Math.max(...samples.map(({ residentMiB }) => residentMiB)));
    report({
      fault: `a soak of ${Math.round(lastsMs / 1_000)} s under steady load`,
      promised: 'memory and handles stay flat, and every promise is kept',
      observed: `resident memory ${memory.join(' -> ')} MiB (second fifth -> last fifth of the time, median; highest ${highest}), handles ${handles.join(' -> ')}; ${summary}`,
    });
    expect(faults).toEqual([]);
    const [handlesBefore = 0, handlesAfter = Number.POSITIVE_INFINITY] = handles;
    expect(handlesAfter - handlesBefore).toBeLessThan(64);
    // Its caches of states and events fill in the first minutes; after that nothing may grow by more than noise.
    const [memoryBefore = 0, memoryAfter = Number.POSITIVE_INFINITY] = memory;
    expect(memoryAfter).toBeLessThan(byHandMinutes === null ? 600 : memoryBefore * 1.25 + 32);
  },
);

function sampleOf(pid: number): Sample {
  const kiB = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return { residentMiB: Number(kiB) / 1_024, handles: readdirSync(`/proc/${pid}/fd`).length };
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN;
}
