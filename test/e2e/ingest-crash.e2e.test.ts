import { mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createClient } from './harness/client.ts';
import { startErrand, temporaryFolder } from './harness/errand.ts';
import { until } from './harness/until.ts';

const events = 2_000;

/** Puts events into the folder as a producer does; each asks for a task that calls nobody. */
function put(folder: string, from: number, count: number): void {
  mkdirSync(folder, { recursive: true });
  for (let nth = from; nth < from + count; nth += 1) {
    const event = {
      id: `event-${nth}`,
      source: 'shop',
      'detail-type': 'ScheduleTask',
      detail: { event: { detailType: 'Made', detail: { nth } } },
    };
    writeFileSync(join(folder, `${nth}.draft`), JSON.stringify(event));
    renameSync(join(folder, `${nth}.draft`), join(folder, `${nth}.json`));
  }
}

const left = (folder: string): number => readdirSync(folder).filter((name) => name.endsWith('.json')).length;

test('events that lie in the folder before the start, and when the process is killed amid them, each become one task', async () => {
  const folder = join(temporaryFolder(), 'ingest');
  put(folder, 0, events);
  let errand = await startErrand({ environment: { ERRAND_INGEST_DIR: folder } });

  await until('some events taken', () => (left(folder) < events - 50 ? true : undefined));
  await errand.kill();
  const afterKill = left(folder);
  expect(afterKill).toBeGreaterThan(0);
  put(folder, events, 10);
  errand = await errand.restart();

  await until('an empty folder', () => (left(folder) === 0 ? true : undefined));
  const client = createClient(errand.url);
  const { counts } = await until('all tasks done', async () => {
    const { body } = await client.get('/stats');
    return body.counts.succeeded >= events + 10 ? body : undefined;
  });
  expect(counts).toMatchObject({ succeeded: events + 10, failed: 0, scheduled: 0 });
  expect(readdirSync(join(folder, 'refused'))).toEqual([]);
  // Once more, all of them: nothing new.
  put(folder, 0, events + 10);
  await until('an empty folder', () => (left(folder) === 0 ? true : undefined));
  expect((await client.get('/stats')).body.counts).toEqual(counts);
  await errand.stop();
});

test('a folder that cannot be used is refused by the name of its setting', async () => {
  const starting = startErrand({ environment: { ERRAND_INGEST_DIR: '/dev/null/ingest' } });

  await expect(starting).rejects.toThrow(/Errand cannot start: ERRAND_INGEST_DIR is \/dev\/null\/ingest, which cannot be used/);
});
