import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { placeWith } from '../operator/places.ts';
import { createLogTables, createViewsTable, isDynoxideInstalled, startDynoxide } from '../support/dynoxide.ts';
import { start, succeed } from '../support/histories.ts';
import { created, storedEvents } from '../support/stored-events.ts';
import { createClient } from './harness/client.ts';
import { type Environment, startErrand, temporaryFolder } from './harness/errand.ts';
import { readHistory } from './harness/history.ts';
import { runScript } from './harness/script.ts';
import { startTarget, type Target } from './harness/target.ts';

const run = (name: 'erase' | 'archive' | 'export' | 'import' | 'rebuild', environment: Environment, ...args: string[]) =>
  runScript(`src/operator/${name}.ts`, args, environment);

/** In everything that is sent and answered; bytes in base64 do not hold it, and those are looked for as well. */
const marker = 'Xq7secret';
const encoded = [0, 1, 2].map((before) =>
  Buffer.from('-'.repeat(before) + marker)
    .toString('base64')
    .slice(4, -4),
);
const marksIn = (text: string): number => [marker, ...encoded].reduce((sum, form) => sum + text.split(form).length - 1, 0);

let target: Target;
beforeAll(async () => {
  target = await startTarget();
});
afterAll(() => target.close());

/** The bytes of every file in a folder. */
function bytesIn(folder: string): string {
  return readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), 'latin1'))
    .join('\n');
}

const withChildren = [
  '--task',
  'gone',
  '--task',
  'gone-deleted',
  '--schedule',
  'gone-hourly',
  '--orchestration',
  'gone-steps',
  '--children',
];

/** A stopped server that has done things of which all marks are in what is called `gone`; and others. */
async function serverWithHistory(): Promise<{ readonly dataDir: string; readonly lastPosition: number }> {
  const errand = await startErrand();
  const client = createClient(errand.url);
  let calls = 0;
  target.on('/flaky', () => {
    calls += 1;
    return { status: calls === 1 ? 500 : 200, headers: { 'x-answer': `${marker}-in-a-header` }, body: `${marker} `.repeat(2_000) };
  });
  target.on('/told', () => ({ status: 200, body: `${marker}-told` }));
  const request = {
    url: `${target.url}/flaky?q=${marker}`,
    headers: { 'x-a': marker, authorization: marker },
    body: `${marker} `.repeat(3_000),
  };
  const labels = { who: marker };
  const retry = { maxAttempts: 2, backoff: 'fixed', initialDelay: '1s' };
  await client.post('/tasks', { id: 'gone', request, labels, retry, callback: { url: `${target.url}/told`, headers: { 'x-b': marker } } });
  await client.post('/tasks', { id: 'gone-deleted', request, labels, delay: '7d' });
  await client.delete(client.path('gone-deleted'));
  await client.post('/schedules', { id: 'gone-hourly', every: '1h', task: { request }, labels });
  await client.post('/schedules/gone-hourly/trigger');
  const steps = [{ name: marker, task: { request } }, { task: { request: { ...request, body: undefined }, bodyFrom: 'previous' } }];
  await client.post('/orchestrations', { id: 'gone-steps', steps, labels, callback: { url: `${target.url}/told` } });
  await client.post('/tasks', { id: 'kept', request: { url: `${target.url}/kept` }, labels: { who: 'public' } });
  await client.post('/tasks', { id: 'later', request: { url: `${target.url}/later` }, delay: '7d' });
  await client.taskWhen('gone', 'its callback was delivered', (task) => task.callback.status === 'delivered');
  for (const id of ['gone-hourly.trigger-1', 'gone-steps.callback', 'kept']) await client.taskFinished(id);
  await client.delete('/schedules/gone-hourly');
  const history = await readHistory(errand.url, ({ type, taskId }) => type === 'TaskSucceeded' && taskId === 'gone-steps.callback');
  await errand.stop();
  return { dataDir: errand.dataDir, lastPosition: history.at(-1)?.position ?? 0 };
}

const gone = ['gone', 'gone-deleted', 'gone-hourly.trigger-1', 'gone-steps.1', 'gone-steps.2', 'gone-steps.callback'];

