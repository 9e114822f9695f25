import { describe, expect, test } from 'vitest';
import { UnreadableEvent, type ViewWrite, type Wake } from '../../src/application/ports.ts';
import { projectBatch } from '../../src/handlers/project-batch.ts';
import { epoch, hour, minute, second } from '../domain/task-histories.ts';
import { start, succeed } from '../support/histories.ts';
import { MemoryRepairQueue, poisonRecord, rememberingTelemetry, sequenceOf, streamEvent, streamRecord } from '../support/lambda.ts';
import { MemoryEventLog } from '../support/memory-event-log.ts';
import { MemoryReadModels } from '../support/memory-read-models.ts';
import { MemoryWakeQueue } from '../support/memory-wake-queue.ts';
import { created, storedEvents } from '../support/stored-events.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

function world() {
  return {
    log: new MemoryEventLog(),
    views: new MemoryReadModels(),
    wakes: new MemoryWakeQueue(),
    repair: new MemoryRepairQueue(),
    clock: new VirtualClock(epoch),
    telemetry: rememberingTelemetry(),
  };
}
type World = ReturnType<typeof world>;

const events = ['a', 'b', 'c'].flatMap((id) => storedEvents(created(`task#${id}`)));
const done = { batchItemFailures: [] };
const from = (index: number) => ({ batchItemFailures: [{ itemIdentifier: sequenceOf(index) }] });
const named = (name: string): Error => Object.assign(new Error(name), { name });

/** Writing the view of one stream fails, alone and together with others. */
function failWritesOf({ views }: World, fails: (stream: string) => Error | null): { readonly writes: (readonly string[])[] } {
  const seen = { writes: [] as (readonly string[])[] };
  const write = views.write.bind(views);
  views.write = async (writes: readonly ViewWrite[], checkpoint) => {
    const streams = writes.map(({ after }) => after.stream);
    seen.writes.push(streams);
    for (const stream of streams) {
      const error = fails(stream);
      if (error !== null) throw error;
    }
    return write(writes, checkpoint);
  };
  return seen;
}

const projected = async ({ views }: World): Promise<readonly string[]> => [
  ...(await views.read(['task#a', 'task#b', 'task#c', 'task#broken'])).keys(),
];

