import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isPublished } from '../../src/application/dispatch.ts';
import type { StoredEvent, ViewWrite, Wake } from '../../src/application/ports.ts';
import { limits } from '../../src/domain/limits.ts';
import type { BatchResponse } from '../../src/handlers/batch.ts';
import { dispatchBatch } from '../../src/handlers/dispatch-batch.ts';
import { projectBatch } from '../../src/handlers/project-batch.ts';
import { repairBatch } from '../../src/handlers/repair-batch.ts';
import { epoch, hour, minute } from '../domain/task-histories.ts';
import { MemoryRepairQueue, poisonRecord, rememberingTelemetry, sqsEvent, streamRecord } from '../support/lambda.ts';
import { MemoryEventBus } from '../support/memory-event-bus.ts';
import { MemoryEventLog } from '../support/memory-event-log.ts';
import { MemoryReadModels } from '../support/memory-read-models.ts';
import { MemoryWakeQueue } from '../support/memory-wake-queue.ts';
import { everythingIn, everythingOf } from '../support/read-model-contents.ts';
import { anyFeed, batchesOf } from '../support/record-feeds.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

/** What goes wrong during one invocation. */
const anyFault = fc.constantFrom(
  'none',
  'none',
  // More often, as these alone leave a part of a batch done and a part of it undone.
  'some wakes refused',
  'some wakes refused',
  'some wakes refused',
  'queues away',
  'some events refused',
  'some events refused',
  'bus away',
  'repair queue away',
  'views throttled before they are written',
  'views throttled after they were written',
  'one view refused',
  'the function dies when all is done',
  'the function dies before anything is done',
);
type Fault = typeof anyFault extends fc.Arbitrary<infer Each> ? Each : never;
/** With these a batch of `dispatch` comes again for its wakes, and with the others one of `project` for its views. */
const ofWakes: ReadonlySet<Fault> = new Set(['some wakes refused', 'queues away']);
const ofViews: ReadonlySet<Fault> = new Set([
  'views throttled before they are written',
  'views throttled after they were written',
  'one view refused',
]);

/** Everything both readers of the stream and the consumer of the repair queue work with; faults come one an invocation. */
class Site {
  readonly log = new MemoryEventLog();
  readonly views = new MemoryReadModels();
  readonly wakes = new MemoryWakeQueue();
  readonly bus = new MemoryEventBus();
  readonly repair = new MemoryRepairQueue();
  readonly clock: VirtualClock;
  readonly telemetry = rememberingTelemetry();
  readonly #faults: Fault[];
  #fault: Fault = 'none';

  constructor(now: number, faults: readonly Fault[]) {
    this.clock = new VirtualClock(now);
    this.#faults = [...faults];
    this.wakes.refuses = ({ stream }) => this.#fault === 'some wakes refused' && /[024]$/.test(stream);
    this.bus.refuses = ({ version }) => this.#fault === 'some events refused' && version % 2 === 1;
    this.#spoil();
  }

