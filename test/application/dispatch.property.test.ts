import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dispatch, isPublished, lateWakes, wakesOf } from '../../src/application/dispatch.ts';
import type { StoredEvent } from '../../src/application/ports.ts';
import { limits } from '../../src/domain/limits.ts';
import { callbackSpec, epoch, hour, minute, perform } from '../domain/task-histories.ts';
import * as moves from '../domain/task-moves.ts';
import { fail, start, succeed } from '../support/histories.ts';
import { MemoryEventBus } from '../support/memory-event-bus.ts';
import { MemoryWakeQueue } from '../support/memory-wake-queue.ts';
import { anyHistories, created, storedEvents } from '../support/stored-events.ts';

/** A part of the records of several tasks in any order, some of them twice, some of them imported. */
const anyBatch = anyHistories({ tasks: 5, steps: 15 }).chain((histories) => {
  const records = histories.flatMap((history) => storedEvents(history));
  return fc
    .array(fc.record({ index: fc.nat(records.length - 1), imported: fc.integer({ min: 0, max: 5 }).map((dice) => dice === 0) }), {
      maxLength: 60,
    })
    .map((chosen) =>
      chosen.flatMap(({ index, imported }) => (records[index] ? [{ ...records[index], ...(imported ? { imported } : {}) }] : [])),
    );
});
const anyNow = fc.constantFrom(epoch, epoch + minute, epoch + hour, epoch + 48 * hour);

function ports() {
  return { wakes: new MemoryWakeQueue(), bus: new MemoryEventBus() };
}

describe('the wakes of due rows that are written late', () => {
  test('are those that fall due within the horizon of the sweep, of events that it may have passed over', () => {
    fc.assert(
      fc.property(anyBatch, fc.integer({ min: epoch - minute, max: epoch + 3 * hour }), (records, now) => {
        const late = records.filter(({ occurredAt, imported }) => imported !== true && now - occurredAt > limits.lateWakeMs);
        const sent = lateWakes(records, now);

        expect(sent.map(idOf).sort()).toEqual(
          newestOf(late)
            .filter((record) => isDueBy(record, now + limits.sweepHorizonMs))
            .map(idOf)
            .sort(),
        );
      }),
    );
  });

  test.each([
    [1, 0, 1],
    [1, 1, 0],
    [0, 0, 0],
  ])('written %i ms beyond the delay that is normal and due %i ms beyond the horizon of the sweep: %i', (late, beyond, sent) => {
    const now = epoch + limits.lateWakeMs + late;
    const records = storedEvents(created('task#one', {}, epoch, now + limits.sweepHorizonMs + beyond));

    expect(lateWakes(records, now)).toHaveLength(sent);
  });
});

/** Whether a record calls for no look of its own: a dead lease is found in the due index, and a deletion leaves the next try of a callback as it was. */
const isQuiet = ({ type, facts }: StoredEvent): boolean => type === 'TaskStarted' || (type === 'TaskDeleted' && !facts.callback);
const idOf = ({ stream, version }: { readonly stream: string; readonly version: number }) => `${stream}@${version}`;

const isDueBy = (record: StoredEvent, until: number): boolean =>
  !isQuiet(record) && record.facts.wakeAt !== null && record.facts.wakeAt <= until;

/** The newest record of each stream that may be acted upon; a deletion under which a callback goes on is as if it were not there. */
function newestOf(records: readonly StoredEvent[]): readonly StoredEvent[] {
  const newest = new Map<string, StoredEvent>();
  for (const record of records.filter(({ imported }) => imported !== true)) {
    if (record.type === 'TaskDeleted' && isQuiet(record) && record.facts.wakeAt !== null) continue;
    if ((newest.get(record.stream)?.version ?? 0) < record.version) newest.set(record.stream, record);
  }
  return [...newest.values()];
}

