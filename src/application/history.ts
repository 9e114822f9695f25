import { limits } from '../domain/limits.ts';
import type { EventLog, StoredEvent } from './ports.ts';

/**
 * One page of a stream's history, oldest first, after a version. `newest` is the stream's own version; `next` is where the following page
 * starts, if there is one.
 */
export async function historyOf(
  log: EventLog,
  stream: string,
  page: { readonly newest: number; readonly after: number; readonly limit: number },
): Promise<{ readonly events: readonly StoredEvent[]; readonly next: number | null }> {
  const events = await log.read(stream, { after: page.after, limit: Math.min(page.limit, limits.eventsPage) });
  const last = events.at(-1)?.version ?? page.after;
  return { events, next: last < page.newest && events.length > 0 ? last : null };
}
