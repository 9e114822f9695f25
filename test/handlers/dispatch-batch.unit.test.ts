import { describe, expect, test } from 'vitest';
import type { StoredEvent, Wake } from '../../src/application/ports.ts';
import { factsOfStream } from '../../src/domain/streams.ts';
import { dispatchBatch } from '../../src/handlers/dispatch-batch.ts';
import { callbackSpec, epoch } from '../domain/task-histories.ts';
import { fail, start, succeed } from '../support/histories.ts';
import { MemoryRepairQueue, poisonRecord, rememberingTelemetry, sequenceOf, streamEvent, streamRecord } from '../support/lambda.ts';
import { MemoryEventBus } from '../support/memory-event-bus.ts';
import { MemoryWakeQueue } from '../support/memory-wake-queue.ts';
import { created, storedEvents } from '../support/stored-events.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

function world(publishedTypes?: readonly string[]) {
  return {
    wakes: new MemoryWakeQueue(),
    bus: new MemoryEventBus(),
    repair: new MemoryRepairQueue(),
    clock: new VirtualClock(epoch),
    telemetry: rememberingTelemetry(),
    ...(publishedTypes === undefined ? {} : { publishedTypes: new Set(publishedTypes) }),
  };
}

const firstOf = (id: string): StoredEvent[] => [...storedEvents(created(`task#${id}`))];
const three = [...firstOf('a'), ...firstOf('b'), ...firstOf('c')];
const done = { batchItemFailures: [] };
const from = (index: number) => ({ batchItemFailures: [{ itemIdentifier: sequenceOf(index) }] });

