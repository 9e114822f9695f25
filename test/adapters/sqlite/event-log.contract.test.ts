import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { type Database, DataDirInUse, openDatabase } from '../../../src/adapters/sqlite/database.ts';
import { eventLogMigrations, SqliteEventLog } from '../../../src/adapters/sqlite/event-log.ts';
import { parseStoredEvent } from '../../../src/application/event-schemas.ts';
import type { StoredEvent } from '../../../src/application/ports.ts';
import { limits } from '../../../src/domain/limits.ts';
import { eventsOf, newStream, withoutPosition } from '../../contract/event-log.contract.ts';

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
  return { database, close, log: new SqliteEventLog({ database, parse: parseStoredEvent, recentEvents }) };
}

const firstOf = (stream: string): StoredEvent => {
  const [event] = eventsOf(stream, 1);
  if (event === undefined) throw new Error('no event');
  return event;
};

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

  test.each(damages)('%s is refused by every way of reading, naming stream and version', async (_what, damage, reason) => {
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

    for (const read of [() => reopened.read(stream, { after: 0 }), () => reopened.load(stream, 1), async () => reopened.readAll(0, 10)]) {
      await expect(read()).rejects.toThrow(at);
      await expect(read()).rejects.toThrow(reason);
    }
    expect((await reopened.read(stream, { after: 1 })).map(({ version }) => version)).toEqual([2]);
  });
});

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