describe('what is erased', () => {
  test('leaves no byte of it in the data directory or an export, and its ids are never used again', async () => {
    const { dataDir, lastPosition } = await serverWithHistory();
    const at = { ERRAND_DATA_DIR: dataDir };
    const file = join(temporaryFolder(), 'log.jsonl');
    await run('export', at, '--to', file);
    expect(marksIn(bytesIn(dataDir))).toBeGreaterThan(5_000);
    expect(marksIn(readFileSync(file, 'latin1'))).toBeGreaterThan(5_000);

    const tried = await run('erase', at, ...withChildren);
    const inFile = await run('erase', at, ...withChildren, '--file', file, '--yes');
    const erased = await run('erase', at, ...withChildren, '--yes');

    expect(tried).toMatchObject({ code: 0, stderr: '' });
    expect(tried.stdout).toContain('Nothing was changed. With --yes it is done.');
    expect(inFile).toMatchObject({ code: 0, stderr: '' });
    expect(marksIn(readFileSync(file, 'latin1'))).toBe(0);
    expect(erased).toMatchObject({ code: 0 });
    expect(erased.stderr).toContain('writes the files anew');
    expect(erased.stdout).toContain('8 streams were erased');
    expect(marksIn(bytesIn(dataDir))).toBe(0);
    expect(await run('rebuild', at, '--check')).toMatchObject({ code: 0 });
    expect(await run('erase', at, ...withChildren, '--yes')).toMatchObject({ code: 0 });

    const errand = await startErrand({ dataDir });
    const client = createClient(errand.url);
    for (const id of gone) {
      expect((await client.get(client.path(id))).status, id).toBe(404);
      expect((await client.post('/tasks', { id, request: { url: target.url } })).status, id).toBe(409);
    }
    expect((await client.post('/schedules', { id: 'gone-hourly', every: '1h', task: { request: { url: target.url } } })).status).toBe(409);
    const { tasks } = (await client.get('/tasks')).body;
    expect(tasks.map(({ id }: { readonly id: string }) => id)).toEqual(['later', 'kept']);
    expect((await client.get('/stats')).body.counts).toMatchObject({ scheduled: 1, succeeded: 1, failed: 0 });
    // Positions go on where they ended: whoever resumes at the last event he has seen misses nothing.
    await client.post('/tasks', { id: 'new', request: { url: `${target.url}/new` } });
    await client.taskFinished('new');
    const news = await readHistory(errand.url, ({ type, taskId }) => type === 'TaskSucceeded' && taskId === 'new');
    const [others, fresh] = [news.filter(({ taskId }) => taskId !== 'new'), news.filter(({ taskId }) => taskId === 'new')];
    expect(others.filter(({ type }) => type === 'Erased')).toHaveLength(8);
    expect(Math.max(...others.map(({ position }) => position))).toBeGreaterThanOrEqual(lastPosition);
    expect(fresh.map(({ type }) => type)).toEqual(['TaskScheduled', 'TaskStarted', 'TaskSucceeded']);
    expect(fresh[0]?.position).toBeGreaterThan(Math.max(...others.map(({ position }) => position)));
    await errand.stop();
    expect(marksIn(bytesIn(dataDir))).toBe(0);
  });

  test.skipIf(!isDynoxideInstalled())('leaves no byte of it in the tables of the AWS host', async () => {
    const { dataDir } = await serverWithHistory();
    const engine = await startDynoxide();
    const { eventsTable, bodiesTable } = await createLogTables(engine);
    const viewsTable = await createViewsTable(engine);
    const keys = { ERRAND_SEALING_KEYS: 'sealing-keys', ERRAND_TOKEN_KEYS: 'token-keys', ERRAND_SIGNING_SECRET: 'signing-secret' };
    const aws = {
      ...Object.fromEntries(Object.entries(keys).map(([name, file]) => [name, readFileSync(join(dataDir, file), 'utf8').trim()])),
      AWS_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
      AWS_ENDPOINT_URL_DYNAMODB: engine.endpoint,
      ERRAND_EVENTS_TABLE: eventsTable,
      ERRAND_BODIES_TABLE: bodiesTable,
      ERRAND_VIEWS_TABLE: viewsTable,
      ERRAND_SHARDS: '3',
      ERRAND_COUNTERS: '2',
    };
    const kept = async (): Promise<string> => {
      const scans = [eventsTable, bodiesTable, viewsTable].map((TableName) => engine.client.send(new ScanCommand({ TableName })));
      const values = (await Promise.all(scans)).flatMap(({ Items = [] }) => Items).flatMap((item) => Object.values(item));
      return values.map((value) => (value.B === undefined ? JSON.stringify(value) : Buffer.from(value.B).toString('latin1'))).join('\n');
    };
    const file = join(temporaryFolder(), 'log.jsonl');
    await run('export', { ERRAND_DATA_DIR: dataDir }, '--to', file);
    expect(await run('import', aws, '--from', file)).toMatchObject({ code: 0 });
    expect(marksIn(await kept())).toBeGreaterThan(5_000);

    const erased = await run('erase', aws, ...withChildren, '--at-rest', '--yes');

    expect(erased).toMatchObject({ code: 0 });
    expect(erased.stdout).toContain('8 streams were erased');
    expect(marksIn(await kept())).toBe(0);
    expect(await run('rebuild', aws, '--check')).toMatchObject({ code: 0 });
  });
});

