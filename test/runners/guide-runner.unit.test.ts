import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import type { Runner } from '../../src/application/runner.ts';
import { createWorld } from '../support/application-world.ts';
import { runnerSource } from '../support/guide.ts';

/** The runner as the guide prints it, loaded from a file, with its imports pointed at the real modules. */
async function shownRunner(): Promise<Runner> {
  const modules = {
    zod: pathToFileURL(createRequire(import.meta.url).resolve('zod')).href,
    './zod-runner.ts': new URL('../../src/runners/zod-runner.ts', import.meta.url).href,
  };
  let source = runnerSource;
  for (const [name, url] of Object.entries(modules)) source = source.replace(`from '${name}'`, `from '${url}'`);
  const folder = mkdtempSync(join(tmpdir(), 'errand-guide-'));
  try {
    writeFileSync(join(folder, 'countdown.ts'), source);
    return (await import(pathToFileURL(join(folder, 'countdown.ts')).href)).countdown;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('the runner of docs/coming-from.md runs a second apart, with new parameters each time, until it has completed', async () => {
  const world = createWorld({ runners: { work: await shownRunner() } });
  const params = new TextEncoder().encode('{"left":3}');
  await world.schedule('a', { action: { kind: 'runner', name: 'work', body: { kind: 'json', bytes: params } } });
  const begun = world.clock.now();
  for (const run of [2, 3]) {
    await world.wake('a');
    expect(await world.state('a')).toMatchObject({ status: 'scheduled', run, nextAttemptAt: begun + (run - 1) * 1_000 });
    await world.clock.advance(1_000);
  }
  await world.wake('a');

  expect(await world.state('a')).toMatchObject({ status: 'succeeded', run: 3 });
  expect(new TextDecoder().decode(world.events('a').at(-1)?.body)).toBe('"lift-off"');
});