  #spoil(): void {
    const { wakes, bus, repair, views } = this;
    const [send, publish, park, write] = [wakes.send.bind(wakes), bus.publish.bind(bus), repair.send.bind(repair), views.write.bind(views)];
    const unless = <Given extends readonly unknown[], Answer>(fault: Fault, name: string, work: (...given: Given) => Promise<Answer>) => {
      return async (...given: Given): Promise<Answer> => {
        if (this.#fault === fault) throw named(name);
        return work(...given);
      };
    };
    wakes.send = unless('queues away', 'ECONNREFUSED', send);
    bus.publish = unless('bus away', 'ECONNREFUSED', publish);
    repair.send = unless('repair queue away', 'ECONNREFUSED', park);
    const refusing = async (writes: readonly ViewWrite[]): Promise<readonly string[]> => {
      if (this.#fault === 'one view refused' && writes.some(({ after }) => after.stream.endsWith('0'))) throw named('ValidationException');
      const behind = await write(writes);
      if (this.#fault === 'views throttled after they were written') throw named('TimeoutError');
      return behind;
    };
    views.write = unless('views throttled before they are written', 'ThrottlingException', refusing);
  }

  /** What goes wrong in the present invocation. */
  get fault(): Fault {
    return this.#fault;
  }

  /** One invocation; null when the function died, and nobody knows how far it came. */
  async invoke(work: () => Promise<BatchResponse>): Promise<BatchResponse | null> {
    this.#fault = this.#faults.shift() ?? 'none';
    if (this.#fault === 'the function dies before anything is done') return null;
    const answer = await work();
    return this.#fault === 'the function dies when all is done' ? null : answer;
  }
}

const named = (name: string): Error => Object.assign(new Error(name), { name, code: name });

type Records = readonly ReturnType<typeof streamRecord>[];

/** Hands a batch over as Lambda does: again and again, from the record on that the answer names, until it is taken. */
async function handOver(site: Site, handle: (event: unknown) => Promise<BatchResponse>, batch: Records): Promise<void> {
  let left = batch;
  while (left.length > 0) {
    const now = left;
    const [published, sent] = [site.bus.published.length, site.wakes.sent.length];
    const answer = await site.invoke(() => handle({ Records: now }));
    if (answer === null) continue;
    const [failed] = answer.batchItemFailures;
    if (failed === undefined) return;
    const place = left.findIndex(({ dynamodb }) => dynamodb.SequenceNumber === failed.itemIdentifier);
    expect(place).toBeGreaterThanOrEqual(0);
    const taken = new Set(left.slice(0, place).map(({ dynamodb: { Keys } }) => `${Keys['pk']?.S}@${Keys['sk']?.N}`));
    // What comes again is acted upon then: once a record, not once a try.
    if (ofWakes.has(site.fault)) for (const event of site.bus.published.slice(published)) expect(taken).toContain(idOf(event));
    if (ofViews.has(site.fault)) for (const wake of site.wakes.sent.slice(sent)) expect(taken).toContain(idOf(wake));
    left = left.slice(place);
  }
}

const idOf = ({ stream, version }: { readonly stream: string; readonly version: number }): string => `${stream}@${version}`;

/** Hands over what is in the repair queue as SQS does: a message that fails more often than there are faults is a dead letter. */
async function drainRepair(site: Site, tries: number): Promise<readonly string[]> {
  let left = site.repair.parked.splice(0).map((item) => ({ item, failures: 0 }));
  const dead: string[] = [];
  while (left.length > 0) {
    const batch = left.splice(0, 10);
    const answer = await site.invoke(() => repairBatch(site, sqsEvent(batch.map(({ item }) => JSON.stringify(item)))));
    const failed = batch.filter(
      (_message, index) => answer?.batchItemFailures.some(({ itemIdentifier }) => itemIdentifier === `message-${index}`) ?? true,
    );
    for (const message of failed) message.failures += 1;
    dead.push(...failed.filter(({ failures }) => failures > tries).map(({ item }) => `${item.stream}@${item.version}`));
    left = [...left, ...failed.filter(({ failures }) => failures <= tries)];
  }
  return dead;
}

const anyCase = fc.record({
  feed: anyFeed,
  /** When all of this is delivered: soon after it happened, or much later. */
  now: fc.constantFrom(epoch, epoch + minute, epoch + hour, epoch + 48 * hour),
  faults: fc.array(anyFault, { maxLength: 40 }),
  /** Streams that came from another log, by their number. */
  imported: fc.subarray([0, 1, 2, 3, 4]).map((numbers) => new Set(numbers.map((number) => `task#t${number}`))),
  poison: fc.nat(3),
  /** Everything in a single batch, in which most can go wrong at a time. */
  whole: fc.boolean(),
});

describe('records of the stream that come in any order, twice, late and split, while all kinds of things go wrong', () => {
  test('end in the read models that the histories mean, with no wake lost, nothing untold and no due row left behind', async () => {
    await fc.assert(
      fc.asyncProperty(anyCase, async ({ feed, now, faults, imported, poison, whole }) => {
        const { histories } = feed;
        const batches = batchesOf(whole ? { ...feed.delivery, sizes: [feed.delivery.arrivals.length] } : feed.delivery);
        const records = feed.records.map((event) => (imported.has(event.stream) ? { ...event, imported: true } : event));
        const site = new Site(now, faults);
        let appended = 0;
        for (const [turn, batch] of batches.entries()) {
          // At each moment the log holds what was appended by then, which may be more than was told.
          for (const last = Math.max(...batch.map(({ at }) => at)); appended <= last && appended < records.length; appended += 1) {
            const record = records[appended];
            if (record !== undefined) await site.log.append(record);
          }
          const told: Records = batch.flatMap(({ index }, place) =>
            records[index] ? [streamRecord(records[index], turn * 10_000 + place)] : [],
          );
          const spoilt =
            turn < poison
              ? [...told.slice(0, turn), poisonRecord('task#poison', turn + 1, turn * 10_000 + 9_999), ...told.slice(turn)]
              : told;
          await handOver(site, (event) => dispatchBatch(site, event), spoilt);
          await handOver(site, (event) => projectBatch(site, event), spoilt);
        }
        const dead = await drainRepair(site, faults.length);

        // What came from another log has its read models made by the import, not by the feed.
        const own = histories.filter((history) => !imported.has(history.stream));
        expect(await everythingIn(site.views, own)).toEqual(everythingOf(own));
        expect(await site.views.read([...imported])).toEqual(new Map());
        expect(new Set(dead)).toEqual(
          new Set(Array.from({ length: Math.min(poison, batches.length) }, (_, turn) => `task#poison@${turn + 1}`)),
        );
        expectWakes(site.wakes.sent, records, now);
        expectTold(site.bus.published, records);
      }),
      { numRuns: 500 },
    );
  });
});

/** Each stream that waits for something soon was woken for it, and none that came from another log. */
function expectWakes(sent: readonly Wake[], records: readonly StoredEvent[], now: number): void {
  // A callback that goes on after a deletion is told of by the record before.
  const telling = records.filter(({ type, facts }) => type !== 'TaskDeleted' || facts.callback || facts.wakeAt === null);
  const newest = new Map(telling.map((record) => [record.stream, record]));
  for (const { stream, version, type, facts, imported } of newest.values()) {
    const wakes = sent.filter((wake) => wake.stream === stream);
    if (imported === true) expect(wakes).toEqual([]);
    else if (facts.wakeAt !== null && facts.wakeAt <= now + limits.wakeHorizonMs && type !== 'TaskStarted') {
      expect(wakes).toContainEqual({ stream, version, dueAt: facts.wakeAt, target: facts.target, lane: facts.lane });
    }
  }
}

/** The bus was told of everything it is to be told of, at least once, and of nothing else. */
function expectTold(published: readonly StoredEvent[], records: readonly StoredEvent[]): void {
  const expected = records.filter((record) => record.imported !== true && isPublished(record));
  expect(new Set(published.map(idOf))).toEqual(new Set(expected.map(idOf)));
}
