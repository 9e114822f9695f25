import type { DeadLetter, DeadLetters } from '../../src/adapters/aws/dead-letters.ts';
import { eventAttributes, type Item } from '../../src/adapters/aws/event-item.ts';
import type { RepairItem, RepairQueue } from '../../src/adapters/aws/repair-queue.ts';
import type { Clock, StoredEvent } from '../../src/application/ports.ts';
import type { InvocationContext } from '../../src/handlers/lambda.ts';
import type { CountName, Telemetry } from '../../src/handlers/telemetry.ts';
import { rememberingLogger } from './silent-logger.ts';

/** Sequence numbers are long: they must be told apart as text, and never become numbers. */
export function sequenceOf(index: number): string {
  return `49${String(index).padStart(20, '0')}`;
}

type StreamRecord = { eventName: string; dynamodb: { SequenceNumber: string; Keys: Item; NewImage: unknown } };

/** An event as the stream of its table tells of it through Lambda: binary attributes in base64. */
export function streamRecord(event: StoredEvent, index: number): StreamRecord {
  const image = Object.fromEntries(
    Object.entries(eventAttributes(event, undefined)).map(([name, value]) => [
      name,
      value.B instanceof Uint8Array ? { B: Buffer.from(value.B).toString('base64') } : value,
    ]),
  );
  return {
    eventName: 'INSERT',
    dynamodb: {
      SequenceNumber: sequenceOf(index),
      Keys: { pk: { S: event.stream }, sk: { N: String(event.version) } },
      NewImage: image,
    },
  };
}

export function streamEvent(events: readonly StoredEvent[]): { readonly Records: StreamRecord[] } {
  return { Records: events.map(streamRecord) };
}

/** A record whose key reads and whose event does not. */
export function poisonRecord(stream: string, version: number, index: number): StreamRecord {
  const key = { pk: { S: stream }, sk: { N: String(version) } };
  return {
    eventName: 'INSERT',
    dynamodb: { SequenceNumber: sequenceOf(index), Keys: key, NewImage: { ...key, type: { S: 'NobodyKnowsThis' } } },
  };
}

/** Messages as Lambda hands them over from a queue. */
export function sqsEvent(bodies: readonly string[]) {
  return { Records: bodies.map((body, index) => ({ messageId: `message-${index}`, body, attributes: {} })) };
}

/** An invocation that has so long to live, by a clock. */
export function invocation(clock: Clock, ms: number): InvocationContext {
  const end = clock.monotonic() + ms;
  return { getRemainingTimeInMillis: () => Math.max(0, end - clock.monotonic()), awsRequestId: 'request-1' };
}

/** Telemetry that remembers. */
export function rememberingTelemetry(): Telemetry & {
  readonly counts: Partial<Record<CountName, number>>;
  readonly lines: readonly string[];
} {
  const logger = rememberingLogger();
  const counts: Partial<Record<CountName, number>> = {};
  const count = (name: CountName, value: number): void => {
    counts[name] = (counts[name] ?? 0) + value;
  };
  return {
    logger,
    lines: logger.lines,
    counts,
    count,
    attempt: ({ outcome }) => count(outcome === 'failed' ? 'AttemptsFailed' : 'AttemptsSucceeded', 1),
    during: (_context, work) => work(),
  };
}

/** A repair queue that remembers what it was sent. */
export class MemoryRepairQueue implements RepairQueue {
  readonly parked: RepairItem[] = [];
  refuses: (item: RepairItem) => boolean = () => false;

  async send(items: readonly RepairItem[]): Promise<readonly RepairItem[]> {
    const refused = items.filter((item) => this.refuses(item));
    this.parked.push(...items.filter((item) => !refused.includes(item)));
    return refused;
  }
}

/** Dead letters that are remembered, or cannot be reached. */
export class MemoryDeadLetters implements DeadLetters {
  readonly letters: DeadLetter[] = [];
  away = false;

  async send(letter: DeadLetter): Promise<void> {
    if (this.away) throw new Error('the dead letters are away');
    this.letters.push(letter);
  }
}
