import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createClient } from './harness/client.ts';
import { startErrand, temporaryFolder } from './harness/errand.ts';
import { runScript, type ScriptResult } from './harness/script.ts';
import { startTarget, type Target } from './harness/target.ts';

const keyFiles = [
  ['signing-secret', 'ERRAND_SIGNING_SECRET'],
  ['sealing-keys', 'ERRAND_SEALING_KEYS'],
  ['token-keys', 'ERRAND_TOKEN_KEYS'],
] as const;

let target: Target;
/** A data directory with a task that needs its sealing key, and whose process has ended. */
let original: string;

beforeAll(async () => {
  target = await startTarget();
  const errand = await startErrand();
  original = errand.dataDir;
  const request = { url: `${target.url}/sealed`, headers: { authorization: 'Bearer sealed' } };
  await createClient(errand.url).post('/tasks', { id: 'sealed', delay: '1h', request });
  await errand.stop();
});
afterAll(() => target.close());

/** What a backup gives back from which one file was left out. */
function restoredWithout(file: string): string {
  const dataDir = temporaryFolder();
  for (const name of readdirSync(original)) if (name !== file) copyFileSync(join(original, name), join(dataDir, name));
  return dataDir;
}

const start = (dataDir: string, environment: Readonly<Record<string, string>> = {}): Promise<ScriptResult> =>
  runScript('src/server/main.ts', [], { ...environment, ERRAND_DATA_DIR: dataDir, PORT: '0' });

describe.each(keyFiles)('a log with events, without %s', (file, variable) => {
  test('is not run with a new one: the start is refused, says what is missing, and leaves everything as it was', async () => {
    const dataDir = restoredWithout(file);
    const before = readdirSync(dataDir);

    const refused = await start(dataDir);

    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(/^Errand cannot start: .+\n$/);
    expect(refused.stderr).toContain(join(dataDir, file));
    expect(refused.stderr).toContain(variable);
    expect(readdirSync(dataDir)).toEqual(before);
  });

  test('runs once it has the old one, as a variable or as a file', async () => {
    const dataDir = restoredWithout(file);
    const content = readFileSync(join(original, file), 'utf8');
    const errand = await startErrand({ dataDir, environment: { [variable]: content.trim() } });
    expect(existsSync(join(dataDir, file))).toBe(false);
    expect(await errand.stop()).toBe(0);

    writeFileSync(join(dataDir, file), content);
    const again = await startErrand({ dataDir });
    await createClient(again.url).post('/tasks/sealed/run');
    const task = await createClient(again.url).taskFinished('sealed');
    expect(task).toMatchObject({ status: 'succeeded' });
    expect(target.receipts('/sealed').at(-1)?.headers['authorization']).toBe('Bearer sealed');
    expect(await again.stop()).toBe(0);
  });
});

test('the command in the message makes a key to begin anew with', async () => {
  for (const [file] of keyFiles) {
    const dataDir = restoredWithout(file);
    const command = /`([^`]+)`/.exec((await start(dataDir)).stderr)?.[1] ?? '';
    execFileSync('sh', ['-c', command]);
    expect(existsSync(join(dataDir, file))).toBe(true);
    const errand = await startErrand({ dataDir });
    expect(await errand.stop()).toBe(0);
  }
});

test('a log without events needs no old keys', async () => {
  const errand = await startErrand();
  const { dataDir } = errand;
  await errand.stop();
  for (const [file] of keyFiles) rmSync(join(dataDir, file));
  const again = await startErrand({ dataDir });
  expect(await again.stop()).toBe(0);
  for (const [file] of keyFiles) expect(existsSync(join(dataDir, file))).toBe(true);
});

test('the command that shows the signing secret makes none beside a log with events either', async () => {
  const dataDir = restoredWithout('signing-secret');
  const refused = await runScript('src/server/secret.ts', [], { ERRAND_DATA_DIR: dataDir });
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr).toContain(join(dataDir, 'signing-secret'));
  expect(existsSync(join(dataDir, 'signing-secret'))).toBe(false);
});
