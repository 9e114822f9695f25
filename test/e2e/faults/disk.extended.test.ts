import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { canFreeze, canMount, freeze, mountSmallDisk, thaw } from '../harness/disk.ts';
import { temporaryFolder } from '../harness/errand.ts';
import { byHandMinutes, report } from '../harness/fault-report.ts';
import { type Running, underLoad } from '../harness/under-load.ts';
import { until } from '../harness/until.ts';

const lastsMs = byHandMinutes === null ? 4_000 : 30_000;
const clients = { single: 4, batch: 1, cancelling: 2, orchestrating: 1, times: 8, restMs: 20 };
/**
 * Nothing waits for a sweep, which would come a minute later; but an outcome that could not be recorded for 16 s is left to the lease of
 * its attempt, 30 s and a margin, and then to the sweep, and what follows it waits as long.
 */
const forgivenessMs = lastsMs + (byHandMinutes === null ? 40_000 : 150_000);
const promised =
  'creates are answered 503 and not acknowledged, reads go on, nothing acknowledged is lost, nothing runs early or twice without a reason in the log, and it goes on by itself once it can write';

/** Keeps the server from writing for a while, with load before, amid and after it. */
async function unwritable(what: string, { client, acknowledged }: Running, [begin, end]: readonly [() => void, () => void]) {
  await until('load before', () => (acknowledged() > 200 ? true : undefined), 60_000);
  const from = Date.now();
  begin();
  const refused = await until(
    'a create that is refused',
    async () => {
      const answer = await client.post('/tasks', { request: { url: 'http://127.0.0.1:9/refused' }, delay: '1h' });
      return answer.status === 201 ? undefined : answer;
    },
    60_000,
  );
  expect(refused).toMatchObject({ status: 503, body: { status: 503 } });
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  // This waits for time to pass: attempts under way are to find that they cannot be recorded.
  await pause(lastsMs);
  for (const path of ['/health', '/tasks?limit=1', '/stats']) expect((await client.get(path)).status).toBe(200);
  end();
  const amid = acknowledged();
  await until('load after', () => (acknowledged() > amid + 200 ? true : undefined), 60_000);
  return [{ from, to: Date.now(), what }];
}

test.skipIf(!canMount)('a disk that is full is told honestly, and left behind once there is room', { timeout: 600_000 }, async () => {
  const disk = mountSmallDisk(32);
  const { load, faults, summary } = await underLoad({ ...clients, forgivenessMs, dataDir: disk.folder }, (running) =>
    unwritable('the disk was full', running, [disk.fill, disk.free]),
  );
  report({ fault: `a disk that was full for ${lastsMs / 1_000} s (a tmpfs of 32 MiB)`, promised, observed: summary });
  expect(load.refused).toBeGreaterThan(0);
  expect(load.unanswered).toBe(0);
  expect(faults).toEqual([]);
});

test.skipIf(!canFreeze)(
  'a data directory that turned read-only is told honestly, and left behind once it can be written',
  {
    timeout: 600_000,
  },
  async () => {
    const dataDir = temporaryFolder();
    const { load, faults, summary } = await underLoad({ ...clients, forgivenessMs, dataDir }, (running) =>
      unwritable('the data directory was read-only', running, [() => freeze(dataDir), () => thaw(dataDir)]),
    );
    report({ fault: `a data directory that was read-only for ${lastsMs / 1_000} s (chattr +i)`, promised, observed: summary });
    expect(load.refused).toBeGreaterThan(0);
    expect(load.unanswered).toBe(0);
    expect(faults).toEqual([]);
  },
);