describe('what is archived', () => {
  test('is in the file and not in the log, and can be looked at in a log of its own', async () => {
    const old = ['old', 'older/one'].flatMap((id) => storedEvents(succeed(start(created(`task#${id}`, { labels: { who: marker } })))));
    const { environment } = await placeWith('server', [...old, ...storedEvents(created('task#open'))]);
    const at = { ...environment };
    const dataDir = at['ERRAND_DATA_DIR'] ?? '';
    const file = join(temporaryFolder(), 'archive.jsonl');
    expect(marksIn(bytesIn(dataDir))).toBeGreaterThan(0);

    const done = await run('archive', at, '--to', file, '--days', '30', '--yes');
    const again = await run('archive', at, '--to', file, '--days', '30', '--yes');

    expect(done).toMatchObject({ code: 0 });
    expect(done.stdout).toMatch(
      /6 events of 2 streams are in .*, which was read back\..*\n.*rebuilt.*\n2 streams were removed from the log/,
    );
    expect(again.stdout).toContain('is a whole archive of 6 events of 2 streams: goes on');
    expect(again).toMatchObject({ code: 0 });
    expect(marksIn(bytesIn(dataDir))).toBe(0);
    const live = await startErrand({ dataDir, environment: at });
    const client = createClient(live.url);
    expect((await client.get(client.path('older/one'))).status).toBe(404);
    expect((await client.post('/tasks', { id: 'older/one', request: { url: target.url } })).status).toBe(409);
    await live.stop();
    const shelf = temporaryFolder();
    expect(await run('import', { ...at, ERRAND_DATA_DIR: shelf }, '--from', file)).toMatchObject({ code: 0 });
    const opened = await startErrand({ dataDir: shelf, environment: at });
    const { tasks } = (await createClient(opened.url).get(`/tasks?label.who=${marker}&status=succeeded`)).body;
    expect(tasks.map(({ id }: { readonly id: string }) => id).sort()).toEqual(['old', 'older/one']);
    await opened.stop();
  });
});

describe('erase and archive', () => {
  test('refuse while a server holds the log, and what is open', async () => {
    const errand = await startErrand();
    const at = { ERRAND_DATA_DIR: errand.dataDir };
    await createClient(errand.url).post('/tasks', { id: 'later', request: { url: target.url }, delay: '7d' });
    const held = [await run('erase', at, '--task', 'later', '--yes'), await run('archive', at, '--to', 'x', '--days', '1')];
    await errand.stop();

    for (const refused of held) {
      expect(refused).toMatchObject({ code: 1, stdout: '' });
      expect(refused.stderr).toContain('another process holds the data directory');
    }
    expect(await run('erase', at, '--task', 'later', '--yes')).toMatchObject({
      code: 1,
      stderr: 'It cannot be erased: task later is scheduled: end it first (cancel or delete it, let its callback be delivered)\n',
    });
    expect((await run('erase', at, '--task', 'nobody')).stderr).toContain('there is no task nobody');
  });

  test('of what ended today nothing is archived yet', async () => {
    const { dataDir } = await serverWithHistory();
    const file = join(temporaryFolder(), 'archive.jsonl');

    const done = await run('archive', { ERRAND_DATA_DIR: dataDir }, '--to', file, '--days', '1', '--yes');

    expect(done).toMatchObject({ code: 0, stderr: '' });
    expect(done.stdout).toMatch(/^0 streams in .* are to be archived, as they ended before .*\nOthers stay: 1 are open, 9 ended later/);
    expect(existsSync(file)).toBe(false);
  });

  test('explain themselves, and refuse what they do not know', async () => {
    const folder = temporaryFolder();
    const at = { ERRAND_DATA_DIR: folder };
    for (const name of ['erase', 'archive'] as const) {
      const help = await run(name, at, '--help');
      expect(help).toMatchObject({ code: 0, stderr: '' });
      expect(help.stdout).toContain(`npm run ${name} -- --`);
    }
    const wrong: readonly (readonly ['erase' | 'archive', ...string[]])[] = [
      ['erase'],
      ['erase', 'id'],
      ['erase', '--task', ''],
      ['erase', '--task', 'a', '--yes', '--dry-run'],
      ['archive', '--to', 'x'],
      ['archive', '--to', 'x', '--days', '0'],
      ['archive', '--days', '30'],
      ['archive', '--to', 'x', '--days', '30', '--yes', '--dry-run'],
    ];
    for (const [name, ...args] of wrong) {
      const refused = await run(name, at, ...args);
      expect(refused, args.join(' ')).toMatchObject({ code: 2, stdout: '' });
      expect(refused.stderr).toContain(`npm run ${name} --`);
    }
    for (const [name, ...args] of [['erase', '--task', 'a'] as const, ['archive', '--to', 'x', '--days', '30'] as const]) {
      const refused = await run(name, at, ...args);
      expect(refused).toMatchObject({ code: 1, stdout: '' });
      expect(refused.stderr).toContain(`there is no event log in ${folder}`);
    }
    expect(readdirSync(folder)).toEqual([]);
  });
});
