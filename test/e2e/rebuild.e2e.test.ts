import { cpSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createClient } from './harness/client.ts';
import { startErrand, temporaryFolder } from './harness/errand.ts';
import { runScript, type ScriptResult } from './harness/script.ts';
import { startTarget, type Target } from './harness/target.ts';

const rebuild = (dataDir: string, ...args: string[]): Promise<ScriptResult> =>
  runScript('src/operator/rebuild.ts', args, { ERRAND_DATA_DIR: dataDir });

/** Changes the read models behind Errand's back. */
function damage(dataDir: string, sql: string): void {
  const database = new DatabaseSync(join(dataDir, 'views.db'));
  expect(Number(database.prepare(sql).run().changes)).toBeGreaterThan(0);
  database.close();
}

type Filled = { readonly dataDir: string; readonly list: string };
let target: Target;
let original: Filled;
beforeAll(async () => {
  target = await startTarget();
  original = await fill();
});
afterAll(() => target.close());

/** A data directory in which tasks of several kinds have been, for one test to spoil. */
function filled(): Filled {
  const dataDir = temporaryFolder();
  cpSync(original.dataDir, dataDir, { recursive: true });
  return { ...original, dataDir };
}

async function fill(): Promise<Filled> {
  const errand = await startErrand();
  const client = createClient(errand.url);
  target.on('/refused', () => ({ status: 400 }));
  const request = { url: `${target.url}/done` };
  await client.post('/tasks', { id: 'done', request, labels: { customer: '42', straße: 'süd' } });
  await client.post('/tasks', { id: 'refused', request: { url: `${target.url}/refused` } });
  await client.post('/tasks', { id: 'later', request, delay: '7d', labels: { customer: '42' } });
  await client.post('/tasks', { id: 'cancelled', request, delay: '7d' });
  await client.post(client.path('cancelled', '/cancel'));
  await client.post('/tasks', { id: 'deleted', request, delay: '7d', labels: { customer: '43' } });
  await client.delete(client.path('deleted'));
  await client.post('/schedules', { id: 'hourly', every: '1h', task: { request }, labels: { customer: '42' } });
  await client.post('/orchestrations', { id: 'next-week', delay: '7d', steps: [{ task: { request } }] });
  await Promise.all(['done', 'refused'].map((id) => client.taskFinished(id)));
  await errand.stop();
  const again = await errand.restart();
  const list = (await client.get('/tasks')).text;
  await again.stop();
  return { dataDir: errand.dataDir, list };
}

async function listAndStats(dataDir: string): Promise<{ readonly list: string; readonly counts: object }> {
  const errand = await startErrand({ dataDir });
  const client = createClient(errand.url);
  const [list, stats] = [await client.get('/tasks'), await client.get('/stats')];
  await errand.stop();
  return { list: list.text, counts: stats.body.counts };
}

