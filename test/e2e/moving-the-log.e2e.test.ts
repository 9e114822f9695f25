import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLogTables, createViewsTable, isDynoxideInstalled, startDynoxide } from '../support/dynoxide.ts';
import { createClient } from './harness/client.ts';
import { type Environment, startErrand, temporaryFolder } from './harness/errand.ts';
import { readHistory } from './harness/history.ts';
import { runScript, type ScriptResult } from './harness/script.ts';
import { startTarget, type Target } from './harness/target.ts';

const exporting = (environment: Environment, ...args: string[]): Promise<ScriptResult> =>
  runScript('src/operator/export.ts', args, environment);
const importing = (environment: Environment, ...args: string[]): Promise<ScriptResult> =>
  runScript('src/operator/import.ts', args, environment);
const at = (dataDir: string): Environment => ({ ERRAND_DATA_DIR: dataDir });

let target: Target;
beforeAll(async () => {
  target = await startTarget();
});
afterAll(() => target.close());

const keyFiles = { ERRAND_SEALING_KEYS: 'sealing-keys', ERRAND_TOKEN_KEYS: 'token-keys', ERRAND_SIGNING_SECRET: 'signing-secret' } as const;

/** A new data directory with the keys of an old one, as the operator hands them over. */
function heir(of: string): string {
  const dataDir = temporaryFolder();
  for (const name of Object.values(keyFiles)) copyFileSync(join(of, name), join(dataDir, name));
  return dataDir;
}

/** The same keys as variables. */
function keysOf(dataDir: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(keyFiles).map(([variable, name]) => [variable, readFileSync(join(dataDir, name), 'utf8').trim()]),
  );
}

async function tables(): Promise<Record<string, string>> {
  const engine = await startDynoxide();
  const { eventsTable, bodiesTable } = await createLogTables(engine);
  return {
    AWS_REGION: 'eu-west-1',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_ENDPOINT_URL_DYNAMODB: engine.endpoint,
    ERRAND_EVENTS_TABLE: eventsTable,
    ERRAND_BODIES_TABLE: bodiesTable,
    ERRAND_VIEWS_TABLE: await createViewsTable(engine),
    ERRAND_SHARDS: '4',
    ERRAND_COUNTERS: '2',
  };
}

const checksum = /Checksum of folds(?:, read back)?: ([0-9a-f]{64})/;
const checksumIn = ({ stdout }: ScriptResult): string | undefined => checksum.exec(stdout)?.[1];

type Left = { readonly dataDir: string; readonly runAt: number; readonly answer: string };

/** A server that has done some things, has others before it, and was stopped. `name` keeps the paths of one test apart. */
async function serverWithHistory(name: string): Promise<Left> {
  const errand = await startErrand();
  const client = createClient(errand.url);
  target.on(`/${name}/refused`, () => ({ status: 400 }));
  target.on(`/${name}/async`, () => ({ status: 202 }));
  const request = (path: string) => ({ url: `${target.url}/${name}/${path}`, headers: { authorization: 'Bearer secret' } });
  const callback = { url: `${target.url}/${name}/told` };
  await client.post('/tasks', { id: 'done', request: request('done'), callback, labels: { customer: '42' } });
  await client.post('/tasks', { id: 'refused', request: request('refused') });
  await client.post('/tasks', { id: 'async', request: request('async'), strategy: 'async', completeWithin: '1h' });
  const { body: later } = await client.post('/tasks', {
    id: 'later',
    request: { ...request('later'), body: 'x'.repeat(20_000) },
    delay: '5s',
  });
  await client.taskWhen('done', 'its callback was delivered', (task) => task.callback.status === 'delivered');
  await client.taskFinished('refused');
  await client.taskWhen('async', 'it waits', (task) => task.status === 'waiting');
  await errand.stop();
  const [receipt] = target.receipts(`/${name}/async`);
  return { dataDir: errand.dataDir, runAt: Date.parse(later.runAt), answer: String(receipt?.headers['errand-callback-url']) };
}

