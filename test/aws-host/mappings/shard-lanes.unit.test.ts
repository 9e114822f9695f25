import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/adapters/system-clock.ts';
import { ShardLanes } from './shard-lanes.ts';
import type { StreamRecord } from './stream-record.ts';

const record = (sequence: number, key: string): StreamRecord => ({
  eventID: undefined,
  eventName: 'INSERT',
  eventVersion: '1.1',
  eventSource: 'aws:dynamodb',
  awsRegion: 'eu-west-1',
  dynamodb: {
    ApproximateCreationDateTime: 0,
    Keys: { pk: { S: key } },
    SequenceNumber: String(sequence),
    SizeBytes: 1,
    StreamViewType: 'NEW_IMAGE',
  },
  eventSourceARN: 'stream',
});
const sequences = (batch: readonly StreamRecord[]) => batch.map(({ dynamodb }) => Number(dynamodb.SequenceNumber));

function lanesOf(lanes: number, handle: (batch: readonly StreamRecord[]) => Promise<boolean>, batchSize = 10, windowMs = 0) {
  const progress: string[] = [];
  const made = new ShardLanes({
    clock: systemClock,
    lanes,
    batchSize,
    windowMs,
    handle,
    onProgress: (sequence) => progress.push(sequence),
  });
  return { lanes: made, progress };
}

describe('the lanes of a shard', () => {
  test('keep records of one key in order, and no batch above its size', async () => {
    const batches: number[][] = [];
    const byKey = new Map<string, number[]>();
    const { lanes, progress } = lanesOf(
      4,
      async (batch) => {
        batches.push(sequences(batch));
        for (const { dynamodb } of batch) {
          const key = JSON.stringify(dynamodb.Keys);
          byKey.set(key, [...(byKey.get(key) ?? []), Number(dynamodb.SequenceNumber)]);
        }
        return true;
      },
      3,
    );
    for (let sequence = 1; sequence <= 40; sequence += 1) lanes.push(record(sequence, `key-${sequence % 5}`), 0);
    lanes.close();
    await lanes.ended;

    expect(batches.flat().sort((one, other) => one - other)).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
    for (const ordered of byKey.values()) expect(ordered).toEqual(ordered.toSorted((one, other) => one - other));
    expect(Math.max(...batches.map(({ length }) => length))).toBe(3);
    expect(progress.at(-1)).toBe('40');
  });

  test('have come only as far as their slowest one', async () => {
    const { promise: opened, resolve: open } = Promise.withResolvers<void>();
    const { promise: second, resolve: secondDone } = Promise.withResolvers<void>();
    const { lanes, progress } = lanesOf(64, async (batch) => {
      if (sequences(batch).includes(1)) await opened;
      else secondDone();
      return true;
    });
    lanes.push(record(1, 'slow'), 0);
    lanes.push(record(2, 'quick'), 0);
    await second;
    await new Promise((resolve) => setImmediate(resolve));
    expect([progress, lanes.size]).toEqual([[], 2]);

    open();
    lanes.close();
    await lanes.ended;
    expect(progress).toEqual(['2']);
  });

  test('gather within a window what comes one after the other', async () => {
    const batches: number[][] = [];
    const { promise: gathered, resolve } = Promise.withResolvers<void>();
    const { lanes } = lanesOf(
      1,
      async (batch) => {
        batches.push(sequences(batch));
        resolve();
        return true;
      },
      10,
      50,
    );
    lanes.push(record(1, 'a'), 0);
    await new Promise((done) => setImmediate(done));
    lanes.push(record(2, 'a'), 0);
    await gathered;
    expect(batches).toEqual([[1, 2]]);
    lanes.stop();
    await lanes.ended;
  });

  test('hand out nothing before it is available', async () => {
    const availableAt = systemClock.monotonic() + 60;
    const { promise: handed, resolve } = Promise.withResolvers<number>();
    const { lanes } = lanesOf(1, async () => {
      resolve(systemClock.monotonic());
      return true;
    });
    lanes.push(record(1, 'a'), availableAt);
    expect(await handed).toBeGreaterThanOrEqual(availableAt);
    lanes.stop();
    await lanes.ended;
  });

  test('leave what waits when they are stopped', async () => {
    const handled: number[] = [];
    const { lanes, progress } = lanesOf(1, async (batch) => {
      handled.push(...sequences(batch));
      return true;
    });
    lanes.push(record(1, 'a'), Number.POSITIVE_INFINITY);
    lanes.stop();
    await lanes.ended;
    expect([handled, progress]).toEqual([[], []]);
  });
});
