import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Database, openDatabase } from '../../src/adapters/sqlite/database.ts';
import { readModelMigrations } from '../../src/adapters/sqlite/read-model-schema.ts';
import { SqliteReadModels } from '../../src/adapters/sqlite/read-models.ts';
import { type ReadModels, type StoredEvent, UnreadableEvent, type ViewWrite } from '../../src/application/ports.ts';
import { factsOfStream } from '../../src/domain/streams.ts';
import { factsOf } from '../../src/domain/task/state.ts';
import { project, tally } from '../../src/projections/project.ts';
import { rebuild } from '../../src/projections/rebuild.ts';
import { callbackSpec } from '../domain/task-histories.ts';
import { start, succeed } from '../support/histories.ts';
import { MemoryEventLog } from '../support/memory-event-log.ts';
import { MemoryReadModels } from '../support/memory-read-models.ts';
import { everythingIn, everythingOf } from '../support/read-model-contents.ts';
import { anyFeed, batchesOf, type Delivery } from '../support/record-feeds.ts';
import { anyHistories, created, storedEvents } from '../support/stored-events.ts';

/** Delivers the records as hints. At each moment the log holds what was appended by then, which may be more than was told. */
async function deliver(views: ReadModels, records: readonly StoredEvent[], delivery: Delivery): Promise<void> {
  const log = new MemoryEventLog();
  let appended = 0;
  const appendUpTo = async (index: number): Promise<void> => {
    for (; appended <= index && appended < records.length; appended += 1) {
      const record = records[appended];
      if (record !== undefined) await log.append(record);
    }
  };
  const batches = batchesOf(delivery);
  const together = delivery.sideBySide ? 3 : 1;
  for (let first = 0; first < batches.length; first += together) {
    const now = batches.slice(first, first + together);
    await appendUpTo(Math.max(...now.flat().map(({ at }) => at)));
    const hints = now.map((batch) => batch.flatMap(({ index }) => records[index] ?? []));
    await Promise.all(hints.map((batch) => project({ log, views, onBroken }, batch)));
  }
}

/** No stream that these tests make is broken. */
const onBroken = (stream: string, error: unknown): never => {
  throw new Error(`${stream} does not fold: ${error}`);
};

function openSqlite(): Database {
  return openDatabase({ dir: ':memory:', file: 'views.db', migrations: readModelMigrations, synchronous: 'NORMAL' });
}

/** The rows as they lie in the file, without the zero counts that only incremental writing leaves. */
function rowsOf(database: Database): unknown {
  const tables = ['views ORDER BY stream', 'labels', 'counts WHERE tasks <> 0 ORDER BY status', 'minutes'];
  return tables.map((table) => database.prepare(`SELECT * FROM ${table}`).all());
}

describe('projecting records that come in any order, twice, late and split', () => {
  test('ends in the read models that the histories mean, in memory', async () => {
    await fc.assert(
      fc.asyncProperty(anyFeed, async ({ histories, records, delivery }) => {
        const models = new MemoryReadModels();

        await deliver(models, records, delivery);

        expect(await everythingIn(models, histories)).toEqual(everythingOf(histories));
      }),
      { numRuns: 120 },
    );
  });

  test('ends on SQLite in the very rows of one pass in order and of a rebuild in a single batch', async () => {
    await fc.assert(
      fc.asyncProperty(anyFeed, async ({ histories, records, delivery }) => {
        const [shuffled, ordered, rebuilt] = [openSqlite(), openSqlite(), openSqlite()];
        try {
          await deliver(new SqliteReadModels(shuffled), records, delivery);
          const inOrder = { arrivals: records.map((_, index) => ({ index, at: index })), sizes: [1], sideBySide: false };
          await deliver(new SqliteReadModels(ordered), records, inOrder);
          await deliver(new SqliteReadModels(rebuilt), records, { ...inOrder, sizes: [records.length] });

          expect(await everythingIn(new SqliteReadModels(shuffled), histories)).toEqual(everythingOf(histories));
          expect(rowsOf(shuffled)).toEqual(rowsOf(ordered));
          expect(rowsOf(rebuilt)).toEqual(rowsOf(ordered));
        } finally {
          for (const database of [shuffled, ordered, rebuilt]) database.close();
        }
      }),
      { numRuns: 60 },
    );
  });

  test('never goes back: each write of a view is a step forward from the one that is stored', async () => {
    await fc.assert(
      fc.asyncProperty(anyFeed, async ({ records, delivery }) => {
        const models = new MemoryReadModels();
        const versions = new Map<string, number>();
        const write = models.write.bind(models);
        models.write = async (writes, checkpoint) => {
          const behind = await write(writes, checkpoint);
          for (const { before, after } of writes) {
            if (behind.includes(after.stream)) continue;
            expect(before?.version ?? 0).toBe(versions.get(after.stream) ?? 0);
            expect(after.version).toBeGreaterThan(before?.version ?? 0);
            versions.set(after.stream, after.version);
          }
          return behind;
        };

        await deliver(models, records, delivery);
      }),
      { numRuns: 60 },
    );
  });

  test('leaves no due row behind once everything has ended', async () => {
    await fc.assert(
      fc.asyncProperty(anyFeed, async ({ histories, records, delivery }) => {
        const ended = histories.filter(({ state }) => factsOf(state).wakeAt === null);
        const models = new MemoryReadModels();

        await deliver(models, records, delivery);

        const streams = new Set((await models.due({ until: Number.MAX_SAFE_INTEGER, limit: 1_000 })).map(({ stream }) => stream));
        for (const { stream } of ended) expect(streams).not.toContain(stream);
        expect(streams.size).toBe(histories.length - ended.length);
      }),
      { numRuns: 40 },
    );
  });
});

