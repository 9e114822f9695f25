import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { type Database, DataDirInUse, openDatabase } from '../../../src/adapters/sqlite/database.ts';
import { SqliteEventLog } from '../../../src/adapters/sqlite/event-log.ts';
import { eventLogMigrations } from '../../../src/adapters/sqlite/event-log-schema.ts';
import { refuseNewerEvents, type SkippedEvent } from '../../../src/adapters/sqlite/event-rows.ts';
import { parseStoredEvent } from '../../../src/application/event-schemas.ts';
import type { StoredEvent } from '../../../src/application/ports.ts';
import { limits } from '../../../src/domain/limits.ts';
import { eventsOf, newStream, withoutPosition } from '../../contract/event-log.contract.ts';
import { start, succeed } from '../../support/histories.ts';
import { created, storedEvents } from '../../support/stored-events.ts';

const disposers: (() => void)[] = [];
afterEach(() => {
  for (const dispose of disposers.splice(0).reverse()) dispose();
});

function scratchDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'errand-log-'));
  disposers.push(() => rmSync(dir, { recursive: true }));
  return dir;
}

function open(dir: string, options: { readonly recentEvents?: number; readonly synchronous?: 'FULL' | 'NORMAL' } = {}) {
  const { recentEvents = 16, synchronous = 'FULL' } = options;
  const database: Database = openDatabase({ dir, file: 'events.db', migrations: eventLogMigrations, synchronous });
  let isOpen = true;
  const close = () => {
    if (isOpen) database.close();
    isOpen = false;
  };
  disposers.push(close);
  const unreadable: SkippedEvent[] = [];
  const log = new SqliteEventLog({ database, parse: parseStoredEvent, recentEvents, onUnreadable: (event) => unreadable.push(event) });
  return { database, close, log, unreadable };
}

const firstOf = (stream: string): StoredEvent => {
  const [event] = eventsOf(stream, 1);
  if (event === undefined) throw new Error('no event');
  return event;
};

/** A finished attempt that asked for an event to be told, with so many characters in it. */
function heavy(stream: string, characters: number): StoredEvent {
  const succeeded = storedEvents(succeed(start(created(stream)))).at(-1);
  if (succeeded === undefined) throw new Error('no event');
  return { ...succeeded, version: 1, data: { ...succeeded.data, emitted: { detailType: 'Heavy', detail: 'x'.repeat(characters) } } };
}

describe('durability on SQLite', () => {
  test('an append resolves only when it is in the files: a copy of them made at that moment holds it', async () => {
    const [dir, copies] = [scratchDir(), scratchDir()];
    const { log } = open(dir);
    const stream = newStream();
    const expected: StoredEvent[] = [];

    for (const event of eventsOf(stream, 5)) {
      const withBody = { ...event, body: new Uint8Array(event.version * 3_000).fill(event.version) };
      // Copied by the very continuation of the append, as a power cut right after the answer would leave the files.
      const copy = join(copies, String(event.version));
      await log.append(withBody).then(() => {
        mkdirSync(copy);
        for (const file of ['events.db', 'events.db-wal']) {
          if (existsSync(join(dir, file))) copyFileSync(join(dir, file), join(copy, file));
        }
      });
      expected.push(withBody);

      const reopened = open(copy);
      const events = await reopened.log.read(stream, { after: 0 });
      expect(events.map(({ version }) => version)).toEqual(expected.map(({ version }) => version));
      expect(await reopened.log.readBody(stream, withBody)).toEqual(withBody.body);
      expect(reopened.log.head()).toBe(event.version);
      reopened.close();
    }
  });

  test('nothing is in the files before the append is taken up: appends of one turn share one commit', async () => {
    const { log } = open(scratchDir());
    let commits = 0;
    log.onCommit(() => {
      commits += 1;
    });

    await Promise.all(Array.from({ length: 50 }, () => log.append(firstOf(newStream()))));

    expect(commits).toBe(1);
    expect(log.backlog()).toBe(0);
    expect(log.head()).toBe(50);
  });

  test('the log is opened with a sync at every commit when it is asked to be', () => {
    const { database } = open(scratchDir(), { synchronous: 'FULL' });

    expect(Number(database.prepare('PRAGMA synchronous').get()?.['synchronous'])).toBe(2);
    expect(database.prepare('PRAGMA journal_mode').get()?.['journal_mode']).toBe('wal');
  });

  test('a second opener of the same directory is refused clearly', () => {
    const dir = scratchDir();
    open(dir);

    expect(() => open(dir)).toThrow(DataDirInUse);
  });

  test('data of a newer Errand is refused', () => {
    const dir = scratchDir();
    const { database, close } = open(dir);
    database.exec('PRAGMA user_version = 99');
    close();

    expect(() => open(dir)).toThrow(/newer Errand/);
  });

  test('its files are for their owner only, whatever the mask of the process', async () => {
    const mask = process.umask(0);
    disposers.push(() => process.umask(mask));
    for (const given of [0, 0o777]) {
      const dir = scratchDir();
      process.umask(given);
      const { log } = open(dir);
      await log.append(firstOf(newStream()));
      process.umask(0);

      const modes = readdirSync(dir).map((file) => [file, statSync(join(dir, file)).mode & 0o777]);
      expect(modes).toEqual([
        ['events.db', 0o600],
        ['events.db-wal', 0o600],
      ]);
    }
  });
});

