import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { failureKind } from '../../../src/adapters/aws/failures.ts';
import type { StoredEvent } from '../../../src/application/ports.ts';
import { createLogTables, type Engine, isDynoxideInstalled, type LogTables, logOn, startDynoxide } from '../../support/dynoxide.ts';
import { type FaultyService, startFaultyService, type Fault as WireFault } from '../../support/faulty-service.ts';
import { localAccess } from '../../support/local-access.ts';
import { created, storedEvents } from '../../support/stored-events.ts';

type Fault = 'none' | 'throttled' | 'reply lost' | 'reply empty' | 'swallowed' | 'refused';

/** A client to which, below the SDK, something happens on each of its next requests, in order. */
function faultyClient(engine: Engine, faults: readonly Fault[]): { readonly client: DynamoDBClient; readonly left: () => number } {
  const client = new DynamoDBClient({
    endpoint: engine.endpoint,
    region: 'eu-west-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    maxAttempts: 1,
  });
  const pending = [...faults];
  client.middlewareStack.add(
    (next) => async (args) => {
      const fault = pending.shift() ?? 'none';
      if (fault === 'throttled') throw Object.assign(new Error('slow down'), { name: 'ThrottlingException' });
      if (fault === 'refused') throw Object.assign(new Error('not allowed'), { name: 'AccessDeniedException' });
      if (fault === 'swallowed') return { response: undefined, output: { $metadata: {} } };
      const answer = await next(args);
      if (fault === 'reply empty') return { ...answer, output: { ...answer.output, Responses: [] } };
      if (fault === 'reply lost') throw Object.assign(new Error('the reply was lost'), { name: 'TimeoutError' });
      return answer;
    },
    { step: 'finalizeRequest', name: 'faults' },
  );
  return { client, left: () => pending.length };
}

