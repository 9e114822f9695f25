import { type EventBridgeClient, PutEventsCommand, type PutEventsRequestEntry } from '@aws-sdk/client-eventbridge';
import type { EventBus, StoredEvent } from '../../application/ports.ts';
import { failureKind, type RetryPorts } from './failures.ts';
import { sendInBatches, type Untaken } from './partial-batches.ts';

/**
 * What PutEvents takes: ten entries (API reference), less than 1 MB of all together
 * (https://aws.amazon.com/blogs/compute/more-room-to-build-serverless-services-now-support-payloads-up-to-1-mb/). Whether that MB is a
 * power of ten or of two is said nowhere, so it is the smaller one.
 */
const entriesPerRequest = 10;
const bytesPerRequest = 999_999;
/** Of an entry that has a time (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html#eb-putevent-size). */
const timeBytes = 14;

export type EventBridgeBusOptions = RetryPorts & {
  readonly client: EventBridgeClient;
  readonly busName: string;
  /** The entries that tell one event, in the outside form. */
  readonly entriesOf: (event: StoredEvent) => readonly { readonly source: string; readonly detailType: string; readonly detail: object }[];
};

type Packed = { readonly event: StoredEvent; readonly entry: PutEventsRequestEntry; readonly bytes: number };

/**
 * Task events as entries of an EventBridge bus. Each entry is taken or refused on its own; an event of whose entries one was not taken is
 * given back whole, once, and its other entries may come again with it. So is, without being sent, one with an entry that is too large.
 * Throws if the bus may not be used.
 */
export class EventBridgeBus implements EventBus {
  readonly #options: EventBridgeBusOptions;

  constructor(options: EventBridgeBusOptions) {
    this.#options = options;
  }

  async publish(events: readonly StoredEvent[]): Promise<readonly StoredEvent[]> {
    const { sleep, random } = this.#options;
    const untaken = await sendInBatches(
      {
        itemsPerRequest: entriesPerRequest,
        bytesPerRequest,
        bytesOf: ({ bytes }) => bytes,
        request: (packed) => this.#put(packed),
        sleep,
        random,
      },
      events.flatMap((event) => this.#pack(event)),
    );
    return [...new Set(untaken.map(({ event }) => event))];
  }

  #pack(event: StoredEvent): Packed[] {
    return this.#options.entriesOf(event).map(({ source, detailType, detail }) => {
      const text = JSON.stringify(detail);
      const entry = {
        EventBusName: this.#options.busName,
        Source: source,
        DetailType: detailType,
        Detail: text,
        Time: new Date(event.occurredAt),
      };
      return { event, entry, bytes: timeBytes + Buffer.byteLength(source) + Buffer.byteLength(detailType) + Buffer.byteLength(text) };
    });
  }

  /** The answer has a result for each entry, in order: the id of the event, or a code that says why there is none. */
  async #put(packed: readonly Packed[]): Promise<readonly Untaken<Packed>[]> {
    const { Entries = [] } = await this.#options.client.send(new PutEventsCommand({ Entries: packed.map(({ entry }) => entry) }));
    return packed.flatMap((item, index) => {
      const { EventId, ErrorCode } = Entries[index] ?? {};
      if (EventId !== undefined) return [];
      return [{ item, mayPass: ErrorCode === undefined || failureKind(ErrorCode) === 'transient' }];
    });
  }
}
