import { describe, expect, test } from 'vitest';
import { openDatabase } from '../../../src/adapters/sqlite/database.ts';
import { readModelMigrations } from '../../../src/adapters/sqlite/read-model-schema.ts';
import { SqliteReadModels } from '../../../src/adapters/sqlite/read-models.ts';
import { step } from '../../contract/read-models.contract.ts';
import { epoch, second } from '../../domain/task-histories.ts';
import { start } from '../../support/histories.ts';
import { created } from '../../support/stored-events.ts';

function open() {
  const database = openDatabase({ dir: ':memory:', file: 'views.db', migrations: readModelMigrations, synchronous: 'NORMAL' });
  return { database, models: new SqliteReadModels(database) };
}

describe('read models on SQLite', () => {
  test('keep the checkpoint together with the views it stands for, and leave it while one of them is behind', async () => {
    const { models } = open();
    const one = created('task#one');

    await models.write([step(null, one)], 5);
    expect(models.checkpoint('project')).toBe(5);
    await models.write([step(null, one), step(null, created('task#two'))], 9);

    expect(models.checkpoint('project')).toBe(5);
    expect((await models.read(['task#two'])).size).toBe(1);
  });

  test('write all of a batch or nothing: a view that cannot be written takes statistics and checkpoint back with it', async () => {
    const { models } = open();
    const empty = { before: null, after: { stream: 'task#x', version: 1, state: { status: 'missing', version: 0 } as const }, tallies: [] };

    await expect(models.write([step(null, start(created('task#one'))), empty], 3)).rejects.toThrow(/task#x/);

    expect((await models.read(['task#one'])).size).toBe(0);
    expect(await models.statistics(epoch)).toMatchObject({ counts: { running: 0 }, lastHour: { started: 0 } });
    expect(models.checkpoint('project')).toBe(0);
    expect(await models.write([step(null, created('task#one'))])).toEqual([]);
  });

  test('page the due index from a time on when the place after which it begins is no row', async () => {
    const { models } = open();
    for (const ms of [0, 1, 2]) await models.write([step(null, created(`task#${ms}`, {}, epoch, epoch + ms * second))]);
    const after = { stream: '\uffff', version: 0, dueAt: epoch, target: null, lane: 'short' } as const;

    expect((await models.due({ until: epoch + 5 * second, limit: 10, after })).map(({ stream }) => stream)).toEqual(['task#1', 'task#2']);
  });

  test('begin anew at another shape of the states, without forgetting what was dispatched, all at once', async () => {
    const { database, models } = open();
    const one = created('task#one', { labels: { a: '1' } });
    await models.write([step(null, start(one))], 7);
    models.saveCheckpoint('dispatch', 5);
    expect(models.stateSchema()).toBe(0);

    models.startAnew({ stateSchema: 3, dispatched: 4 });

    expect([models.stateSchema(), models.checkpoint('project'), models.checkpoint('dispatch')]).toEqual([3, 0, 4]);
    expect((await models.read(['task#one'])).size).toBe(0);
    for (const table of ['views', 'labels', 'counts', 'minutes']) {
      expect(Number(database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.['n'])).toBe(0);
    }
    expect(await models.write([step(null, one)])).toEqual([]);
  });

  test('keep light states in memory and read heavy ones from the file', async () => {
    const { database, models } = open();
    const labels = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`label-${n}`, 'x'.repeat(250)]));
    const [light, heavy] = [created('task#light'), created('task#heavy', { labels })];
    await models.write([step(null, light), step(null, heavy)]);
    expect((await models.read(['task#heavy'])).get('task#heavy')?.state).toEqual(heavy.state);

    database.exec('DELETE FROM views');

    expect([...(await models.read(['task#light', 'task#heavy'])).keys()]).toEqual(['task#light']);
  });

  test('know which streams are in a status', async () => {
    const { models } = open();
    await models.write([step(null, created('task#one')), step(null, start(created('task#two')))]);

    expect(models.streamsWithStatus('running')).toEqual(['task#two']);
    expect(models.streamsWithStatus('failed')).toEqual([]);
  });

  test('lose no label row and leave none behind when labels come and go', async () => {
    const { database, models } = open();
    const one = created('task#one', { labels: { a: '1', b: '2' } });
    await models.write([step(null, one)]);

    expect(Number(database.prepare('SELECT count(*) AS n FROM labels').get()?.['n'])).toBe(2);
    await models.write([step(one, start(one))]);

    expect(Number(database.prepare('SELECT count(*) AS n FROM labels').get()?.['n'])).toBe(2);
  });
});
