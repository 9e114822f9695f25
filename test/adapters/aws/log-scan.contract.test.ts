import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { scanLog } from '../../../src/adapters/aws/log-scan.ts';
import { parseStoredEvent } from '../../../src/application/event-schemas.ts';
import { type StoredEvent, UnreadableEvent } from '../../../src/application/ports.ts';
import { createLogTables, type Engine, isDynoxideInstalled, type LogTables, logOn, startDynoxide } from '../../support/dynoxide.ts';
import { type Fault, type FaultyService, startFaultyService } from '../../support/faulty-service.ts';
import { start, succeed } from '../../support/histories.ts';
import { localAccess } from '../../support/local-access.ts';
import { created, storedEvents } from '../../support/stored-events.ts';

/** What one page of a scan holds at most (API reference); each filled event is a good part of it. */
const pageBytes = 1_048_576;
const inlineBody = new Uint8Array(8_000).fill(55);

describe.skipIf(!isDynoxideInstalled())('a scan of the whole log', () => {
  let engine: Engine;
  let tables: LogTables;
  let service: FaultyService;
  let faultOf: (nth: number) => Fault;

  beforeEach(async () => {
    faultOf = () => 'none';
    engine = await startDynoxide();
    tables = await createLogTables(engine);
    service = await startFaultyService(engine.endpoint, () => faultOf(service.asked.length));
  });
  afterEach(() => service.close());

  const scan = (segments: number, onUnreadable?: (error: UnreadableEvent) => void) =>
    scanLog({
      ...(onUnreadable === undefined ? {} : { onUnreadable }),
      client: new DynamoDBClient({ ...localAccess, endpoint: service.endpoint }),
      eventsTable: tables.eventsTable,
      segments,
      parse: parseStoredEvent,
      sleep: async () => undefined,
      random: () => 0.5,
    });
  async function pagesOf(segments: number): Promise<(readonly StoredEvent[])[]> {
    const pages: (readonly StoredEvent[])[] = [];
    for await (const page of scan(segments)) pages.push(page);
    return pages;
  }
  async function fill(events: readonly StoredEvent[]): Promise<void> {
    const log = logOn(engine.client, tables);
    await Promise.all(events.map((event) => log.append(event)));
  }
  /** As many streams of three events as do not fit onto three pages. */
  const manyEvents = () =>
    Array.from({ length: 140 }, (_, index) => storedEvents(succeed(start(created(`task#${index}`)))))
      .flat()
      .map((event) => ({ ...event, body: inlineBody }));
  const keyOf = ({ stream, version }: StoredEvent): string => `${stream}@${version}`;

  test('of an empty log gives nothing', async () => {
    expect(await pagesOf(4)).toEqual([]);
  });

  test.each([1, 4])(
    'in %i segments gives every event once, as reading its stream does, with those of a stream in order',
    async (segments) => {
      const events = manyEvents();
      expect(events.length * inlineBody.length).toBeGreaterThan(3 * pageBytes);
      await fill(events);

      const pages = await pagesOf(segments);
      const found = pages.flat();

      expect(pages.length).toBeGreaterThan(3);
      expect(found.map(keyOf).sort()).toEqual(events.map(keyOf).sort());
      for (const stream of ['task#0', 'task#77', 'task#139']) {
        const read = await logOn(engine.client, tables).read(stream, { after: 0 });
        expect(found.filter((event) => event.stream === stream)).toEqual(read);
      }
      const last = new Map<string, number>();
      for (const { stream, version } of found) {
        expect(version).toBe((last.get(stream) ?? 0) + 1);
        last.set(stream, version);
      }
      expect(service.asked.every(({ input }) => input['ConsistentRead'] === true && input['TotalSegments'] === segments)).toBe(true);
    },
  );

  test('leaves bodies that lie apart where they are', async () => {
    const [event] = storedEvents(created('task#large'));
    await fill([{ ...(event as StoredEvent), body: new Uint8Array(20_000) }]);

    const [found] = (await pagesOf(1)).flat();
    expect(found).not.toHaveProperty('body');
  });

  test('asks for no page before there is room for it: one of each segment', async () => {
    await fill(manyEvents());
    const pages = scan(2);

    await pages.next();
    await service.arrived(2);
    // Whatever was going to be asked for without another page being taken has been by the time this answer is here.
    await logOn(engine.client, tables).read('task#0', { after: 0 });
    expect(service.asked).toHaveLength(2);

    await pages.next();
    await service.arrived(3);
    await pages.return(undefined);
  });

  test('goes on through throttling, lost replies and broken connections', async () => {
    const events = manyEvents();
    await fill(events);
    const faults: Fault[] = ['throttled', 'reply lost', 'unavailable', 'not sent'];
    faultOf = (nth) => (nth % 2 === 1 ? (faults[(nth >> 1) % faults.length] ?? 'none') : 'none');

    expect((await pagesOf(3)).flat().map(keyOf).sort()).toEqual(events.map(keyOf).sort());
  });

  test('ends with what does not pass', async () => {
    await fill(manyEvents());
    faultOf = (nth) => (nth === 3 ? 'forbidden' : 'none');

    await expect(pagesOf(1)).rejects.toThrow(/not allowed/);
  });

  test.each([
    ['holds no event', {}],
    ['does not hold JSON', { data: { S: '{' } }],
    ['is of a type that nobody knows', { type: { S: 'TaskForgotten' } }],
  ])('ends with an error that may be told from others at an item that %s', async (_what, parts) => {
    const whole = {
      type: { S: 'TaskCancelled' },
      schema: { N: '1' },
      at: { N: '1' },
      commit: { S: 'c' },
      data: { S: '{}' },
      facts: { S: '{}' },
    };
    const Item = { pk: { S: 'task#odd' }, sk: { N: '1' }, ...(Object.keys(parts).length === 0 ? {} : { ...whole, ...parts }) };
    await engine.client.send(new PutItemCommand({ TableName: tables.eventsTable, Item }));

    const failure = await pagesOf(1).catch((error: unknown) => error);

    expect(failure).toBeInstanceOf(UnreadableEvent);
    expect(String(failure)).toContain('task#odd@1');

    // Whoever asks to hear of them gets the others.
    const readable = storedEvents(succeed(start(created('task#whole'))));
    await fill(readable);
    const heard: string[] = [];
    const found: string[] = [];
    for await (const page of scan(1, (error) => heard.push(error.message))) found.push(...page.map(keyOf));
    expect(found).toEqual(readable.map(keyOf));
    expect(heard.join()).toContain('task#odd@1');
    expect(heard).toHaveLength(1);
  });
});