describe('projecting a batch of the stream', () => {
  test('writes the views of its streams', async () => {
    const ports = world();

    expect(await projectBatch(ports, streamEvent(events))).toEqual(done);

    expect(await projected(ports)).toEqual(['task#a', 'task#b', 'task#c']);
  });

  test('leaves out what was imported: half of a stream could look as if it were due', async () => {
    const ports = world();
    const batch = events.map((event) => (event.stream === 'task#b' ? { ...event, imported: true } : event));

    expect(await projectBatch(ports, streamEvent(batch))).toEqual(done);

    expect(await projected(ports)).toEqual(['task#a', 'task#c']);
    expect([ports.wakes.sent, ports.repair.parked]).toEqual([[], []]);
  });

  test('goes on with a stream that was imported, from what the import made of it or from the log', async () => {
    const ports = world();
    const [first, second] = storedEvents(start(created('task#b')));
    if (first === undefined || second === undefined) throw new Error('a started task has two events');
    await ports.log.append({ ...first, imported: true });
    await ports.log.append(second);

    expect(await projectBatch(ports, streamEvent([second]))).toEqual(done);

    expect((await ports.views.read(['task#b'])).get('task#b')).toMatchObject({ version: 2, state: { status: 'running' } });
  });

  test('has all of it come again when the table throttles', async () => {
    const ports = world();
    failWritesOf(ports, (stream) => (stream === 'task#b' ? named('ThrottlingException') : null));

    expect(await projectBatch(ports, streamEvent(events))).toEqual(from(0));

    expect(ports.repair.parked).toEqual([]);
  });

  test('finds the one stream whose view cannot be written, tries it three times alone, parks its newest event and projects the others', async () => {
    const ports = world();
    const { writes } = failWritesOf(ports, (stream) => (stream === 'task#b' ? named('ValidationException') : null));
    const [, second] = storedEvents(start(created('task#b')));
    const batch = [...events, ...(second === undefined ? [] : [second])];

    expect(await projectBatch(ports, streamEvent(batch))).toEqual(done);

    expect(ports.repair.parked).toEqual([{ stream: 'task#b', version: 2 }]);
    expect(await projected(ports)).toEqual(['task#a', 'task#c']);
    expect(writes.filter((streams) => streams.join() === 'task#b')).toHaveLength(3);
  });

  test('goes on from the stream at which a fault that passes begins; what came before it is done', async () => {
    const ports = world();
    failWritesOf(ports, (stream) =>
      stream === 'task#a' ? named('ValidationException') : stream === 'task#c' ? named('ThrottlingException') : null,
    );

    expect(await projectBatch(ports, streamEvent(events))).toEqual(from(2));

    expect(ports.repair.parked).toEqual([{ stream: 'task#a', version: 1 }]);
    expect(await projected(ports)).toEqual(['task#b']);
  });

  test('does not take a fault of all streams for one of each: nothing is parked, everything comes again', async () => {
    const ports = world();
    failWritesOf(ports, () => named('AccessDeniedException'));

    expect(await projectBatch(ports, streamEvent(events))).toEqual(from(0));

    expect(ports.repair.parked).toEqual([]);
  });

  test('parks a stream that fails three times when it is the only one, or it would hold up its shard', async () => {
    const ports = world();
    failWritesOf(ports, () => named('ValidationException'));

    expect(await projectBatch(ports, streamEvent(events.slice(0, 1)))).toEqual(done);

    expect(ports.repair.parked).toEqual([{ stream: 'task#a', version: 1 }]);
  });

  test('parks a stream that does not fold at once, and projects the others', async () => {
    const ports = world();
    const [scheduled, started] = storedEvents(start(created('task#broken')));
    if (scheduled === undefined || started === undefined) throw new Error('there are events');
    const batch = [...events, scheduled, started, { ...started, version: 3 }];

    expect(await projectBatch(ports, streamEvent(batch))).toEqual(done);

    expect(ports.repair.parked).toEqual([{ stream: 'task#broken', version: 3 }]);
    expect(await projected(ports)).toEqual(['task#a', 'task#b', 'task#c']);
  });

  test('parks a stream whose gap holds an event that does not read', async () => {
    const ports = world();
    ports.log.read = () => Promise.reject(new UnreadableEvent('task#broken@1 does not read'));
    const [, started] = storedEvents(start(created('task#broken')));
    const batch = [...(started === undefined ? [] : [started]), ...events];

    expect(await projectBatch(ports, streamEvent(batch))).toEqual(done);

    expect(ports.repair.parked).toEqual([{ stream: 'task#broken', version: 2 }]);
    expect(await projected(ports)).toEqual(['task#a', 'task#b', 'task#c']);
  });

  test('has a poison record that cannot be parked come again, after the records before it are projected', async () => {
    const ports = world();
    ports.repair.refuses = () => true;
    const [a, b] = events.map((event, index) => streamRecord(event, index * 2));

    expect(await projectBatch(ports, { Records: [a, poisonRecord('task#bad', 9, 1), b] })).toEqual(from(1));

    expect(await projected(ports)).toEqual(['task#a', 'task#b']);
  });

  test('parks a poison record and projects those around it', async () => {
    const ports = world();
    const [a, b] = events.map((event, index) => streamRecord(event, index * 2));

    expect(await projectBatch(ports, { Records: [a, poisonRecord('task#bad', 9, 1), b] })).toEqual(done);

    expect(ports.repair.parked).toEqual([{ stream: 'task#bad', version: 9 }]);
    expect(await projected(ports)).toEqual(['task#a', 'task#b']);
  });

  test('brings to an end at the next try what a function that died had begun', async () => {
    const ports = world();
    const all = storedEvents(succeed(start(created('task#a'))));
    for (const event of all) await ports.log.append(event);
    const write = ports.views.write.bind(ports.views);
    let died = false;
    ports.views.write = async (writes, checkpoint) => {
      const behind = await write(writes, checkpoint);
      if (died) return behind;
      died = true;
      throw named('TimeoutError');
    };
    const batch = streamEvent([...all, ...storedEvents(created('task#b'))]);

    expect(await projectBatch(ports, batch)).toEqual(from(0));
    expect(await projectBatch(ports, batch)).toEqual(done);

    expect(await projected(ports)).toEqual(['task#a', 'task#b']);
    expect((await ports.views.statistics(epoch + minute)).lastHour).toMatchObject({ started: 1, succeeded: 1 });
  });
});

