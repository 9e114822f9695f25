import { decodeRepair, type RepairItem } from '../adapters/aws/repair-queue.ts';
import { type DispatchPorts, dispatch } from '../application/dispatch.ts';
import type { Clock, EventLog, ReadModels, StoredEvent } from '../application/ports.ts';
import { project } from '../projections/project.ts';
import type { BatchResponse } from './batch.ts';
import { sendLate } from './project-batch.ts';
import { eachMessage } from './sqs-messages.ts';
import type { Telemetry } from './telemetry.ts';

export type RepairBatchPorts = DispatchPorts & {
  readonly log: EventLog;
  readonly views: ReadModels;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
};

/**
 * Does for each parked event what the two readers of the stream would have done: both sides may have done it before, and doing it
 * again does no harm. What fails comes again, and ends in the dead letters of the repair queue if it goes on failing.
 */
export function repairBatch(ports: RepairBatchPorts, event: unknown): Promise<BatchResponse> {
  return eachMessage(event, ports.telemetry.logger, async ({ body }) => {
    const item = decodeRepair(body);
    if (item === null) throw new Error('the message names no event');
    await repair(ports, item);
  });
}

async function repair(ports: RepairBatchPorts, { stream, version }: RepairItem): Promise<void> {
  const [parked] = await ports.log.read(stream, { after: version - 1, upTo: version });
  if (parked === undefined) throw new Error(`the log has no event ${stream}@${version}`);
  const { unsentWakes, unpublished } = await dispatch(ports, [parked], ports.clock.now());
  await projectOne(ports, parked);
  if (unsentWakes.length + unpublished.length > 0) throw new Error(`${stream}@${version} could not be passed on`);
}

async function projectOne(ports: RepairBatchPorts, parked: StoredEvent): Promise<void> {
  let broken: unknown = null;
  await project({ log: ports.log, views: ports.views, onBroken: (_stream, error) => (broken = error) }, [parked]);
  if (broken !== null) throw broken;
  // The view may have gone on to a newer event than the parked one, and it is this one's due row that was written late.
  const newer = await ports.log.read(parked.stream, { after: parked.version });
  const unsent = await sendLate(ports, [parked, ...newer]);
  if (unsent.length > 0) throw new Error(`the late wake of ${parked.stream} could not be sent`);
}