describe('one batch', () => {
  const spyOn = (models: MemoryReadModels): ViewWrite[] => {
    const seen: ViewWrite[] = [];
    const write = models.write.bind(models);
    models.write = (writes, checkpoint) => {
      seen.push(...writes);
      return write(writes, checkpoint);
    };
    return seen;
  };

  test('writes each stream once, so that a task that comes and goes within it never gets a due row', async () => {
    const models = new MemoryReadModels();
    const seen = spyOn(models);
    const history = succeed(start(created('task#brief')));

    await project({ log: new MemoryEventLog(), views: models, onBroken }, storedEvents(history), 3);

    expect(seen.map(({ before, after }) => [before, after.version, factsOfStream(after.stream, after.state).wakeAt])).toEqual([
      [null, 3, null],
    ]);
    expect(models.checkpoint).toBe(3);
  });

  test('reads the log only where it leaves a gap', async () => {
    const log = new MemoryEventLog();
    const read: string[] = [];
    log.read = async (stream) => {
      read.push(stream);
      return storedEvents(gappy).filter(({ version }) => version > 0);
    };
    const gappy = succeed(start(created('task#gap')));
    const whole = start(created('task#whole'));
    const hints = [...storedEvents(gappy).slice(1), ...storedEvents(whole)];

    await project({ log, views: new MemoryReadModels(), onBroken }, hints);

    expect(read).toEqual(['task#gap']);
  });

  test('moves its checkpoint on also when it has nothing new, or nothing at all', async () => {
    const models = new MemoryReadModels();
    const records = storedEvents(created('task#one'));
    await project({ log: new MemoryEventLog(), views: models, onBroken }, records, 1);

    await project({ log: new MemoryEventLog(), views: models, onBroken }, records, 2);
    expect(models.checkpoint).toBe(2);
    await project({ log: new MemoryEventLog(), views: models, onBroken }, [], 3);

    expect(models.checkpoint).toBe(3);
  });

  test('that loses against a faster twin reads again and still counts everything once', async () => {
    const models = new MemoryReadModels();
    const log = new MemoryEventLog();
    const history = succeed(start(created('task#one', { callback: callbackSpec })));
    const records = storedEvents(history);
    for (const record of records) await log.append(record);
    await project({ log, views: models, onBroken }, records.slice(0, 1));
    let raced = false;
    models.beforeWrite = async () => {
      if (raced) return;
      raced = true;
      await project({ log, views: models, onBroken }, records.slice(1, 2));
    };

    await project({ log, views: models, onBroken }, records.slice(1), 7);

    expect(await everythingIn(models, [history])).toEqual(everythingOf([history]));
    expect(models.checkpoint).toBe(7);
  });

  test('gives up with an error when a view cannot be written forward however often it is read again', async () => {
    const models = new MemoryReadModels();
    models.write = async (writes) => writes.map(({ after }) => after.stream);

    await expect(project({ log: new MemoryEventLog(), views: models, onBroken }, storedEvents(created('task#one')))).rejects.toThrow(
      /10 rounds/,
    );
  });
});

