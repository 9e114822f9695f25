import { taskEvent } from '../../../src/application/event-schemas.ts';
import type { StoredEvent } from '../../../src/application/ports.ts';
import { checkHistory, type LogEntry, type Verdict } from '../../support/history-checker.ts';
import type { World } from './world.ts';

/** Minutes pass at once here, one for each sweep. */
const [epsilonMs, forgivenessMs] = [10_000, 60 * 60_000];

/**
 * What the history checker says of these tasks, once nothing is left to happen to them. All of them have one run. `cancelled`: when a
 * cancel was answered, by the clock of the functions.
 */
export async function checkedHistory(
  world: World,
  acknowledged: Iterable<string>,
  maxAttempts: number,
  cancelled: ReadonlyMap<string, number> = new Map(),
): Promise<Verdict> {
  const log = await world.log();
  const ids = new Set(acknowledged);
  return checkHistory({
    tasks: [...ids].map((task) => ({
      task,
      acknowledged: true,
      dueAts: [log.get(task)?.events.map(entryOf)[0]?.dueAt ?? 0],
      maxAttempts,
      cancelledAt: cancelled.get(task),
    })),
    schedules: [],
    receipts: world.target.calls
      .filter(({ task }) => ids.has(task))
      .map(({ task, attempt, at, webhookId, answer }) => ({ task, run: 1, attempt, webhookId, begunAt: at, answer })),
    log: [...ids].flatMap((id) => (log.get(id)?.events ?? []).map(entryOf)),
    // Which attempts may be interrupted is judged by the whole of the promises.
    outages: null,
    readAt: Number.POSITIVE_INFINITY,
    epsilonMs,
    forgivenessMs,
  });
}

function entryOf(stored: StoredEvent): LogEntry {
  const event = taskEvent(stored);
  const { run, attempt } = stored.facts;
  const entry = { id: stored.stream.slice('task#'.length), type: event.type, at: stored.occurredAt, run, attempt };
  if (event.type === 'TaskScheduled') return { ...entry, dueAt: event.data.runAt };
  if (event.type === 'TaskFailed') return { ...entry, dueAt: event.data.retryAt, error: event.data.error.kind };
  return entry;
}
