import {
  DescribeStreamCommand,
  type DescribeStreamCommandOutput,
  type DynamoDBStreamsClient,
  ExpiredIteratorException,
  GetRecordsCommand,
  GetShardIteratorCommand,
  type Shard,
  TrimmedDataAccessException,
} from '@aws-sdk/client-dynamodb-streams';
import type { Clock, Logger } from '../../../src/application/ports.ts';
import { type Bell, createBell } from '../bell.ts';
import type { LambdaFunction } from '../lambda/function.ts';
import type { Pattern } from '../patterns.ts';
import type { MappingResource } from '../stack/stack.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { Discarded } from './failure-destination.ts';
import type { Running } from './queue-mapping.ts';
import { ShardLanes } from './shard-lanes.ts';
import { bringToEnd } from './stream-batch.ts';
import { streamRecord } from './stream-record.ts';

export type StreamMappingPorts = {
  readonly streams: DynamoDBStreamsClient;
  /** The stream as the engine names it. */
  readonly streamArn: string;
  readonly lambda: LambdaFunction;
  readonly matches: Pattern | null;
  readonly checkpoints: Checkpoints;
  readonly giveUp: (discarded: Discarded) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Milliseconds from a record's arrival in the stream to its invocation. */
  readonly delay: () => number;
};
export type StreamMapping = Running & {
  /** Tells that there may be records: without it they are found at the next poll. */
  ring(): void;
};

const defaultBatch = 100;
/** Lambda polls each shard four times a second; here it is only for writes of other processes, as the own ones ring. */
const pollMs = 250;
const recordsAtOnce = 1_000;
const heldRecords = 5_000;
const pauseAfterErrorMs = 200;

/** An event source mapping from a stream: every shard from its oldest record on, a child after its parent, and on from where it was. */
export function runStreamMapping(mapping: MappingResource, ports: StreamMappingPorts): StreamMapping {
  const { streams, streamArn, lambda, checkpoints, clock, logger } = ports;
  const stopping = new AbortController();
  const bells = new Set<Bell>();
  const reading = new Map<string, Promise<void>>();

  async function shards(): Promise<readonly Shard[]> {
    const found: Shard[] = [];
    let ExclusiveStartShardId: string | undefined;
    do {
      const command = new DescribeStreamCommand({ StreamArn: streamArn, ExclusiveStartShardId });
      const { StreamDescription }: DescribeStreamCommandOutput = await streams.send(command);
      found.push(...(StreamDescription?.Shards ?? []));
      ExclusiveStartShardId = StreamDescription?.LastEvaluatedShardId;
    } while (ExclusiveStartShardId !== undefined);
    return found;
  }

  async function iteratorAfter(shard: string, sequence: string | null): Promise<string | undefined> {
    const start =
      sequence === null
        ? { ShardIteratorType: 'TRIM_HORIZON' as const }
        : { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER' as const, SequenceNumber: sequence };
    const command = new GetShardIteratorCommand({ StreamArn: streamArn, ShardId: shard, ...start });
    return streams.send(command).then(
      ({ ShardIterator }) => ShardIterator,
      (error: unknown) => {
        if (error instanceof TrimmedDataAccessException && sequence !== null) return iteratorAfter(shard, null);
        throw error;
      },
    );
  }

  /** Reads a shard to its end, which a shard has once the engine goes on with others. */
  async function readShard(shard: string): Promise<void> {
    const bell = createBell();
    bells.add(bell);
    const saved = checkpoints.get(lambda.name, shard);
    let read = saved.sequence;
    const lanes = new ShardLanes({
      clock,
      lanes: mapping.ParallelizationFactor,
      batchSize: mapping.BatchSize ?? defaultBatch,
      windowMs: mapping.MaximumBatchingWindowInSeconds * 1_000,
      handle: (batch) =>
        bringToEnd(mapping, batch, {
          lambda,
          clock,
          logger,
          stopping: stopping.signal,
          giveUp: (discarded) =>
            ports.giveUp({
              ...discarded,
              destination: mapping.DestinationConfig?.OnFailure.Destination,
              functionName: lambda.name,
              shard,
              streamArn,
            }),
        }),
      onProgress: (sequence) => checkpoints.save(lambda.name, shard, { sequence, finished: false }),
    });
    stopping.signal.addEventListener('abort', () => lanes.stop());
    let iterator = await iteratorAfter(shard, read);
    while (!stopping.signal.aborted && iterator !== undefined) {
      if (lanes.size >= heldRecords) {
        await clock.sleep(pollMs, stopping.signal);
        continue;
      }
      try {
        const page = await streams.send(new GetRecordsCommand({ ShardIterator: iterator, Limit: recordsAtOnce }));
        const availableAt = clock.monotonic() + ports.delay();
        for (const raw of page.Records ?? []) {
          const record = streamRecord(raw, mapping.EventSourceArn, clock.now());
          if (read !== null && BigInt(record.dynamodb.SequenceNumber) <= BigInt(read)) continue;
          read = record.dynamodb.SequenceNumber;
          if (ports.matches === null || ports.matches(record)) lanes.push(record, availableAt);
        }
        iterator = page.NextShardIterator;
        if ((page.Records ?? []).length === 0) await bell.heard(pollMs);
      } catch (error) {
        if (stopping.signal.aborted) break;
        // In DynamoDB Local an iterator of an empty shard no longer holds once there is a record (aws-sdk-java issue 2923).
        const trimmed = error instanceof TrimmedDataAccessException;
        if (!trimmed) {
          logger.warn('a shard could not be read', { shard, error: String(error) });
          await clock.sleep(pauseAfterErrorMs, stopping.signal);
        }
        if (trimmed || error instanceof ExpiredIteratorException) iterator = await iteratorAfter(shard, trimmed ? null : read);
      }
    }
    lanes.close();
    await lanes.ended;
    bells.delete(bell);
    if (!stopping.signal.aborted) checkpoints.save(lambda.name, shard, { sequence: read, finished: true });
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        const found = await shards();
        const open = new Set(
          found.map(({ ShardId }) => ShardId).filter((id) => id !== undefined && !checkpoints.get(lambda.name, id).finished),
        );
        for (const { ShardId: shard, ParentShardId } of found) {
          if (shard === undefined || !open.has(shard) || reading.has(shard) || open.has(ParentShardId)) continue;
          const read = readShard(shard)
            .catch((error: unknown) => logger.warn('a shard was lost', { shard, error: String(error) }))
            .finally(() => reading.delete(shard));
          reading.set(shard, read);
        }
      } catch (error) {
        if (!stopping.signal.aborted) logger.warn('the shards of a stream could not be listed', { error: String(error) });
      }
      await Promise.race([clock.sleep(1_000, stopping.signal), ...reading.values()]);
    }
    await Promise.all(reading.values());
  }

  const ring = (): void => {
    for (const bell of bells) bell.ring();
  };
  return {
    ended: run(),
    ring,
    stop() {
      stopping.abort();
      ring();
    },
  };
}