describe('a stream whose first event is in the batch', () => {
  const records = ['task#one', 'task#two'].flatMap((stream) => storedEvents(succeed(start(created(stream)))));

  /** What is asked of the read models: the streams read, and those written. */
  function watched(): { readonly models: MemoryReadModels; readonly asked: { read: string[]; written: string[] } } {
    const [models, asked] = [new MemoryReadModels(), { read: [] as string[], written: [] as string[] }];
    const [read, write] = [models.read.bind(models), models.write.bind(models)];
    models.read = (streams) => {
      asked.read.push(...streams);
      return read(streams);
    };
    models.write = (writes, checkpoint) => {
      asked.written.push(...writes.map(({ after }) => after.stream));
      return write(writes, checkpoint);
    };
    return { models, asked };
  }

  test('is written unread from the feed, as it has most likely no view yet', async () => {
    const { models, asked } = watched();

    await project({ log: new MemoryEventLog(), views: models, onBroken }, records);

    expect(asked).toEqual({ read: [], written: ['task#one', 'task#two'] });
  });

  test('is read first by a rebuild, which writes nothing in vain where the read models are as new as the log', async () => {
    const { models, asked } = watched();
    async function* parts() {
      yield { events: records.slice(0, 4), position: 4 };
      yield { events: records.slice(4), position: 6 };
    }
    const log = new MemoryEventLog();
    for (const record of records) await log.append(record);
    const rebuilding = () => rebuild({ log, views: models, onBroken, parts: parts(), progress: () => undefined });
    await rebuilding();
    asked.written.length = 0;
    models.checkpoint = null;

    expect(await rebuilding()).toBe(6);

    expect(asked.written).toEqual([]);
    expect(models.checkpoint).toBe(6);
  });
});

describe('the tally', () => {
  test('counts starts, successes, final failures and retries by the minute of their events', () => {
    fc.assert(
      fc.property(anyHistories({ tasks: 3, steps: 30 }), (histories) => {
        const records = histories.flatMap((history) => storedEvents(history));
        const sums = tally(records).reduce(
          (sum, counted) => ({
            started: sum.started + counted.started,
            succeeded: sum.succeeded + counted.succeeded,
            ended: sum.ended + counted.failed + counted.retried,
          }),
          { started: 0, succeeded: 0, ended: 0 },
        );
        const of = (type: string) => records.filter((record) => record.type === type).length;

        expect(sums).toEqual({ started: of('TaskStarted'), succeeded: of('TaskSucceeded'), ended: of('TaskFailed') });
        expect(new Set(tally(records).map(({ minute: at }) => at)).size).toBe(tally(records).length);
      }),
    );
  });

  test('leaves out a stream whose events do not fold, says so, and goes on with the others', async () => {
    const models = new MemoryReadModels();
    const broken: string[] = [];
    const [scheduled, started] = storedEvents(start(created('task#broken')));
    const twice = [scheduled, { ...started, version: 2 }, { ...started, version: 3 }] as StoredEvent[];
    const whole = storedEvents(succeed(start(created('task#whole'))));

    await project({ log: new MemoryEventLog(), views: models, onBroken: (stream) => broken.push(stream) }, [...twice, ...whole], 6);

    expect(broken).toEqual(['task#broken']);
    expect([...(await models.read(['task#broken', 'task#whole'])).keys()]).toEqual(['task#whole']);
    expect(models.checkpoint).toBe(6);
  });

  test('leaves out a stream whose gap holds an event that does not read, says so, and goes on with the others', async () => {
    const models = new MemoryReadModels();
    const broken: string[] = [];
    const log = new MemoryEventLog();
    log.read = () => Promise.reject(new UnreadableEvent('task#broken@1 does not read'));
    const [, started] = storedEvents(start(created('task#broken')));
    const records = [...(started === undefined ? [] : [started]), ...storedEvents(created('task#whole'))];

    await project({ log, views: models, onBroken: (stream, error) => broken.push(`${stream}: ${error}`) }, records, 3);

    expect(broken).toEqual(['task#broken: UnreadableEvent: task#broken@1 does not read']);
    expect([...(await models.read(['task#broken', 'task#whole'])).keys()]).toEqual(['task#whole']);
    expect(models.checkpoint).toBe(3);
  });

  test.each([
    ['SQLite', Object.assign(new Error('disk I/O error'), { code: 'ERR_SQLITE_ERROR', errcode: 10 })],
    ['DynamoDB', Object.assign(new Error('slow down'), { name: 'ProvisionedThroughputExceededException', $metadata: {} })],
  ])('fails, to be tried again, when it is the log that cannot be read: %s', async (_store, failure) => {
    const models = new MemoryReadModels();
    const log = new MemoryEventLog();
    log.read = () => Promise.reject(failure);
    const records = storedEvents(start(created('task#one'))).slice(1);

    const broken: string[] = [];

    const projected = project({ log, views: models, onBroken: (stream) => broken.push(stream) }, records, 3);

    await expect(projected).rejects.toThrow(failure);
    expect(broken).toEqual([]);
    expect(models.checkpoint).toBeNull();
  });
});
