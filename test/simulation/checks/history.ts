import { taskEvent } from '../../../src/application/event-schemas.ts';
import { limits } from '../../../src/domain/limits.ts';
import { idOf, streamOf } from '../../../src/domain/streams.ts';
import { checkHistory, faultsOf, type LogEntry, type PromisedTask, type Receipt as Told } from '../../support/history-checker.ts';
import type { Order } from '../clients/workload.ts';
import type { EventTable } from '../services/event-table.ts';
import type { Receipt } from '../services/targets.ts';
import type { Finished } from '../simulation.ts';

/** Lateness has laws of its own; here a run must have begun at all. */
const everMs = 40 * 60 * 60_000;

/**
 * The checker that also judges what real processes did, on what clients of this world were promised and targets received: tasks that
 * nobody changed, called once a run, whose targets end a run by their answers alone.
 */
export function checkWholeHistory({ world, host, workload }: Finished): void {
  // It orders calls by the clock that promises are kept by, which must go on for that.
  if (world.faults.counts['clock is set'] + world.faults.counts['server clock is set'] > 0) return;
  const tasks = workload.orders.flatMap((order) => promisedOf(host.table, order));
  const known = new Set(tasks.map(({ task }) => task));
  const verdict = checkHistory({
    tasks,
    schedules: [],
    receipts: host.targets.receipts.flatMap((receipt) => toldOf(receipt, known)),
    log: tasks.flatMap(({ task }) => host.table.of(streamOf('task', task)).map(entryOf)),
    outages: null,
    readAt: world.now + everMs,
    epsilonMs: 0,
    forgivenessMs: everMs,
  });
  for (const fault of faultsOf(verdict)) world.violate('history', fault);
}

function promisedOf(table: EventTable, { kind, id, created, asked }: Order): PromisedTask[] {
  if (kind !== 'tasks' || id === null) return [];
  const changes = asked.filter((exchange) => exchange.asked.method !== 'GET' && !(exchange.asked.path === '/tasks'));
  const [first] = table.of(streamOf('task', id)).map(({ event }) => taskEvent(event));
  if (first?.type !== 'TaskScheduled' || changes.length > 0 || first.data.origin !== null) return [];
  const { action, strategy, startBeforeMs, retry, runAt } = first.data;
  // A run whose last attempt got no answer has none for good, and no further attempt: it may not even have reached its target.
  const last = table
    .of(streamOf('task', id))
    .map(({ event }) => taskEvent(event))
    .findLast(({ type }) => type === 'TaskFailed');
  if (last?.type === 'TaskFailed' && last.data.retryAt === null && last.data.error.kind !== 'http') return [];
  const isSimple = action.kind === 'http' && strategy === 'await' && startBeforeMs === null && !action.url.endsWith('/continues');
  if (!isSimple) return [];
  // A host whose clock is ahead may make the first attempt, and one whose clock is behind the second.
  return [{ task: id, acknowledged: created.answer !== null, dueAts: [runAt - limits.clockSkewMs], maxAttempts: retry.maxAttempts }];
}

function toldOf(receipt: Receipt, known: ReadonlySet<string>): Told[] {
  const { taskId, webhookId, attempt, calledAt, heard } = receipt;
  if (taskId === null || !known.has(taskId) || webhookId.includes('~callback~')) return [];
  return [{ task: taskId, run: 1, attempt, webhookId, begunAt: calledAt, answer: answerOf(heard) }];
}

function answerOf(heard: Receipt['heard']): Told['answer'] {
  if (heard === null || heard.kind === 'interrupted') return 'none';
  // The caller knows that it has no answer, and asks again by policy.
  if (heard.kind !== 'response') return 'retry';
  return heard.status >= 500 || [408, 425, 429].includes(heard.status) ? 'retry' : 'final';
}

function entryOf({ event: stored }: ReturnType<EventTable['of']>[number]): LogEntry {
  const event = taskEvent(stored);
  const { run, attempt, wakeAt } = stored.facts;
  const error = event.type === 'TaskFailed' ? event.data.error.kind : undefined;
  const dueAt = stored.facts.status === 'scheduled' ? wakeAt : undefined;
  return {
    id: idOf(stored.stream),
    type: event.type,
    at: stored.occurredAt,
    run,
    attempt,
    ...(dueAt === undefined ? {} : { dueAt }),
    ...(error === undefined ? {} : { error }),
  };
}
