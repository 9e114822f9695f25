import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, describe, expect, test } from 'vitest';
import type { LogFields, Logger, StoredEvent } from '../../src/application/ports.ts';
import { createHost, type Host } from '../../src/server/host.ts';
import { readSettings } from '../../src/server/settings.ts';
import { openStorage } from '../../src/server/storage.ts';
import { eventsOf } from '../contract/event-log.contract.ts';
import { start } from '../support/histories.ts';
import { silentLogger } from '../support/silent-logger.ts';
import { created, storedEvents } from '../support/stored-events.ts';

const disposers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const dispose of disposers.splice(0).reverse()) await dispose();
});

/** A data directory with these events in its log, as a process that was killed leaves it. */
async function leftBehind(events: readonly StoredEvent[]): Promise<string> {
  const dataDir = mkdtempSync(join(tmpdir(), 'errand-host-'));
  disposers.push(() => rmSync(dataDir, { recursive: true }));
  const storage = openStorage(dataDir, silentLogger);
  for (const event of events) await storage.log.append(event);
  storage.close();
  return dataDir;
}

function damage(dataDir: string, file: string, sql: string): void {
  const database = new DatabaseSync(join(dataDir, file));
  expect(Number(database.prepare(sql).run().changes)).toBeGreaterThan(0);
  database.close();
}

type Line = { readonly message: string; readonly fields: LogFields };

async function open(dataDir: string): Promise<{ readonly host: Host; readonly errors: readonly Line[] }> {
  const errors: Line[] = [];
  const logger: Logger = { ...silentLogger, error: (message, fields = {}) => void errors.push({ message, fields }) };
  const host = await createHost(readSettings({ ERRAND_DATA_DIR: dataDir }), logger, new Map());
  disposers.push(() => host.stop(0));
  return { host, errors };
}

const attempting = (stream: string): readonly StoredEvent[] => storedEvents(start(created(stream)));

describe('a host whose log has rows that do not read', () => {
  test('starts, says once which they are, and leaves their streams out', async () => {
    const dataDir = await leftBehind([...eventsOf('task#broken', 3), ...eventsOf('task#whole', 2), ...eventsOf('task#last', 1)]);
    damage(dataDir, 'events.db', `UPDATE events SET type = 'TaskInvented' WHERE position IN (2, 6)`);

    const { host, errors } = await open(dataDir);

    const rows = errors.filter(({ message }) => /does not read/.test(message)).map(({ fields }) => fields);
    expect(rows).toMatchObject([
      { position: 2, stream: 'task#broken', version: 2 },
      { position: 6, stream: 'task#last', version: 1 },
    ]);
    expect(errors.filter(({ message }) => /left out of the read models/.test(message)).map(({ fields }) => fields['stream'])).toEqual([
      'task#broken',
    ]);
    const views = await host.storage.views.read(['task#broken', 'task#whole', 'task#last']);
    expect([...views.keys()]).toEqual(['task#whole']);
  });

  test('interrupts the attempts that were running, except those that cannot be loaded, and names these', async () => {
    const dataDir = await leftBehind([...attempting('task#one'), ...attempting('task#two'), ...attempting('task#three')]);
    const first = await openStorage(dataDir, silentLogger);
    first.close();
    const { host: before } = await open(dataDir);
    await before.stop(0);
    disposers.pop();
    // The read models say that all of them run; the log of one was damaged since.
    damage(dataDir, 'views.db', `UPDATE views SET status = 'running'`);
    damage(dataDir, 'events.db', `UPDATE events SET data = '{' WHERE stream = 'task#two' AND version = 1`);

    const { host, errors } = await open(dataDir);

    expect(errors.filter(({ fields }) => fields['stream'] === 'task#two')).not.toEqual([]);
    expect((await host.storage.log.read('task#three', { after: 2 })).map(({ type }) => type)).toContain('TaskFailed');
  });

  test('refuses to start on events of a newer Errand, names the first, and lets go of the data directory', async () => {
    const dataDir = await leftBehind(eventsOf('task#new', 2));
    damage(dataDir, 'events.db', 'UPDATE events SET schema_version = 2 WHERE version = 2');

    await expect(open(dataDir)).rejects.toThrow(/task#new@2 .*newer Errand/);

    damage(dataDir, 'events.db', 'UPDATE events SET schema_version = 1 WHERE version = 2');
    await open(dataDir);
  });
});

describe('a host that cannot be made', () => {
  test('lets go of the data directory', async () => {
    const dataDir = await leftBehind([]);
    writeFileSync(join(dataDir, 'sealing-keys'), 'no keys at all');

    await expect(open(dataDir)).rejects.toThrow();

    rmSync(join(dataDir, 'sealing-keys'));
    await open(dataDir);
  });
});

describe('read models that another Errand wrote', () => {
  async function opened(sql: string) {
    const dataDir = await leftBehind([...eventsOf('task#one', 3), ...eventsOf('task#two', 3)]);
    const { host: before } = await open(dataDir);
    before.storage.views.saveCheckpoint('dispatch', 6);
    before.storage.close();
    disposers.pop();
    damage(dataDir, 'views.db', `UPDATE views SET state = json_set(state, '$.runAt', 1) WHERE stream = 'task#one'`);
    damage(dataDir, 'views.db', sql);
    const { host } = await open(dataDir);
    const { views } = host.storage;
    const made = (await views.read(['task#one'])).get('task#one')?.state;
    return { anew: made?.status === 'scheduled' && made.runAt !== 1, project: views.checkpoint('project'), dispatch: views.checkpoint('dispatch') };
  }

  test('are kept when their states have the shape of today', async () => {
    expect(await opened(`UPDATE views SET lane = 'short'`)).toEqual({ anew: false, project: 6, dispatch: 6 });
  });

  test('are made anew when their states have another shape, and nothing is dispatched again', async () => {
    expect(await opened('UPDATE meta SET value = value + 1')).toEqual({ anew: true, project: 6, dispatch: 6 });
  });

  test('are made anew when nothing says what shape they have', async () => {
    expect(await opened('DELETE FROM meta')).toEqual({ anew: true, project: 6, dispatch: 6 });
  });

  test('are made anew when they are ahead of the log; what was dispatched ends with the log', async () => {
    expect(await opened('UPDATE checkpoints SET position = 900')).toEqual({ anew: true, project: 6, dispatch: 6 });
  });
});
