import { SQSClient } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { queueBacklog } from '../../../src/adapters/aws/queue-backlog.ts';
import { createRepairQueue, decodeRepair } from '../../../src/adapters/aws/repair-queue.ts';
import { decodeWake, SqsWakeQueue } from '../../../src/adapters/aws/sqs-wake-queue.ts';
import type { Wake } from '../../../src/application/ports.ts';
import { epoch } from '../../domain/task-histories.ts';
import { type Asked, type Fault, type FaultyService, startFaultyService } from '../../support/faulty-service.ts';
import { localAccess } from '../../support/local-access.ts';
import { type Queues, startQueues } from '../../support/queues.ts';

const passing = { code: 'InternalError', senderFault: false };
const tries = 4;

describe('queues on SQS, when something goes wrong below the SDK', () => {
  let queues: Queues;
  let service: FaultyService;
  let queueUrls: { short: string; long: string };
  let queue: SqsWakeQueue;
  /** What becomes of the nth request, from 1. */
  let faultOf: (nth: number, asked: Asked) => Fault;
  let pauses: number[];
  /** What was told of lanes that failed while the other did not. */
  let told: string[];

  beforeEach(async () => {
    faultOf = () => 'none';
    pauses = [];
    told = [];
    queues = await startQueues();
    service = await startFaultyService(queues.endpoint, (asked) => faultOf(service.asked.length, asked));
    const through = async () => (await queues.create()).replace(queues.endpoint, service.endpoint);
    queueUrls = { short: await through(), long: await through() };
    queue = queueOn(queueUrls);
  });
  afterEach(() => service.close());

  const client = () => new SQSClient({ ...localAccess, endpoint: service.endpoint });
  const queueOn = (urls: typeof queueUrls) =>
    new SqsWakeQueue({
      client: client(),
      queueUrls: urls,
      now: () => epoch,
      onLaneFailed: (lane, error) => void told.push(`${lane}: ${String(error)}`),
      ...retryPorts(),
    });
  const retryPorts = () => ({ sleep: async (ms: number) => void pauses.push(ms), random: () => 0.5 });
  const wakes = (count: number, lane: Wake['lane'] = 'short'): Wake[] =>
    Array.from({ length: count }, (_, index) => ({
      stream: `task#${lane}-${index}`,
      version: 1,
      dueAt: epoch,
      target: 'https://shop.example:443',
      lane,
    }));
  const streamsIn = async (lane: Wake['lane']) =>
    (await queues.inspect(queueUrls[lane])).map(({ body }) => decodeWake(body)?.stream ?? 'unreadable').sort();
  const entriesIn = (asked: Asked | undefined): number => asked?.input.Entries?.length ?? 0;
  const streamsOf = (given: readonly Wake[]) => given.map(({ stream }) => stream).sort();

  test('messages that a batch did not take are sent again, and only those', async () => {
    faultOf = (nth) => (nth === 1 ? { refused: [2, 5], ...passing } : 'none');
    const given = wakes(10);

    expect(await queue.send(given)).toEqual([]);

    expect(await streamsIn('short')).toEqual(streamsOf(given));
    expect(service.asked.map(entriesIn)).toEqual([10, 2]);
    expect(pauses).toHaveLength(1);
  });

  test('messages that are never taken are given back, and all others sent', async () => {
    const given = wakes(35);
    const unlucky = new Set(['task#short-3', 'task#short-34']);
    faultOf = (_nth, { input }) => ({
      refused: (input.Entries ?? []).flatMap(({ MessageBody }, index) =>
        unlucky.has(JSON.parse(String(MessageBody)).stream) ? [index] : [],
      ),
      ...passing,
    });

    expect(streamsOf(await queue.send(given))).toEqual([...unlucky].sort());

    expect(await streamsIn('short')).toEqual(streamsOf(given.filter(({ stream }) => !unlucky.has(stream))));
    expect(service.asked).toHaveLength(4 + 2 * (tries - 1));
  });

  test('a message that is at fault itself is given back at once as refused, and not tried again', async () => {
    faultOf = () => ({ refused: [1], code: 'InvalidMessageContents', senderFault: true });
    const given = wakes(3);

    expect(await queue.send(given)).toEqual([{ ...given[1], refused: true }]);

    expect(service.asked).toHaveLength(1);
    expect(await streamsIn('short')).toEqual(['task#short-0', 'task#short-2']);
  });

  test('a message that came too fast is tried again, whoever is said to be at fault', async () => {
    faultOf = (nth) => (nth === 1 ? { refused: [0], code: 'RequestThrottled', senderFault: true } : 'none');

    expect(await queue.send(wakes(1))).toEqual([]);
    expect(await streamsIn('short')).toEqual(['task#short-0']);
  });

  test.each<Fault>(['throttled', 'unavailable', 'not sent'])(
    'a request that was %s is made again, after pauses that grow',
    async (fault) => {
      faultOf = (nth) => (nth < tries ? fault : 'none');

      expect(await queue.send(wakes(2))).toEqual([]);

      expect(await streamsIn('short')).toEqual(['task#short-0', 'task#short-1']);
      expect(pauses).toEqual([25, 50, 100]);
    },
  );

  test('a lost reply means that messages may come twice, never that they are lost or given back', async () => {
    faultOf = (nth) => (nth === 1 ? 'reply lost' : 'none');

    expect(await queue.send(wakes(2))).toEqual([]);

    expect(await streamsIn('short')).toEqual(['task#short-0', 'task#short-0', 'task#short-1', 'task#short-1']);
  });

  test('throttling of one lane that does not end gives back its wakes, and none of the other lane', async () => {
    faultOf = (_nth, { input }) => (input['QueueUrl'] === queueUrls.long ? 'throttled' : 'none');
    const [short, long] = [wakes(12), wakes(12, 'long')];

    expect(await queue.send([...long, ...short])).toEqual(long);

    expect([await streamsIn('short'), await streamsIn('long')]).toEqual([streamsOf(short), []]);
  });

  test.each(['short', 'long'] as const)(
    'wakes whose lane may not be used, the %s one, are given back and the reason told; the others are sent',
    async (lane) => {
      const other = lane === 'short' ? 'long' : 'short';
      faultOf = (_nth, { input }) => (input['QueueUrl'] === queueUrls[lane] ? 'forbidden' : 'none');

      expect(await queue.send([...wakes(1, lane), ...wakes(30, other)])).toEqual(wakes(1, lane));

      expect(await streamsIn(other)).toHaveLength(30);
      expect(service.asked).toHaveLength(4);
      expect(told).toEqual([expect.stringMatching(new RegExp(`^${lane}: .*not allowed`))]);
    },
  );

  test('what is not allowed is an error at once if nothing at all could be sent', async () => {
    faultOf = (_nth, { input }) => (input['QueueUrl'] === queueUrls.short ? 'forbidden' : 'none');

    await expect(queue.send(wakes(1))).rejects.toThrow(/not allowed/);
    expect([service.asked.length, told]).toEqual([1, []]);
  });

  test('if no lane may be used, one is the error and the other is told', async () => {
    faultOf = () => 'forbidden';

    await expect(queue.send([...wakes(1), ...wakes(1, 'long')])).rejects.toThrow(/not allowed/);
    expect(told).toEqual([expect.stringMatching(/^long: .*not allowed/)]);
  });

  test('a queue that is not there is an error', async () => {
    const mistaken = queueOn({ ...queueUrls, long: `${queueUrls.long}-missing` });

    await expect(mistaken.send(wakes(1, 'long'))).rejects.toThrow(/does not exist/);
  });

  test('the repair queue sends what to look at, and gives back what it could not send', async () => {
    faultOf = () => ({ refused: [1], ...passing });
    const repair = createRepairQueue({ client: client(), queueUrl: queueUrls.short, ...retryPorts() });
    const items = [1, 2, 3].map((version) => ({ stream: 'task#broken', version }));

    // Of the three one is left over, which then is the first of its request.
    expect(await repair.send(items)).toEqual([]);
    faultOf = () => ({ refused: [0], ...passing });
    expect(await repair.send([{ stream: 'task#other', version: 9 }])).toEqual([{ stream: 'task#other', version: 9 }]);

    const sent = (await queues.inspect(queueUrls.short)).map(({ body }) => decodeRepair(body));
    expect(sent).toHaveLength(3);
    expect(sent).toEqual(expect.arrayContaining(items));
  });

  test('the backlog is what could be received now, of all queues, even if the first request is lost', async () => {
    const later = { ...wakes(1)[0], dueAt: epoch + 60_000 } as Wake;
    await queue.send([...wakes(3), ...wakes(2, 'long'), later]);
    const before = service.asked.length;
    faultOf = (nth) => (nth === before + 1 ? 'not sent' : 'none');

    expect(await queueBacklog(client(), Object.values(queueUrls))).toBe(5);
  });

  test('a backlog that may not be asked for is an error', async () => {
    faultOf = () => 'forbidden';
    await expect(queueBacklog(client(), [queueUrls.short])).rejects.toThrow(/not allowed/);
  });
});