/** The new host of a moved log does what was left to do, once, and nothing else. */
async function expectToGoOn(name: string, { runAt, answer }: Left, dataDir: string): Promise<void> {
  const errand = await startErrand({ dataDir });
  const client = createClient(errand.url);
  const [call] = await target.received(`/${name}/later`, 1, 20_000);
  expect(call?.at).toBeGreaterThanOrEqual(runAt);
  expect(call?.body.length).toBe(20_000);
  expect(call?.headers['authorization']).toBe('Bearer secret');
  // The target still has the address of the old host; its token is genuine on the new one.
  const path = new URL(answer).pathname;
  expect((await client.post(path, undefined, { raw: 'result', headers: { 'content-type': 'text/plain' } })).status).toBe(200);
  expect(await client.taskFinished('async')).toMatchObject({ status: 'succeeded', result: { body: 'result' } });
  expect(await client.taskFinished('later')).toMatchObject({ status: 'succeeded' });
  const { tasks } = (await client.get('/tasks')).body;
  expect(tasks.map(({ id }: { readonly id: string }) => id)).toEqual(['later', 'async', 'refused', 'done']);
  expect((await client.post('/tasks', { id: 'done', request: { url: `${target.url}/other` } })).status).toBe(409);
  // The first event that subscribers are told of is one of the new host.
  const [first] = await readHistory(errand.url, () => true);
  expect(first?.version).toBeGreaterThan(1);
  await errand.stop();
  expect(
    Object.fromEntries(['done', 'refused', 'told', 'async', 'later'].map((of) => [of, target.receipts(`/${name}/${of}`).length])),
  ).toEqual({
    done: 1,
    refused: 1,
    told: 1,
    async: 1,
    later: 1,
  });
}

/** Side by side: most of their time is that of a task that is not due yet. */
describe.concurrent('a log that is moved', () => {
  test('to another server goes on there: what is due runs in time, what has ended is not called again', async () => {
    const left = await serverWithHistory('server');
    const file = join(temporaryFolder(), 'log.jsonl');
    const dataDir = heir(left.dataDir);

    const out = await exporting(at(left.dataDir), '--to', file);
    const back = await importing(at(dataDir), '--from', file);

    expect(out).toMatchObject({ code: 0, stderr: '' });
    expect(out.stdout).toMatch(
      /^\d+ events of 4 streams were exported to .*\n.*keys of the old one.*sealing [0-9a-f]{8}; token [0-9a-f]{8}; signing/,
    );
    expect(back).toMatchObject({ code: 0, stderr: '' });
    expect(back.stdout).toMatch(/read models of 4 streams were rebuilt/);
    expect(checksumIn(back)).toBe(checksumIn(out));
    await expectToGoOn('server', left, dataDir);
  });

  test.skipIf(!isDynoxideInstalled())('to DynamoDB and from there to another server has the same checksum and goes on', async () => {
    const left = await serverWithHistory('aws');
    const folder = temporaryFolder();
    const [there, back] = [join(folder, 'there.jsonl'), join(folder, 'back.jsonl')];
    const aws = { ...(await tables()), ...keysOf(left.dataDir) };
    const dataDir = heir(left.dataDir);

    const steps = [
      await exporting(at(left.dataDir), '--to', there),
      await importing(aws, '--from', there),
      await exporting(aws, '--to', back),
      await importing(at(dataDir), '--from', back),
    ];

    expect(steps.map(({ code, stderr }) => [code, stderr.replace(/^ERRAND_WAKE_QUEUE_URL .*\n/, '')])).toEqual(steps.map(() => [0, '']));
    expect(new Set(steps.map(checksumIn)).size).toBe(1);
    expect(await runScript('src/operator/rebuild.ts', ['--check'], aws)).toMatchObject({ code: 0, stderr: '' });
    await expectToGoOn('aws', left, dataDir);
  });
});

