import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Clock, Logger } from '../../../src/application/ports.ts';
import type { StreamRecord } from './stream-record.ts';

export type Discarded = {
  readonly destination: string | undefined;
  readonly functionName: string;
  readonly shard: string;
  readonly streamArn: string;
  readonly condition: 'RetryAttemptsExhausted' | 'RecordAgeExceeded';
  readonly attempts: number;
  readonly records: readonly StreamRecord[];
};

/**
 * Writes what a mapping gives up to the bucket of its failure destination, a folder in the data directory, with the records, as Lambda
 * does (https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html). What has no destination is lost; both are logged.
 */
export function createFailureDestination(dataDir: string, clock: Clock, logger: Logger): (discarded: Discarded) => void {
  return ({ destination, functionName, shard, streamArn, condition, attempts, records }) => {
    const at = new Date(clock.now()).toISOString();
    logger.error('records of the stream are given up', { function: functionName, condition, records: records.length, destination });
    const bucket = /^arn:aws:s3:::(.+)$/.exec(destination ?? '')?.[1];
    if (bucket === undefined || dataDir === ':memory:') return;
    const key = `aws/lambda/${functionName}/${shard}/${at.slice(0, 10).replaceAll('-', '/')}/${at.replaceAll(':', '.')}-${randomUUID()}`;
    const file = join(dataDir, 'buckets', bucket, `${key}.json`);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(
      file,
      JSON.stringify({
        requestContext: { requestId: randomUUID(), functionArn: functionName, condition, approximateInvokeCount: attempts },
        version: '1.0',
        timestamp: at,
        DDBStreamBatchInfo: {
          shardId: shard,
          startSequenceNumber: records[0]?.dynamodb.SequenceNumber,
          endSequenceNumber: records.at(-1)?.dynamodb.SequenceNumber,
          batchSize: records.length,
          streamArn,
        },
        payload: JSON.stringify({ Records: records }),
      }),
    );
  };
}
