import { parentOf } from '../application/children.ts';
import { eventSchemaVersion, parseStoredEvent, streamEvent } from '../application/event-schemas.ts';
import type { StoredEvent } from '../application/ports.ts';
import type { Recorded } from '../domain/decision.ts';
import { callbackTaskId } from '../domain/orchestration/child-ids.ts';
import { factsOfStream, foldStream, idOf, kindOf, type StreamEvent, type StreamState, streamOf } from '../domain/streams.ts';
import type { TaskState } from '../domain/task/state.ts';
import { inBrief } from './progress.ts';

/**
 * The commit of the event by which a removal ends what commands could still do to a stream (see `closing.ts`). It is none of the history,
 * and not archived with it.
 */
export const closingCommit = 'closed-for-removal';

/** A stream as an operator's commands look at it: folded, without the event that closed it for removal. */
export type FoldedStream = {
  readonly stream: string;
  /** Null if its events do not read or do not fold: `broken` says why. */
  readonly state: StreamState | null;
  readonly broken: string | null;
  readonly newest: Pick<StoredEvent, 'version' | 'commitId' | 'occurredAt'>;
  /** The event that closed it, if one did. */
  readonly closedBy: StoredEvent | null;
  /** It was removed before, wholly or, interrupted, in part. */
  readonly isStub: boolean;
  /** How many bytes lie beside its events, as far as they were read along. */
  readonly bodyBytes: number;
  /** Ids of the tasks that it names as its own. */
  readonly children: readonly string[];
};

/** Folds events that come stream by stream, oldest first, holding one stream at a time. */
export async function* foldedStreams(events: AsyncIterable<StoredEvent>): AsyncGenerator<FoldedStream> {
  let fold: StreamFold | null = null;
  for await (const event of events) {
    if (fold !== null && fold.stream !== event.stream) yield fold.end();
    if (fold === null || fold.stream !== event.stream) fold = new StreamFold(event);
    fold.add(event);
  }
  if (fold !== null) yield fold.end();
}

class StreamFold {
  readonly stream: string;
  #newest: FoldedStream['newest'];
  #state: StreamState | null = null;
  #broken: string | null = null;
  #closedBy: StoredEvent | null = null;
  #bodyBytes = 0;
  #isStub = false;
  readonly #children = new Set<string>();

  constructor(first: StoredEvent) {
    this.stream = first.stream;
    this.#newest = first;
  }

  add(event: StoredEvent): void {
    this.#bodyBytes += event.body?.length ?? 0;
    // Behind a stub there is only what an interrupted removal has left.
    if (this.#isStub) return;
    if (event.commitId === closingCommit) {
      this.#closedBy = event;
      return;
    }
    const { version, commitId, occurredAt } = event;
    this.#newest = { version, commitId, occurredAt };
    if (this.#broken !== null) return;
    try {
      const parsed = parseStoredEvent(event);
      this.#state = foldStream(this.stream, this.#state, [streamEvent(parsed)]);
      this.#isStub = event.type === 'Erased';
      const { data } = parsed;
      if ('taskId' in data) this.#children.add(String(data.taskId));
    } catch (error) {
      this.#broken = inBrief(error);
    }
  }

  end(): FoldedStream {
    const { stream } = this;
    if (this.#children.size > 0 && kindOf(stream) === 'orchestration') this.#children.add(callbackTaskId(idOf(stream)));
    const [newest, broken, closedBy, bodyBytes] = [this.#newest, this.#broken, this.#closedBy, this.#bodyBytes];
    const state = broken === null ? this.#state : null;
    return { stream, state, broken, newest, closedBy, bodyBytes, isStub: this.#isStub, children: [...this.#children] };
  }
}

const settled: ReadonlySet<string> = new Set(['succeeded', 'failed', 'cancelled', 'finished', 'deleted']);

/** Why something may still happen to a stream by itself, in words; null if nothing can, so that it may be removed. */
export function whyOpen({ stream, state, broken }: FoldedStream): string | null {
  if (state === null || state.status === 'missing') return `does not read (${broken ?? 'it has no events'})`;
  if (!settled.has(state.status)) return `is ${state.status}`;
  if (factsOfStream(stream, state).wakeAt === null) return null;
  return kindOf(stream) === 'schedule' ? 'has a task that is not confirmed yet' : 'has a callback that is not delivered yet';
}

/** The stream of the schedule or orchestration that a task belongs to; null for one that belongs to none, or does not say any more. */
export function parentStreamOf({ stream, state }: FoldedStream): string | null {
  if (state === null || kindOf(stream) !== 'task') return null;
  const task = state as TaskState;
  const known = task.status === 'deleted' ? task.ended : task;
  if (known === null || known.status === 'missing') return null;
  const { origin } = known.definition;
  return origin === null ? null : parentOf(origin);
}

export function childStreamsOf({ children }: FoldedStream): readonly string[] {
  return children.map((id) => streamOf('task', id));
}

/** An event as a command's decision would have it. */
export function eventAfter(
  stream: string,
  state: StreamState | null,
  event: Pick<StreamEvent, 'type'>,
  at: { readonly now: number; readonly commitId: string },
): StoredEvent {
  const envelope = { stream, version: (state?.version ?? 0) + 1, occurredAt: at.now, commitId: at.commitId };
  const recorded = { ...envelope, type: event.type, data: {} };
  const after = foldStream(stream, state, [recorded as Recorded<StreamEvent> & StreamEvent]);
  return { ...recorded, schemaVersion: eventSchemaVersion, facts: factsOfStream(stream, after) };
}

/** What stays of a removed stream: its id, so that it is never used again, and when it was removed. */
export function stubOf(stream: string, at: { readonly now: number; readonly commitId: string }): StoredEvent {
  return eventAfter(stream, null, { type: 'Erased' }, at);
}
