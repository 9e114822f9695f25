import { LogUnavailable } from '../application/log-unavailable.ts';
import type { EventLog, ReadModels } from '../application/ports.ts';
import { mayPass } from './faults.ts';

/** What may pass is told as such to whoever asks, who may come again: 503 instead of 500. */
async function orUnavailable<T>(what: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!mayPass(error) || error instanceof LogUnavailable) throw error;
    throw new LogUnavailable(`${what} could not be reached: ${String(error)}`, { cause: error });
  }
}

/** A log whose passing failures are `LogUnavailable`. */
export function logOrUnavailable(log: EventLog): EventLog {
  return {
    append: (event, snapshot) => orUnavailable('the log', log.append(event, snapshot)),
    read: (stream, range) => orUnavailable('the log', log.read(stream, range)),
    load: (stream, snapshotSchema) => orUnavailable('the log', log.load(stream, snapshotSchema)),
    readBody: (stream, at) => orUnavailable('the log', log.readBody(stream, at)),
  };
}

/** Read models whose passing failures are told as those of the log. */
export function viewsOrUnavailable(views: ReadModels): ReadModels {
  return {
    read: (streams) => orUnavailable('the read models', views.read(streams)),
    write: (writes, checkpoint) => orUnavailable('the read models', views.write(writes, checkpoint)),
    due: (query) => orUnavailable('the read models', views.due(query)),
    list: (query) => orUnavailable('the read models', views.list(query)),
    statistics: (now) => orUnavailable('the read models', views.statistics(now)),
  };
}
