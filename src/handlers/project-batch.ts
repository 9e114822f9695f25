import type { RepairItem } from '../adapters/aws/repair-queue.ts';
import { isCalledForBy, lateWakes, splitUnsent } from '../application/dispatch.ts';
import type { Clock, EventLog, ReadModels, StoredEvent, UnsentWake, WakeQueue } from '../application/ports.ts';
import { project } from '../projections/project.ts';
import type { BatchResponse } from './batch.ts';
import { mayPass } from './faults.ts';
import { type ParkingPorts, park, sameItem } from './parking.ts';
import { type EventRecord, failFrom, readStreamBatch } from './stream-records.ts';

export type ProjectBatchPorts = ParkingPorts & {
  readonly log: EventLog;
  readonly views: ReadModels;
  readonly wakes: WakeQueue;
  readonly clock: Clock;
};

/** Alone, a stream that fails this often is not the victim of its neighbours. */
const triesAlone = 3;

/**
 * Carries one batch of the stream into the read models. What may pass fails the batch from there on, and the stream brings it again;
 * a stream that fails for its own content, or three times alone, is parked, and the batch goes on.
 */
export async function projectBatch(ports: ProjectBatchPorts, event: unknown): Promise<BatchResponse> {
  const { telemetry } = ports;
  const batch = readStreamBatch(event, telemetry.logger);
  // Half of an imported stream may look like something that is due: the import itself makes the read models, at its end.
  const records = batch.records.filter(({ event: { imported } }) => imported !== true);
  const { broken, again } = await projectRecords(ports, records);
  // What comes again gets its late wakes from the try that carries it through, not from every one before.
  const [firstAgain] = again;
  const carried = firstAgain === undefined ? records : records.slice(0, records.indexOf(firstAgain));
  const unsent = await sendLate(
    ports,
    carried.map((record) => record.event),
  );
  const { toCome, toPark } = splitUnsent(unsent);
  const unparked = await park(ports, [...broken, ...batch.unreadable.map(({ item }) => item), ...toPark]);
  const left = [...unparked, ...toCome];
  const affected = [
    ...again,
    ...records.filter((record) => left.some((item) => isCalledForBy(item, record.event))),
    ...batch.unreadable.filter(({ item }) => left.some((other) => sameItem(item, other))),
  ];
  return failFrom(
    batch,
    affected.map(({ sequence }) => sequence),
  );
}

type Projected = {
  /** The newest event of each stream that is left out of the read models. */
  readonly broken: readonly RepairItem[];
  /** What is to come again. */
  readonly again: readonly EventRecord[];
};

async function projectRecords(ports: ProjectBatchPorts, records: readonly EventRecord[]): Promise<Projected> {
  const broken = new Map<string, RepairItem>();
  const events = records.map((record) => record.event);
  try {
    await project(reporting(ports, events, broken), events);
    return { broken: [...broken.values()], again: [] };
  } catch (error) {
    ports.telemetry.logger.error('a batch could not be projected', { records: records.length, error: String(error) });
    if (mayPass(error)) return { broken: [...broken.values()], again: records.slice(0, 1) };
    return projectApart(ports, records);
  }
}

/** One stream after another, so that the one at fault is found and the others are projected. */
async function projectApart(ports: ProjectBatchPorts, records: readonly EventRecord[]): Promise<Projected> {
  const broken = new Map<string, RepairItem>();
  const streams = Map.groupBy(records, (record) => record.event.stream);
  let failed = 0;
  for (const group of streams.values()) {
    const outcome = await projectAlone(ports, group, broken);
    // In the order of their first records: whatever was not looked at any more comes after this one.
    if (outcome === 'may pass') return { broken: [...broken.values()], again: group.slice(0, 1) };
    if (outcome === 'failed') failed += 1;
  }
  // That several fail, and none does not, is not to be explained by what is in them: it is the table, a permission or this code.
  if (failed > 1 && failed === streams.size) return { broken: [], again: records.slice(0, 1) };
  return { broken: [...broken.values()], again: [] };
}

async function projectAlone(
  ports: ProjectBatchPorts,
  group: readonly EventRecord[],
  broken: Map<string, RepairItem>,
): Promise<'done' | 'may pass' | 'failed'> {
  const events = group.map((record) => record.event);
  const reporter = reporting(ports, events, broken);
  for (let attempt = 1; attempt <= triesAlone; attempt += 1) {
    try {
      await project(reporter, events);
      return 'done';
    } catch (error) {
      if (mayPass(error)) return 'may pass';
      if (attempt === triesAlone) reporter.onBroken(events[0]?.stream ?? '', error);
    }
  }
  return 'failed';
}

function reporting(ports: ProjectBatchPorts, events: readonly StoredEvent[], broken: Map<string, RepairItem>) {
  const { log, views, telemetry } = ports;
  return {
    log,
    views,
    onBroken: (stream: string, error: unknown): void => {
      telemetry.logger.error('a stream could not be projected', { stream, error: String(error) });
      const version = Math.max(...events.filter((event) => event.stream === stream).map((event) => event.version));
      broken.set(stream, { stream, version });
    },
  };
}

/** Due rows that were written late have perhaps been passed over by the sweep that loaded their time. */
export async function sendLate(
  { wakes, clock, telemetry }: Pick<ProjectBatchPorts, 'wakes' | 'clock' | 'telemetry'>,
  events: readonly StoredEvent[],
): Promise<readonly UnsentWake[]> {
  const late = lateWakes(events, clock.now());
  if (late.length === 0) return [];
  return wakes.send(late).catch((error: unknown) => {
    telemetry.logger.error('the wake queues could not be reached', { error: String(error) });
    return late;
  });
}
