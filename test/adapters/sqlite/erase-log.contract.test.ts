import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Database, openDatabase } from '../../../src/adapters/sqlite/database.ts';
import { SqliteEraseLog } from '../../../src/adapters/sqlite/erase-log.ts';
import { SqliteEventLog } from '../../../src/adapters/sqlite/event-log.ts';
import { eventLogMigrations } from '../../../src/adapters/sqlite/event-log-schema.ts';
import { parseStoredEvent } from '../../../src/application/event-schemas.ts';
import { stubOf } from '../../../src/operator/folded-streams.ts';
import { epoch } from '../../domain/task-histories.ts';
import { created, storedEvents } from '../../support/stored-events.ts';

const marker = 'Xq7secret';
let dir: string;
let database: Database;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'errand-bytes-'));
  database = openDatabase({ dir, file: 'events.db', migrations: eventLogMigrations, synchronous: 'FULL' });
});
afterEach(() => {
  database.close();
  rmSync(dir, { recursive: true });
});

const marksInFiles = (): number =>
  readdirSync(dir).reduce((sum, name) => sum + readFileSync(join(dir, name), 'latin1').split(marker).length - 1, 0);

async function fill(): Promise<SqliteEventLog> {
  const log = new SqliteEventLog({ database, parse: parseStoredEvent, recentEvents: 16, onUnreadable: () => undefined });
  const tasks = Array.from({ length: 50 }, (_unused, index) => storedEvents(created(`task#${index}`, { labels: { who: marker } }))).flat();
  await Promise.all(tasks.map((event) => log.append({ ...event, body: new TextEncoder().encode(`${marker} `.repeat(2_000)) })));
  return log;
}

describe('the bytes of a log on SQLite', () => {
  test('of what was taken out are in no file once it is written anew, also while it is open', async () => {
    const log = await fill();
    const eraser = new SqliteEraseLog(database);
    const newest = (await Promise.all(Array.from({ length: 50 }, (_unused, index) => log.read(`task#${index}`, { after: 0 })))).flat();
    expect(marksInFiles()).toBeGreaterThan(50 * 2_000);

    await eraser.erase(
      newest.map((event) => ({ stub: stubOf(event.stream, { now: epoch, commitId: `stub of ${event.stream}` }), newest: [event] })),
    );
    eraser.writeAnew();

    expect(marksInFiles()).toBe(0);
    expect(statSync(join(dir, 'events.db-wal')).size).toBe(0);
    expect(statSync(join(dir, 'events.db')).size).toBeLessThan(100 * 1_024);
    expect(log.head()).toBe(50);
    expect(log.readAll(0, 100)).toHaveLength(50);
  });

  test('that lie in free pages since before go with it', async () => {
    await fill();
    // As pages do that were split or overwritten while nothing was taken out.
    database.exec('PRAGMA secure_delete = OFF; DELETE FROM bodies; PRAGMA wal_checkpoint(TRUNCATE)');
    expect(marksInFiles()).toBeGreaterThan(1_000);
    database.exec('DELETE FROM events');

    new SqliteEraseLog(database).writeAnew();

    expect(marksInFiles()).toBe(0);
  });
});
