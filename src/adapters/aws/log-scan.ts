import { type AttributeValue, type DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { type StoredEvent, UnreadableEvent } from '../../application/ports.ts';
import { decodeEvent, type Item } from './event-item.ts';
import { type RetryPorts, retrying } from './failures.ts';

export type LogScanOptions = RetryPorts & {
  readonly client: DynamoDBClient;
  readonly eventsTable: string;
  /** Parts of the table that are read side by side: as many pages are in memory at most. */
  readonly segments: number;
  /** Checks what comes out of the table: the log is a boundary like any other. */
  readonly parse: (event: StoredEvent) => StoredEvent;
  /** Hears of each item that does not read as an event and is passed over; without it the first one ends the scan. */
  readonly onUnreadable?: (error: UnreadableEvent) => void;
};

type Page = { readonly events: readonly StoredEvent[]; readonly segment: Segment };
type Segment = { readonly number: number; start: Record<string, AttributeValue> | undefined };

/**
 * The whole log, page by page: every event once, small bodies included. The events of a stream come in the order of their versions,
 * though perhaps on several pages with others between them (one partition key lies in one segment, sorted by version).
 * Throws what the table throws, and `UnreadableEvent` for an item that is none and that nobody hears of.
 */
export async function* scanLog(options: LogScanOptions): AsyncGenerator<readonly StoredEvent[]> {
  const underWay = new Map<Segment, Promise<Page>>();
  for (let number = 0; number < options.segments; number += 1) {
    const segment: Segment = { number, start: undefined };
    underWay.set(segment, readPage(options, segment));
  }
  while (underWay.size > 0) {
    const { events, segment } = await Promise.race(underWay.values());
    // The next page of a segment is asked for once its last one is taken: whoever reads slowly is not overrun.
    if (events.length > 0) yield events;
    if (segment.start === undefined) underWay.delete(segment);
    else underWay.set(segment, readPage(options, segment));
  }
}

async function readPage(options: LogScanOptions, segment: Segment): Promise<Page> {
  const { Items = [], LastEvaluatedKey } = await retrying(options, () =>
    options.client.send(
      new ScanCommand({
        TableName: options.eventsTable,
        ConsistentRead: true,
        TotalSegments: options.segments,
        Segment: segment.number,
        ...(segment.start === undefined ? {} : { ExclusiveStartKey: segment.start }),
      }),
    ),
  );
  segment.start = LastEvaluatedKey;
  return { events: Items.flatMap((item) => readEvent(options, item)), segment };
}

function readEvent({ parse, onUnreadable }: LogScanOptions, item: Item): StoredEvent | [] {
  try {
    return parse(decodeEvent(item));
  } catch (error) {
    if (onUnreadable === undefined || !(error instanceof UnreadableEvent)) throw error;
    onUnreadable(error);
    return [];
  }
}
