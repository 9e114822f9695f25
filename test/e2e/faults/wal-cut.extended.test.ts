import { cpSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { StoredEvent } from '../../../src/application/ports.ts';
import { checkServerViews } from '../../../src/operator/server-views.ts';
import { createProjectFeed } from '../../../src/server/change-feeds.ts';
import { createLog, openLogDatabase, openStorage } from '../../../src/server/storage.ts';
import { silentLogger } from '../../support/silent-logger.ts';
import { startErrand, temporaryFolder } from '../harness/errand.ts';
import { byHandMinutes, report } from '../harness/fault-report.ts';
import { startLoad } from '../harness/load.ts';
import { startReceivingTarget } from '../harness/receiving-target.ts';
import { until } from '../harness/until.ts';

/** A header of 32 bytes, then frames: 24 bytes and a page (https://www.sqlite.org/fileformat2.html#the_write_ahead_log). */
const [headerBytes, frameHeaderBytes] = [32, 24];
/** How many tasks there are, and within which pages there is a cut as well: each n-th. */
const [creates, withinEach] = byHandMinutes === null ? [12, 8] : [60, 1];

type Killed = { readonly dataDir: string; readonly events: readonly StoredEvent[] };
let killed: Killed;

const everything = (log: { readAll(after: number, limit: number): readonly StoredEvent[] }): readonly StoredEvent[] => {
  const events: StoredEvent[] = [];
  for (let page = log.readAll(0, 1_000); page.length > 0; page = log.readAll(events.length, 1_000)) events.push(...page);
  return events;
};

/** A data directory whose files are as a kill left them, most of it still in the write-ahead logs. */
beforeAll(async () => {
  const target = await startReceivingTarget();
  const errand = await startErrand();
  const load = startLoad(errand.url, target.url, { single: 1, batch: 0, cancelling: 1, orchestrating: 1, callbacks: true, restMs: 20 });
  await until('some load', () => (load.acknowledged() >= creates ? true : undefined), 60_000);
  await errand.kill();
  await load.end();
  await target.close();
  const copy = temporaryFolder();
  cpSync(errand.dataDir, copy, { recursive: true });
  const storage = openStorage(copy, silentLogger);
  killed = { dataDir: errand.dataDir, events: everything(storage.log) };
  storage.close();
});

describe.each(['events.db', 'views.db'])('the write-ahead log of %s, cut at each boundary of a page and within pages', (file) => {
  test('opens; the log is a prefix of what it was, and the read models catch up to what a rebuild makes of it', {
    timeout: 600_000,
  }, async () => {
    const wal = join(killed.dataDir, `${file}-wal`);
    const pageBytes = readFileSync(wal).readUInt32BE(8);
    const frameBytes = frameHeaderBytes + pageBytes;
    const frames = Math.floor((statSync(wal).size - headerBytes) / frameBytes);
    expect(frames).toBeGreaterThan(10);
    const cuts = [0, headerBytes / 2, ...Array.from({ length: frames }, (_unused, frame) => headerBytes + frame * frameBytes)];
    const within = Array.from({ length: Math.floor(frames / withinEach) }, (_unused, nth) => {
      const frame = nth * withinEach;
      return headerBytes + frame * frameBytes + 1 + ((frame * 997) % (frameBytes - 1));
    });
    const kept: number[] = [];
    for (const bytes of [...cuts, ...within].toSorted((one, other) => one - other)) kept.push(await openCut(file, bytes));

    // A longer write-ahead log never holds less, and the shortest holds nothing of what followed the last checkpoint.
    expect(kept).toEqual(kept.toSorted((one, other) => one - other));
    if (file === 'events.db') expect(kept[0]).toBeLessThan(killed.events.length);
    else expect(new Set(kept)).toEqual(new Set([killed.events.length]));
    report({
      fault: `the write-ahead log of ${file} cut at each of its ${frames} page boundaries, and within each ${withinEach === 1 ? 'page' : `${withinEach}th page`}`,
      promised: 'it opens, the log is a prefix of what it was, and read models equal a rebuild',
      observed: `${kept.length} cuts, all opened; the log kept ${kept[0]} to ${kept.at(-1)} of ${killed.events.length} events; no differences from a rebuild`,
    });
  });
});

/** Opens the data directory as the server does, with a write-ahead log that ends there. Gives how many events its log has. */
async function openCut(file: string, bytes: number): Promise<number> {
  const dataDir = temporaryFolder();
  cpSync(killed.dataDir, dataDir, { recursive: true });
  truncateSync(join(dataDir, `${file}-wal`), bytes);
  const storage = openStorage(dataDir, silentLogger);
  try {
    const events = everything(storage.log);
    expect(events).toEqual(killed.events.slice(0, events.length));
    const feed = createProjectFeed(storage, silentLogger);
    await feed.catchUp();
    await feed.stop();
  } finally {
    storage.close();
  }
  const database = openLogDatabase(dataDir);
  try {
    const log = createLog(database, ({ error }) => expect.unreachable(String(error)));
    const said: string[] = [];
    const isEqual = await checkServerViews(
      dataDir,
      log,
      () => undefined,
      (line) => void said.push(line),
    );
    expect(isEqual, said.join(' ')).toBe(true);
    return log.head();
  } finally {
    database.close();
    rmSync(dataDir, { recursive: true });
  }
}
