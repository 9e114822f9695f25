import type { ReadModels } from '../application/ports.ts';
import type { Telemetry } from './telemetry.ts';

/** Read models whose writes are counted. */
export function countingViews(views: ReadModels, telemetry: Telemetry): ReadModels {
  return {
    read: (streams) => views.read(streams),
    due: (query) => views.due(query),
    list: (query) => views.list(query),
    statistics: (now) => views.statistics(now),
    async write(writes, checkpoint) {
      const behind = await views.write(writes, checkpoint);
      telemetry.count('ViewsWritten', writes.length - behind.length);
      return behind;
    },
  };
}
