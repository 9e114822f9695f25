import { describe, expect, test } from 'vitest';
import { UnreadableEvent } from '../../src/application/ports.ts';
import { repairBatch } from '../../src/handlers/repair-batch.ts';
import { callbackSpec, epoch, minute } from '../domain/task-histories.ts';
import { fail, start, succeed } from '../support/histories.ts';
import { rememberingTelemetry, sqsEvent } from '../support/lambda.ts';
import { MemoryEventBus } from '../support/memory-event-bus.ts';
import { MemoryEventLog } from '../support/memory-event-log.ts';
import { MemoryReadModels } from '../support/memory-read-models.ts';
import { MemoryWakeQueue } from '../support/memory-wake-queue.ts';
import { created, storedEvents } from '../support/stored-events.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

async function world(...histories: readonly Parameters<typeof storedEvents>[0][]) {
  const log = new MemoryEventLog();
  for (const history of histories) for (const event of storedEvents(history)) await log.append(event);
  return {
    log,
    views: new MemoryReadModels(),
    wakes: new MemoryWakeQueue(),
    bus: new MemoryEventBus(),
    clock: new VirtualClock(epoch),
    telemetry: rememberingTelemetry(),
  };
}

const message = (stream: string, version: number) => JSON.stringify({ stream, version });
const done = { batchItemFailures: [] };
const failed = (...indexes: readonly number[]) => ({ batchItemFailures: indexes.map((index) => ({ itemIdentifier: `message-${index}` })) });

describe('repairing a parked event', () => {
  test('dispatches and projects it', async () => {
    const ports = await world(created('task#a'), succeed(start(created('task#b', { callback: callbackSpec }))));

    expect(await repairBatch(ports, sqsEvent([message('task#a', 1), message('task#b', 3)]))).toEqual(done);

    expect(ports.wakes.sent.map(({ stream, version }) => `${stream}@${version}`)).toEqual(['task#a@1', 'task#b@3']);
    expect(ports.bus.published.map(({ stream, type }) => `${stream} ${type}`)).toEqual(['task#a TaskScheduled', 'task#b TaskSucceeded']);
    expect([...(await ports.views.read(['task#a', 'task#b'])).values()].map(({ version }) => version)).toEqual([1, 3]);
  });

  test('twice does no harm', async () => {
    const ports = await world(succeed(start(created('task#a'))));

    await repairBatch(ports, sqsEvent([message('task#a', 2)]));
    await repairBatch(ports, sqsEvent([message('task#a', 2), message('task#a', 3), message('task#a', 1)]));

    expect((await ports.views.statistics(epoch)).lastHour).toMatchObject({ started: 1, succeeded: 1 });
    expect((await ports.views.read(['task#a'])).get('task#a')?.version).toBe(3);
  });

  test('sends the wake of the newest event when its due row is written late', async () => {
    const ports = await world(fail(start(created('task#a')), true));
    ports.clock.set(epoch + 2 * minute);

    expect(await repairBatch(ports, sqsEvent([message('task#a', 2)]))).toEqual(done);

    expect(ports.wakes.sent.map(({ version }) => version)).toEqual([3]);
  });

  test.each([
    ['names nothing', '{}'],
    ['is no JSON', 'x'],
    ['names an event that is not in the log', message('task#a', 9)],
  ])('fails when its message %s', async (_what, body) => {
    const ports = await world(created('task#a'));

    expect(await repairBatch(ports, sqsEvent([body, message('task#a', 1)]))).toEqual(failed(0));
  });

  test('fails, and has told everybody it could, when the bus or the queue does not take it', async () => {
    for (const broken of ['bus', 'wakes'] as const) {
      const ports = await world(created('task#a'));
      ports[broken].refuses = () => true;

      expect(await repairBatch(ports, sqsEvent([message('task#a', 1)]))).toEqual(failed(0));

      expect((await ports.views.read(['task#a'])).size).toBe(1);
      expect(broken === 'bus' ? ports.wakes.sent : ports.bus.published).toHaveLength(1);
    }
  });

  test('fails when its stream does not fold or does not read, but wakes it all the same', async () => {
    const ports = await world(created('task#a'), created('task#b'));
    const [scheduled] = storedEvents(created('task#a'));
    const read = ports.log.read.bind(ports.log);
    // As a broken log would give it: the same event under two versions.
    ports.log.read = async (stream, range) => {
      if (stream === 'task#b') throw new UnreadableEvent('task#b@1 does not read');
      return [...(await read(stream, range)), ...(scheduled === undefined ? [] : [{ ...scheduled, version: 2 }])].filter(
        ({ version }) => version > range.after && version <= (range.upTo ?? Number.MAX_SAFE_INTEGER),
      );
    };

    expect(await repairBatch(ports, sqsEvent([message('task#a', 2), message('task#b', 1)]))).toEqual(failed(0, 1));

    expect(ports.wakes.sent.map(({ stream }) => stream)).toEqual(['task#a']);
    expect((await ports.views.read(['task#a'])).size).toBe(0);
  });
});