describe('dispatching records that come in any order, twice and late', () => {
  test('sends for each stream the wake of its newest record when that is within the horizon, and for no other reason', async () => {
    await fc.assert(
      fc.asyncProperty(anyBatch, anyNow, async (records, now) => {
        const { wakes, bus } = ports();

        await dispatch({ wakes, bus }, records, now);

        const expected = newestOf(records).filter((record) => isDueBy(record, now + limits.wakeHorizonMs));
        expect(wakes.sent.map(idOf).sort()).toEqual(expected.map(idOf).sort());
        for (const wake of wakes.sent) {
          const facts = expected.find((record) => idOf(record) === idOf(wake))?.facts;
          expect(wake).toMatchObject({ dueAt: facts?.wakeAt, target: facts?.target, lane: facts?.lane });
        }
      }),
      { numRuns: 300 },
    );
  });

  test('over any split into batches sends for the newest record of each stream a wake of that version or a newer one', async () => {
    await fc.assert(
      fc.asyncProperty(anyBatch, anyNow, fc.integer({ min: 1, max: 9 }), async (records, now, size) => {
        const { wakes, bus } = ports();

        for (let first = 0; first < records.length; first += size) await dispatch({ wakes, bus }, records.slice(first, first + size), now);

        for (const record of newestOf(records)) {
          if (!isDueBy(record, now + limits.wakeHorizonMs)) continue;
          const { stream, version, facts } = record;
          expect(wakes.sent.some((wake) => wake.stream === stream && wake.version >= version && wake.dueAt === facts.wakeAt)).toBe(true);
        }
        const quiet = new Set(records.filter(isQuiet).map(idOf));
        expect(wakes.sent.filter((wake) => quiet.has(idOf(wake)))).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  test('never acts upon imported events', async () => {
    await fc.assert(
      fc.asyncProperty(anyBatch, anyNow, async (records, now) => {
        const { wakes, bus } = ports();

        const outcome = await dispatch(
          { wakes, bus },
          records.map((record) => ({ ...record, imported: true })),
          now,
        );

        expect([wakes.sent, bus.published, outcome]).toEqual([[], [], { unsentWakes: [], unpublished: [] }]);
      }),
      { numRuns: 50 },
    );
  });

  test('gives back what could not be passed on, wakes and events apart, and passes on everything else', async () => {
    await fc.assert(
      fc.asyncProperty(anyBatch, anyNow, fc.nat(3), fc.nat(3), async (records, now, badWake, badEvent) => {
        const { wakes, bus } = ports();
        wakes.refuses = ({ stream }) => stream.endsWith(String(badWake));
        bus.refuses = ({ version }) => version % 4 === badEvent;
        const fresh = records.filter(({ imported }) => imported !== true);

        const { unsentWakes, unpublished } = await dispatch({ wakes, bus }, records, now);

        const allWakes = wakesOf(fresh, now + limits.wakeHorizonMs);
        expect([...unsentWakes, ...wakes.sent].map(idOf).sort()).toEqual(allWakes.map(idOf).sort());
        expect(unsentWakes.every(({ stream }) => stream.endsWith(String(badWake)))).toBe(true);
        expect([...unpublished, ...bus.published].map(idOf).sort()).toEqual(
          fresh
            .filter((record) => isPublished(record))
            .map(idOf)
            .sort(),
        );
        expect(unpublished.every(({ version }) => version % 4 === badEvent)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});

describe('dispatch', () => {
  test('sends wakes before it tells the bus', async () => {
    const order: string[] = [];
    const took = (what: string) => async () => {
      order.push(what);
      return [];
    };
    const [wakes, bus] = [{ send: took('wakes') }, { publish: took('bus') }];

    await dispatch({ wakes, bus }, storedEvents(created('task#one')), epoch);

    expect(order).toEqual(['wakes', 'bus']);
  });

  test('a bus that throws has not held up the wakes', async () => {
    const wakes = new MemoryWakeQueue();
    const bus = {
      publish: async () => {
        throw new Error('the bus is away');
      },
    };

    await expect(dispatch({ wakes, bus }, storedEvents(created('task#one')), epoch)).rejects.toThrow('away');

    expect(wakes.sent).toHaveLength(1);
  });

  test('a due time exactly at the horizon is sent, one beyond is left to the due index', async () => {
    for (const [beyond, sent] of [
      [0, 1],
      [1, 0],
    ] as const) {
      const { wakes, bus } = ports();
      const runAt = epoch + limits.wakeHorizonMs + beyond;
      await dispatch({ wakes, bus }, storedEvents(created('task#one', {}, epoch, runAt)), epoch);
      expect(wakes.sent).toHaveLength(sent);
    }
  });

  test('sends no second wake for a try of a callback that waits when its task is deleted, and still the first', () => {
    const [record, deletion] = storedEvents(
      moves.given(moves.scheduled(moves.withCallback), moves.start, moves.succeed, moves.notDelivered, moves.remove),
    ).slice(-2);
    if (record === undefined || deletion === undefined) throw new Error('there are no such records');

    expect([record.type, deletion.type, deletion.facts.wakeAt]).toEqual(['CallbackFailed', 'TaskDeleted', record.facts.wakeAt]);
    expect(wakesOf([deletion], Number.POSITIVE_INFINITY)).toEqual([]);
    expect(wakesOf([record, deletion], Number.POSITIVE_INFINITY)).toEqual(wakesOf([record], Number.POSITIVE_INFINITY));
    expect(wakesOf([record], Number.POSITIVE_INFINITY).map(idOf)).toEqual([idOf(record)]);
  });

  test('publishes lifecycle events, and others only when they open a callback', () => {
    const withCallback = created('task#one', { callback: callbackSpec });
    const typesOf = (history: Parameters<typeof storedEvents>[0]) =>
      storedEvents(history)
        .filter((record) => isPublished(record))
        .map(({ type }) => type);

    expect(typesOf(succeed(start(created('task#one'))))).toEqual(['TaskScheduled', 'TaskStarted', 'TaskSucceeded']);
    expect(typesOf(fail(start(created('task#one')), true))).toEqual(['TaskScheduled', 'TaskStarted', 'TaskFailed']);
    expect(typesOf(moves.further(created('task#one'), moves.cancel))).toEqual(['TaskScheduled', 'TaskCancelled']);
    expect(typesOf(perform(created('task#one'), { type: 'delete' }).history)).toEqual(['TaskScheduled']);
    expect(typesOf(perform(withCallback, { type: 'delete' }).history)).toEqual(['TaskScheduled', 'TaskDeleted']);
    const reopened = perform(fail(start(withCallback), false), { type: 'redeliver' }).history;
    expect(typesOf(perform(reopened, { type: 'delete' }).history)).toEqual(['TaskScheduled', 'TaskStarted', 'TaskFailed']);
  });
});

describe('a task that belongs to a schedule or an orchestration', () => {
  const origins = [
    [{ scheduleId: 'nightly', occurrence: 3 }, 'schedule#nightly'],
    [{ orchestrationId: 'order', step: 1, role: 'task' }, 'orchestration#order'],
  ] as const;

  test.each(origins)('has it woken by its end, and by nothing before: %j', (origin, parent) => {
    const begun = start(created('task#child', { origin }));
    const records = [...storedEvents(fail(begun, true)), ...storedEvents(succeed(begun)).slice(-1)];
    const last = records.slice(-1);

    expect(wakesOf(records.slice(0, -1), Number.POSITIVE_INFINITY).filter(({ stream }) => stream === parent)).toEqual([]);
    expect(wakesOf(last, Number.POSITIVE_INFINITY).filter(({ stream }) => stream === parent)).toEqual([
      { stream: parent, version: 0, dueAt: 0, target: null, lane: 'short' },
    ]);
  });

  test.each(origins)('has it woken by its failure for good, its cancellation and its deletion: %j', (origin, parent) => {
    const child = created('task#child', { origin });
    const ends = [fail(start(child), false), moves.further(child, moves.cancel), moves.further(child, moves.remove)];
    const records = ends.flatMap((history) => storedEvents(history).slice(-1));

    expect(records.map(({ type }) => type)).toEqual(['TaskFailed', 'TaskCancelled', 'TaskDeleted']);
    for (const record of records) expect(wakesOf([record], Number.POSITIVE_INFINITY).map(({ stream }) => stream)).toContain(parent);
  });
});
