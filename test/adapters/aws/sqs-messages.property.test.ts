import { type SendMessageBatchCommandInput, type SendMessageBatchCommandOutput, SQSClient } from '@aws-sdk/client-sqs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeRepair } from '../../../src/adapters/aws/repair-queue.ts';
import { decodeWake, encodeWake, SqsWakeQueue } from '../../../src/adapters/aws/sqs-wake-queue.ts';
import type { Wake } from '../../../src/application/ports.ts';
import { limits } from '../../../src/domain/limits.ts';
import { epoch } from '../../domain/task-histories.ts';
import { localAccess } from '../../support/local-access.ts';

const queueUrls = { short: 'http://127.0.0.1:1/0/short', long: 'http://127.0.0.1:1/0/long' };
const delayMaxMs = 900_000;
const second = 1_000;

/** A client whose requests go nowhere: `hear` gets them before they are written out. All messages are taken, or none. */
function deafClient(hear: (request: SendMessageBatchCommandInput) => boolean): SQSClient {
  const client = new SQSClient(localAccess);
  client.middlewareStack.add(
    () => async (args) => {
      const request = args.input as SendMessageBatchCommandInput;
      const taken = hear(request);
      const ids = (request.Entries ?? []).map(({ Id }) => ({ Id }));
      const output = { $metadata: {}, ...(taken ? { Successful: ids } : { Failed: ids }) } as SendMessageBatchCommandOutput;
      return { output, response: undefined };
    },
    { step: 'initialize', priority: 'high', override: true },
  );
  return client;
}

const anyWake = fc.record({
  stream: fc.string({ minLength: 1, maxLength: 40 }).map((id) => `task#${id}`),
  version: fc.nat(),
  dueAt: fc
    .oneof(
      fc.integer({ min: -5 * second, max: 5 * second }),
      fc.integer({ min: 0, max: 2 * delayMaxMs }),
      fc.integer({ min: -1_001, max: 1_001 }).map((ms) => delayMaxMs + ms),
    )
    .map((ms) => epoch + ms),
  target: fc.option(fc.string({ maxLength: 400, unit: 'binary' })),
  lane: fc.constantFrom<Wake['lane']>('short', 'long'),
});

