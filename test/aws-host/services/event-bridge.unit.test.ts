import type { SQSClient } from '@aws-sdk/client-sqs';
import { describe, expect, test } from 'vitest';
import { readPattern } from '../patterns.ts';
import { eventBridge } from './event-bridge.ts';

function bus() {
  const sent: { readonly url: string; readonly body: Record<string, unknown> }[] = [];
  const sqs = {
    send: async ({ input }: { input: { QueueUrl: string; MessageBody: string } }) => {
      sent.push({ url: input.QueueUrl, body: JSON.parse(input.MessageBody) });
    },
  } as unknown as SQSClient;
  const operations = eventBridge({
    buses: ['default', 'errand'],
    rules: [
      { bus: 'errand', matches: readPattern({ source: ['errand'], detail: { callback: [true] } }), queueUrls: ['callbacks'] },
      { bus: 'errand', matches: readPattern({ source: ['errand'] }), queueUrls: ['all', 'archive'] },
    ],
    sqs,
    now: () => Date.UTC(2026, 0, 1, 0, 0, 0, 789),
    id: () => 'id',
    deliver: (delivery) => delivery(),
  });
  const put = (...Entries: object[]) => (operations['AWSEvents.PutEvents'] ?? (() => Promise.reject(new Error('unknown'))))({ Entries });
  return { put, sent };
}
const entry = (detail: object = {}, more: object = {}) => ({
  Source: 'errand',
  DetailType: 'TaskSucceeded',
  Detail: JSON.stringify(detail),
  EventBusName: 'errand',
  ...more,
});

describe('PutEvents', () => {
  test('carries an entry to the queues of every rule that matches it', async () => {
    const { put, sent } = bus();
    expect(await put(entry({ callback: true }), entry({ callback: false }))).toEqual({
      FailedEntryCount: 0,
      Entries: [{ EventId: 'id' }, { EventId: 'id' }],
    });
    expect(sent.map(({ url }) => url).sort()).toEqual(['all', 'all', 'archive', 'archive', 'callbacks']);
    expect(sent[0]?.body).toEqual({
      version: '0',
      id: 'id',
      'detail-type': 'TaskSucceeded',
      source: 'errand',
      account: '000000000000',
      time: '2026-01-01T00:00:00Z',
      region: 'eu-west-1',
      resources: [],
      detail: { callback: true },
    });
  });

  test('carries nothing to rules of another bus', async () => {
    const { put, sent } = bus();
    await put(entry({}, { EventBusName: 'default' }));
    expect(sent).toEqual([]);
  });

  test('answers for each entry: one that cannot be does not keep back the others', async () => {
    const { put, sent } = bus();
    const answer = await put(
      entry({}, { Detail: '[]' }),
      entry(),
      entry({}, { Detail: '{' }),
      entry({}, { Source: '' }),
      entry({}, { EventBusName: 'nowhere' }),
    );
    expect(answer).toMatchObject({
      FailedEntryCount: 4,
      Entries: [
        { ErrorCode: 'MalformedDetail' },
        { EventId: 'id' },
        { ErrorCode: 'MalformedDetail' },
        { ErrorCode: 'InvalidArgument' },
        { ErrorCode: 'InvalidArgument' },
      ],
    });
    expect(sent).toHaveLength(2);
  });

  test('refuses none, more than ten, and more than 1 MiB in all', async () => {
    const { put, sent } = bus();
    await expect(put()).rejects.toMatchObject({ name: 'ValidationException' });
    await expect(put(...Array.from({ length: 11 }, () => entry()))).rejects.toMatchObject({ name: 'ValidationException' });
    const half = entry({ text: 'x'.repeat(600_000) });
    await expect(put(half, half)).rejects.toMatchObject({ name: 'ValidationException' });
    expect(await put(half)).toMatchObject({ FailedEntryCount: 0 });
    expect(sent).toHaveLength(2);
  });
});
