import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runScript, type ScriptResult } from './harness/script.ts';

describe('the demo', () => {
  const folder = mkdtempSync(join(tmpdir(), 'errand-e2e-demo-'));
  let demo: ScriptResult;
  let tookMs: number;
  beforeAll(async () => {
    const beganAt = performance.now();
    // A server's own settings lie around: the demo must not touch them.
    demo = await runScript('src/server/demo.ts', [], { TMPDIR: folder, ERRAND_DATA_DIR: join(folder, 'mine'), PORT: '1' });
    tookMs = performance.now() - beganAt;
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('ends by itself and well, within its time', () => {
    expect(demo).toMatchObject({ code: 0, stderr: '' });
    expect(tookMs).toBeLessThan(15_000);
  });
  test('shows each kind of task to its end', () => {
    const lines = demo.stdout.split('\n');
    const told = (task: string, type: string) => lines.filter((line) => line.includes(` ${task} `) && line.includes(` ${type} `)).length;
    expect(told('hello', 'TaskSucceeded')).toBe(1);
    expect(told('later', 'TaskSucceeded')).toBe(1);
    expect([told('flaky', 'TaskStarted'), told('flaky', 'TaskFailed'), told('flaky', 'TaskSucceeded')]).toEqual([3, 2, 1]);
    expect([told('report', 'TaskAccepted'), told('report', 'TaskSucceeded')]).toEqual([1, 1]);
    expect([told('order-42', 'TaskSucceeded'), told('order-42', 'CallbackSucceeded')]).toEqual([1, 1]);
    expect([told('never', 'TaskCancelled'), told('never', 'TaskStarted')]).toEqual([1, 0]);
  });
  test('prints plain text where there is no terminal', () => {
    expect(demo.stdout).not.toContain('\u001b');
  });
  test('leaves nothing behind', () => {
    expect(readdirSync(folder)).toEqual([]);
  });
});
