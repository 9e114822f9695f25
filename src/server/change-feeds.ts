import { dispatch } from '../application/dispatch.ts';
import type { Clock, EventBus, Logger, WakeQueue } from '../application/ports.ts';
import { project } from '../projections/project.ts';
import { Feed } from './feed.ts';
import { type Storage, startOfViews } from './storage.ts';
import type { Timers } from './timers.ts';

const projectBatch = 2_000;
/** Reads of lists may lag this much; in return a task that comes and goes within it is written once. */
const projectGatherMs = 100;
const dispatchBatch = 1_000;
const saveCheckpointEvery = 5_000;

/** Carries the log into the read models, which keep the checkpoint. */
export function createProjectFeed(storage: Storage, logger: Logger, timers: Timers): Feed {
  const { log, views } = storage;
  const onBroken = (stream: string, error: unknown) =>
    logger.error('a stream does not fold and is left out of the read models', { stream, error: String(error) });
  return new Feed({
    name: 'project',
    log,
    logger,
    from: startOfViews(storage),
    batch: projectBatch,
    gatherMs: projectGatherMs,
    timers,
    handle: (records, position) => project({ log, views, onBroken }, records, position),
  });
}

export type DispatchFeed = {
  readonly feed: Feed;
  /** From here on nobody acts on what is told: what is told after this is told again at the next start. */
  drain(): void;
  /** Keeps how far the feed has told somebody who acts on it. */
  saveCheckpoint(): void;
};

/** Hands the log to the scheduler and the bus. Telling them twice does nothing, so the checkpoint need only never be ahead. */
export function createDispatchFeed(
  { log, views }: Storage,
  ports: { readonly wakes: WakeQueue; readonly bus: EventBus; readonly clock: Clock; readonly logger: Logger; readonly timers: Timers },
): DispatchFeed {
  let saved = views.checkpoint('dispatch');
  let drainedFrom: number | null = null;
  const feed = new Feed({
    name: 'dispatch',
    log,
    logger: ports.logger,
    from: saved,
    batch: dispatchBatch,
    gatherMs: 0,
    timers: ports.timers,
    handle: async (records, position) => {
      await dispatch(ports, records, ports.clock.now());
      if (drainedFrom !== null || position - saved < saveCheckpointEvery) return;
      views.saveCheckpoint('dispatch', position);
      saved = position;
    },
  });
  return {
    feed,
    drain() {
      drainedFrom = feed.position;
    },
    saveCheckpoint() {
      views.saveCheckpoint('dispatch', drainedFrom ?? feed.position);
    },
  };
}
