import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseStoredEvent } from '../../src/application/event-schemas.ts';
import type { EventLog, Snapshot, StoredEvent } from '../../src/application/ports.ts';
import { limits } from '../../src/domain/limits.ts';
import { definitionWith, hour, noHistory, perform, second } from '../domain/task-histories.ts';
import { created, storedEvents } from '../support/stored-events.ts';

/** A log to be tried, and how to let it go. Other streams may already be in it. */
export type EventLogUnderTest = { readonly log: EventLog; readonly close: () => Promise<void> | void };

const KiB = 1_024;

/** What every event log does, wherever it keeps its events. Nothing here asks for an order between streams. */
export function eventLogContract(name: string, open: () => Promise<EventLogUnderTest>): void {
  describe(`the event log ${name}`, () => {
    let underTest: EventLogUnderTest;
    let log: EventLog;

    beforeEach(async () => {
      underTest = await open();
      log = underTest.log;
    });
    afterEach(async () => {
      await underTest.close();
    });

    describe('append', () => {
      test('gives back what was appended, in every part', async () => {
        const [event] = eventsOf(newStream(), 1);
        if (event === undefined) throw new Error('no event');

        expect(await log.append(event)).toBe('appended');

        expect(await readWhole(log, event.stream)).toEqual([withoutPosition(event)]);
      });

      test('gives back the data that came through JSON, whatever characters are in it', async () => {
        const stream = newStream();
        const labels = { 'ключ "quoted"': '\u0000 \u2028 \\ 😀', __proto__x: '' };
        const [event] = storedEvents(created(stream, { labels }));
        if (event === undefined) throw new Error('no event');

        await log.append(event);

        const [read] = await readWhole(log, stream);
        expect(read?.data).toEqual(event.data);
        expect(read?.facts).toEqual(event.facts);
      });

      test('refuses a version that another commit holds, and leaves the winner as it was', async () => {
        const [event] = eventsOf(newStream(), 1);
        if (event === undefined) throw new Error('no event');
        await log.append({ ...event, body: bytesOf(9) });

        const outcome = await log.append({ ...event, commitId: 'another', occurredAt: event.occurredAt + 1, body: bytesOf(20) });

        expect(outcome).toBe('conflict');
        expect(await readWhole(log, event.stream)).toEqual([withoutPosition({ ...event, body: bytesOf(9) })]);
      });

      test('answers a commit that is already there as appended, as often as it is repeated, also when the stream has gone on', async () => {
        const [first, second] = eventsOf(newStream(), 2);
        if (first === undefined || second === undefined) throw new Error('no events');
        await log.append(first);

        expect(await log.append(first)).toBe('appended');
        await log.append(second);
        expect(await log.append(first)).toBe('appended');

        expect(await versions(log, first.stream)).toEqual([1, 2]);
      });

      test('tells the own commit from another one that comes after it, both with a large body', async () => {
        const [event] = eventsOf(newStream(), 1);
        if (event === undefined) throw new Error('no event');
        const mine = { ...event, body: bytesOf(20 * KiB) };
        await log.append(mine);

        expect(await log.append({ ...event, commitId: 'another', body: bytesOf(30 * KiB) })).toBe('conflict');
        expect(await log.append(mine)).toBe('appended');

        expect(await log.readBody(event.stream, event)).toEqual(bytesOf(20 * KiB));
      });

      test('takes appends of many streams that are issued together', async () => {
        const events = Array.from({ length: 120 }, () => eventsOf(newStream(), 1)).flat();

        const outcomes = await Promise.all(events.map((event) => log.append(event)));

        expect(new Set(outcomes)).toEqual(new Set(['appended']));
        for (const event of events) expect(await readWhole(log, event.stream)).toEqual([withoutPosition(event)]);
      });

      test('lets exactly one win of many that append the same version together', async () => {
        const [event] = eventsOf(newStream(), 1);
        if (event === undefined) throw new Error('no event');
        const rivals = Array.from({ length: 12 }, (_, index) => ({ ...event, commitId: `rival-${index}`, occurredAt: 1_000 + index }));

        const outcomes = await Promise.all(rivals.map((rival) => log.append(rival)));

        expect(outcomes.filter((outcome) => outcome === 'appended')).toHaveLength(1);
        expect(outcomes.filter((outcome) => outcome === 'conflict')).toHaveLength(11);
        const [stored] = await readWhole(log, event.stream);
        expect(stored?.commitId).toBe(rivals[outcomes.indexOf('appended')]?.commitId);
      });

      test('lets the same commit that is issued twice together be appended twice and stored once', async () => {
        const [event] = eventsOf(newStream(), 1);
        if (event === undefined) throw new Error('no event');

        const outcomes = await Promise.all([log.append(event), log.append(event)]);

        expect(outcomes).toEqual(['appended', 'appended']);
        expect(await versions(log, event.stream)).toEqual([1]);
      });

      test('a race in one stream does not touch the others that travel with it', async () => {
        const [contended, other] = [newStream(), newStream()];
        const [event] = eventsOf(contended, 1);
        const [apart] = eventsOf(other, 1);
        if (event === undefined || apart === undefined) throw new Error('no events');
        await log.append(event);

        const outcomes = await Promise.all([log.append({ ...event, commitId: 'another' }), log.append(apart)]);

        expect(outcomes).toEqual(['conflict', 'appended']);
      });

      test('takes versions of one stream one after another, each as soon as the one before is acknowledged', async () => {
        const events = eventsOf(newStream(), 10);

        for (const event of events) expect(await log.append(event)).toBe('appended');

        expect(await readWhole(log, events[0]?.stream ?? '')).toEqual(events.map(withoutPosition));
      });

      test('an event that cannot be written as JSON is refused alone', async () => {
        const [event] = eventsOf(newStream(), 1);
        const [other] = eventsOf(newStream(), 1);
        if (event === undefined || other === undefined) throw new Error('no events');
        const circular: Record<string, unknown> = {};
        circular['self'] = circular;

        const outcomes = await Promise.allSettled([log.append({ ...event, data: circular }), log.append(other)]);

        expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
        expect(await versions(log, event.stream)).toEqual([]);
        expect(await versions(log, other.stream)).toEqual([1]);
      });
    });

    describe('bodies', () => {
      const sizes = [0, 1, limits.inlineBodyBytes, limits.inlineBodyBytes + 1, limits.bodyBytes];

      test.each(sizes)('of %i bytes are given back byte for byte', async (size) => {
        const [event] = eventsOf(newStream(), 1);
        if (event === undefined) throw new Error('no event');
        await log.append({ ...event, body: bytesOf(size) });

        expect(await log.readBody(event.stream, event)).toEqual(bytesOf(size));
      });

      test('up to 8 KiB come with their event, larger ones only when they are asked for', async () => {
        const stream = newStream();
        const [small, large] = eventsOf(stream, 2);
        if (small === undefined || large === undefined) throw new Error('no events');
        await log.append({ ...small, body: bytesOf(limits.inlineBodyBytes) });
        await log.append({ ...large, body: bytesOf(limits.inlineBodyBytes + 1) });

        for (const events of [await log.read(stream, { after: 0 }), (await log.load(stream, 1)).events]) {
          expect(events.map(({ body }) => body?.length)).toEqual([limits.inlineBodyBytes, undefined]);
        }
      });

      test('may hold any byte, and are copies: changing what was given changes nothing in the log', async () => {
        const [event] = eventsOf(newStream(), 1);
        if (event === undefined) throw new Error('no event');
        const every = Uint8Array.from({ length: 256 }, (_, index) => index);
        await log.append({ ...event, body: every.slice() });

        const first = await log.readBody(event.stream, event);
        expect(first).toEqual(every);
        first.fill(0);

        expect(await log.readBody(event.stream, event)).toEqual(every);
      });

      test('may be a part of a larger buffer', async () => {
        const [event] = eventsOf(newStream(), 1);
        if (event === undefined) throw new Error('no event');
        const view = bytesOf(30 * KiB).subarray(5, 20 * KiB);

        await log.append({ ...event, body: view });

        expect(await log.readBody(event.stream, event)).toEqual(view.slice());
      });

      test('that are not there are an error that names stream and version', async () => {
        const [event] = eventsOf(newStream(), 1);
        if (event === undefined) throw new Error('no event');
        await log.append(event);

        await expect(log.readBody(event.stream, event)).rejects.toThrow(/version 1 .*task#|task#.*1/);
        await expect(log.readBody(newStream(), { version: 1, commitId: 'none' })).rejects.toThrow();
      });
    });

    describe('read', () => {
      test('of an unknown stream is empty', async () => {
        expect(await log.read(newStream(), { after: 0 })).toEqual([]);
        expect(await log.load(newStream(), 1)).toEqual({ snapshot: null, events: [] });
      });

      test.each([
        [{ after: 0 }, [1, 2, 3, 4, 5, 6, 7]],
        [{ after: 3 }, [4, 5, 6, 7]],
        [{ after: 7 }, []],
        [{ after: 100 }, []],
        [{ after: 0, upTo: 3 }, [1, 2, 3]],
        [{ after: 2, upTo: 4 }, [3, 4]],
        [{ after: 4, upTo: 4 }, []],
        [{ after: 5, upTo: 100 }, [6, 7]],
        [{ after: 0, limit: 2 }, [1, 2]],
        [{ after: 5, limit: 10 }, [6, 7]],
        [{ after: 1, upTo: 6, limit: 3 }, [2, 3, 4]],
      ])('%o of seven versions gives %o', async (range, expected) => {
        const events = eventsOf(newStream(), 7);
        for (const event of events) await log.append(event);

        expect((await log.read(events[0]?.stream ?? '', range)).map(({ version }) => version)).toEqual(expected);
      });

      test('is consistent: it sees an append as soon as that is acknowledged', async () => {
        for (const event of eventsOf(newStream(), 5)) {
          await log.append(event);
          expect((await versions(log, event.stream)).at(-1)).toBe(event.version);
        }
      });

      test('keeps streams apart whose names begin alike', async () => {
        const stream = newStream();
        const names = [stream, `${stream}.1`, `${stream}/`, `${stream} `];
        for (const [index, name] of names.entries()) for (const event of eventsOf(name, index + 1)) await log.append(event);

        for (const [index, name] of names.entries()) expect(await versions(log, name)).toHaveLength(index + 1);
      });

      test('gives events in order beyond nine and beyond ninety-nine versions', async () => {
        const events = eventsOf(newStream(), 105);
        for (const event of events) await log.append(event);

        expect(await versions(log, events[0]?.stream ?? '')).toEqual(Array.from({ length: 105 }, (_, index) => index + 1));
      });

      test('says which events were imported', async () => {
        const [first, second] = eventsOf(newStream(), 2);
        if (first === undefined || second === undefined) throw new Error('no events');
        await log.append({ ...first, imported: true });
        await log.append(second);

        expect((await readWhole(log, first.stream)).map(({ imported }) => imported === true)).toEqual([true, false]);
      });
    });

    describe('load', () => {
      const schema = 7;
      const snapshotAt = (version: number, schemaVersion = schema): Snapshot => ({ version, schemaVersion, state: `{"at":${version}}` });
      async function fill(count: number, schemaVersion = schema): Promise<string> {
        const events = eventsOf(newStream(), count);
        for (const event of events) {
          const due = event.version % limits.snapshotEvery === 0;
          await log.append(event, due ? snapshotAt(event.version, schemaVersion) : undefined);
        }
        return events[0]?.stream ?? '';
      }
      /** Whatever part of the stream the log chose: the snapshot and the events after it are the whole. */
      async function loaded(stream: string, schemaVersion = schema) {
        const { snapshot, events } = await log.load(stream, schemaVersion);
        return { snapshot, from: snapshot?.version ?? 0, versions: events.map(({ version }) => version) };
      }

      test.each([1, 31, 32, 33, 34, 64, 65, 100])(
        'gives, of %i events, a snapshot and all events after it without a gap',
        async (count) => {
          const found = await loaded(await fill(count));

          expect(found.versions).toEqual(Array.from({ length: count - found.from }, (_, index) => found.from + index + 1));
          if (found.snapshot !== null) expect(found.snapshot).toEqual(snapshotAt(found.from));
        },
      );

      test('of a long stream reads few events, after the newest snapshot', async () => {
        const found = await loaded(await fill(100));

        expect(found.from).toBe(96);
        expect(found.versions.length).toBeLessThanOrEqual(limits.snapshotEvery);
      });

      test('falls back to the whole stream when no snapshot is of a schema that it can read', async () => {
        const found = await loaded(await fill(70, schema - 1));

        expect(found.snapshot).toBeNull();
        expect(found.versions).toHaveLength(70);
      });

      test('takes an older snapshot that it can read over a newer one that it cannot', async () => {
        const events = eventsOf(newStream(), 70);
        for (const event of events) {
          const { version } = event;
          await log.append(event, version % 32 === 0 ? snapshotAt(version, version === 32 ? schema : schema - 1) : undefined);
        }

        const found = await loaded(events[0]?.stream ?? '');

        expect(found.from + found.versions.length).toBe(70);
        expect([0, 32]).toContain(found.from);
        expect(found.versions[0]).toBe(found.from + 1);
      });

      test('does not need the snapshots that should be there', async () => {
        const events = eventsOf(newStream(), 70);
        for (const event of events) await log.append(event);

        expect((await loaded(events[0]?.stream ?? '')).versions).toHaveLength(70);
      });

      test('never takes the snapshot of an append that lost', async () => {
        const stream = await fill(40);
        const [event] = (await log.read(stream, { after: 31, limit: 1 })).map(withoutPosition);
        if (event === undefined) throw new Error('no event');

        const outcome = await log.append({ ...event, commitId: 'another' }, { ...snapshotAt(32), state: '"wrong"' });

        expect(outcome).toBe('conflict');
        expect((await log.load(stream, schema)).snapshot).toEqual(snapshotAt(32));
      });
    });
  });
}

let streams = 0;

/** A name that no test used before: a log may be shared and is never emptied. */
export function newStream(): string {
  streams += 1;
  return `task#${randomUUID()}/${streams}`;
}

/** The first versions of a reachable stream without bodies: scheduled, and rescheduled again and again. */
export function eventsOf(stream: string, count: number): readonly StoredEvent[] {
  let history = perform(
    { ...noHistory, stream },
    {
      type: 'schedule',
      definition: definitionWith({ action: { kind: 'event', detailType: 'Tick', body: null } }),
      runAt: noHistory.now + hour,
      sameContent: false,
    },
  ).history;
  for (let version = 2; version <= count; version += 1) {
    history = { ...history, now: history.now + second };
    history = perform(history, { type: 'reschedule', runAt: history.now + hour, changes: {} }).history;
  }
  return storedEvents(history).map(parseStoredEvent);
}

function bytesOf(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, index) => (index * 31 + (index >> 8)) % 256);
}

/** Positions are a matter of one host; and a log may give back any kind of byte array. */
export function withoutPosition({ position: _, body, ...event }: StoredEvent): StoredEvent {
  return body === undefined ? event : { ...event, body: Uint8Array.from(body) };
}

async function readWhole(log: EventLog, stream: string): Promise<readonly StoredEvent[]> {
  return (await log.read(stream, { after: 0 })).map(withoutPosition);
}

async function versions(log: EventLog, stream: string): Promise<readonly number[]> {
  return (await log.read(stream, { after: 0 })).map(({ version }) => version);
}
