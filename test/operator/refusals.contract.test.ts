import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createSealer } from '../../src/adapters/crypto/sealer.ts';
import type { StoredEvent } from '../../src/application/ports.ts';
import { exportLog } from '../../src/operator/export-log.ts';
import { importLog } from '../../src/operator/import-log.ts';
import type { LogHost } from '../../src/operator/log-host.ts';
import { definitionWith, httpAction } from '../domain/task-histories.ts';
import { isDynoxideInstalled } from '../support/dynoxide.ts';
import { start, succeed } from '../support/histories.ts';
import { created, storedEvents } from '../support/stored-events.ts';
import { appendAll, at, emptyPlace, eventsAt, type Kind, type Place, placeWith, temporaryFolder } from './places.ts';

const silent = (): void => undefined;
const kinds: readonly Kind[] = isDynoxideInstalled() ? ['server', 'aws'] : ['server'];

const done = (stream: string): readonly StoredEvent[] => storedEvents(succeed(start(created(stream))));
const running = (stream: string): readonly StoredEvent[] => storedEvents(start(created(stream)));

async function fileOf(events: readonly StoredEvent[]): Promise<string> {
  const file = join(temporaryFolder(), 'log.jsonl');
  await at(await placeWith('server', events), (host) => exportLog(host, file, silent));
  return file;
}

const importing = (place: Place, file: string, withoutKeys: readonly string[] = []): Promise<unknown> =>
  at(place, (host) => importLog(host, file, { withoutKeys, tell: silent }));

/** Nothing was appended, and no import is under way that would keep the place from another use. */
async function expectUntouched(place: Place): Promise<void> {
  expect(await eventsAt(place)).toEqual([]);
  expect(await at(place, (host) => host.imports.read())).toBeNull();
}

