import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { snapshotSchemaVersion } from '../../src/application/aggregate-store.ts';
import type { AppendOutcome, EventLog, StoredEvent } from '../../src/application/ports.ts';
import { exportLog } from '../../src/operator/export-log.ts';
import { importLog } from '../../src/operator/import-log.ts';
import type { LogHost } from '../../src/operator/log-host.ts';
import { createHost } from '../../src/server/host.ts';
import { readSettings } from '../../src/server/settings.ts';
import { epoch, minute, perform } from '../domain/task-histories.ts';
import { isDynoxideInstalled } from '../support/dynoxide.ts';
import { start, succeed } from '../support/histories.ts';
import { silentLogger } from '../support/silent-logger.ts';
import { created, storedEvents } from '../support/stored-events.ts';
import { at, emptyPlace, eventsAt, type Kind, type Place, placeWith, temporaryFolder } from './places.ts';

const silent = (): void => undefined;
const kinds: readonly Kind[] = isDynoxideInstalled() ? ['server', 'aws'] : ['server'];

/** Finished tasks, three events each. */
function tasks(count: number): readonly StoredEvent[] {
  return Array.from({ length: count }, (_unused, index) => storedEvents(succeed(start(created(`task#t${index}`))))).flat();
}

async function fileOf(events: readonly StoredEvent[]): Promise<string> {
  const file = join(temporaryFolder(), 'log.jsonl');
  await at(await placeWith('server', events), (host) => exportLog(host, file, silent));
  return file;
}

type Through = (host: LogHost) => LogHost;
/** Imports; what goes wrong on the way is decided by `through`. */
async function importing(place: Place, file: string, through: Through = (host) => host): Promise<readonly string[]> {
  const told: string[] = [];
  await at(place, (host) => importLog(through(host), file, { withoutKeys: [], tell: (line) => told.push(line) }));
  return told;
}

/** The host with a log through which appends go one by one, and how many did. */
function watched(fails: (append: number) => boolean = () => false) {
  let appends = 0;
  const through: Through = (host) => {
    const { log } = host;
    const append = (...given: Parameters<EventLog['append']>): Promise<AppendOutcome> => {
      appends += 1;
      return fails(appends) ? Promise.reject(new Error('the power is gone')) : log.append(...given);
    };
    return {
      ...host,
      log: { append, read: (...a) => log.read(...a), load: (...a) => log.load(...a), readBody: (...a) => log.readBody(...a) },
    };
  };
  return { through, appends: () => appends };
}

