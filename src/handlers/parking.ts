import type { RepairItem, RepairQueue } from '../adapters/aws/repair-queue.ts';
import type { Telemetry } from './telemetry.ts';

export type ParkingPorts = { readonly repair: RepairQueue; readonly telemetry: Telemetry };

/**
 * Puts events into the repair queue, whose consumer runs `dispatch` and `project` for each, so that they neither hold up a shard nor
 * vanish. Gives back those that could not be put there, and never throws: these fail where they are.
 */
export async function park({ repair, telemetry }: ParkingPorts, given: readonly RepairItem[]): Promise<readonly RepairItem[]> {
  if (given.length === 0) return [];
  // A batch may hold a record twice.
  const items = [...new Map(given.map((item) => [`${item.stream}@${item.version}`, item])).values()];
  let unsent: readonly RepairItem[];
  try {
    unsent = await repair.send(items);
  } catch (error) {
    telemetry.logger.error('the repair queue could not be reached', { items: items.length, error: String(error) });
    unsent = items;
  }
  const parked = items.filter((item) => !unsent.some((other) => sameItem(item, other)));
  telemetry.count('RecordsParked', parked.length);
  for (const { stream, version } of parked) telemetry.logger.warn('an event was parked', { stream, version });
  return unsent;
}

export function sameItem(one: RepairItem, other: RepairItem): boolean {
  return one.stream === other.stream && one.version === other.version;
}
