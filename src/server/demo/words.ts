import type { EventDetail } from './client.ts';

const columns = { time: 8, task: 12, event: 19 } as const;

/** The heading of the lines that `eventLine` makes. */
export const heading = line('time', 'task', 'event', 'what it means');

/** One event as one aligned line. `sinceMs` is when it happened, reckoned from the start of the demonstration. */
export function eventLine(event: EventDetail, sinceMs: number): string {
  return line(`${(sinceMs / 1_000).toFixed(2)} s`, event.taskId, event.type, inWords(event));
}

/** What a task of the demonstration is about. */
export function storyLine(task: string, plot: string): string {
  return `  ${task.padEnd(columns.task)}${plot}`;
}

function line(time: string, task: string, event: string, meaning: string): string {
  return `  ${time.padStart(columns.time - 2)}  ${task.padEnd(columns.task)}${event.padEnd(columns.event)}${meaning}`;
}

/** What an event means, for somebody who sees it for the first time. */
export function inWords({ type, attempt, occurredAt, data }: EventDetail): string {
  const happenedAt = Date.parse(occurredAt);
  switch (type) {
    case 'TaskScheduled':
      return `safe on disk, ${due(data['runAt'], happenedAt)}`;
    case 'TaskStarted':
      return attempt === 1 ? 'it is due: the target is called' : `attempt ${attempt}: the target is called again`;
    case 'TaskSucceeded':
      return data['answered'] === true
        ? `the target has posted its answer: ${quoted(resultOf(data))}`
        : `the target answered ${resultOf(data)['status']} ${quoted(resultOf(data))}`;
    case 'TaskFailed':
      return `${messageOf(data['error'])}; ${data['retryAt'] === null ? 'no attempt is left' : `it is tried again: ${due(data['retryAt'], happenedAt)}`}`;
    case 'TaskAccepted':
      return 'the target answered 202: it works on, and will post its answer';
    case 'TaskCancelled':
      return 'cancelled: its target is never called';
    case 'CallbackSucceeded':
      return 'the outcome was told to the callback address, signed';
    case 'CallbackFailed':
      return `the callback address could not be told: ${messageOf(data['error'])}`;
    default:
      return '';
  }
}

function due(time: unknown, from: number): string {
  const inS = Math.round((Date.parse(String(time)) - from) / 100) / 10;
  if (inS <= 0) return 'due at once';
  return inS >= 3_600 ? `due in ${Math.round(inS / 3_600)} h` : `due in ${inS} s`;
}

function resultOf(data: EventDetail['data']): Readonly<Record<string, unknown>> {
  const { result } = data;
  return typeof result === 'object' && result !== null ? (result as Readonly<Record<string, unknown>>) : {};
}

function quoted(result: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(result['body'] ?? '');
}

function messageOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : 'it failed';
}
