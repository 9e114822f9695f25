import type { Clock, Logger } from '../../../src/application/ports.ts';
import { type LambdaFunction, Throttled } from '../lambda/function.ts';
import type { MappingResource } from '../stack/stack.ts';
import type { Discarded } from './failure-destination.ts';
import { failuresIn } from './partial-failures.ts';
import type { StreamRecord } from './stream-record.ts';

export type BatchPorts = {
  readonly lambda: LambdaFunction;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly giveUp: (discarded: Pick<Discarded, 'condition' | 'attempts' | 'records'>) => void;
  readonly stopping: AbortSignal;
};

/** AWS retries with growing pauses whose lengths it does not tell. */
const firstPauseMs = 100;
const longestPauseMs = 10_000;

/**
 * Brings a batch to its end, as an event source mapping of a stream does (https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
 * and services-ddb-batchfailurereporting.html): from the lowest record that failed everything is tried again; a batch whose invocation
 * failed is cut in half first, where the mapping says so, which is no retry; what is too old or was tried too often is given up.
 * False if it was stopped before: the records are then read again by the next process.
 */
export async function bringToEnd(mapping: MappingResource, batch: readonly StreamRecord[], ports: BatchPorts): Promise<boolean> {
  let left = batch;
  for (let retries = 0; left.length > 0; ) {
    left = youngEnough(mapping, left, retries, ports);
    if (left.length === 0) break;
    const outcome = await attempt(mapping, left, ports);
    if (outcome === 'throttled') {
      if (await stoppedDuring(firstPauseMs, ports)) return false;
      continue;
    }
    if (outcome === 'failed' && mapping.BisectBatchOnFunctionError && left.length > 1) {
      const half = Math.ceil(left.length / 2);
      return (await bringToEnd(mapping, left.slice(0, half), ports)) && (await bringToEnd(mapping, left.slice(half), ports));
    }
    if (outcome !== 'failed') left = left.slice(outcome);
    if (left.length === 0) break;
    if (mapping.MaximumRetryAttempts >= 0 && retries >= mapping.MaximumRetryAttempts) {
      ports.giveUp({ condition: 'RetryAttemptsExhausted', attempts: retries + 1, records: left });
      break;
    }
    if (await stoppedDuring(Math.min(longestPauseMs, firstPauseMs * 2 ** retries), ports)) return false;
    retries += 1;
  }
  return true;
}

/** How many records from the start are done; or that the invocation failed as a whole, or was not let in. */
async function attempt(
  mapping: MappingResource,
  records: readonly StreamRecord[],
  ports: BatchPorts,
): Promise<number | 'failed' | 'throttled'> {
  const { lambda, logger } = ports;
  try {
    const response = await lambda.invoke({ Records: records });
    if (mapping.FunctionResponseTypes.length === 0) return records.length;
    const sequences = records.map(({ dynamodb }) => dynamodb.SequenceNumber);
    const failed = failuresIn(response, new Set(sequences));
    if (failed === 'all') throw new Error('the function did not say which records failed');
    if (failed.size === 0) return records.length;
    logger.warn('records failed and are tried again', { function: lambda.name, records: failed.size });
    return sequences.findIndex((sequence) => failed.has(sequence));
  } catch (error) {
    if (error instanceof Throttled) return 'throttled';
    logger.error('a batch of the stream failed', { function: lambda.name, records: records.length, error: String(error) });
    return 'failed';
  }
}

function youngEnough(
  mapping: MappingResource,
  records: readonly StreamRecord[],
  retries: number,
  ports: BatchPorts,
): readonly StreamRecord[] {
  if (mapping.MaximumRecordAgeInSeconds < 0) return records;
  const oldest = ports.clock.now() / 1_000 - mapping.MaximumRecordAgeInSeconds;
  const young = records.filter(({ dynamodb }) => dynamodb.ApproximateCreationDateTime >= oldest);
  if (young.length < records.length) {
    ports.giveUp({ condition: 'RecordAgeExceeded', attempts: retries, records: records.filter((record) => !young.includes(record)) });
  }
  return young;
}

async function stoppedDuring(ms: number, { clock, stopping }: BatchPorts): Promise<boolean> {
  await clock.sleep(ms, stopping);
  return stopping.aborted;
}