describe('a failing disk', () => {
  /** No page more than there are: what does not fit the pages in use fails as on a full disk. */
  function fill(database: Database): void {
    const pages = Number(database.prepare('PRAGMA page_count').get()?.['page_count']);
    database.exec(`PRAGMA max_page_count = ${pages}`);
  }

  test('rejects every append of the batch, shows nothing of it, and takes appends again when there is room', async () => {
    const { database, log } = open(scratchDir());
    const kept = firstOf(newStream());
    await log.append(kept);
    fill(database);
    let rung = 0;
    log.onCommit(() => {
      rung += 1;
    });
    const small = firstOf(newStream());
    const large = { ...firstOf(newStream()), body: new Uint8Array(limits.bodyBytes) };
    const late = firstOf(newStream());

    const outcomes = await Promise.allSettled([log.append(small), log.append(large), log.append(late), log.append(kept)]);

    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected', 'rejected']);
    for (const { stream } of [small, large, late]) expect(await log.read(stream, { after: 0 })).toEqual([]);
    expect([log.head(), rung, log.readAll(0, 10).length]).toEqual([1, 0, 1]);

    database.exec('PRAGMA max_page_count = 1000000');
    expect(await Promise.all([log.append(small), log.append(large), log.append(late)])).toEqual(['appended', 'appended', 'appended']);
    expect(log.readAll(0, 10).map(({ stream, position }) => [stream, position])).toEqual(
      [kept, small, large, late].map(({ stream }, index) => [stream, index + 1]),
    );
    expect(await log.readBody(large.stream, large)).toEqual(large.body);
  });

  test('a commit that was reported failed and applied all the same is found by the feeds, and later appends go on after it', async () => {
    const { database, log } = open(scratchDir());
    const [kept, lost, next] = [firstOf(newStream()), firstOf(newStream()), firstOf(newStream())];
    await log.append(kept);
    let rung = 0;
    log.onCommit(() => {
      rung += 1;
    });
    const execute = database.exec.bind(database);
    database.exec = (sql) => {
      execute(sql);
      if (sql === 'COMMIT') throw new Error('the disk did not answer');
    };

    await expect(log.append(lost)).rejects.toThrow('did not answer');
    database.exec = execute;

    expect([rung, log.head()]).toEqual([1, 2]);
    expect(await log.append(next)).toBe('appended');
    expect(await log.append(lost)).toBe('appended');
    expect(log.readAll(0, 10).map(({ stream, position }) => [stream, position])).toEqual(
      [kept, lost, next].map(({ stream }, index) => [stream, index + 1]),
    );
  });

  test('looks again where the log ends before the next append, if that could not be read right after the failure', async () => {
    const { database, log } = open(scratchDir());
    const [lost, next] = [firstOf(newStream()), firstOf(newStream())];
    const execute = database.exec.bind(database);
    database.exec = (sql) => {
      execute(sql);
      if (sql !== 'COMMIT') return;
      execute('ALTER TABLE events RENAME TO away');
      throw new Error('the disk did not answer');
    };
    await expect(log.append(lost)).rejects.toThrow('did not answer');
    database.exec = execute;
    database.exec('ALTER TABLE away RENAME TO events');

    expect(await log.append(next)).toBe('appended');
    expect(log.readAll(0, 10).map(({ stream }) => stream)).toEqual([lost.stream, next.stream]);
  });

  test('never takes a clash of positions for a lost race: the append fails, and the next one goes on after the end', async () => {
    const { database, log } = open(scratchDir());
    const [one, other] = [firstOf(newStream()), firstOf(newStream())];
    await log.append(one);
    database.exec(`INSERT INTO events SELECT 2, 'task#by-hand', version, type, schema_version, occurred_at, 'x', data, facts, body, imported
      FROM events WHERE position = 1`);

    await expect(log.append(other)).rejects.toThrow(/UNIQUE/);

    expect(await log.append(other)).toBe('appended');
    expect(log.readAll(2, 10).map(({ stream, position }) => [stream, position])).toEqual([[other.stream, 3]]);
  });

  test('a closed file rejects and does not hang', async () => {
    const { log, close } = open(scratchDir());
    close();

    await expect(log.append(firstOf(newStream()))).rejects.toThrow();
  });
});

