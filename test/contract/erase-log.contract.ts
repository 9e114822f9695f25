import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { snapshotSchemaVersion } from '../../src/application/aggregate-store.ts';
import type { EraseLog, EventLog, StoredEvent } from '../../src/application/ports.ts';
import { limits } from '../../src/domain/limits.ts';
import { stubOf } from '../../src/operator/folded-streams.ts';
import { epoch, minute, perform } from '../domain/task-histories.ts';
import { created, storedEvents } from '../support/stored-events.ts';

/** A log, what takes streams out of it, and every text and byte that is left of them in its store. */
export type EraseLogUnderTest = {
  readonly log: EventLog;
  readonly eraser: EraseLog;
  readonly remains: (stream: string) => Promise<readonly string[]>;
  readonly close: () => Promise<void> | void;
};

/** What every host's way of taking streams out of its log does. */
export function eraseLogContract(name: string, open: () => Promise<EraseLogUnderTest>): void {
  describe(`taking streams out of the event log ${name}`, () => {
    let underTest: EraseLogUnderTest;
    beforeEach(async () => {
      underTest = await open();
    });
    afterEach(() => underTest.close());

    const fill = async (count: number): Promise<readonly StoredEvent[]> => {
      const events = changedTask(count);
      for (const event of events) {
        const snapshot = { version: event.version, schemaVersion: snapshotSchemaVersion, state: '{"secret":"in a snapshot"}' };
        await underTest.log.append(event, event.version % limits.snapshotEvery === 0 ? snapshot : undefined);
      }
      return events;
    };
    const erasureOf = (events: readonly StoredEvent[]) => {
      const [last] = events.slice(-1);
      if (last === undefined) throw new Error('no events');
      return { stub: stubOf(last.stream, { now: epoch + 60 * minute, commitId: randomUUID() }), newest: [last] };
    };
    const read = async (stream: string): Promise<readonly StoredEvent[]> =>
      (await underTest.log.read(stream, { after: 0 })).map(({ position: _position, ...event }) => event);

    // Below and above what goes in one transaction, and what is kept with a folded state.
    test.each([1, 2, 26, 27, 33, 70])('of %i events leaves the stub, and nothing beside it', async (count) => {
      const events = await fill(count);
      const erasure = erasureOf(events);
      const { stream } = erasure.stub;

      expect(await underTest.eraser.erase([erasure])).toEqual([]);

      expect(await read(stream)).toEqual([erasure.stub]);
      expect((await underTest.log.load(stream, snapshotSchemaVersion)).snapshot).toBeNull();
      const [first] = events;
      await expect(underTest.log.readBody(stream, first ?? { version: 1, commitId: '' })).rejects.toThrow('is gone');
      expect((await underTest.remains(stream)).join()).not.toMatch(/secret|TaskScheduled|TaskRescheduled/);
    });

    test('leaves other streams as they are, also those whose names begin alike', async () => {
      const [events, other] = [await fill(2), await fill(2)];
      const alike = storedEvents(created(`${events[0]?.stream}.1`));
      for (const event of alike) await underTest.log.append(event);

      await underTest.eraser.erase([erasureOf(events)]);

      for (const kept of [other, alike]) expect(await read(kept[0]?.stream ?? '')).toHaveLength(kept.length);
    });

    test('leaves a stream that has gone on, and one that is not there, and names them', async () => {
      const [whole, gone] = [await fill(3), await fill(3)];
      const stale = erasureOf(whole.slice(0, 2));
      const other = { ...erasureOf(whole), newest: [{ version: 3, commitId: 'of another log' }] };

      const left = await underTest.eraser.erase([stale, other, erasureOf(changedTask(1)), erasureOf(gone)]);

      expect(left).toHaveLength(3);
      expect(left).toEqual(expect.arrayContaining([stale.stub.stream]));
      expect(await read(stale.stub.stream)).toHaveLength(3);
      expect(await read(gone[0]?.stream ?? '')).toHaveLength(1);
    });

    test('takes any of several events for the newest', async () => {
      const events = await fill(2);
      const erasure = erasureOf(events);

      expect(await underTest.eraser.erase([{ ...erasure, newest: [{ version: 3, commitId: 'closing' }, ...erasure.newest] }])).toEqual([]);
    });

    test('repeated keeps the stub that is there', async () => {
      const events = await fill(40);
      const [first, second] = [erasureOf(events), erasureOf(events)];

      await underTest.eraser.erase([first]);
      expect(await underTest.eraser.erase([second])).toEqual([]);

      expect(await read(first.stub.stream)).toEqual([first.stub]);
    });

    test('an append that was decided before finds the version taken', async () => {
      const events = await fill(1);
      const erasure = erasureOf(events);
      await underTest.eraser.erase([erasure]);
      const [first] = events;
      if (first === undefined) throw new Error('no event');

      expect(await underTest.log.append(first)).toBe('conflict');
    });

    test('takes many streams at once', async () => {
      const all = await Promise.all(Array.from({ length: 60 }, () => fill(2)));

      expect(await underTest.eraser.erase(all.map(erasureOf))).toEqual([]);

      for (const events of all) expect(await read(events[0]?.stream ?? '')).toHaveLength(1);
    });
  });
}

/** A task that was created with a large body and changed until it has so many events. */
function changedTask(count: number): readonly StoredEvent[] {
  let history = created(`task#${randomUUID()}`, { labels: { secret: 'label' } });
  for (let change = 1; change < count; change += 1) {
    const command = { type: 'reschedule', changes: { labels: { secret: String(change) } } } as const;
    history = perform({ ...history, now: epoch + change }, command).history;
  }
  const body = (version: number) => new TextEncoder().encode('secret '.repeat(version === 1 ? 2_000 : 10));
  return storedEvents(history).map((event) => ({ ...event, body: body(event.version) }));
}
