import { failureKind, pauseMs, type RetryPorts } from './failures.ts';

/** An item that a request did not take, and whether another try may be worth it. */
export type Untaken<Item> = { readonly item: Item; readonly mayPass: boolean };

export type PartialBatchOptions<Item> = RetryPorts & {
  /** What one request takes: so many items, and so many bytes of all of them together. */
  readonly itemsPerRequest: number;
  readonly bytesPerRequest: number;
  readonly bytesOf: (item: Item) => number;
  /** Makes one request and gives what it did not take. Throws what the SDK throws if the request failed as a whole. */
  readonly request: (items: readonly Item[]) => Promise<readonly Untaken<Item>[]>;
};

/** The pauses between them are 350 ms together at most: whoever sends has work waiting behind it, and somewhere else to turn. */
const tries = 4;
/** The SDK opens 50 connections to a service, and counts the wait for one of them as time to connect. */
const requestsAtOnce = 16;

/**
 * Sends items through an operation that takes some of them and refuses others. What fails for a passing reason is tried again; what is
 * still not taken, and what would never be, is given back, in the order in which it was given.
 * Throws what trying again would not change for any item, such as a missing permission, once nothing is under way any more; items
 * that were taken until then stay taken.
 */
export async function sendInBatches<Item>(options: PartialBatchOptions<Item>, items: readonly Item[]): Promise<readonly Item[]> {
  const batches = packed(options, items);
  const untaken: (readonly Item[])[] = [];
  const waiting = batches.entries();
  const sendNext = async (): Promise<void> => {
    for (const [index, batch] of waiting) untaken[index] = await sendBatch(options, batch);
  };
  const senders = await Promise.allSettled(Array.from({ length: Math.min(requestsAtOnce, batches.length) }, sendNext));
  for (const sender of senders) if (sender.status === 'rejected') throw sender.reason;
  return untaken.flat();
}

/** Packs items in order, as many as a request takes. One that alone is too large is alone. */
function packed<Item>({ itemsPerRequest, bytesPerRequest, bytesOf }: PartialBatchOptions<Item>, items: readonly Item[]): Item[][] {
  const made: Item[][] = [];
  let bytes = 0;
  for (const item of items) {
    const open = made.at(-1);
    const itemBytes = bytesOf(item);
    if (open === undefined || open.length === itemsPerRequest || bytes + itemBytes > bytesPerRequest) {
      made.push([item]);
      bytes = itemBytes;
    } else {
      open.push(item);
      bytes += itemBytes;
    }
  }
  return made;
}

async function sendBatch<Item>(options: PartialBatchOptions<Item>, batch: readonly Item[]): Promise<readonly Item[]> {
  // Not even asked for: the answer would be a refusal of the whole request, which means other things as well.
  if (batch.every((item) => options.bytesOf(item) > options.bytesPerRequest)) return batch;
  const refused = new Set<Item>();
  let left = batch;
  for (let attempt = 1; ; attempt += 1) {
    const untaken = await requestOnce(options, left);
    for (const { item, mayPass } of untaken) if (!mayPass) refused.add(item);
    left = untaken.flatMap(({ item, mayPass }) => (mayPass ? [item] : []));
    if (left.length === 0 || attempt === tries) break;
    await options.sleep(pauseMs(attempt, options.random()));
  }
  return batch.filter((item) => refused.has(item) || left.includes(item));
}

/** A request that failed for a passing reason may have been carried out, or not: its items are all tried again. */
async function requestOnce<Item>(options: PartialBatchOptions<Item>, items: readonly Item[]): Promise<readonly Untaken<Item>[]> {
  try {
    return await options.request(items);
  } catch (error) {
    if (failureKind(error) !== 'transient') throw error;
    return items.map((item) => ({ item, mayPass: true }));
  }
}
