import { isPublished } from '../../../src/application/dispatch.ts';
import { streamEvent } from '../../../src/application/event-schemas.ts';
import { foldStream, kindOf } from '../../../src/domain/streams.ts';
import { project } from '../../../src/projections/project.ts';
import { MemoryReadModels } from '../../support/memory-read-models.ts';
import { eventId } from '../services/bus.ts';
import type { Finished } from '../simulation.ts';
import { readTask } from './task-laws.ts';

const second = 1_000;
const minute = 60 * second;

/** At rest: the read models are what the log says, whichever way it came to them, and everybody was told. */
export async function checkConvergence(finished: Finished): Promise<void> {
  await checkReadModels(finished);
  checkPublished(finished);
  checkLateness(finished);
}

async function checkReadModels({ world, host }: Finished): Promise<void> {
  const { table } = host;
  const views = host.views();
  const streams = table.streams();
  const shown = await views.read(streams);
  for (const stream of streams) {
    const events = table.of(stream).map(({ event }) => event);
    const view = shown.get(stream) ?? null;
    const state = foldStream(stream, null, events.map(streamEvent));
    if (view === null || JSON.stringify(view.state) !== JSON.stringify(state)) {
      world.violate('P1', `the view of ${stream} is ${JSON.stringify(view?.state ?? null)}, the log says ${JSON.stringify(state)}`);
    }
  }
  const anew = new MemoryReadModels();
  const never = async (): Promise<never> => Promise.reject(new Error('a rebuild in order reads no log'));
  const log = { append: never, read: never, load: never, readBody: never };
  const onBroken = (stream: string, error: unknown): void => world.violate('P2', `${stream} does not fold: ${String(error)}`);
  await project(
    { log, views: anew, onBroken, readFirst: true },
    table.entries.map(({ event }) => event),
  );
  const [incremental, rebuilt] = [await views.statistics(world.now), await anew.statistics(world.now)];
  if (JSON.stringify(incremental) !== JSON.stringify(rebuilt)) {
    world.violate('P2', `the statistics are ${JSON.stringify(incremental)}, rebuilt they are ${JSON.stringify(rebuilt)}`);
  }
}

function checkPublished({ world, host }: Finished): void {
  for (const { event } of host.table.entries) {
    if (!isPublished(event) || host.told.has(eventId(event)) || host.givenUp.has(`dispatch ${eventId(event)}`)) continue;
    world.violate('bus', `nobody was told of ${eventId(event)} ${event.type}`);
  }
}

/** What is lost while things go wrong is looked for 1, 2, 4 ... 32 minutes after its time, then hourly; later on nothing is late. */
function checkLateness({ world, host, healedAt }: Finished): void {
  const calmAt = Math.max(healedAt, host.troubledUntil());
  for (const stream of host.table.streams()) {
    if (kindOf(stream) !== 'task') continue;
    for (const { entry, dueAt, attempt, run } of readTask(host.table.of(stream)).claims) {
      if (entry.at <= healedAt) continue;
      // What was due before its own event was appended, was due then.
      const since = Math.max(dueAt, host.table.of(stream)[entry.event.version - 2]?.at ?? 0);
      const [from, mostMs] = since > calmAt + 25 * minute ? [since, 130 * second] : [Math.max(since, calmAt), 95 * minute];
      const lateMs = entry.at - from;
      if (lateMs > mostMs) world.violate('L2', `attempt ${attempt} of run ${run} of ${stream} was ${lateMs} ms late`);
    }
  }
}
