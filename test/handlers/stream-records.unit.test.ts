import { describe, expect, test } from 'vitest';
import { failFrom, readStreamBatch } from '../../src/handlers/stream-records.ts';
import { start, succeed } from '../support/histories.ts';
import { poisonRecord, sequenceOf, streamEvent, streamRecord } from '../support/lambda.ts';
import { rememberingLogger, silentLogger } from '../support/silent-logger.ts';
import { created, storedEvents } from '../support/stored-events.ts';

const events = storedEvents(succeed(start(created('task#one'))));

describe('a batch of the stream', () => {
  test('holds the very events that were appended, bodies included', () => {
    const { records, unreadable } = readStreamBatch(streamEvent(events), silentLogger);

    expect(records.map(({ event }) => ({ ...event, body: event.body && Buffer.from(event.body).toString() }))).toEqual(
      events.map((event) => ({ ...event, body: event.body && Buffer.from(event.body).toString() })),
    );
    expect(records.some(({ event }) => event.body !== undefined)).toBe(true);
    expect(records.map(({ sequence }) => sequence)).toEqual([0, 1, 2].map(sequenceOf));
    expect(unreadable).toEqual([]);
  });

  test('holds no event where an item was changed or removed', () => {
    const [first, second, third] = streamEvent(events).Records;

    const { records, sequences } = readStreamBatch(
      {
        Records: [
          { ...first, eventName: 'MODIFY' },
          { ...second, eventName: 'REMOVE', dynamodb: { ...second?.dynamodb, NewImage: undefined } },
          third,
        ],
      },
      silentLogger,
    );

    expect(records.map(({ event }) => event.version)).toEqual([3]);
    expect(sequences).toHaveLength(3);
  });

  test.each([
    ['of an unknown type', poisonRecord('task#x', 7, 1)],
    ['whose data is no JSON', broken({ data: { S: '{' } })],
    ['whose facts are missing', broken({ facts: undefined })],
    ['whose data has another shape', broken({ data: { S: '{"unknown":1}' } })],
    ['of a schema that is not known', broken({ schema: { N: '99' } })],
    [
      'without an image',
      { eventName: 'INSERT', dynamodb: { SequenceNumber: sequenceOf(1), Keys: { pk: { S: 'task#x' }, sk: { N: '7' } } } },
    ],
  ])('names a record %s by its key, and goes on', (_what, record) => {
    const logger = rememberingLogger();
    const whole = streamRecord(events[0] ?? fail(), 2);

    const { records, unreadable } = readStreamBatch({ Records: [record, whole] }, logger);

    expect(unreadable).toEqual([{ sequence: sequenceOf(1), item: { stream: 'task#x', version: 7 } }]);
    expect(records).toHaveLength(1);
    expect(logger.lines).toEqual(['error: a record does not read as an event']);
  });

  test('that is none of a stream is refused whole', () => {
    expect(() => readStreamBatch({ Records: [{ body: '{}', messageId: '1' }] }, silentLogger)).toThrow();
    expect(() => readStreamBatch(undefined, silentLogger)).toThrow();
  });

  test('fails from the earliest of the records that are affected, by the order of the batch and not of the numbers', () => {
    const batch = { sequences: ['900', '1000', '1001'], records: [], unreadable: [] };

    expect(failFrom(batch, [])).toEqual({ batchItemFailures: [] });
    expect(failFrom(batch, ['1001', '1000'])).toEqual({ batchItemFailures: [{ itemIdentifier: '1000' }] });
    expect(failFrom(batch, ['1001', '900'])).toEqual({ batchItemFailures: [{ itemIdentifier: '900' }] });
  });
});

function fail(): never {
  throw new Error('there is an event');
}

function broken(parts: object) {
  const record = streamRecord({ ...(events[0] ?? fail()), stream: 'task#x', version: 7 }, 1);
  return { ...record, dynamodb: { ...record.dynamodb, NewImage: { ...(record.dynamodb.NewImage as object), ...parts } } };
}
