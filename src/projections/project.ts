import { streamEvent, taskEvent } from '../application/event-schemas.ts';
import {
  type EventLog,
  type ReadModels,
  type StoredEvent,
  type Tally,
  UnreadableEvent,
  type View,
  type ViewWrite,
} from '../application/ports.ts';
import { foldStream } from '../domain/streams.ts';

export type ProjectPorts = {
  readonly log: EventLog;
  readonly views: ReadModels;
  /** Hears of a stream whose events do not read or do not fold, which is a broken log: it is left out, and the others go on. */
  readonly onBroken: (stream: string, error: unknown) => void;
  /** Whether most streams may well have a view already, those whose first event is in the batch too: reading costs less than a write in vain. */
  readonly readFirst?: boolean;
};

/** Views that lost a race are read and written again; more often than this in a row means something else is wrong. */
const rounds = 10;

/**
 * Carries a batch of the change feed into the read models: due index, lists, statistics. Records are hints, they may come
 * twice, late and in any order: a view is folded forward from its own version, with events read from the log where the batch
 * leaves a gap, and only ever written forward. One write per stream and batch, so that a task which starts and finishes within
 * the batch never gets a due row. `checkpoint` is stored together with the views where the host has positions.
 */
export async function project(ports: ProjectPorts, records: readonly StoredEvent[], checkpoint?: number): Promise<void> {
  let byStream = groupByStream(records);
  for (let round = 0; round < rounds; round += 1) {
    // On the feed, a stream whose first event is here has most likely no view yet; if it has one after all, the write is given back.
    const readAll = round > 0 || ports.readFirst === true;
    const known = [...byStream].filter(([, events]) => readAll || !events.some(({ version }) => version === 1));
    const views = await ports.views.read(known.map(([stream]) => stream));
    const writes: ViewWrite[] = [];
    for (const [stream, events] of byStream) {
      const write = await step(ports, stream, views.get(stream) ?? null, events);
      if (write !== null) writes.push(write);
    }
    const behind = new Set(await ports.views.write(writes, checkpoint));
    if (behind.size === 0) return;
    byStream = new Map([...byStream].filter(([stream]) => behind.has(stream)));
  }
  throw new Error(`${byStream.size} views could not be written forward in ${rounds} rounds`);
}

function groupByStream(records: readonly StoredEvent[]): Map<string, StoredEvent[]> {
  const byStream = new Map<string, StoredEvent[]>();
  for (const record of records) {
    const known = byStream.get(record.stream);
    if (known === undefined) byStream.set(record.stream, [record]);
    else known.push(record);
  }
  return byStream;
}

async function step(
  { log, onBroken }: ProjectPorts,
  stream: string,
  before: View | null,
  hints: readonly StoredEvent[],
): Promise<ViewWrite | null> {
  const version = before?.version ?? 0;
  // Only the stub of what was archived or erased is deleted at its first version: a late record of that stream has nothing to add.
  if (version === 1 && before?.state.status === 'deleted') return null;
  const news = following(version, hints);
  if (news === 'nothing') return null;
  let events: readonly StoredEvent[];
  try {
    events = news === 'gap' ? await log.read(stream, { after: version }) : news;
  } catch (error) {
    // Any other failure is the log's own and may pass.
    if (!(error instanceof UnreadableEvent)) throw error;
    onBroken(stream, error);
    return null;
  }
  const newest = events.at(-1);
  if (newest === undefined) return null;
  try {
    const state = foldStream(stream, before?.state ?? null, events.map(streamEvent));
    return { before, after: { stream, version: newest.version, state }, tallies: tally(events) };
  } catch (error) {
    onBroken(stream, error);
    return null;
  }
}

/** The hinted events that follow a version without a gap. */
function following(version: number, hints: readonly StoredEvent[]): readonly StoredEvent[] | 'nothing' | 'gap' {
  const byVersion = new Map<number, StoredEvent>();
  for (const hint of hints) if (hint.version > version) byVersion.set(hint.version, hint);
  if (byVersion.size === 0) return 'nothing';
  const events = [...byVersion.values()].sort((left, right) => left.version - right.version);
  return events.every((event, index) => event.version === version + 1 + index) ? events : 'gap';
}

/** Counts what happened in each minute, by the events' own times, so that a rebuild counts the same. */
export function tally(events: readonly StoredEvent[]): Tally[] {
  const minutes = new Map<number, { minute: number; started: number; succeeded: number; failed: number; retried: number }>();
  for (const stored of events) {
    const event = taskEvent(stored);
    if (event.type !== 'TaskStarted' && event.type !== 'TaskSucceeded' && event.type !== 'TaskFailed') continue;
    const minute = Math.floor(stored.occurredAt / 60_000);
    const counted = minutes.get(minute) ?? { minute, started: 0, succeeded: 0, failed: 0, retried: 0 };
    if (event.type === 'TaskStarted') counted.started += 1;
    else if (event.type === 'TaskSucceeded') counted.succeeded += 1;
    else if (event.data.retryAt === null) counted.failed += 1;
    else counted.retried += 1;
    minutes.set(minute, counted);
  }
  return [...minutes.values()];
}
