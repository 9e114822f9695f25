import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { StoredEvent } from '../../src/application/ports.ts';
import { httpAction } from '../domain/task-histories.ts';
import { createClient } from '../e2e/harness/client.ts';
import { startErrand } from '../e2e/harness/errand.ts';
import { startTarget } from '../e2e/harness/target.ts';
import { until } from '../e2e/harness/until.ts';
import { isDynoxideInstalled } from '../support/dynoxide.ts';
import { start, succeed } from '../support/histories.ts';
import { inheritedEnvironment } from '../support/inherited-environment.ts';
import { created, storedEvents } from '../support/stored-events.ts';
import { appendAll, at, emptyPlace, type Place, temporaryFolder } from './places.ts';

const finishedTasks = 33_000;
const openTasks = 1_000;
/** A log of this size lies in memory several times over when it is held as a whole; one that is streamed does not need it. */
const heapMb = 96;

const running = new Set<ChildProcess>();
afterAll(() => {
  for (const child of running) child.kill('SIGKILL');
});

type Ended = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

/** Runs a command in a process of its own; it is killed, as by a power cut, when it has told what `killAt` fits. */
function command(name: 'export' | 'import' | 'rebuild', args: readonly string[], place: Place, killAt?: RegExp): Promise<Ended> {
  const child = spawn(process.execPath, [`--max-old-space-size=${heapMb}`, `src/operator/${name}.ts`, ...args], {
    env: { ...inheritedEnvironment(), ...place.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  const said = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said.stderr += text;
    if (killAt?.test(said.stderr)) child.kill('SIGKILL');
  });
  return new Promise((resolve) => {
    child.once('close', (code) => {
      running.delete(child);
      resolve({ code, ...said });
    });
  });
}

const checksumIn = ({ stdout }: Ended): string | undefined => /Checksum of folds(?:, read back)?: ([0-9a-f]{64})/.exec(stdout)?.[1];

function tasks(url: string): readonly (readonly StoredEvent[])[] {
  const now = Date.now() - 60_000;
  const action = (path: string) => ({ ...httpAction, url: `${url}/${path}`, target: url, headers: [], secretHeaders: [] });
  const finished = Array.from({ length: finishedTasks }, (_unused, index) =>
    storedEvents(succeed(start(created(`task#finished-${index}`, { action: action('finished') }, now)))),
  );
  const open = Array.from({ length: openTasks }, (_unused, index) =>
    storedEvents(created(`task#open-${index}`, { action: action(`open/${index}`) }, now, now + 1_000)),
  );
  return [...finished, ...open];
}

test.skipIf(!isDynoxideInstalled())(
  '100,000 events go from SQLite to DynamoDB and back, through a kill, with one checksum; what is open runs once, what has ended never',
  async () => {
    const target = await startTarget();
    const [source, aws, back] = [await emptyPlace('server'), await emptyPlace('aws'), await emptyPlace('server')];
    const all = tasks(target.url);
    await at(source, async (host) => {
      for (let first = 0; first < all.length; first += 2_000) await appendAll(host, all.slice(first, first + 2_000).flat());
    });
    const folder = temporaryFolder();
    const [there, again] = [join(folder, 'there.jsonl'), join(folder, 'again.jsonl')];

    const took: string[] = [];
    const timed = async (what: string, run: () => Promise<Ended>): Promise<Ended> => {
      const began = performance.now();
      const ended = await run();
      took.push(`${what} ${((performance.now() - began) / 1_000).toFixed(1)} s`);
      expect(
        ended.stderr
          .split('\n')
          .filter((line) => line !== '' && !/^(?:exported|verified|imported|read back|projected|goes on|[\d,]+ of|ERRAND_WAKE)/.test(line)),
      ).toEqual([]);
      return ended;
    };
    const exported = await timed('export from SQLite', () => command('export', ['--to', there], source));
    const killed = await command('import', ['--from', there], aws, /imported [1-9]\d,\d{3} of/);
    const resumed = await timed('rest of the import into DynamoDB', () => command('import', ['--from', there], aws));
    const exportedBack = await timed('export from DynamoDB', () => command('export', ['--to', again], aws));
    const importedBack = await timed('import into SQLite', () => command('import', ['--from', again], back));
    const checked = await timed('rebuild --check on DynamoDB', () => command('rebuild', ['--check'], aws));
    console.log(took.join('; '));

    const steps = [exported, resumed, exportedBack, importedBack];
    expect(steps.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    expect(exported.stdout).toMatch(/^100,000 events of 34,000 streams/);
    expect(new Set(steps.map(checksumIn)).size).toBe(1);
    expect(checksumIn(exported)).toBeDefined();
    expect(killed.code).toBeNull();
    expect(resumed.stderr).toMatch(/goes on behind the first \d0,\d00 events/);
    expect(checked.code).toBe(0);

    const { ERRAND_DATA_DIR: dataDir = '', ...keys } = back.environment;
    const errand = await startErrand({ dataDir, environment: keys });
    const client = createClient(errand.url);
    await until(
      'the end of what was open',
      async () => {
        const { counts } = (await client.get('/stats')).body;
        return counts.scheduled + counts.running === 0 ? counts : undefined;
      },
      60_000,
    );
    await errand.stop();
    expect(target.receipts('/finished')).toEqual([]);
    const paths = target.receipts().map(({ path }) => path);
    expect(paths).toHaveLength(openTasks);
    expect(new Set(paths).size).toBe(openTasks);
    await target.close();
  },
);