describe('a wake as a message of SQS', () => {
  test('reads as it was written', () => {
    fc.assert(
      fc.property(anyWake, (wake) => {
        expect(decodeWake(encodeWake(wake))).toEqual(wake);
      }),
    );
  });

  test('never comes more than a second early, nor late by its delay, however often it is sent and whatever time that takes', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(anyWake, { maxLength: 40 }),
        fc.integer({ min: 0, max: 3_000 }),
        fc.integer({ min: 0, max: 3 }),
        async (wakes, pauseMs, failures) => {
          let now = epoch;
          const sent: { readonly wake: Wake | null; readonly delay: number; readonly at: number; readonly group: string | undefined }[] =
            [];
          const heard = new Map<string, number>();
          const client = deafClient(({ QueueUrl = '', Entries = [] }) => {
            expect(Entries.length).toBeLessThanOrEqual(10);
            const key = `${QueueUrl} ${Entries.map(({ MessageBody }) => MessageBody).join()}`;
            const times = (heard.get(key) ?? 0) + 1;
            heard.set(key, times);
            if (times <= failures) return false;
            for (const { MessageBody = '', DelaySeconds = Number.NaN, MessageGroupId } of Entries) {
              const wake = decodeWake(MessageBody);
              expect(QueueUrl).toBe(wake === null ? '' : queueUrls[wake.lane]);
              sent.push({ wake, delay: DelaySeconds, at: now, group: MessageGroupId });
            }
            return true;
          });
          const sleep = async () => {
            now += pauseMs;
          };
          const queue = new SqsWakeQueue({ client, queueUrls, now: () => now, sleep, random: () => 0.5 });

          const unsent = await queue.send(wakes);

          // A request that is the same as another's counts as its repeat here, so more may have failed than was meant to.
          const seen = [...sent.map(({ wake }) => wake), ...unsent].map((wake) => JSON.stringify(wake)).sort();
          const near = wakes.filter(({ dueAt }) => dueAt < epoch + delayMaxMs + second);
          expect(seen).toEqual(near.map((wake) => JSON.stringify(wake)).sort());
          for (const { wake, delay, at, group } of sent) {
            if (wake === null) throw new Error('a message that is no wake was sent');
            expect(Number.isInteger(delay) && delay >= 0 && delay <= 900).toBe(true);
            expect(at + delay * second).toBeGreaterThan(wake.dueAt - limits.wakeEarlyMs);
            expect(at + delay * second).toBeLessThanOrEqual(Math.max(at, wake.dueAt));
            if (wake.target === null) expect(group).toBeUndefined();
            else expect(group).toMatch(/^[!-~]{1,128}$/);
          }
        },
      ),
    ));

  test('is sent with the longest delay if it comes less than a second early by that, and dropped if it would come earlier', async () => {
    const sent: unknown[] = [];
    const client = deafClient(({ Entries = [] }) => {
      sent.push(...Entries.map(({ MessageBody = '', DelaySeconds }) => [decodeWake(MessageBody)?.stream, DelaySeconds]));
      return true;
    });
    const queue = new SqsWakeQueue({ client, queueUrls, now: () => epoch, sleep: async () => undefined, random: () => 0.5 });
    const wakeIn = (ms: number): Wake => ({ stream: `task#${ms}`, version: 1, dueAt: epoch + ms, target: null, lane: 'short' });

    expect(await queue.send([899_999, 900_000, 900_999, 901_000, 10 * delayMaxMs].map(wakeIn))).toEqual([]);

    expect(sent).toEqual([
      ['task#899999', 899],
      ['task#900000', 900],
      ['task#900999', 900],
    ]);
  });

  test('carries its target as its group, so that a queue can be fair to targets', async () => {
    const groups: unknown[] = [];
    const client = deafClient(({ Entries = [] }) => {
      groups.push(...Entries.map(({ MessageGroupId }) => MessageGroupId));
      return true;
    });
    const queue = new SqsWakeQueue({ client, queueUrls, now: () => epoch, sleep: async () => undefined, random: () => 0.5 });
    const wake = { stream: 'task#one', version: 1, dueAt: epoch, lane: 'short' } as const;
    const long = `https://${'long.'.repeat(40)}example:443`;

    await queue.send(['https://shop.example:443', null, 'https://bücher.example:443', long].map((target) => ({ ...wake, target })));

    expect(groups).toEqual(['https://shop.example:443', undefined, 'https://b-cher.example:443', long.slice(-128)]);
  });

  test.each([
    ['', null],
    ['{"stream":"task#one"', null],
    ['null', null],
    ['[]', null],
    ['{"stream":"","version":1,"dueAt":0,"target":null,"lane":"short"}', null],
    ['{"stream":"task#one","version":1.5,"dueAt":0,"target":null,"lane":"short"}', null],
    ['{"stream":"task#one","version":1,"dueAt":"0","target":null,"lane":"short"}', null],
    ['{"stream":"task#one","version":1,"dueAt":0,"lane":"short"}', null],
    ['{"stream":"task#one","version":1,"dueAt":0,"target":null,"lane":"middle"}', null],
    [
      '{"stream":"task#one","version":1,"dueAt":0,"target":null,"lane":"long","more":true}',
      { stream: 'task#one', version: 1, dueAt: 0, target: null, lane: 'long' },
    ],
  ])('is not read from %s, or only what it needs', (body, wake) => {
    expect(decodeWake(body)).toEqual(wake);
  });
});

describe('a message of the repair queue', () => {
  test.each([
    ['', null],
    ['7', null],
    ['{"stream":"task#one"}', null],
    ['{"stream":"task#one","version":0}', null],
    ['{"stream":"","version":1}', null],
    ['{"stream":"task#one","version":3,"more":true}', { stream: 'task#one', version: 3 }],
  ])('reads %s as the event to look at, or as nothing', (body, item) => {
    expect(decodeRepair(body)).toEqual(item);
  });
});
