import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EventBridgeBus } from '../../../src/adapters/aws/eventbridge-bus.ts';
import type { StoredEvent } from '../../../src/application/ports.ts';
import { entryBytes, type FakeEventBridge, type GivenEntry, startFakeEventBridge } from '../../support/fake-event-bridge.ts';
import { type Fault, type FaultyService, startFaultyService } from '../../support/faulty-service.ts';
import { localAccess } from '../../support/local-access.ts';
import { created, storedEvents } from '../../support/stored-events.ts';

type Told = ReturnType<ConstructorParameters<typeof EventBridgeBus>[0]['entriesOf']>[number];

const tries = 4;
/** Every entry and request must stay below it. */
const megabyte = 1_000_000;

describe('the bus on EventBridge, when something goes wrong below the SDK', () => {
  let service: FakeEventBridge;
  let before: FaultyService;
  let bus: EventBridgeBus;
  let accepted: string[];
  let failEntry: (entry: GivenEntry) => string | null;
  let faultOf: (nth: number) => Fault;
  let entriesOf: (event: StoredEvent) => readonly Told[];

  beforeEach(async () => {
    accepted = [];
    failEntry = () => null;
    faultOf = () => 'none';
    entriesOf = ({ stream }) => [entry(stream)];
    service = await startFakeEventBridge({
      accept: (_bus, { detail }) => void accepted.push(String(detail['id'])),
      failEntry: (e) => failEntry(e),
    });
    before = await startFaultyService(service.endpoint, () => faultOf(before.asked.length));
    bus = new EventBridgeBus({
      client: new EventBridgeClient({ ...localAccess, endpoint: before.endpoint }),
      busName: 'errand',
      entriesOf: (event) => entriesOf(event),
      sleep: async () => undefined,
      random: () => 0.5,
    });
  });
  afterEach(async () => {
    await before.close();
    await service.close();
  });

  const entry = (id: string, bytes = 0): Told => {
    const detail = { id, filling: '' };
    const empty = 14 + Buffer.byteLength(`errandTaskScheduled${JSON.stringify(detail)}`);
    return { source: 'errand', detailType: 'TaskScheduled', detail: { ...detail, filling: 'x'.repeat(Math.max(0, bytes - empty)) } };
  };
  const events = (count: number) => Array.from({ length: count }, (_, index) => storedEvents(created(`task#${index}`))).flat();
  const names = (some: readonly StoredEvent[]) => some.map(({ stream }) => stream);
  const idOf = ({ Detail = '{}' }: GivenEntry): string => JSON.parse(Detail).id;
  const requests = () => before.asked.map(({ input }) => (input.Entries ?? []) as readonly GivenEntry[]);

  test.each(['InternalFailure', 'ThrottlingException'])('entries that fail with %s are sent again, and only those', async (code) => {
    const failing = new Set(['task#3', 'task#12']);
    failEntry = (given) => (failing.delete(idOf(given)) ? code : null);
    const given = events(15);

    expect(await bus.publish(given)).toEqual([]);

    expect(accepted.toSorted()).toEqual(names(given).toSorted());
    expect(
      requests()
        .map((request) => request.length)
        .toSorted(),
    ).toEqual([1, 1, 10, 5]);
  });

  test('an entry that goes on failing gives its event back, and holds up no other', async () => {
    failEntry = (given) => (idOf(given) === 'task#3' ? 'InternalFailure' : null);
    const given = events(15);

    expect(await bus.publish(given)).toEqual([given[3]]);

    expect(accepted).toHaveLength(14);
    expect(before.asked).toHaveLength(2 + tries - 1);
  });

  test('an entry that is refused for good is given back at once', async () => {
    failEntry = (given) => (idOf(given) === 'task#1' ? 'NotAuthorizedForSourceException' : null);
    const given = events(3);

    expect(await bus.publish(given)).toEqual([given[1]]);

    expect(before.asked).toHaveLength(1);
  });

  test('an event of two entries is given back whole and once, whichever of them failed', async () => {
    entriesOf = ({ stream }) => [entry(`${stream} first`), entry(`${stream} second`)];
    failEntry = (given) =>
      ['task#0 first', 'task#1 second', 'task#2 first', 'task#2 second'].includes(idOf(given)) ? 'InternalFailure' : null;
    const given = events(4);

    expect(await bus.publish(given)).toEqual(given.slice(0, 3));

    expect(accepted.toSorted()).toEqual(['task#0 second', 'task#1 first', 'task#3 first', 'task#3 second']);
  });

  test('entries are packed by what EventBridge counts, up to its limit and not beyond', async () => {
    entriesOf = ({ stream }) => [entry(stream, stream === 'task#0' ? megabyte - 1 : 333_333)];
    const given = events(7);

    expect(await bus.publish(given)).toEqual([]);

    expect(accepted).toHaveLength(7);
    const sizes = requests().map((request) => request.reduce((sum, each) => sum + entryBytes(each), 0));
    expect(sizes.toSorted()).toEqual([999_999, 999_999, 999_999]);
  });

  test('sizes are those of UTF-8, in source, detail type and detail', async () => {
    entriesOf = ({ stream }) => [{ source: 'errand.task', detailType: 'ü'.repeat(128), detail: { id: stream, text: '€'.repeat(110_000) } }];
    const given = events(4);

    expect(await bus.publish(given)).toEqual([]);

    expect(requests().map((request) => request.length)).toEqual([3, 1]);
  });

  test('an entry that is too large alone is given back alone, without being sent', async () => {
    entriesOf = ({ stream }) => [entry(stream, stream === 'task#1' ? megabyte : 0)];
    const given = events(3);

    expect(await bus.publish(given)).toEqual([given[1]]);

    expect(accepted.toSorted()).toEqual(['task#0', 'task#2']);
    expect(requests().flat().map(idOf)).not.toContain('task#1');
  });

  test.each<Fault>(['throttled', 'unavailable', 'not sent'])('a request that was %s is made again', async (fault) => {
    faultOf = (nth) => (nth < tries ? fault : 'none');

    expect(await bus.publish(events(2))).toEqual([]);

    expect(accepted).toEqual(['task#0', 'task#1']);
  });

  test('throttling that does not end gives back what it was about', async () => {
    faultOf = () => 'throttled';
    const given = events(12);

    expect(await bus.publish(given)).toEqual(given);
    expect(before.asked).toHaveLength(2 * tries);
  });

  test('a lost reply means that events may be told twice, never that they are not told', async () => {
    faultOf = (nth) => (nth === 1 ? 'reply lost' : 'none');

    expect(await bus.publish(events(1))).toEqual([]);

    expect(accepted).toEqual(['task#0', 'task#0']);
  });

  test('a bus that may not be used is an error at once', async () => {
    faultOf = () => 'forbidden';

    await expect(bus.publish(events(1))).rejects.toThrow(/not allowed/);
    expect(before.asked).toHaveLength(1);
  });

  test('an entry carries the time of its event', async () => {
    await bus.publish(events(1));

    expect(requests().flat()).toMatchObject([
      { Time: 1_767_225_600, EventBusName: 'errand', Source: 'errand', DetailType: 'TaskScheduled' },
    ]);
  });
});
