import { describe, expect, test } from 'vitest';
import { silentLogger } from '../../support/silent-logger.ts';
import { FunctionError, Throttled } from '../lambda/function.ts';
import type { MappingResource } from '../stack/stack.ts';
import type { Discarded } from './failure-destination.ts';
import { bringToEnd } from './stream-batch.ts';
import type { StreamRecord } from './stream-record.ts';

const now = 1_000_000;
const record = (sequence: number, ageS = 0): StreamRecord => ({
  eventID: String(sequence),
  eventName: 'INSERT',
  eventVersion: '1.1',
  eventSource: 'aws:dynamodb',
  awsRegion: 'eu-west-1',
  dynamodb: {
    ApproximateCreationDateTime: now / 1_000 - ageS,
    Keys: {},
    SequenceNumber: String(sequence),
    SizeBytes: 1,
    StreamViewType: 'NEW_IMAGE',
  },
  eventSourceARN: 'stream',
});

type Answer = 'taken' | 'thrown' | 'throttled' | 'garbled' | readonly number[];

/** Runs a batch against a function that answers by script, then takes everything. */
async function run(
  batch: readonly StreamRecord[],
  script: readonly Answer[],
  settings: Partial<MappingResource> = {},
  stopAfter = Infinity,
) {
  const invoked: string[] = [];
  const givenUp: Pick<Discarded, 'condition' | 'attempts' | 'records'>[] = [];
  const pauses: number[] = [];
  const stopping = new AbortController();
  const mapping: MappingResource = {
    EventSourceArn: 'stream',
    FunctionName: 'function',
    Enabled: true,
    MaximumBatchingWindowInSeconds: 0,
    ParallelizationFactor: 1,
    MaximumRetryAttempts: -1,
    MaximumRecordAgeInSeconds: -1,
    BisectBatchOnFunctionError: false,
    FunctionResponseTypes: ['ReportBatchItemFailures'],
    ...settings,
  };
  const done = await bringToEnd(mapping, batch, {
    logger: silentLogger,
    clock: {
      now: () => now,
      monotonic: () => 0,
      sleep: async (ms) => {
        pauses.push(ms);
        if (pauses.length >= stopAfter) stopping.abort();
      },
    },
    stopping: stopping.signal,
    giveUp: (discarded) => givenUp.push(discarded),
    lambda: {
      name: 'function',
      arn: 'function',
      idle: async () => undefined,
      warm: async () => undefined,
      invoke: async (event) => {
        const { Records } = event as { readonly Records: readonly StreamRecord[] };
        const answer = script[invoked.length] ?? 'taken';
        invoked.push(Records.map(({ dynamodb }) => dynamodb.SequenceNumber).join(''));
        if (answer === 'thrown') throw new FunctionError('thrown');
        if (answer === 'throttled') throw new Throttled('throttled');
        if (answer === 'garbled') return { batchItemFailures: [{ itemIdentifier: 'nobody' }] };
        return answer === 'taken' ? null : { batchItemFailures: answer.map((sequence) => ({ itemIdentifier: String(sequence) })) };
      },
    },
  });
  const lost = givenUp.map(({ condition, records }) => [condition, records.map(({ dynamodb }) => dynamodb.SequenceNumber).join('')]);
  return { done, invoked, lost, pauses };
}
const four = [1, 2, 3, 4].map((sequence) => record(sequence));

describe('a batch of a stream', () => {
  test('that is taken is invoked once', async () => {
    expect(await run(four, [])).toEqual({ done: true, invoked: ['1234'], lost: [], pauses: [] });
  });
  test('is tried again from the lowest record that failed, also those after it that did not', async () => {
    expect((await run(four, [[4, 2], [3]])).invoked).toEqual(['1234', '234', '34']);
  });
  test('is tried again as a whole when the answer names what is not in it', async () => {
    expect((await run(four, ['garbled'])).invoked).toEqual(['1234', '1234']);
  });
  test('is cut in half when the invocation failed, until a record is alone', async () => {
    const { invoked } = await run(four, ['thrown', 'thrown', 'thrown'], { BisectBatchOnFunctionError: true });
    expect(invoked).toEqual(['1234', '12', '1', '1', '2', '34']);
  });
  test('is given up after its retries, and only what is left of it', async () => {
    const script = [[3], 'thrown', 'thrown'] as const;
    expect(await run(four, script, { MaximumRetryAttempts: 2 })).toMatchObject({
      done: true,
      invoked: ['1234', '34', '34'],
      lost: [['RetryAttemptsExhausted', '34']],
    });
  });
  test('is not retried less for having been throttled', async () => {
    const { invoked, lost } = await run(four, ['throttled', 'throttled', 'throttled'], { MaximumRetryAttempts: 1 });
    expect([invoked.length, lost]).toEqual([4, []]);
  });
  test('goes without records that are too old', async () => {
    const aged = [record(1, 120), record(2, 10), record(3, 61)];
    expect(await run(aged, [], { MaximumRecordAgeInSeconds: 60 })).toMatchObject({ invoked: ['2'], lost: [['RecordAgeExceeded', '13']] });
  });
  test('is left where it is when the mapping stops', async () => {
    expect(await run(four, ['thrown', 'thrown', 'thrown'], {}, 2)).toMatchObject({ done: false, invoked: ['1234', '1234'] });
  });
  test('waits longer before each try', async () => {
    expect((await run(four, Array(9).fill('thrown'))).pauses).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
  });
});