describe('due rows that are written late', () => {
  const due = (inMs: number) => storedEvents(created('task#late', {}, epoch, epoch + inMs));

  test('get their wake from the projection too, as the sweep has perhaps gone past them', async () => {
    const ports = world();
    ports.clock.set(epoch + 2 * minute);

    expect(await projectBatch(ports, streamEvent(due(5 * minute)))).toEqual(done);

    expect(ports.wakes.sent).toMatchObject([{ stream: 'task#late', version: 1, dueAt: epoch + 5 * minute }]);
  });

  test('are left to the sweep when they are far away, and to dispatch when they are in time', async () => {
    for (const [now, inMs] of [
      [epoch + 2 * minute, hour],
      [epoch + 30 * second, 5 * minute],
    ] as const) {
      const ports = world();
      ports.clock.set(now);

      await projectBatch(ports, streamEvent(due(inMs)));

      expect(ports.wakes.sent).toEqual([]);
    }
  });

  test('come again when their wake cannot be sent', async () => {
    for (const outcome of ['refused', 'away'] as const) {
      const ports = world();
      ports.clock.set(epoch + 2 * minute);
      if (outcome === 'refused') ports.wakes.refuses = () => true;
      else ports.wakes.send = () => Promise.reject(new Error('no such queue'));

      const answer = await projectBatch(ports, streamEvent([...storedEvents(succeed(start(created('task#a')))), ...due(5 * minute)]));

      expect(answer).toEqual(from(3));
    }
  });

  test('come again also when it is the wake of their parent that cannot be sent, for which nothing can be parked', async () => {
    const ports = world();
    ports.clock.set(epoch + 10 * minute);
    const child = storedEvents(succeed(start(created('task#s.1', { origin: { scheduleId: 's', occurrence: 1 } }))));
    const isParents = ({ stream }: Wake) => stream === 'schedule#s';
    ports.wakes.refuses = isParents;

    expect(await projectBatch(ports, streamEvent(child))).toEqual(from(2));
    ports.wakes.send = async (wakes) => wakes.filter(isParents).map((wake) => ({ ...wake, refused: true }));
    expect(await projectBatch(ports, streamEvent(child))).toEqual(done);
    expect(ports.repair.parked).toEqual([]);
  });

  test('get no wake from a batch that comes again, but from the try that carries it through', async () => {
    const ports = world();
    ports.clock.set(epoch + 2 * minute);
    let throttled = true;
    failWritesOf(ports, () => (throttled ? named('ThrottlingException') : null));

    for (let attempt = 1; attempt <= 5; attempt += 1) expect(await projectBatch(ports, streamEvent(events))).toEqual(from(0));
    expect(ports.wakes.sent).toEqual([]);
    throttled = false;
    expect(await projectBatch(ports, streamEvent(events))).toEqual(done);

    expect(ports.wakes.sent.map(({ stream }) => stream)).toEqual(['task#a', 'task#b', 'task#c']);
  });

  test('get their wakes once when a batch goes on from its middle', async () => {
    const ports = world();
    ports.clock.set(epoch + 2 * minute);
    let throttled = true;
    failWritesOf(ports, (stream) =>
      stream === 'task#a' ? named('ValidationException') : stream === 'task#c' && throttled ? named('ThrottlingException') : null,
    );
    const { Records } = streamEvent(events);

    expect(await projectBatch(ports, { Records })).toEqual(from(2));
    expect(ports.wakes.sent.map(({ stream }) => stream)).toEqual(['task#a', 'task#b']);
    throttled = false;
    expect(await projectBatch(ports, { Records: Records.slice(2) })).toEqual(done);

    expect(ports.wakes.sent.map(({ stream }) => stream)).toEqual(['task#a', 'task#b', 'task#c']);
  });
});
