import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type PartialBatchOptions, sendInBatches, type Untaken } from '../../../src/adapters/aws/partial-batches.ts';

/** What becomes of an item at each of its tries; it is taken at those that are not listed. */
type Fate = 'passing' | 'refused';
type Item = { readonly id: number; readonly bytes: number; readonly fates: readonly Fate[] };

const [itemsPerRequest, bytesPerRequest, tries] = [4, 100, 4];
const throttled = Object.assign(new Error('slow down'), { name: 'ThrottlingException' });

/** A service that takes items according to their fates, and fails whole requests as it is told. */
function serviceOf(wholeFailures: readonly boolean[]) {
  const requests: (readonly Item[])[] = [];
  const taken: Item[] = [];
  const triesOf = new Map<Item, number>();
  let [underWay, mostUnderWay] = [0, 0];
  async function request(items: readonly Item[]): Promise<readonly Untaken<Item>[]> {
    const failsWhole = wholeFailures[requests.length] === true;
    requests.push(items);
    underWay += 1;
    mostUnderWay = Math.max(mostUnderWay, underWay);
    await new Promise((resolve) => setImmediate(resolve));
    underWay -= 1;
    if (failsWhole) throw throttled;
    return items.flatMap((item) => {
      const nth = triesOf.get(item) ?? 0;
      triesOf.set(item, nth + 1);
      const fate = item.fates[nth];
      if (fate === undefined) taken.push(item);
      return fate === undefined ? [] : [{ item, mayPass: fate === 'passing' }];
    });
  }
  const ports = { sleep: async () => undefined, random: () => 0.5 };
  const options: PartialBatchOptions<Item> = { ...ports, itemsPerRequest, bytesPerRequest, bytesOf: ({ bytes }) => bytes, request };
  return { options, requests, taken, mostUnderWay: () => mostUnderWay };
}

const anyItems = fc
  .array(
    fc.record({
      bytes: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 90, max: 110 })),
      fates: fc.oneof(
        { weight: 3, arbitrary: fc.constant<Fate[]>([]) },
        { weight: 1, arbitrary: fc.array(fc.constantFrom<Fate>('passing', 'passing', 'refused'), { maxLength: 5 }) },
      ),
    }),
    { maxLength: 100 },
  )
  .map((items) => items.map((item, id): Item => ({ id, ...item })));

describe('items that are sent in batches of which a part may fail', () => {
  test('are each taken once or given back in their order, within the limits of requests and of tries', () =>
    fc.assert(
      fc.asyncProperty(anyItems, fc.array(fc.boolean(), { maxLength: 5 }), async (items, wholeFailures) => {
        const service = serviceOf(wholeFailures);

        const untaken = await sendInBatches(service.options, items);

        const ids = (some: readonly Item[]): readonly number[] => some.map(({ id }) => id).sort((left, right) => left - right);
        expect(ids([...service.taken, ...untaken])).toEqual(ids(items));
        expect(untaken.map(({ id }) => id)).toEqual(ids(untaken));
        expect(untaken).toEqual(expect.arrayContaining(items.filter(({ bytes }) => bytes > bytesPerRequest)));
        for (const request of service.requests) {
          expect(request.length).toBeGreaterThan(0);
          expect(request.length).toBeLessThanOrEqual(itemsPerRequest);
          expect(request.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(bytesPerRequest);
        }
        for (const item of items) {
          const tried = service.requests.filter((request) => request.includes(item)).length;
          expect(tried).toBeLessThanOrEqual(tries);
          // Given back for a reason: too large, refused for good, or tried as often as may be.
          if (untaken.includes(item)) {
            expect(item.bytes > bytesPerRequest || item.fates.includes('refused') || tried === tries).toBe(true);
          }
        }
      }),
    ));

  test('travel in as few requests as hold them in their order', async () => {
    const service = serviceOf([]);
    const sizes = [10, 10, 10, 10, 60, 40, 1, 99, 0, 0, 0, 0];

    await sendInBatches(
      service.options,
      sizes.map((bytes, id) => ({ id, bytes, fates: [] })),
    );

    expect(service.requests.map((request) => request.map(({ bytes }) => bytes))).toEqual([
      [10, 10, 10, 10],
      [60, 40],
      [1, 99, 0, 0],
      [0, 0],
    ]);
  });

  test('travel side by side, but not all at once', async () => {
    const service = serviceOf([]);
    const items = Array.from({ length: 400 }, (_, id): Item => ({ id, bytes: 1, fates: [] }));

    expect(await sendInBatches(service.options, items)).toEqual([]);

    expect(service.requests).toHaveLength(100);
    expect(service.mostUnderWay()).toBe(16);
  });

  test('are an error if the service refuses a request for good, once nothing is under way any more', async () => {
    const forbidden = Object.assign(new Error('not allowed'), { name: 'AccessDeniedException' });
    let [begun, ended] = [0, 0];
    const request = async (items: readonly Item[]): Promise<readonly Untaken<Item>[]> => {
      begun += 1;
      const turns = items[0]?.id === 0 ? 1 : 5;
      for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      ended += 1;
      if (items[0]?.id === 0) throw forbidden;
      return [];
    };
    const items = Array.from({ length: 40 }, (_, id): Item => ({ id, bytes: 1, fates: [] }));

    await expect(sendInBatches({ ...serviceOf([]).options, request }, items)).rejects.toThrow(/not allowed/);

    expect([begun, ended]).toEqual([10, 10]);
  });
});
