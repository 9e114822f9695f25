import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { StoredEvent } from '../../src/application/ports.ts';
import { archiveLog } from '../../src/operator/archive-log.ts';
import { eraseInFile } from '../../src/operator/erase-file.ts';
import type { EraseOptions } from '../../src/operator/erase-streams.ts';
import { exportLog } from '../../src/operator/export-log.ts';
import { importLog } from '../../src/operator/import-log.ts';
import { verifyLogFile } from '../../src/operator/log-file-reader.ts';
import { epoch, hour } from '../domain/task-histories.ts';
import { start, succeed } from '../support/histories.ts';
import { created, storedEvents } from '../support/stored-events.ts';
import { familyLog } from './families.ts';
import { at, emptyPlace, eventsAt, type Place, placeWith, temporaryFolder } from './places.ts';

const silent = (): void => undefined;
const marker = 'Xq7secret';
let commits = 0;
const ids = {
  commitId: (): string => {
    commits += 1;
    return `erase-${commits}`;
  },
};
const clock = { now: () => epoch + 1_000 * hour, sleep: async () => undefined };

async function exported(place: Place): Promise<string> {
  const file = join(temporaryFolder(), 'log.jsonl');
  await at(place, (host) => exportLog(host, file, silent));
  return file;
}

async function erase(file: string, parts: Partial<EraseOptions> & Pick<EraseOptions, 'streams'>): Promise<string> {
  const said: string[] = [];
  await eraseInFile(file, { children: false, dryRun: false, clock, ids, tell: silent, say: (line) => said.push(line), ...parts });
  return said.join('\n');
}

async function imported(file: string): Promise<readonly StoredEvent[]> {
  const place = await emptyPlace('server');
  await at(place, (host) => importLog(host, file, { withoutKeys: [], tell: silent }));
  return eventsAt(place);
}

/** The marker as it stands in a file, where bytes are in base64: any of the three ways in which they may fall. */
function holdsMarker(text: string): boolean {
  const encoded = [0, 1, 2].map((before) =>
    Buffer.from('-'.repeat(before) + marker)
      .toString('base64')
      .slice(4, -4),
  );
  return [marker, ...encoded].some((form) => text.includes(form));
}

describe('an export', () => {
  const other = storedEvents(succeed(start(created('task#other', { labels: { who: 'public' } }))));

  test('is written anew without a family, with checksums of its own, and imports like any other', async () => {
    const family = await familyLog(marker);
    const file = await exported(await placeWith('server', [...family, ...other]));
    const before = (await verifyLogFile(file, silent)).manifest;
    expect(holdsMarker(readFileSync(file, 'utf8'))).toBe(true);

    const said = await erase(file, { streams: ['orchestration#order', 'schedule#nightly', 'task#nobody'], children: true });

    expect(said).toMatch(/holds 9 streams to erase: .*\n.*was written anew without them and read back\. Checksum of folds: [0-9a-f]{64}/);
    expect(holdsMarker(readFileSync(file, 'utf8'))).toBe(false);
    expect(readdirSync(dirname(file))).toEqual(['log.jsonl']);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const { exportedAt, exportedFrom, streams, keys } = (await verifyLogFile(file, silent)).manifest;
    expect({ exportedAt, exportedFrom, streams }).toEqual({
      exportedAt: before.exportedAt,
      exportedFrom: 'server',
      streams: before.streams,
    });
    expect({ ...keys, sealing: [] }).toEqual({ ...before.keys, sealing: [] });
    const events = await imported(file);
    expect(events.filter(({ type }) => type === 'Erased')).toHaveLength(9);
    expect(events.filter(({ stream }) => stream === 'task#other').map(({ data }) => data)).toEqual(other.map(({ data }) => data));
    expect(await erase(file, { streams: ['orchestration#order'], children: true })).toContain('holds nothing of it');
  });

  test('of a time at which a task was open loses it all the same', async () => {
    const file = await exported(await placeWith('server', [...storedEvents(created('task#open', { labels: { who: marker } })), ...other]));

    await erase(file, { streams: ['task#open'] });

    expect(holdsMarker(readFileSync(file, 'utf8'))).toBe(false);
    expect((await imported(file)).map(({ type }) => type)).toContain('Erased');
  });

  test('is left as it is when it is tried, when it holds nothing of it, and when it was changed', async () => {
    const file = await exported(await placeWith('server', other));
    const before = readFileSync(file);

    expect(await erase(file, { streams: ['task#other'], dryRun: true })).toContain('Nothing was changed');
    expect(await erase(file, { streams: ['task#nobody'] })).toContain('holds nothing of it');
    expect(readFileSync(file)).toEqual(before);
    await expect(erase(join(temporaryFolder(), 'none'), { streams: ['task#other'] })).rejects.toThrow('ENOENT');
  });
});

test('an archive that a task was erased in stays one, and is gone on with', async () => {
  const events = ['task#a', 'task#b'].flatMap((stream) => storedEvents(succeed(start(created(stream, { labels: { who: marker } })))));
  const place = await placeWith('server', events);
  const file = join(temporaryFolder(), 'archive.jsonl');
  const archive = () =>
    at(place, (host) =>
      archiveLog(host, {
        to: file,
        endedBefore: epoch + hour,
        limit: 10,
        dryRun: false,
        atRest: true,
        clock,
        ids,
        tell: silent,
        say: silent,
      }),
    );
  await archive();

  await erase(file, { streams: ['task#a'] });
  await archive();

  expect((await verifyLogFile(file, silent)).manifest.endedBefore).toBe(epoch + hour);
  expect((await imported(file)).map(({ stream, type }) => `${stream} ${type}`)).toEqual([
    'task#a Erased',
    'task#b TaskScheduled',
    'task#b TaskStarted',
    'task#b TaskSucceeded',
  ]);
  expect((await eventsAt(place)).map(({ type }) => type)).toEqual(['Erased', 'Erased']);
});
