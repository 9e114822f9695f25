import { hash } from 'node:crypto';
import { parseStoredEvent, streamEvent } from '../application/event-schemas.ts';
import type { StoredEvent } from '../application/ports.ts';
import { foldStream, kindOf, type StreamState } from '../domain/streams.ts';
import { CollectionChecksum, canonicalJson } from './checksum.ts';
import { sealingKeyIdsOf } from './log-keys.ts';
import { notedBytes } from './noted-bytes.ts';
import { Refused } from './refused.ts';

/** What a log holds, in figures that do not depend on the order of its streams. */
export type Survey = {
  readonly events: number;
  readonly streams: number;
  readonly bodies: number;
  /** Over every event in all its parts, the bytes beside it included. */
  readonly eventsChecksum: string;
  /** Over stream, version and folded state of every stream. */
  readonly foldsChecksum: string;
  /** Keys without which sealed values stay closed and repeated creates are taken for others. */
  readonly sealingKeyIds: readonly string[];
  readonly running: { readonly count: number; readonly first: readonly string[] };
  /** When the newest event happened; epoch milliseconds. */
  readonly newestAt: number;
};

const runningShown = 5;

/**
 * Folds a log that is read stream by stream and sums it up, holding one stream at a time. Throws `Refused` for an event that
 * does not read, does not fold, is out of order, or has lost the bytes beside it: a move that left something out would lose it for good.
 */
export class LogSurvey {
  readonly #events = new CollectionChecksum();
  readonly #folds = new CollectionChecksum();
  readonly #keyIds = new Set<string>();
  readonly #running: string[] = [];
  #runningCount = 0;
  #eventCount = 0;
  #streamCount = 0;
  #bodyCount = 0;
  #newestAt = 0;
  #stream: string | null = null;
  #state: StreamState | null = null;

  /** Gives the state of the event's stream after it. */
  add(event: StoredEvent): StreamState {
    if (event.stream !== this.#stream) this.#begin(event.stream);
    const parsed = checked(event);
    const state = folded(this.#state, parsed);
    this.#state = state;
    this.#events.add(digestOf(event));
    for (const id of sealingKeyIdsOf(parsed)) this.#keyIds.add(id);
    this.#eventCount += 1;
    if (event.body !== undefined) this.#bodyCount += 1;
    this.#newestAt = Math.max(this.#newestAt, event.occurredAt);
    return state;
  }

  /** Nothing may be added afterwards. */
  end(): Survey {
    this.#begin(null);
    return {
      events: this.#eventCount,
      streams: this.#streamCount,
      bodies: this.#bodyCount,
      eventsChecksum: String(this.#events),
      foldsChecksum: String(this.#folds),
      sealingKeyIds: [...this.#keyIds].sort(),
      running: { count: this.#runningCount, first: this.#running },
      newestAt: this.#newestAt,
    };
  }

  #begin(next: string | null): void {
    if (this.#stream !== null && this.#state !== null) {
      this.#streamCount += 1;
      this.#folds.add(canonicalJson([this.#stream, this.#state.version, this.#state]));
      // An orchestration that runs is at rest between its tasks.
      if (this.#state.status === 'running' && kindOf(this.#stream) === 'task') {
        this.#runningCount += 1;
        if (this.#running.length < runningShown) this.#running.push(this.#stream);
      }
    }
    this.#stream = next;
    this.#state = null;
  }
}

function checked(event: StoredEvent): StoredEvent {
  let parsed: StoredEvent;
  try {
    parsed = parseStoredEvent(event);
  } catch (cause) {
    throw new Refused(`the log has an event that does not read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
  if (notedBytes(parsed) > 0 && event.body === undefined)
    throw new Refused(`the body beside version ${event.version} of ${event.stream} is gone`);
  return parsed;
}

function folded(state: StreamState | null, event: StoredEvent): StreamState {
  try {
    return foldStream(event.stream, state, [streamEvent(event)]);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Refused(`the log does not fold (or gives a stream in parts): ${why}`, { cause });
  }
}

/** What the event is, wherever it lies: without its position and without the mark of an import. */
function digestOf({ stream, version, type, schemaVersion, occurredAt, commitId, data, facts, body }: StoredEvent): string {
  const bytes = body === undefined ? null : hash('sha256', body, 'hex');
  return canonicalJson([stream, version, type, schemaVersion, occurredAt, commitId, data, facts, bytes]);
}
