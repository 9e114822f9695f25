import type { Clock, EventLog, ReadModels } from '../application/ports.ts';
import { limits } from '../domain/limits.ts';

export type FeedLagPorts = {
  readonly log: Pick<EventLog, 'read'>;
  readonly views: Pick<ReadModels, 'due'>;
  readonly clock: Pick<Clock, 'now'>;
};

/** Rows looked at: each costs a read of its stream's next event. */
const rows = 10;

/**
 * How far the read models are known to lag behind the log, in milliseconds. The stream's own age is told by its metric only
 * (IteratorAge, which the alarms watch), so the log is asked about what is due first: a row whose stream has gone on since is as late as
 * the first event it lacks. Whenever the projection stands still while tasks are run, such rows are the first in the index.
 * A lower bound: tasks that the read models have not heard of at all are not seen.
 */
export async function feedLagMs({ log, views, clock }: FeedLagPorts): Promise<number> {
  const now = clock.now();
  const due = await views.due({ until: now + limits.wakeHorizonMs, limit: rows });
  const lags = await Promise.all(
    due.map(async ({ stream, version }) => {
      const [lacking] = await log.read(stream, { after: version, limit: 1 });
      return lacking === undefined ? 0 : Math.max(0, now - lacking.occurredAt);
    }),
  );
  return Math.max(0, ...lags);
}