describe.each(kinds)('an import into the %s host that was interrupted', (kind) => {
  test('among its appends is run again with the same file and ends as if nothing had been', async () => {
    const events = tasks(500);
    const file = await fileOf(events);
    const place = await emptyPlace(kind);

    await expect(importing(place, file, watched((append) => append > 700).through)).rejects.toThrow('the power is gone');
    const part = (await eventsAt(place)).length;
    await importing(place, file);

    expect(part).toBeGreaterThan(0);
    expect(part).toBeLessThan(events.length);
    expect(await eventsAt(place)).toHaveLength(events.length);
    expect(await at(place, (host) => host.check(silent, silent))).toBe(true);
    expect(await at(place, (host) => host.imports.read())).toBeNull();
  });

  test('takes no other file, is no log to export, and can be gone on with', async () => {
    const [file, other] = [await fileOf(tasks(500)), await fileOf(tasks(2))];
    const place = await emptyPlace(kind);
    await expect(importing(place, file, watched((append) => append > 700).through)).rejects.toThrow();

    await expect(importing(place, other)).rejects.toThrow(/an import of another file into .* is not finished/);
    await expect(at(place, (host) => exportLog(host, join(temporaryFolder(), 'x'), silent))).rejects.toThrow('is not finished');

    await importing(place, file);
    expect(await eventsAt(place)).toHaveLength(1_500);
  });

  test('while the read models were made goes on with these', async () => {
    const file = await fileOf(tasks(3));
    const place = await emptyPlace(kind);
    const failing: Through = (host) => ({ ...host, rebuild: () => Promise.reject(new Error('the power is gone')) });
    await expect(importing(place, file, failing)).rejects.toThrow('the power is gone');

    const again = watched();
    await importing(place, file, again.through);

    expect(again.appends()).toBe(0);
    expect(await at(place, (host) => host.check(silent, silent))).toBe(true);
  });

  test('is found out when somebody else wrote to the log meanwhile', async () => {
    const file = await fileOf(tasks(2));
    const place = await emptyPlace(kind);
    const writing: Through = (host) => ({
      ...host,
      async *events() {
        for (const event of storedEvents(created('task#new'))) await host.log.append(event);
        yield* host.events();
      },
    });

    await expect(importing(place, file, writing)).rejects.toThrow(/1 events in .* were not imported: a host is at work on it/);
  });

  test('is found out when an event of the file meets another one in the log', async () => {
    const file = await fileOf(tasks(2));
    const place = await emptyPlace(kind);
    const racing: Through = (host) => ({
      ...host,
      imports: {
        ...host.imports,
        read: () => host.imports.read(),
        clear: () => host.imports.clear(),
        async write(mark) {
          await host.imports.write(mark);
          for (const event of storedEvents(created('task#t1'))) await host.log.append({ ...event, commitId: 'of somebody else' });
        },
      },
    });

    await expect(importing(place, file, racing)).rejects.toThrow(/task#t1@1 is in .* with another content/);
  });

  test('is found out when the log gives back another byte than the file had', async () => {
    const file = await fileOf(tasks(2));
    const place = await emptyPlace(kind);
    const forgetful: Through = (host) => ({
      ...host,
      async *events() {
        for await (const event of host.events())
          yield event.body === undefined ? event : { ...event, body: event.body.map((byte) => byte ^ 1) };
      },
    });

    await expect(importing(place, file, forgetful)).rejects.toThrow(/is not the log that was exported: eventsChecksum is/);
  });

  test('keeps folded states with long streams, so that they are as short to load as before', async () => {
    let history = created('task#long');
    for (let change = 0; change < 70; change += 1) {
      const now = epoch + minute + change;
      history = perform({ ...history, now }, { type: 'reschedule', changes: { labels: { n: String(change) } } }).history;
    }
    const events = storedEvents(history);
    expect(events.length).toBe(71);
    const place = await emptyPlace(kind);

    await importing(place, await fileOf(events));

    const loaded = await at(place, (host) => host.log.load('task#long', snapshotSchemaVersion));
    expect(loaded.snapshot?.version).toBe(64);
    expect(loaded.events).toHaveLength(7);
  });
});

describe('an interrupted import of many events', () => {
  test('goes on near where it was, not from the beginning', async () => {
    const events = tasks(4_000);
    const file = await fileOf(events);
    const place = await emptyPlace('server');
    await expect(importing(place, file, watched((append) => append > 11_000).through)).rejects.toThrow('the power is gone');

    const again = watched();
    const told = await importing(place, file, again.through);

    expect(told.join('\n')).toContain('goes on behind the first 10,000 events');
    expect(again.appends()).toBe(events.length - 10_000);
    expect(await eventsAt(place)).toHaveLength(events.length);
  });
});

describe('a server', () => {
  test('does not start on a part of a log', async () => {
    const file = await fileOf(tasks(500));
    const place = await emptyPlace('server');
    await expect(importing(place, file, watched((append) => append > 700).through)).rejects.toThrow();
    const settings = readSettings(place.environment);

    await expect(createHost(settings, silentLogger, new Map())).rejects.toThrow(
      /an import into .* is not finished: run it again with the same/,
    );

    await importing(place, file);
    await (await createHost(settings, silentLogger, new Map())).stop(0);
  });
});