describe.skipIf(!isDynoxideInstalled())('the event log on DynamoDB, when something goes wrong below the SDK', () => {
  let engine: Engine;
  let tables: LogTables;
  beforeAll(async () => {
    engine = await startDynoxide();
    tables = await createLogTables(engine);
  });
  let made = 0;
  let event: StoredEvent;
  beforeEach(() => {
    made += 1;
    const [first] = storedEvents(created(`task#fault-${made}`));
    if (first === undefined) throw new Error('no event');
    event = first;
  });
  const versions = async (stream: string) => (await logOn(engine.client, tables).read(stream, { after: 0 })).map(({ version }) => version);

  test('an append whose reply was lost is one that was appended, once', async () => {
    const { client, left } = faultyClient(engine, ['reply lost']);

    expect(await logOn(client, tables).append(event)).toBe('appended');
    expect([await versions(event.stream), left()]).toEqual([[1], 0]);
  });

  test('an append whose reply was lost and whose repeats are throttled is still its own', async () => {
    const { client } = faultyClient(engine, ['reply lost', 'throttled', 'throttled', 'none', 'throttled']);

    expect(await logOn(client, tables).append(event)).toBe('appended');
    expect(await versions(event.stream)).toEqual([1]);
  });

  test('a version that somebody else took while the request was throttled is a conflict', async () => {
    await logOn(engine.client, tables).append({ ...event, commitId: 'another' });
    const { client } = faultyClient(engine, ['throttled', 'reply lost', 'none']);

    expect(await logOn(client, tables).append(event)).toBe('conflict');
  });

  test.each<Fault>(['reply empty', 'swallowed'])(
    'an append whose reply says nothing of it (%s) is made again, and appended once',
    async (fault) => {
      const { client, left } = faultyClient(engine, [fault, fault]);

      expect(await logOn(client, tables).append(event)).toBe('appended');
      expect([await versions(event.stream), left()]).toEqual([[1], 0]);
    },
  );

  test('a version that somebody else took while replies said nothing is a conflict', async () => {
    await logOn(engine.client, tables).append({ ...event, commitId: 'another' });
    const { client } = faultyClient(engine, ['swallowed', 'reply empty']);

    expect(await logOn(client, tables).append(event)).toBe('conflict');
  });

  test('replies that go on saying nothing are an error that may pass, and nothing counts as appended', async () => {
    const { client } = faultyClient(
      engine,
      Array.from({ length: 50 }, () => 'swallowed' as const),
    );

    const failure = await logOn(client, tables)
      .append(event)
      .catch((error: unknown) => error);

    expect(String(failure)).toContain('could not be appended');
    expect(failureKind(failure)).toBe('transient');
    expect(await versions(event.stream)).toEqual([]);
  });

  test('a large body of which a reply says nothing is stored before its event', async () => {
    const body = new Uint8Array(20_000).fill(7);
    const { client, left } = faultyClient(engine, ['swallowed', 'swallowed']);
    const log = logOn(client, tables);

    expect(await log.append({ ...event, body })).toBe('appended');
    expect([await log.readBody(event.stream, event), left()]).toEqual([body, 0]);
  });

  test('throttling that does not end is an error, and nothing was appended', async () => {
    const { client } = faultyClient(
      engine,
      Array.from({ length: 50 }, () => 'throttled' as const),
    );

    await expect(logOn(client, tables).append(event)).rejects.toThrow(/could not be appended/);
    expect(await versions(event.stream)).toEqual([]);
  });

  test('what is not allowed is an error at once', async () => {
    const { client, left } = faultyClient(engine, ['refused', 'none']);

    await expect(logOn(client, tables).append(event)).rejects.toThrow(/not allowed/);
    expect(left()).toBe(1);
  });

  test('a large body whose reply was lost is stored once and found again', async () => {
    const body = new Uint8Array(20_000).fill(7);
    const { client } = faultyClient(engine, ['reply lost', 'none', 'reply lost']);
    const log = logOn(client, tables);

    expect(await log.append({ ...event, body })).toBe('appended');
    expect(await log.readBody(event.stream, event)).toEqual(body);
  });

  describe('on the wire', () => {
    let service: FaultyService;
    let faults: WireFault[];
    beforeEach(async () => {
      faults = [];
      service = await startFaultyService(engine.endpoint, () => faults.shift() ?? 'none');
    });
    afterEach(() => service.close());
    const clientOnWire = () => new DynamoDBClient({ ...localAccess, endpoint: service.endpoint });
    const repeats = (fault: WireFault, times: number) => Array.from({ length: times }, () => fault);

    test.each<WireFault>(['not sent', 'reply lost', 'unavailable', 'throttled'])(
      'an append that meets "%s" is made again, and appended once',
      async (fault) => {
        faults = [fault, fault];

        expect(await logOn(clientOnWire(), tables).append(event)).toBe('appended');
        expect([await versions(event.stream), faults]).toEqual([[1], []]);
      },
    );

    test.each<WireFault>(['not sent', 'unavailable', 'throttled'])(
      'an append that goes on meeting "%s" is an error that may pass, as the log may be back for the next one',
      async (fault) => {
        faults = repeats(fault, 50);

        const failure = await logOn(clientOnWire(), tables)
          .append(event)
          .catch((error: unknown) => error);

        expect(String(failure)).toContain('could not be appended');
        expect(failureKind(failure)).toBe('transient');
        expect(await versions(event.stream)).toEqual([]);
      },
    );

    test.each<WireFault>(['not sent', 'reply lost', 'unavailable', 'throttled'])('a read that meets "%s" is made again', async (fault) => {
      await logOn(engine.client, tables).append(event);
      faults = [fault, fault];

      expect(await logOn(clientOnWire(), tables).read(event.stream, { after: 0 })).toHaveLength(1);
      expect(faults).toEqual([]);
    });

    test('a read that goes on failing is an error that may pass', async () => {
      faults = repeats('not sent', 50);
      const failure = await logOn(clientOnWire(), tables)
        .read(event.stream, { after: 0 })
        .catch((error: unknown) => error);
      expect(failureKind(failure)).toBe('transient');
    });
  });

  test('of many appends that share a request only those that lost are told so', async () => {
    const log = logOn(engine.client, tables);
    const events = Array.from({ length: 60 }, (_, index) => storedEvents(created(`task#shared-${index}`))).flat();
    for (const taken of events.filter((_event, index) => index % 7 === 0)) await log.append({ ...taken, commitId: 'another' });

    const outcomes = await Promise.all(events.map((each) => log.append(each)));

    expect(outcomes).toEqual(events.map((_event, index) => (index % 7 === 0 ? 'conflict' : 'appended')));
  });
});
