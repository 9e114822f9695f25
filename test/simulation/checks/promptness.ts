import { streamOf } from '../../../src/domain/streams.ts';
import type { Entry } from '../services/event-table.ts';
import type { Finished } from '../simulation.ts';
import { readTask } from './task-laws.ts';

/** What a change of the log may take to be acted upon where nothing goes wrong: the feed, the queue and a call, each with time to spare. */
const promptMs = 4_000;
const ends: ReadonlySet<string> = new Set(['TaskSucceeded', 'TaskFailed', 'TaskCancelled']);

/** In a world without faults everything happens when it is due, by its own means: what only heals is never needed. */
export function checkPromptness({ world, host }: Finished): void {
  const { table, targets } = host;
  const late = (what: string, since: number, at: number | undefined): void => {
    if (at === undefined || at - since > promptMs)
      world.violate('prompt', `${what}: ${at === undefined ? 'never' : `${at - since} ms late`}`);
  };
  for (const stream of table.streams()) {
    const entries = table.of(stream);
    if (stream.startsWith('task#')) {
      for (const { entry, dueAt, attempt } of readTask(entries).claims) {
        late(`attempt ${attempt} of ${stream}`, Math.max(dueAt, entries[entry.event.version - 2]?.at ?? 0), entry.at);
      }
      for (const { event, at } of entries) {
        if (!event.facts.callback) continue;
        const told = targets.receipts.find(
          ({ webhookId }) => webhookId.endsWith(`~callback~${event.version}`) && stream.endsWith(idOf(webhookId)),
        );
        late(`the callback of ${stream}@${event.version}`, at, told?.at);
      }
      continue;
    }
    for (const { event, at } of entries) {
      const { taskId } = event.data as { readonly taskId?: string };
      if (taskId !== undefined && event.type !== 'OccurrencesSkipped' && !isGivenUp(entries, taskId))
        late(`the task ${taskId} of ${stream}`, at, firstAt(taskId));
      if (event.type === 'OrchestrationCancelled' || event.type === 'OrchestrationFinished') {
        const id = stream.slice('orchestration#'.length);
        if (isTold(entries)) late(`the callback of ${stream}`, at, firstAt(`${id}.callback`));
      }
      if (event.type === 'StepFinished' || event.type === 'CheckFinished')
        late(`${event.type} of ${stream}`, endOfChild(entries, event.version), at);
    }
  }

  /** A cancel may come between a child's name and the child, which nobody makes then. */
  function isGivenUp(entries: readonly Entry[], taskId: string): boolean {
    return firstAt(taskId) === undefined && entries.some(({ event }) => event.type === 'OrchestrationCancelled');
  }

  function firstAt(taskId: string): number | undefined {
    return table.of(streamOf('task', taskId))[0]?.at;
  }

  /** When the child that was named last before this version had ended. */
  function endOfChild(entries: readonly Entry[], version: number): number {
    const named = entries.slice(0, version - 1).findLast(({ event }) => 'taskId' in event.data)?.event.data as
      | { readonly taskId: string }
      | undefined;
    const child = named === undefined ? [] : table.of(streamOf('task', named.taskId));
    const end = child.find(({ event }) => ends.has(event.type) && event.facts.status !== 'scheduled');
    return Math.max(end?.at ?? 0, entries[version - 2]?.at ?? 0);
  }
}

function idOf(webhookId: string): string {
  return decodeURIComponent(webhookId.split('~')[0] ?? '');
}

/** Whether an orchestration was asked to tell its outcome. */
function isTold(entries: readonly Entry[]): boolean {
  const planned = entries.findLast(({ event }) => 'plan' in event.data)?.event.data as
    | { readonly plan: { readonly callback: unknown } }
    | undefined;
  return planned?.plan.callback != null;
}
