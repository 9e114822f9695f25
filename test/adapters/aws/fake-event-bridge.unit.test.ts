import { beforeEach, describe, expect, test } from 'vitest';
import { type BusEvent, createPutEvents, type FakeEventBridgeOptions } from '../../support/fake-event-bridge.ts';

const good = { Source: 'errand', DetailType: 'TaskScheduled', Detail: '{"id":"one"}', EventBusName: 'errand' };

describe('the EventBridge of tests', () => {
  let accepted: [string, BusEvent][];
  beforeEach(() => {
    accepted = [];
  });
  const put = (entries: unknown, options: Partial<FakeEventBridgeOptions> = {}) =>
    createPutEvents({ accept: (bus, event) => void accepted.push([bus, event]), now: () => 1_767_225_600_999, ...options })({
      Entries: entries,
    });

  test('hands over an entry as a rule would', async () => {
    const { FailedEntryCount, Entries } = await put([{ ...good, Time: 1_767_225_601, Resources: ['arn:one'] }]);

    expect([FailedEntryCount, Entries.length]).toEqual([0, 1]);
    expect(accepted).toEqual([
      [
        'errand',
        {
          version: '0',
          id: Entries[0] !== undefined && 'EventId' in Entries[0] ? Entries[0].EventId : '',
          'detail-type': 'TaskScheduled',
          source: 'errand',
          account: '000000000000',
          time: '2026-01-01T00:00:01Z',
          region: 'eu-west-1',
          resources: ['arn:one'],
          detail: { id: 'one' },
        },
      ],
    ]);
  });

  test('knows a bus by its ARN, the default bus, and its own time', async () => {
    const arn = 'arn:aws:events:eu-west-1:000000000000:event-bus/errand';
    const { EventBusName: _named, ...unnamed } = good;
    await put([{ ...good, EventBusName: arn }, unnamed]);

    expect(accepted.map(([bus]) => bus)).toEqual(['errand', 'default']);
    expect(accepted.map(([, { time }]) => time)).toEqual(['2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z']);
    expect(new Set(accepted.map(([, { id }]) => id)).size).toBe(2);
  });

  test.each([
    [{ Detail: '' }, 'InvalidArgument'],
    [{ Source: undefined }, 'InvalidArgument'],
    [{ DetailType: undefined }, 'InvalidArgument'],
    [{ DetailType: 'x'.repeat(129) }, 'InvalidArgument'],
    [{ Source: 'aws.events' }, 'NotAuthorizedForSourceException'],
    [{ Detail: '{"id":' }, 'MalformedDetail'],
    [{ Detail: '[]' }, 'MalformedDetail'],
    [{ Detail: 'null' }, 'MalformedDetail'],
    [{ Detail: `{"a":${'['.repeat(1_000)}${']'.repeat(1_000)}}` }, 'MalformedDetail'],
  ])('refuses an entry of %j alone, and takes the others', async (part, code) => {
    const { FailedEntryCount, Entries } = await put([good, { ...good, ...part }, good]);

    expect(FailedEntryCount).toBe(1);
    expect(Entries.map((entry) => ('ErrorCode' in entry ? entry.ErrorCode : null))).toEqual([null, code, null]);
    expect(accepted).toHaveLength(2);
  });

  test('takes a detail as deep as it may be, whatever stands in its texts', async () => {
    const deep = `{"a":${'['.repeat(999)}${']'.repeat(999)},"b":"${'[{'.repeat(2_000)}\\"["}`;
    expect((await put([{ ...good, Detail: deep }])).FailedEntryCount).toBe(0);
  });

  test.each([
    ['none', []],
    ['eleven', Array.from({ length: 11 }, () => good)],
    ['some, of which none is complete', [{ ...good, Detail: '' }, { Detail: '{}' }]],
    ['a megabyte', [{ ...good, Detail: JSON.stringify({ text: 'x'.repeat(1_000_000 - 30) }) }]],
    ['a megabyte together', Array.from({ length: 4 }, () => ({ ...good, Detail: JSON.stringify({ text: '€'.repeat(83_330) }) }))],
  ])('refuses a whole request of %s, and takes nothing of it', async (_what, entries) => {
    await expect(put(entries)).rejects.toMatchObject({ name: 'ValidationException' });
    expect(accepted).toEqual([]);
  });

  test('takes ten entries just below a megabyte', async () => {
    const entries = Array.from({ length: 10 }, () => ({ ...good, Detail: JSON.stringify({ text: 'x'.repeat(99_960) }) }));
    expect((await put(entries)).FailedEntryCount).toBe(0);
  });

  test('fails the entries it is told to fail, and only those that would be taken', async () => {
    const failEntry: FakeEventBridgeOptions['failEntry'] = ({ Source }) => (Source === 'errand.task' ? 'InternalFailure' : null);
    const { Entries } = await put([good, { ...good, Source: 'errand.task' }, { ...good, Source: 'errand.task', Detail: '7' }], {
      failEntry,
    });

    expect(Entries.map((entry) => ('ErrorCode' in entry ? entry.ErrorCode : null))).toEqual([null, 'InternalFailure', 'MalformedDetail']);
    expect(accepted).toHaveLength(1);
  });
});
