import type { LogEntry } from '../../support/history-checker.ts';
import { callbackOf } from './receiving-target.ts';

/** An event as subscribers are told it. */
export type ToldEvent = {
  readonly position: number;
  /** Of the task, or of the schedule or the orchestration, whose id `taskId` then is not. */
  readonly id: string;
  readonly taskId: string;
  readonly version: number;
  readonly type: string;
  readonly occurredAt: number;
  readonly run: number;
  readonly attempt: number;
  /** Whether it opens a callback. */
  readonly callback: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: black-box tests look into data whose shape is the thing under test.
  readonly data: any;
};

/** The whole log, read as server-sent events from the start until `enough` says so. */
export async function readHistory(url: string, enough: (event: ToldEvent) => boolean): Promise<readonly ToldEvent[]> {
  const events: ToldEvent[] = [];
  const response = await fetch(`${url}/events?after=0`);
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of response.body ?? []) {
    const blocks = (rest + decoder.decode(chunk, { stream: true })).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const event = toldEvent(block);
      if (event === null) continue;
      events.push(event);
      if (enough(event)) return events;
    }
  }
  throw new Error(`the event stream ended after ${events.length} events`);
}

function toldEvent(block: string): ToldEvent | null {
  const position = /^id: (\d+)$/m.exec(block)?.[1];
  const json = /^data: (.*)$/m.exec(block)?.[1];
  if (position === undefined || json === undefined) return null;
  const { taskId, scheduleId, orchestrationId, version, type, occurredAt, run, attempt, callback, data } = JSON.parse(json);
  const id = taskId ?? scheduleId ?? orchestrationId;
  const at = { position: Number(position), occurredAt: Date.parse(occurredAt) };
  return { ...at, id, taskId, version, type, run: run ?? 0, attempt: attempt ?? 0, callback: callback === true, data };
}

const ended: ReadonlySet<string> = new Set(['OrchestrationFinished', 'OrchestrationCancelled', 'ScheduleFinished', 'ScheduleDeleted']);
const endedTasks: ReadonlySet<string> = new Set(['TaskSucceeded', 'TaskCancelled', 'TaskDeleted']);

/** What is left to happen by itself after the events told so far: tasks, callbacks, schedules and orchestrations that have not ended. */
export function createOpenWork() {
  const open = new Set<string>();
  return {
    open,
    tell({ id, type, data, callback }: ToldEvent): void {
      if (type === 'TaskScheduled' || type === 'ScheduleCreated' || type === 'OrchestrationScheduled') open.add(id);
      const isEnd = endedTasks.has(type) || (type === 'TaskFailed' && data.retryAt === null);
      if (isEnd || ended.has(type)) open.delete(id);
      if (callback && (isEnd || type === 'TaskDeleted')) open.add(callbackOf(id));
      if (type === 'CallbackSucceeded' || (type === 'CallbackFailed' && data.retryAt === null)) open.delete(callbackOf(id));
    },
  };
}

const time = (iso: string | null): number | null => (iso === null ? null : Date.parse(iso));

/** The log in the words of the history checker. */
export function logOf(events: readonly ToldEvent[]): readonly LogEntry[] {
  return events.map(({ id, type, occurredAt: at, run, attempt, data }): LogEntry => {
    switch (type) {
      case 'TaskScheduled':
      case 'TaskRescheduled':
      case 'TaskRetried':
      case 'TaskContinued':
        return { id, type, at, run, attempt, ...(data.runAt === undefined ? {} : { dueAt: time(data.runAt) }) };
      case 'TaskFailed':
        return { id, type, at, run, attempt, error: data.error.kind, dueAt: time(data.retryAt) };
      case 'OccurrenceFired':
        return { id, type, at, dueAt: time(data.dueAt) };
      case 'OccurrencesSkipped':
        return { id, type, at, skipped: { from: Date.parse(data.from), to: Date.parse(data.to) } };
      case 'CallbackSucceeded':
      case 'CallbackFailed':
        return { id: callbackOf(id), type, at };
      default:
        return { id, type, at, run, attempt };
    }
  });
}

/** What is out of order in a log, in words: positions and versions grow by one. */
export function disorderOf(events: readonly ToldEvent[]): readonly string[] {
  const faults: string[] = [];
  const versions = new Map<string, number>();
  events.forEach(({ position, id, version }, index) => {
    if (position !== index + 1) faults.push(`position ${position} stands at place ${index + 1} of the log`);
    const expected = (versions.get(id) ?? 0) + 1;
    if (version !== expected) faults.push(`${id} has version ${version} at place ${expected}`);
    versions.set(id, version);
  });
  return faults;
}