describe('damaged rows', () => {
  const damages: readonly (readonly [string, string, RegExp])[] = [
    ['an unknown type', `type = 'TaskInvented'`, /unknown event type TaskInvented/],
    ['a schema version of tomorrow', 'schema_version = 99', /unknown schema version 99/],
    ['data without a field', `data = json_remove(data, '$.retry')`, /does not read/],
    ['data of another shape', `data = json_set(data, '$.timeoutMs', 'soon')`, /does not read/],
    ['data that is cut off', `data = substr(data, 1, 40)`, /the data of .* does not read as JSON/],
    ['facts that are cut off', `facts = '{'`, /the facts of .* does not read as JSON/],
    ['facts without their times', `facts = '{}'`, /the facts of .* do not read/],
  ];

  test.each(damages)('%s is refused by every way of reading the stream, naming it and the version', async (_what, damage, reason) => {
    const dir = scratchDir();
    const { database, log, close } = open(dir);
    const stream = newStream();
    const [first, second] = eventsOf(stream, 2);
    if (first === undefined || second === undefined) throw new Error('no events');
    await log.append(first);
    await log.append(second);
    database.exec(`UPDATE events SET ${damage} WHERE version = 1`);
    close();
    const { log: reopened } = open(dir);
    const at = new RegExp(`${stream.replaceAll('/', '\\/')}@1`);

    for (const read of [() => reopened.read(stream, { after: 0 }), () => reopened.load(stream, 1)]) {
      await expect(read()).rejects.toThrow(at);
      await expect(read()).rejects.toThrow(reason);
    }
    expect((await reopened.read(stream, { after: 1 })).map(({ version }) => version)).toEqual([2]);
  });

  test.each(damages)('%s is left out of the sequence and told of once, and what follows is found', async (_what, damage, reason) => {
    const dir = scratchDir();
    const { database, log, close } = open(dir);
    const events = Array.from({ length: 9 }, () => firstOf(newStream()));
    for (const event of events) await log.append(event);
    // One at the beginning, three that fill a whole page, and one at the end.
    database.exec(`UPDATE events SET ${damage} WHERE position IN (1, 4, 5, 6, 9)`);
    close();
    const { log: reopened, unreadable } = open(dir);

    const read = (after: number) => reopened.readAll(after, 3).map(({ position }) => position);
    expect([read(0), read(3), read(4), read(8), read(9)]).toEqual([[2, 3], [7, 8], [7], [], []]);
    read(0);

    expect(unreadable.map(({ position, stream, version }) => [position, stream, version])).toEqual(
      [1, 4, 5, 6, 9].map((position) => [position, events[position - 1]?.stream, 1]),
    );
    for (const { error } of unreadable) expect(String(error)).toMatch(reason);
  });

  test('are no reason to leave anything out when it is the file that cannot be read', async () => {
    const { log, close, unreadable } = open(scratchDir(), { recentEvents: 1 });
    for (let appended = 0; appended < 3; appended += 1) await log.append(firstOf(newStream()));
    close();

    expect(() => log.readAll(0, 10)).toThrow();
    expect(unreadable).toEqual([]);
  });

  test('events of a newer Errand are refused as a whole, naming the first of them', async () => {
    const { database, log } = open(scratchDir());
    const events = eventsOf('task#new', 3);
    for (const event of events) await log.append(event);
    expect(() => refuseNewerEvents(database, 1)).not.toThrow();

    database.exec('UPDATE events SET schema_version = 2 WHERE version >= 2');

    expect(() => refuseNewerEvents(database, 1)).toThrow(/task#new@2 .*schema version 2.* newer Errand/);
    expect(() => refuseNewerEvents(database, 2)).not.toThrow();
    const [step] = database.prepare('EXPLAIN QUERY PLAN SELECT 1 FROM events WHERE schema_version > 1 AND schema_version > 1').all();
    expect(step?.['detail']).toContain('events_of_newer_schemas');
  });
});

describe('loading', () => {
  /** Snapshots as the store writes them are states; to the log they are text. */
  const snapshotAt = (version: number, schemaVersion = 1) => ({ version, schemaVersion, state: `state ${version}` });

  test.each([34, 63, 64, 65, 100])(
    'a stream of %i versions gives what follows its newest usable snapshot, each event once',
    async (count) => {
      const { database, log } = open(scratchDir());
      const stream = newStream();
      for (const event of eventsOf(stream, count)) {
        await log.append(event, event.version % limits.snapshotEvery === 0 ? snapshotAt(event.version) : undefined);
      }
      const newest = Math.floor(count / 32) * 32;
      const load = async (schema: number) => {
        const { snapshot, events } = await log.load(stream, schema);
        return { snapshot, versions: events.map(({ version }) => version) };
      };

      expect(await load(1)).toEqual({ snapshot: snapshotAt(newest), versions: upFrom(newest + 1, count) });
      expect(await load(2)).toEqual({ snapshot: null, versions: upFrom(1, count) });
      database.prepare('DELETE FROM snapshots').run();
      expect((await load(1)).versions).toEqual(upFrom(1, count));
    },
  );

  test('a long stream keeps its newest snapshot of each schema alone', async () => {
    const { database, log } = open(scratchDir());
    const [stream, other] = [newStream(), newStream()];
    for (const event of [...eventsOf(stream, 200), ...eventsOf(other, 32)]) {
      const { version } = event;
      await log.append(event, version % limits.snapshotEvery === 0 ? snapshotAt(version, version <= 64 ? 1 : 2) : undefined);
    }

    const kept = database.prepare('SELECT stream, version, schema_version FROM snapshots ORDER BY stream = ? DESC, version').all(stream);
    expect(kept.map((row) => Object.values(row))).toEqual([
      [stream, 64, 1],
      [stream, 192, 2],
      [other, 32, 1],
    ]);
  });
});

const upFrom = (first: number, last: number): readonly number[] => Array.from({ length: last - first + 1 }, (_, index) => first + index);

describe('the log as one sequence', () => {
  test('numbers events by one, over commits, lost races, repeats and a restart', async () => {
    const dir = scratchDir();
    const { log, close } = open(dir);
    const [one, two] = [firstOf(newStream()), firstOf(newStream())];
    await Promise.all([log.append(one), log.append({ ...one, commitId: 'another' }), log.append(two)]);
    await log.append(one);
    close();

    const again = open(dir).log;
    const three = firstOf(newStream());
    await again.append(three);

    expect(again.readAll(0, 10).map(({ stream, position }) => [stream, position])).toEqual([
      [one.stream, 1],
      [two.stream, 2],
      [three.stream, 3],
    ]);
    expect(again.head()).toBe(3);
  });

  test('reads any page alike from memory and from the file', async () => {
    const { log } = open(scratchDir(), { recentEvents: 8 });
    const { log: reader } = open(scratchDir(), { recentEvents: 1_000 });
    const events = Array.from({ length: 30 }, () => firstOf(newStream()));
    for (const event of events) {
      await log.append(event);
      await reader.append(event);
    }

    for (let after = 0; after <= 31; after += 1) {
      for (const limit of [1, 7, 8, 9, 100]) {
        const expected = events.slice(after, after + limit).map((event, index) => ({ ...event, position: after + index + 1 }));
        expect(log.readAll(after, limit)).toEqual(expected);
        expect(reader.readAll(after, limit)).toEqual(expected);
      }
    }
  });

  test('has small bodies with the events, as they may be published, whether from memory or from the file', async () => {
    const { log } = open(scratchDir(), { recentEvents: 2 });
    const sizes = [limits.publishedBodyBytes, 10, limits.publishedBodyBytes];
    for (const size of sizes) await log.append({ ...firstOf(newStream()), body: new Uint8Array(size) });

    expect(log.readAll(0, 10).map(({ body }) => body?.length)).toEqual(sizes);
    expect(log.readAll(1, 10).map(({ body }) => body?.length)).toEqual(sizes.slice(1));
  });

  test('reads no more than a few MiB at once from the file, and one event whatever it weighs', async () => {
    const dir = scratchDir();
    const { log, close } = open(dir);
    const events = Array.from({ length: 30 }, () => heavy(newStream(), 500_000));
    for (const event of events) await log.append(event);
    await log.append(heavy(newStream(), 6_000_000));
    close();
    const { log: reopened } = open(dir);

    const pages: number[] = [];
    for (let after = 0; after < 31; after += pages.at(-1) ?? 99) pages.push(reopened.readAll(after, 100).length);

    expect(pages.reduce((sum, length) => sum + length, 0)).toBe(31);
    expect(Math.max(...pages)).toBeLessThanOrEqual(9);
    expect(Math.min(...pages.slice(0, -1))).toBeGreaterThan(1);
    expect(reopened.readAll(30, 100)).toHaveLength(1);
  });

  test('keeps no heavy event in memory, and reads it from the file as it was', async () => {
    const { database, log } = open(scratchDir());
    const [light, large] = [heavy(newStream(), 10_000), heavy(newStream(), 20_000)];
    const body = new Uint8Array(limits.publishedBodyBytes);
    for (const event of [light, large, { ...heavy(newStream(), 14_000), body }]) await log.append(event);
    const read = () => log.readAll(0, 10);
    expect(read().map(({ data }) => JSON.stringify(data).length)).toEqual(
      [light, large, heavy(newStream(), 14_000)].map(({ data }) => JSON.stringify(data).length),
    );
    expect(read()[2]?.body).toEqual(body);

    // Whatever is kept in memory does not notice that the file was emptied.
    database.exec('DELETE FROM events');
    expect([0, 1, 2].map((after) => log.readAll(after, 1).length)).toEqual([1, 0, 0]);
  });

  test('rings once after each commit that added something, and for nobody who stopped listening', async () => {
    const { log } = open(scratchDir());
    const event = firstOf(newStream());
    let rung = 0;
    const stop = log.onCommit(() => {
      rung += 1;
      // Whoever is rung finds the event there.
      expect(log.readAll(0, 10)).toHaveLength(1);
    });

    await log.append(event);
    await log.append(event);
    expect(rung).toBe(1);
    stop();
    await log.append(firstOf(newStream()));

    expect(rung).toBe(1);
  });

  test('survives a restart byte for byte', async () => {
    const dir = scratchDir();
    const { log, close } = open(dir);
    const stream = newStream();
    const events = eventsOf(stream, 40);
    for (const event of events) await log.append(event);
    close();

    expect((await open(dir).log.read(stream, { after: 0 })).map(withoutPosition)).toEqual(events.map(withoutPosition));
  });
});