describe('export and import', () => {
  test('refuse while a server holds the log, which goes on', async () => {
    const errand = await startErrand();
    const file = join(temporaryFolder(), 'log.jsonl');

    const out = await exporting(at(errand.dataDir), '--to', file);

    expect(out).toMatchObject({ code: 1, stdout: '' });
    expect(out.stderr).toMatch(/^The log cannot be exported: another process holds the data directory/);
    expect(existsSync(file)).toBe(false);
    const back = await importing(at(errand.dataDir), '--from', file);
    expect(back).toMatchObject({ code: 1, stdout: '' });
    expect(back.stderr).toContain('another process holds the data directory');
    expect((await createClient(errand.url).get('/health')).status).toBe(200);
    await errand.stop();
  });

  test('refuse what a killed server left running, until it was started and stopped once more', async () => {
    const errand = await startErrand();
    target.on('/hangs', () => 'taken');
    await createClient(errand.url).post('/tasks', {
      id: 'hangs',
      request: { url: `${target.url}/hangs` },
      retry: { maxAttempts: 2, initialDelay: '1h', backoff: 'fixed' },
    });
    await target.received('/hangs');
    await errand.kill();
    const file = join(temporaryFolder(), 'log.jsonl');

    const out = await exporting(at(errand.dataDir), '--to', file);

    expect(out).toMatchObject({ code: 1, stdout: '' });
    expect(out.stderr).toMatch(/1 task is running in .*\(hangs\): let the host finish what it has begun and stop it/);
    await (await errand.restart()).stop();
    expect(await exporting(at(errand.dataDir), '--to', file)).toMatchObject({ code: 0 });
  });

  test('refuse a data directory without the keys of the old host, and say which files to hand over', async () => {
    const errand = await startErrand();
    await createClient(errand.url).post('/tasks', { id: 'later', request: { url: target.url }, delay: '7d' });
    await errand.stop();
    const file = join(temporaryFolder(), 'log.jsonl');
    await exporting(at(errand.dataDir), '--to', file);

    const back = await importing(at(temporaryFolder()), '--from', file);

    expect(back).toMatchObject({ code: 1, stdout: '' });
    expect(back.stderr).toMatch(/needs keys that are not here, by their ids: sealing [0-9a-f]{8} .*; token .*; signing .*copy these files/);
  });

  test('leave a note while a log is only a part, on which nothing else is done', async () => {
    const errand = await startErrand();
    await createClient(errand.url).post('/tasks', { id: 'later', request: { url: target.url }, delay: '7d' });
    await errand.stop();
    writeFileSync(join(errand.dataDir, 'import-unfinished'), JSON.stringify({ file: 'x', appended: 1, verified: false }));

    const tried = [
      await runScript('src/operator/rebuild.ts', [], at(errand.dataDir)),
      await runScript('src/operator/rebuild.ts', ['--check'], at(errand.dataDir)),
      await exporting(at(errand.dataDir), '--to', join(temporaryFolder(), 'log.jsonl')),
      await runScript('src/server/main.ts', [], { ...at(errand.dataDir), PORT: '0' }),
    ];

    for (const refused of tried) {
      expect(refused).toMatchObject({ code: 1, stdout: '' });
      expect(refused.stderr).toMatch(/an import into .* is not finished/);
    }
  });

  test('explain themselves, and refuse what they do not know', async () => {
    const folder = temporaryFolder();
    for (const [run, option] of [
      [exporting, '--to'],
      [importing, '--from'],
    ] as const) {
      const help = await run(at(folder), '--help');
      expect(help).toMatchObject({ code: 0, stderr: '' });
      expect(help.stdout).toContain(`${option} FILE`);
      for (const args of [[], ['--too', 'x'], [option], ['x']]) {
        const refused = await run(at(folder), ...args);
        expect(refused).toMatchObject({ code: 2, stdout: '' });
        expect(refused.stderr).toContain(`${option} FILE`);
      }
    }
    const empty = await exporting(at(folder), '--to', join(folder, 'x'));
    expect(empty).toMatchObject({ code: 1, stdout: '' });
    expect(empty.stderr).toContain(`there is no event log in ${folder}`);
    const half = await exporting({ ERRAND_EVENTS_TABLE: 'events' }, '--to', join(folder, 'x'));
    expect(half).toMatchObject({ code: 1, stdout: '' });
    expect(half.stderr).toContain('ERRAND_BODIES_TABLE and ERRAND_VIEWS_TABLE must be set as well');
  });
});