describe('dispatching a batch of the stream', () => {
  test('sends the wakes and tells the bus', async () => {
    const ports = world();

    expect(await dispatchBatch(ports, streamEvent(three))).toEqual(done);

    expect(ports.wakes.sent.map(({ stream }) => stream)).toEqual(['task#a', 'task#b', 'task#c']);
    expect(ports.bus.published).toHaveLength(3);
    expect(ports.repair.parked).toEqual([]);
  });

  test('has the stream bring it again from the first record whose wake could not be sent', async () => {
    const ports = world();
    ports.wakes.refuses = ({ stream }) => stream !== 'task#a';

    expect(await dispatchBatch(ports, streamEvent(three))).toEqual(from(1));

    expect(ports.wakes.sent.map(({ stream }) => stream)).toEqual(['task#a']);
    expect(ports.repair.parked).toEqual([]);
  });

  test('names the record of the wake itself, not an earlier one of its stream', async () => {
    const ports = world();
    const history = storedEvents(fail(start(created('task#b')), true));
    ports.wakes.refuses = () => true;

    expect(await dispatchBatch(ports, streamEvent(history))).toEqual(from(2));
  });

  test('tells the bus of what comes before that record alone, so that it hears of each event once, however often the batch is tried', async () => {
    const ports = world();
    ports.wakes.refuses = ({ stream }) => stream === 'task#b';
    const { Records } = streamEvent(three);
    const told = () => ports.bus.published.map(({ stream }) => stream);

    expect(await dispatchBatch(ports, { Records })).toEqual(from(1));
    expect(told()).toEqual(['task#a']);
    for (let again = 1; again <= 3; again += 1) expect(await dispatchBatch(ports, { Records: Records.slice(1) })).toEqual(from(1));
    expect(told()).toEqual(['task#a']);
    ports.wakes.refuses = () => false;
    expect(await dispatchBatch(ports, { Records: Records.slice(1) })).toEqual(done);

    expect(told()).toEqual(['task#a', 'task#b', 'task#c']);
  });

  test('tells the bus of nothing after the first of the records that hold an event whose wake could not be sent', async () => {
    const ports = world();
    ports.wakes.refuses = ({ stream }) => stream === 'task#b';

    expect(await dispatchBatch(ports, streamEvent([...three, ...firstOf('b')]))).toEqual(from(1));

    expect(ports.bus.published.map(({ stream }) => stream)).toEqual(['task#a']);
  });

  test('has the end of a task come again whose parent could not be woken, and parks nothing for a parent', async () => {
    const ports = world();
    const child = storedEvents(succeed(start(created('task#s.1', { origin: { scheduleId: 's', occurrence: 1 } }))));
    const isParents = ({ stream }: Wake) => stream === 'schedule#s';
    ports.wakes.refuses = isParents;

    expect(await dispatchBatch(ports, streamEvent(child))).toEqual(from(2));
    expect(ports.bus.published.map(({ version }) => version)).toEqual([1, 2]);
    ports.wakes.send = async (wakes) => wakes.filter(isParents).map((wake) => ({ ...wake, refused: true }));
    expect(await dispatchBatch(ports, streamEvent(child))).toEqual(done);
    expect(ports.repair.parked).toEqual([]);
  });

  test('parks a wake that its queue will never take, which keeps nothing from the bus', async () => {
    const ports = world();
    ports.wakes.send = async (wakes) => wakes.slice(0, 1).map((wake) => ({ ...wake, refused: true }));

    expect(await dispatchBatch(ports, streamEvent(three))).toEqual(done);

    expect(ports.repair.parked).toEqual([{ stream: 'task#a', version: 1 }]);
    expect(ports.bus.published).toHaveLength(3);
  });

  test('loses nothing when the queues cannot be reached at all: the whole batch comes again, and the bus is told then', async () => {
    const ports = world();
    const { send } = ports.wakes;
    ports.wakes.send = () => Promise.reject(new Error('no such queue'));

    expect(await dispatchBatch(ports, streamEvent(three))).toEqual(from(0));
    expect(ports.bus.published).toEqual([]);
    ports.wakes.send = send;
    expect(await dispatchBatch(ports, streamEvent(three))).toEqual(done);

    expect(ports.bus.published).toHaveLength(3);
  });

  test('parks what the bus does not take, and goes on', async () => {
    const ports = world();
    ports.bus.refuses = ({ stream }) => stream === 'task#b';

    expect(await dispatchBatch(ports, streamEvent(three))).toEqual(done);

    expect(ports.repair.parked).toEqual([{ stream: 'task#b', version: 1 }]);
    expect(ports.wakes.sent).toHaveLength(3);
    expect(ports.telemetry.counts.RecordsParked).toBe(1);
  });

  test('parks an event once, however often the batch holds it', async () => {
    const ports = world();
    ports.bus.refuses = () => true;

    await dispatchBatch(ports, streamEvent([...firstOf('a'), ...firstOf('a')]));

    expect(ports.repair.parked).toEqual([{ stream: 'task#a', version: 1 }]);
  });

  test('parks all of it when the bus cannot be reached; the wakes have gone out', async () => {
    const ports = world();
    ports.bus.publish = () => Promise.reject(new Error('no such bus'));

    expect(await dispatchBatch(ports, streamEvent(three))).toEqual(done);

    expect(ports.wakes.sent).toHaveLength(3);
    expect(ports.repair.parked).toHaveLength(3);
  });

  test('parks a record that does not read, and dispatches those around it', async () => {
    const ports = world();
    const [before, after] = [streamRecord(three[0] ?? never(), 0), streamRecord(three[1] ?? never(), 2)];

    expect(await dispatchBatch(ports, { Records: [before, poisonRecord('task#bad', 4, 1), after] })).toEqual(done);

    expect(ports.repair.parked).toEqual([{ stream: 'task#bad', version: 4 }]);
    expect(ports.wakes.sent.map(({ stream }) => stream)).toEqual(['task#a', 'task#b']);
  });

  test('has a record that cannot even be parked come again, poison or not', async () => {
    for (const [refused, index] of [
      ['task#bad', 1],
      ['task#b', 2],
    ] as const) {
      const ports = world();
      ports.bus.refuses = ({ stream }) => stream === 'task#b';
      ports.repair.refuses = ({ stream }) => stream === refused;
      const [before, after] = [streamRecord(three[0] ?? never(), 0), streamRecord(three[1] ?? never(), 2)];

      expect(await dispatchBatch(ports, { Records: [before, poisonRecord('task#bad', 4, 1), after] })).toEqual(from(index));
    }
  });

  test('has everything that was to be parked come again when the repair queue cannot be reached', async () => {
    const ports = world();
    ports.bus.refuses = () => true;
    ports.repair.send = () => Promise.reject(new Error('no such queue'));

    expect(await dispatchBatch(ports, streamEvent(three))).toEqual(from(0));

    expect(ports.telemetry.counts.RecordsParked ?? 0).toBe(0);
  });

  test('publishes the types that are asked for, and callbacks always', async () => {
    const ports = world(['TaskStarted']);
    const quiet = storedEvents(succeed(start(created('task#quiet'))));
    const asking = storedEvents(succeed(start(created('task#asking', { callback: callbackSpec }))));

    await dispatchBatch(ports, streamEvent([...quiet, ...asking]));

    expect(ports.bus.published.map(({ stream, type }) => `${stream} ${type}`)).toEqual([
      'task#quiet TaskStarted',
      'task#asking TaskStarted',
      'task#asking TaskSucceeded',
    ]);
  });

  test('tells nobody that a stream was erased, of whichever kind it is', async () => {
    const ports = world();
    const erased = ['task#a', 'schedule#a', 'orchestration#a'].map((stream): StoredEvent => {
      const facts = factsOfStream(stream, { status: 'deleted', id: 'a', version: 1, createdAt: epoch, updatedAt: epoch, ended: null });
      return { ...(three[0] as StoredEvent), stream, type: 'Erased', data: {}, facts };
    });

    expect(await dispatchBatch(ports, streamEvent(erased))).toEqual(done);
    expect(ports.bus.published).toEqual([]);
  });

  test('publishes callbacks alone when no type is asked for', async () => {
    const ports = world([]);

    await dispatchBatch(ports, streamEvent(storedEvents(succeed(start(created('task#asking', { callback: callbackSpec }))))));

    expect(ports.bus.published.map(({ type }) => type)).toEqual(['TaskSucceeded']);
  });

  test('acts upon nothing that was imported', async () => {
    const ports = world();

    expect(await dispatchBatch(ports, streamEvent(three.map((event) => ({ ...event, imported: true }))))).toEqual(done);

    expect([ports.wakes.sent, ports.bus.published, ports.repair.parked]).toEqual([[], [], []]);
  });
});

function never(): never {
  throw new Error('there is an event');
}
