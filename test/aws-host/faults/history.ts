import { type DynamoDBClient, ScanCommand, type ScanCommandOutput } from '@aws-sdk/client-dynamodb';
import { decodeEvent, type Item, numberAt, textAt } from '../../../src/adapters/aws/event-item.ts';
import { parseStoredEvent, taskEvent } from '../../../src/application/event-schemas.ts';
import type { StoredEvent } from '../../../src/application/ports.ts';
import { idOf, kindOf } from '../../../src/domain/streams.ts';
import { fold } from '../../../src/domain/task/evolve.ts';
import { initialTask, type TaskState, wakeAt } from '../../../src/domain/task/state.ts';

/** The events of one stream of any kind, oldest first. */
export type StreamHistory = { readonly stream: string; readonly events: readonly StoredEvent[] };
/** One task as the table of events holds it, folded by the domain alone. */
export type History = StreamHistory & { readonly id: string; readonly state: TaskState };
/** The whole log, and the tasks in it by their ids. */
export type Histories = { readonly streams: readonly StreamHistory[]; readonly tasks: ReadonlyMap<string, History> };

/** Every item of a table, read beside everything else. */
export async function allItems(client: DynamoDBClient, TableName: string, IndexName?: string): Promise<readonly Item[]> {
  const items: Item[] = [];
  const ConsistentRead = IndexName === undefined;
  for (let start: Item | null | undefined = null; start !== undefined; ) {
    const page: ScanCommandOutput = await client.send(
      new ScanCommand({
        TableName,
        ConsistentRead,
        ...(IndexName === undefined ? {} : { IndexName }),
        ...(start === null ? {} : { ExclusiveStartKey: start }),
      }),
    );
    items.push(...(page.Items ?? []));
    start = page.LastEvaluatedKey;
  }
  return items;
}

/** Reads the streams of the log, each event once in its life: events do not change. */
export function createHistoryReader(): (items: readonly Item[], broken: ReadonlySet<string>) => Histories {
  const known = new Map<string, StoredEvent>();
  const read = (item: Item): StoredEvent => {
    const key = `${textAt(item, 'pk')}@${numberAt(item, 'sk')}`;
    const event = known.get(key) ?? parseStoredEvent(decodeEvent(item));
    known.set(key, event);
    return event;
  };
  // What a test has broken on purpose does not fold.
  return (items, broken) => {
    const events = items.flatMap((item) => (broken.has(textAt(item, 'pk') ?? '') ? [] : [read(item)]));
    const streams = Array.from(
      Map.groupBy(events, ({ stream }) => stream),
      ([stream, unsorted]) => ({ stream, events: unsorted.toSorted((one, other) => one.version - other.version) }),
    );
    const tasks = streams.filter(({ stream }) => kindOf(stream) === 'task');
    return {
      streams,
      tasks: new Map(
        tasks.map((own) => [idOf(own.stream), { ...own, id: idOf(own.stream), state: fold(initialTask, own.events.map(taskEvent)) }]),
      ),
    };
  };
}

/** One attempt as the log tells of it. Times in epoch milliseconds, by the clock of the functions. */
export type Attempt = {
  readonly run: number;
  readonly attempt: number;
  readonly dueAt: number;
  readonly startedAt: number;
  /** The type of the event that ended it, and for a failure its kind; null while it runs. */
  readonly end: string | null;
  /** Why it was interrupted: it ended without a call of its own, or nobody knows what came of it. */
  readonly interrupted: string | null;
};

/** The attempts of a stream, each with the time it was due at. */
export function attemptsOf({ events }: Pick<History, 'events'>): readonly Attempt[] {
  const attempts: Attempt[] = [];
  let dueAt: number | null = null;
  for (const stored of events) {
    const event = taskEvent(stored);
    if (event.type === 'TaskStarted') {
      const { run, attempt } = event.data;
      attempts.push({ run, attempt, dueAt: dueAt ?? stored.occurredAt, startedAt: stored.occurredAt, end: null, interrupted: null });
    } else if (event.type === 'TaskSucceeded' || event.type === 'TaskFailed' || event.type === 'TaskAccepted') {
      const last = attempts.pop();
      if (last === undefined) continue;
      const interrupted = event.type === 'TaskFailed' && event.data.error.kind === 'interrupted' ? event.data.error.message : null;
      attempts.push(last.end === null ? { ...last, end: event.type, interrupted } : last);
    }
    dueAt = stored.facts.wakeAt;
  }
  return attempts;
}

/** Whether nothing is left to happen to it by itself. */
export function isOver({ state }: History): boolean {
  return wakeAt(state) === null;
}
