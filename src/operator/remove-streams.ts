import type { StoredEvent } from '../application/ports.ts';
import { closingCommit, type FoldedStream } from './folded-streams.ts';
import type { LogHost, Tell } from './log-host.ts';
import { createProgress } from './progress.ts';

/** Streams that are removed together: on SQLite they share a transaction. */
const chunkStreams = 200;

/** A stream to be removed, with its events as far as they may still be counted in the statistics. */
type Removable = FoldedStream & { readonly events?: readonly StoredEvent[] };

/** Leaves a stub in place of each stream, and has the read models follow. Gives how many there were, and those that have gone on and stay. */
export async function removeStreams(
  host: LogHost,
  streams: AsyncIterable<Removable> | Iterable<Removable>,
  stubOf: (stream: string) => StoredEvent,
  tell: Tell,
): Promise<{ readonly removed: number; readonly left: readonly string[] }> {
  const progress = createProgress(tell, 'removed ', null, 'streams');
  const left: string[] = [];
  let removed = 0;
  let chunk: Removable[] = [];
  const flush = async (): Promise<void> => {
    if (chunk.length === 0) return;
    const together = chunk.map(({ stream, newest, events = [] }) => {
      const closed = { version: newest.version + 1, commitId: closingCommit };
      return { stub: stubOf(stream), newest: [newest, closed], events };
    });
    const stayed = new Set(await host.removal.log.erase(together));
    await host.removal.forget(together.filter(({ stub }) => !stayed.has(stub.stream)));
    left.push(...stayed);
    removed += chunk.length - stayed.size;
    chunk = [];
    progress(removed);
  };
  host.removal.begin();
  for await (const each of streams) {
    chunk.push(each);
    if (chunk.length === chunkStreams) await flush();
  }
  await flush();
  return { removed, left };
}