describe('rebuild --check', () => {
  test('finds no differences in what a server left', async () => {
    const { dataDir } = filled();

    const checked = await rebuild(dataDir, '--check');

    expect(checked).toMatchObject({ code: 0, stderr: '' });
    expect(checked.stdout).toMatch(/views +7 rows/);
    expect(checked.stdout).toMatch(/labels +4 rows/);
    expect(checked.stdout).toContain('No differences');
  });

  test('lets the read models catch up with the log before it compares', async () => {
    const errand = await startErrand();
    const client = createClient(errand.url);
    // Killed right after the answers, so that what the read models have seen is left to chance.
    await Promise.all(
      Array.from({ length: 50 }, (_, n) => client.post('/tasks', { id: `late-${n}`, request: { url: target.url }, delay: '7d' })),
    );
    await errand.kill();

    const checked = await rebuild(errand.dataDir, '--check');

    expect(checked).toMatchObject({ code: 0, stderr: '' });
    expect(checked.stdout).toMatch(/views +50 rows/);
  });

  test.each([
    [
      'a changed column',
      `UPDATE views SET due_at = due_at + 1 WHERE id = 'later'`,
      /views task#later:\n +due_at is \d+\n +due_at should be \d+/,
    ],
    [
      'a changed state',
      `UPDATE views SET state = replace(state, '"attempt":1', '"attempt":2') WHERE id = 'done'`,
      /views task#done:\n +state is /,
    ],
    ['a missing row', `DELETE FROM views WHERE id = 'refused'`, /views task#refused: is missing/],
    [
      'a missing label',
      `DELETE FROM labels WHERE id = 'done' AND name = 'customer'`,
      /labels customer \| 42 \| task \| \d+ \| done: is missing/,
    ],
    ['a changed time of a schedule', `UPDATE views SET due_at = 1 WHERE kind = 'schedule'`, /views schedule#hourly:\n +due_at is 1/],
    ['a missing orchestration', `DELETE FROM views WHERE kind = 'orchestration'`, /views orchestration#next-week: is missing/],
    [
      'a row too many',
      `INSERT INTO labels VALUES ('a', 'b', 'task', 1, 'nobody')`,
      /labels a \| b \| task \| 1 \| nobody: is there, although/,
    ],
    [
      'a drifted count',
      `UPDATE counts SET tasks = tasks + 1 WHERE status = 'scheduled'`,
      /counts scheduled:\n +tasks is 2\n +tasks should be 1/,
    ],
    ['a drifted minute', `UPDATE minutes SET failed = failed + 1`, /minutes \d+:/],
  ])('finds %s, says what it is, and leaves it as it is', async (_what, sql, said) => {
    const { dataDir } = filled();
    damage(dataDir, sql);

    const [checked, again] = [await rebuild(dataDir, '--check'), await rebuild(dataDir, '--check')];

    expect(checked).toMatchObject({ code: 1, stderr: '' });
    expect(checked.stdout).toMatch(said);
    expect(again.stdout).toBe(checked.stdout);
  });
});

describe('rebuild --check of read models that another Errand wrote', () => {
  test('says so instead of comparing, until they are made anew', async () => {
    const { dataDir } = filled();
    damage(dataDir, 'UPDATE meta SET value = value + 1');

    const checked = await rebuild(dataDir, '--check');

    expect(checked).toMatchObject({ code: 1, stderr: '' });
    expect(checked.stdout).toContain('another version of Errand');
    expect(await rebuild(dataDir)).toMatchObject({ code: 0 });
    expect(await rebuild(dataDir, '--check')).toMatchObject({ code: 0 });
  });
});

describe('a log with events that do not read', () => {
  function damageLog(dataDir: string, sql: string): void {
    const database = new DatabaseSync(join(dataDir, 'events.db'));
    expect(Number(database.prepare(sql).run().changes)).toBe(1);
    database.close();
  }

  test('is rebuilt without their streams, and a server on it serves the others', async () => {
    const { dataDir } = filled();
    damageLog(dataDir, `UPDATE events SET data = '{' WHERE stream = 'task#done' AND version = 1`);

    const rebuilt = await rebuild(dataDir);

    expect(rebuilt.code).toBe(0);
    expect(rebuilt.stderr.match(/task#done@1, does not read/g)).toHaveLength(1);
    expect(rebuilt.stdout).toMatch(/read models of 6 streams were rebuilt/);
    expect(await rebuild(dataDir, '--check')).toMatchObject({ code: 0 });
    const { counts } = await listAndStats(dataDir);
    expect(counts).toMatchObject({ scheduled: 1, succeeded: 0, failed: 1, cancelled: 1 });
  });

  test('is refused when a newer Errand wrote them', async () => {
    const { dataDir } = filled();
    damageLog(dataDir, `UPDATE events SET schema_version = 2 WHERE stream = 'task#done' AND version = 1`);

    for (const args of [[], ['--check']]) {
      const refused = await rebuild(dataDir, ...args);
      expect(refused).toMatchObject({ code: 1, stdout: '' });
      expect(refused.stderr).toMatch(/task#done@1 .*newer Errand/);
    }
    const server = await runScript('src/server/main.ts', [], { ERRAND_DATA_DIR: dataDir, PORT: '0' });
    expect(server).toMatchObject({ code: 1, stdout: '' });
    expect(server.stderr).toMatch(/^Errand cannot start: task#done@1 .*newer Errand\n$/);
  });
});

describe('rebuild', () => {
  test('makes damaged read models anew, as they were', async () => {
    const { dataDir, list } = filled();
    damage(dataDir, `DELETE FROM views WHERE id <> 'later'`);
    damage(dataDir, `UPDATE counts SET tasks = 17`);

    const rebuilt = await rebuild(dataDir);

    expect(rebuilt).toMatchObject({ code: 0, stderr: '' });
    expect(rebuilt.stdout).toMatch(/read models of 7 streams were rebuilt from \d+ events/);
    expect(await rebuild(dataDir, '--check')).toMatchObject({ code: 0 });
    expect(await listAndStats(dataDir)).toEqual({
      list,
      counts: { scheduled: 1, running: 0, waiting: 0, succeeded: 1, failed: 1, cancelled: 1 },
    });
  });

  test('makes read models anew that are no database any more', async () => {
    const { dataDir, list } = filled();
    writeFileSync(join(dataDir, 'views.db'), 'what a pity '.repeat(1_000));

    expect(await rebuild(dataDir)).toMatchObject({ code: 0, stderr: '' });
    expect((await listAndStats(dataDir)).list).toBe(list);
  });

  test('refuses while a server holds the data directory, which goes on', async () => {
    const errand = await startErrand();
    const client = createClient(errand.url);

    for (const args of [[], ['--check']]) {
      const refused = await rebuild(errand.dataDir, ...args);
      expect(refused).toMatchObject({ code: 1, stdout: '' });
      expect(refused.stderr).toContain('another process holds the data directory');
    }
    await client.post('/tasks', { id: 'after', request: { url: `${target.url}/after` } });
    expect(await client.taskFinished('after')).toMatchObject({ status: 'succeeded' });
    await errand.stop();
  });

  test('explains itself, and refuses what it does not know', async () => {
    const folder = temporaryFolder();
    const help = await rebuild(folder, '--help');
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toContain('npm run rebuild -- --check');
    for (const args of [['--chek'], ['check'], ['--check=yes']]) {
      const refused = await rebuild(folder, ...args);
      expect(refused).toMatchObject({ code: 2, stdout: '' });
      expect(refused.stderr).toContain('npm run rebuild -- --check');
    }
    const empty = await rebuild(folder);
    expect(empty).toMatchObject({ code: 1, stdout: '' });
    expect(empty.stderr).toContain(`there is no event log in ${folder}`);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('secret', () => {
  test('prints the signing secret of the data directory, made once, readable by its owner only', async () => {
    const dataDir = join(temporaryFolder(), 'new');

    const first = await runScript('src/server/secret.ts', [], { ERRAND_DATA_DIR: dataDir });
    const second = await runScript('src/server/secret.ts', [], { ERRAND_DATA_DIR: dataDir });

    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(first.stdout).toMatch(/^whsec_[A-Za-z0-9+/]{43}=\n$/);
    expect(second).toEqual(first);
    expect(readdirSync(dataDir)).toEqual(['signing-secret']);
    expect(statSync(join(dataDir, 'signing-secret')).mode & 0o777).toBe(0o600);
    const errand = await startErrand({ dataDir });
    expect(readFileSync(join(dataDir, 'signing-secret'), 'utf8')).toBe(first.stdout);
    await errand.stop();
  });

  test('is refused where nothing is kept, and with arguments', async () => {
    expect(await runScript('src/server/secret.ts', [], { ERRAND_DATA_DIR: ':memory:' })).toMatchObject({ code: 1, stdout: '' });
    const folder = temporaryFolder();
    expect(await runScript('src/server/secret.ts', ['--new'], { ERRAND_DATA_DIR: folder })).toMatchObject({ code: 1, stdout: '' });
    expect(existsSync(join(folder, 'signing-secret'))).toBe(false);
  });
});
