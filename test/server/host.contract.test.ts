import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, describe, expect, test } from 'vitest';
import type { LogFields, Logger, StoredEvent } from '../../src/application/ports.ts';
import { project } from '../../src/projections/project.ts';
import { createHost, type Host } from '../../src/server/host.ts';
import { readSettings } from '../../src/server/settings.ts';
import { openStorage, startOfViews } from '../../src/server/storage.ts';
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

/** Brings the read models up to the log, as the process had done when it was killed. */
async function projected(dataDir: string): Promise<void> {
  const storage = openStorage(dataDir, silentLogger);
  const { log, views } = storage;
  expect(startOfViews(storage)).toBe(0);
  const onBroken = (stream: string) => expect.unreachable(`${stream} is broken`);
  await project({ log, views, onBroken }, log.readAll(0, 100), log.head());
  storage.close();
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

  test('interrupts the attempts that were running, except those that do not load, and names these', async () => {
    const streams = ['task#one', 'task#two', 'task#three'];
    const dataDir = await leftBehind(streams.flatMap(attempting));
    await projected(dataDir);
    damage(dataDir, 'events.db', `UPDATE events SET data = '{' WHERE stream = 'task#two' AND version = 1`);

    const { host, errors } = await open(dataDir);

    expect(errors.map(({ message, fields }) => [fields['stream'], message])).toEqual([
      ['task#two', expect.stringContaining('could not be interrupted')],
    ]);
    for (const stream of ['task#one', 'task#three']) {
      expect((await host.storage.log.read(stream, { after: 2 })).map(({ type }) => type)).toEqual(['TaskFailed']);
    }
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
    await projected(dataDir);
    damage(dataDir, 'views.db', `UPDATE checkpoints SET position = 5 WHERE consumer = 'dispatch'`);
    damage(dataDir, 'views.db', `UPDATE views SET state = json_set(state, '$.runAt', 1) WHERE stream = 'task#one'`);
    damage(dataDir, 'views.db', sql);
    const { host } = await open(dataDir);
    const { views } = host.storage;
    const made = (await views.read(['task#one'])).get('task#one')?.state;
    return {
      anew: made?.status === 'scheduled' && made.runAt !== 1,
      project: views.checkpoint('project'),
      dispatch: views.checkpoint('dispatch'),
    };
  }

  test('are kept when their states have the shape of today', async () => {
    expect(await opened(`UPDATE views SET lane = 'short'`)).toEqual({ anew: false, project: 6, dispatch: 5 });
  });

  test('are made anew when their states have another shape, and nothing is dispatched again', async () => {
    expect(await opened('UPDATE meta SET value = value + 1')).toEqual({ anew: true, project: 6, dispatch: 5 });
  });

  test('are made anew when nothing says what shape they have', async () => {
    expect(await opened('DELETE FROM meta')).toEqual({ anew: true, project: 6, dispatch: 5 });
  });

  test('are made anew when they are ahead of the log; what was dispatched ends with the log', async () => {
    expect(await opened('UPDATE checkpoints SET position = 900')).toEqual({ anew: true, project: 6, dispatch: 6 });
  });

  test('are kept when only what was dispatched is ahead of the log, which then ends with it', async () => {
    const sql = `UPDATE checkpoints SET position = 900 WHERE consumer = 'dispatch'`;
    expect(await opened(sql)).toEqual({ anew: false, project: 6, dispatch: 6 });
  });
});
