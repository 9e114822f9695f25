import fc from 'fast-check';
import type { StoredEvent } from '../../src/application/ports.ts';
import { anyHistories, storedEvents } from './stored-events.ts';

/** One record of the feed as it arrives: `index` is its place in the log, `at` when it comes. */
export type Arrival = { readonly index: number; readonly at: number };
export type Delivery = { readonly arrivals: readonly Arrival[]; readonly sizes: readonly number[]; readonly sideBySide: boolean };

/** How far behind its append a record comes, in appends. Far more than a task has events, or order would hardly change. */
const anyDelay = fc.oneof(fc.constant(0), fc.nat(4), fc.nat(200));
export const anyDelivery = (records: number): fc.Arbitrary<Delivery> =>
  fc
    .record({
      delays: fc.array(anyDelay, { minLength: records, maxLength: records }),
      repeats: fc.array(fc.record({ index: fc.nat(Math.max(0, records - 1)), delay: anyDelay }), { maxLength: 30 }),
      sizes: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 20 }),
      sideBySide: fc.boolean(),
    })
    .map(({ delays, repeats, sizes, sideBySide }) => {
      const once = delays.map((delay, index) => ({ index, at: index + delay }));
      const again = repeats.map(({ index, delay }) => ({ index, at: index + delay }));
      return { arrivals: [...once, ...again].sort((left, right) => left.at - right.at), sizes, sideBySide };
    });

/** The arrivals in the batches in which they are handed over. */
export function batchesOf({ arrivals, sizes }: Delivery): readonly (readonly Arrival[])[] {
  const batches: (readonly Arrival[])[] = [];
  for (let first = 0, turn = 0; first < arrivals.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    batches.push(arrivals.slice(first, first + size));
    first += size;
  }
  return batches;
}

/** Several histories, their records in the order of one log, and how these come to the projection. */
export const anyFeed = anyHistories({ tasks: 5, steps: 25 }).chain((histories) => {
  const records = histories
    .flatMap((history) => storedEvents(history))
    .sort((left, right) => left.occurredAt - right.occurredAt || (left.stream === right.stream ? left.version - right.version : 0));
  const ordered = inStreamOrder(records);
  return fc.record({ histories: fc.constant(histories), records: fc.constant(ordered), delivery: anyDelivery(ordered.length) });
});

/** Sorting by time is not transitive over streams whose events share a millisecond: within a stream versions must ascend. */
function inStreamOrder(records: readonly StoredEvent[]): readonly StoredEvent[] {
  const left = new Map<string, StoredEvent[]>();
  for (const record of records) left.set(record.stream, [...(left.get(record.stream) ?? []), record]);
  for (const list of left.values()) list.sort((one, other) => one.version - other.version);
  return records.flatMap(({ stream }) => left.get(stream)?.shift() ?? []);
}
