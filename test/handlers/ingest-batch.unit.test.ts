import { describe, expect, test } from 'vitest';
import { ingestBatch } from '../../src/handlers/ingest-batch.ts';
import { createWorld } from '../support/application-world.ts';
import { MemoryDeadLetters, rememberingTelemetry, sqsEvent } from '../support/lambda.ts';
import { context } from './http/input/context.ts';

const asking = (id: string, detail: object): string =>
  JSON.stringify({ version: '0', id: `event-${id}`, source: 'shop', 'detail-type': 'ScheduleTask', detail: { id, ...detail } });
const good = (id: string): string => asking(id, { event: { detailType: 'A' } });
const bad = asking('bad', { request: { url: 1 } });
const done = { batchItemFailures: [] };
const failed = (...indexes: readonly number[]) => ({ batchItemFailures: indexes.map((index) => ({ itemIdentifier: `message-${index}` })) });

function site() {
  const world = createWorld();
  const deadLetters = new MemoryDeadLetters();
  const telemetry = rememberingTelemetry();
  const ports = { ...world.ports, input: context(), deadLetters, telemetry };
  return { world, deadLetters, telemetry, bring: (...bodies: readonly string[]) => ingestBatch(ports, sqsEvent(bodies)) };
}

describe('a batch of events', () => {
  test('becomes tasks; what is refused is put aside with its reason, and nothing comes again', async () => {
    const { world, deadLetters, telemetry, bring } = site();

    expect(await bring(good('a'), bad, good('b'), 'garbage', good('a'))).toEqual(done);

    expect([...world.log.streams()].sort()).toEqual(['task#a', 'task#b']);
    expect(deadLetters.letters.toSorted((one, other) => one.body.localeCompare(other.body))).toEqual([
      { body: bad, status: 400, field: 'detail.request.url', detail: expect.stringContaining('detail.request.url must be') },
      { body: 'garbage', status: 400, field: '', detail: 'the event is not well-formed JSON' },
    ]);
    expect(telemetry.counts).toEqual({ TasksIngested: 2, EventsRefused: 2 });
    expect(telemetry.lines).toEqual(['warn: an event was refused', 'warn: an event was refused']);
  });

  test('gives back what the log did not take, and that alone', async () => {
    const { world, deadLetters, bring } = site();
    world.log.fault = ({ stream }) => (stream === 'task#b' ? 'request-lost' : null);

    expect(await bring(good('a'), good('b'), bad, good('c'))).toEqual(failed(1));
    expect(deadLetters.letters).toHaveLength(1);

    world.log.fault = () => null;
    expect(await bring(good('b'))).toEqual(done);
    expect([...world.log.streams()].sort()).toEqual(['task#a', 'task#b', 'task#c']);
  });

  test('that comes again because an answer was lost makes nothing twice', async () => {
    const { world, telemetry, bring } = site();
    world.log.fault = () => 'reply-lost';
    expect(await bring(good('a'))).toEqual(failed(0));
    world.log.fault = () => null;

    expect(await bring(good('a'))).toEqual(done);

    expect(world.types('a')).toEqual(['TaskScheduled']);
    expect(telemetry.counts).toEqual({});
  });

  test('gives back what the dead letters did not take: it is refused again', async () => {
    const { deadLetters, telemetry, bring } = site();
    deadLetters.away = true;
    expect(await bring(bad, good('a'))).toEqual(failed(0));
    expect(telemetry.counts).toEqual({ TasksIngested: 1 });
    deadLetters.away = false;

    expect(await bring(bad)).toEqual(done);

    expect(deadLetters.letters).toHaveLength(1);
  });

  test('that is none fails as a whole', async () => {
    const { bring, world } = site();
    const ports = { ...world.ports, input: context(), deadLetters: new MemoryDeadLetters(), telemetry: rememberingTelemetry() };

    await expect(ingestBatch(ports, { detail: {} })).rejects.toThrow();
    expect(await bring()).toEqual(done);
  });
});
