import type { Clock, StoredEvent } from '../application/ports.ts';
import { kindOf } from '../domain/streams.ts';
import { closingCommit, eventAfter, type FoldedStream, foldedStreams, whyOpen } from './folded-streams.ts';
import type { LogHost, Tell } from './log-host.ts';
import { count } from './progress.ts';

/**
 * For so long after the newest event of a stream an append may be under way that was decided before it: the longest function runs for
 * 15 minutes; the rest is for clocks that differ.
 */
export const quietMs = 20 * 60_000;
const tellEveryMs = 60_000;
const streamsAtOnce = 32;
const pageSize = 500;

/** One stream of a log, folded; null if it is not there. */
export async function foldedStream(host: LogHost, stream: string): Promise<FoldedStream | null> {
  for await (const folded of foldedStreams(eventsOf(host, stream))) return folded;
  return null;
}

/** The events of one stream, oldest first, with the bytes beside them that are small. */
export async function* eventsOf(host: LogHost, stream: string): AsyncGenerator<StoredEvent> {
  for (let after = 0; ; ) {
    const events = await host.log.read(stream, { after, limit: pageSize });
    yield* events;
    const last = events.at(-1);
    if (last === undefined || events.length < pageSize) return;
    after = last.version;
  }
}

export type ClosingPorts = {
  readonly clock: Pick<Clock, 'now' | 'sleep'>;
  /** Nothing is at work on the log: there is nobody to wait for. Always so where the log is locked. */
  readonly atRest: boolean;
  readonly tell: Tell;
};

/**
 * Sees to it that nothing more is appended to streams that have ended, while functions are at work on other ones: what a command could
 * still do to them (retry, redeliver, trigger) is ended by the event of a deletion, which readers take for what it is; then whoever decided
 * before is waited for. Gives the streams that are not to be removed, because they have gone on.
 */
export async function closeStreams(
  host: LogHost,
  streams: Iterable<string>,
  { clock, atRest, tell }: ClosingPorts,
): Promise<ReadonlySet<string>> {
  const open = new Set<string>();
  if (atRest) return open;
  let newestAt = 0;
  const waiting = streams[Symbol.iterator]();
  const closeNext = async (): Promise<void> => {
    for (let next = waiting.next(); next.done !== true; next = waiting.next()) {
      const closedAt = await closeOne(host, next.value, clock.now());
      if (closedAt === null) open.add(next.value);
      else newestAt = Math.max(newestAt, closedAt);
    }
  };
  await Promise.all(Array.from({ length: streamsAtOnce }, closeNext));
  for (let left = newestAt + quietMs - clock.now(); left > 0; left = newestAt + quietMs - clock.now()) {
    tell(`waits ${count(Math.ceil(left / 1_000))} s more for functions that may have begun before the streams were closed`);
    await clock.sleep(Math.min(left, tellEveryMs));
  }
  return open;
}

/** When the newest event of the stream happened, after which there is none; null if it is open. */
async function closeOne(host: LogHost, stream: string, now: number): Promise<number | null> {
  const folded = await foldedStream(host, stream);
  if (folded === null || whyOpen(folded) !== null || folded.state === null) return null;
  if (folded.isStub) return 0;
  if (folded.closedBy !== null) return folded.closedBy.occurredAt;
  const { state, newest } = folded;
  const type = deletionOf(stream);
  // Nothing can follow the end of an orchestration, or a deletion.
  if (state.status === 'deleted' || type === null) return newest.occurredAt;
  const event = eventAfter(stream, state, { type }, { now: Math.max(now, newest.occurredAt), commitId: closingCommit });
  return (await host.log.append(event)) === 'appended' ? event.occurredAt : null;
}

function deletionOf(stream: string): 'TaskDeleted' | 'ScheduleDeleted' | null {
  const kind = kindOf(stream);
  switch (kind) {
    case 'task':
      return 'TaskDeleted';
    case 'schedule':
      return 'ScheduleDeleted';
    case 'orchestration':
      return null;
    default:
      return kind satisfies never;
  }
}