describe.each(kinds)('an export from the %s host', (kind) => {
  const exporting = (place: Place, file: string, through: (host: LogHost) => LogHost = (host) => host): Promise<unknown> =>
    at(place, (host) => exportLog(through(host), file, silent));

  test('is refused while a task is running, and leaves no file', async () => {
    const place = await placeWith(kind, [...done('task#a'), ...running('task#b'), ...running('task#c')]);
    const file = join(temporaryFolder(), 'log.jsonl');

    await expect(exporting(place, file)).rejects.toThrow(/^2 tasks are running in .*\(b, c\): let the host finish/);

    expect(readdirSync(dirname(file))).toEqual([]);
  });

  test('is refused when there is nothing to export', async () => {
    await expect(exporting(await emptyPlace(kind), join(temporaryFolder(), 'log.jsonl'))).rejects.toThrow('there are no events in');
  });

  test('overwrites nothing, and replaces what an export left unfinished', async () => {
    const place = await placeWith(kind, done('task#a'));
    const file = join(temporaryFolder(), 'log.jsonl');
    writeFileSync(`${file}.part`, 'half of a line');
    await exporting(place, file);
    const [before, { mode }] = [readFileSync(file, 'utf8'), statSync(file)];

    await expect(exporting(place, file)).rejects.toThrow('is there already');

    expect(readFileSync(file, 'utf8')).toBe(before);
    expect(mode & 0o777).toBe(0o600);
    expect(readdirSync(dirname(file))).toEqual(['log.jsonl']);
  });

  test('is refused when the bytes beside an event are gone', async () => {
    const [event, ...rest] = done('task#a');
    if (event === undefined) throw new Error('no event');
    const { body: _body, ...bare } = event;
    const place = await placeWith(kind, [bare, ...rest]);

    await expect(exporting(place, join(temporaryFolder(), 'log.jsonl'))).rejects.toThrow('the body beside version 1 of task#a is gone');
  });

  test('is refused when an event does not read or does not follow', async () => {
    const [first, second, third] = done('task#a');
    if (first === undefined || second === undefined || third === undefined) throw new Error('no events');
    const file = join(temporaryFolder(), 'log.jsonl');

    const unknown = await placeWith(kind, [first, { ...second, type: 'TaskTeleported' }]);
    await expect(exporting(unknown, file)).rejects.toThrow(/does not read: task#a@2 has the unknown event type TaskTeleported/);
    const gap = await placeWith(kind, [first, third]);
    await expect(exporting(gap, file)).rejects.toThrow(/task#a has version 3 after 1: the log has a gap/);
  });

  test('is refused when the log grew meanwhile', async () => {
    const place = await placeWith(kind, done('task#a'));
    const growing = (host: LogHost): LogHost => ({
      ...host,
      async *events() {
        yield* host.events();
        await appendAll(host, storedEvents(created('task#b')));
      },
    });
    const file = join(temporaryFolder(), 'log.jsonl');

    await expect(exporting(place, file, growing)).rejects.toThrow(/grew during the export: a host is at work/);

    expect(existsSync(file)).toBe(false);
  });

  test('is refused while an import into the log is unfinished', async () => {
    const place = await placeWith(kind, done('task#a'));
    await at(place, (host) => host.imports.write({ file: 'x', appended: 0, verified: false }));

    await expect(exporting(place, join(temporaryFolder(), 'log.jsonl'))).rejects.toThrow(/an import into .* is not finished/);
  });
});

describe.skipIf(!isDynoxideInstalled())('an export from DynamoDB', () => {
  test('is refused when an event is younger than the export, as a host is at work then', async () => {
    const place = await placeWith('aws', storedEvents(created('task#a', {}, Date.now() + 60_000)));

    await expect(at(place, (host) => exportLog(host, join(temporaryFolder(), 'log.jsonl'), silent))).rejects.toThrow(/grew during/);
  });
});

describe.each(kinds)('an import into the %s host', (kind) => {
  test('is refused into a log that is not empty, which stays as it is', async () => {
    const file = await fileOf(done('task#a'));
    const place = await placeWith(kind, done('task#b'));
    const before = await eventsAt(place);

    await expect(importing(place, file)).rejects.toThrow(/is not empty: a log is imported into an empty one only/);

    expect(await eventsAt(place)).toEqual(before);
  });

  test('is refused a second time', async () => {
    const file = await fileOf(done('task#a'));
    const place = await emptyPlace(kind);
    await importing(place, file);

    await expect(importing(place, file)).rejects.toThrow('is not empty');
  });

  test('is refused without the keys that the log needs, which it names by their ids, unless they are waived', async () => {
    const sealer = createSealer([new Uint8Array(32).fill(9)]);
    const headers = [{ name: 'authorization', sealed: sealer.seal('authorization', 'Bearer x') }];
    const contentHash = createSealer([new Uint8Array(32).fill(8)]).fingerprint('content');
    const definition = definitionWith({ action: { ...httpAction, headers, body: null }, contentHash });
    const file = await fileOf(storedEvents(created('task#a', definition)));
    const place = await emptyPlace(kind);
    const [sealingId, hashId] = [headers[0]?.sealed.split('.')[1] ?? '', contentHash.split('.')[0] ?? ''];

    await expect(importing(place, file)).rejects.toThrow(
      new RegExp(`sealing ${[sealingId, hashId].sort().join(', ')} \\(ERRAND_SEALING_KEYS\\).*hand over those of the old host`),
    );
    await expect(importing(place, file, [sealingId])).rejects.toThrow(`sealing ${hashId} (`);
    await expectUntouched(place);

    await importing(place, file, [sealingId, hashId]);
    expect(await eventsAt(place)).toHaveLength(1);
  });

  test.each([
    ['token', 'ERRAND_TOKEN_KEYS'],
    ['signing', 'ERRAND_SIGNING_SECRET'],
  ] as const)('is refused without the %s keys of the old host', async (name, variable) => {
    const file = await fileOf(done('task#a'));
    const { [variable]: _taken, ...environment } = (await emptyPlace(kind)).environment as Record<string, string>;
    const place = { kind, environment };

    await expect(importing(place, file)).rejects.toThrow(
      new RegExp(`by their ids: ${name} [0-9a-f]{8} \\(${variable}\\)\\. Keys are never`),
    );

    await expectUntouched(place);
  });
});
