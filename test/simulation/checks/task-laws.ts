import { taskEvent } from '../../../src/application/event-schemas.ts';
import type { TaskError, TaskEvent } from '../../../src/domain/task/events.ts';
import type { Entry } from '../services/event-table.ts';

type Status = 'none' | 'scheduled' | 'running' | 'waiting' | 'succeeded' | 'failed' | 'cancelled' | 'deleted';
type Of<Type extends TaskEvent['type']> = Extract<TaskEvent, { readonly type: Type }>['data'];

/** From where to where each event leads (events.md); what is not here must not happen. Written from the documents, not from the code. */
const from: Readonly<Record<TaskEvent['type'], readonly Status[]>> = {
  TaskScheduled: ['none'],
  Erased: ['none'],
  TaskRescheduled: ['scheduled'],
  TaskStarted: ['scheduled'],
  TaskAccepted: ['running'],
  TaskHeartbeat: ['running', 'waiting'],
  TaskContinued: ['running'],
  TaskSucceeded: ['running', 'waiting', 'scheduled'],
  TaskFailed: ['running', 'waiting', 'scheduled'],
  TaskCancelled: ['scheduled', 'waiting'],
  TaskRetried: ['failed'],
  TaskDeleted: ['scheduled', 'waiting', 'succeeded', 'failed', 'cancelled'],
  CallbackSucceeded: ['succeeded', 'failed', 'cancelled', 'deleted'],
  CallbackFailed: ['succeeded', 'failed', 'cancelled', 'deleted'],
  CallbackReopened: ['succeeded', 'failed', 'cancelled'],
};

const callbackTries = 8;
/** What no further try would change. */
const isFinal = ({ kind, status }: TaskError): boolean => kind === 'egress' || status === 410;

/** One claim of the right to call: what a receipt of a target must belong to. */
export type Claim = { readonly entry: Entry; readonly run: number; readonly attempt: number; readonly dueAt: number };
/** What the events of a task say, by rules of their own. */
export type TaskStory = {
  readonly claims: readonly Claim[];
  readonly status: Status;
  /** The law that was broken, and how. */
  readonly broken: readonly { readonly law: string; readonly what: string }[];
};

/** Reads the events of one task by the laws, with as little state as they need. */
export function readTask(entries: readonly Entry[]): TaskStory {
  const claims: Claim[] = [];
  const broken: { law: string; what: string }[] = [];
  let status: Status = 'none';
  let [run, attempt, startedVersion, dueAt, maxAttempts, last] = [1, 0, 0, 0, 0, 0];
  const startedInRun = new Set<number>();
  let openCallback: number | null = null;
  for (const entry of entries) {
    const event = taskEvent(entry.event);
    const breaks = (law: string, what: string): void =>
      void broken.push({ law, what: `${entry.event.stream}@${entry.event.version} ${event.type}: ${what}` });
    if (!from[event.type].includes(status)) breaks('S4', `it came while the task was ${status}`);
    if (entry.event.occurredAt < last) breaks('time', `it is said to have happened before the event in front of it`);
    last = entry.event.occurredAt;
    switch (event.type) {
      case 'TaskScheduled':
        [status, dueAt, maxAttempts] = ['scheduled', event.data.runAt, event.data.retry.maxAttempts];
        break;
      case 'TaskRescheduled':
        dueAt = event.data.runAt ?? dueAt;
        maxAttempts = event.data.retry?.maxAttempts ?? maxAttempts;
        break;
      case 'TaskStarted': {
        const { attempt: started, run: ofRun } = event.data;
        if (started !== attempt + 1 || ofRun !== run) breaks('S7', `attempt ${started} of run ${ofRun} after ${attempt} of ${run}`);
        if (started > maxAttempts) breaks('S7', `attempt ${started} of ${maxAttempts}`);
        if (entry.event.occurredAt < dueAt) breaks('S6', `it started ${dueAt - entry.event.occurredAt} ms before its time`);
        claims.push({ entry, run, attempt: started, dueAt });
        [status, attempt, startedVersion] = ['running', started, entry.event.version];
        startedInRun.add(startedVersion);
        break;
      }
      case 'TaskAccepted':
        if (event.data.startedVersion !== startedVersion) breaks('S3', `of the start ${event.data.startedVersion}, not ${startedVersion}`);
        status = 'waiting';
        break;
      case 'TaskHeartbeat':
        if (event.data.startedVersion !== startedVersion) breaks('S3', `of the start ${event.data.startedVersion}, not ${startedVersion}`);
        break;
      case 'TaskContinued':
        if (event.data.startedVersion !== startedVersion) breaks('S3', `of the start ${event.data.startedVersion}, not ${startedVersion}`);
        [status, run, attempt, dueAt] = ['scheduled', run + 1, 0, event.data.runAt];
        startedInRun.clear();
        break;
      case 'TaskSucceeded':
        checkSuccess(event.data);
        status = 'succeeded';
        break;
      case 'TaskFailed': {
        const { startedVersion: of, retryAt } = event.data;
        if (of !== undefined && of !== startedVersion) breaks('S3', `of the start ${of}, not ${startedVersion}`);
        if (of === undefined && status !== 'scheduled') breaks('S3', `of no start, while the task was ${status}`);
        if (retryAt !== null && attempt >= maxAttempts) breaks('S7', `another try after ${attempt} of ${maxAttempts}`);
        [status, dueAt] = retryAt === null ? ['failed', dueAt] : ['scheduled', retryAt];
        break;
      }
      case 'TaskCancelled':
        status = 'cancelled';
        break;
      case 'TaskRetried':
        [status, run, attempt, dueAt, openCallback] = ['scheduled', run + 1, 0, event.data.runAt, null];
        startedInRun.clear();
        break;
      case 'TaskDeleted':
      case 'Erased':
        status = 'deleted';
        break;
      case 'CallbackSucceeded':
      case 'CallbackFailed':
        if (event.data.outcomeVersion !== openCallback)
          breaks('callback', `of ${event.data.outcomeVersion}, while ${openCallback} is open`);
        if (
          event.type === 'CallbackFailed' &&
          event.data.retryAt === null &&
          event.data.attempt < callbackTries &&
          !isFinal(event.data.error)
        ) {
          breaks('callback', `it was given up after ${event.data.attempt} of ${callbackTries} tries`);
        }
        if (event.type === 'CallbackSucceeded' || event.data.retryAt === null) openCallback = null;
        break;
      case 'CallbackReopened':
        openCallback = event.data.outcomeVersion;
        break;
    }
    if (entry.event.facts.callback) openCallback = entry.event.version;

    function checkSuccess({ startedVersion: of, answerHash }: Of<'TaskSucceeded'>): void {
      // An answer may come with the token of any attempt of the run; what a call gave belongs to the current one.
      if (answerHash === undefined ? of !== startedVersion || status !== 'running' : !startedInRun.has(of)) {
        breaks('S3', `of the start ${of}, while ${startedVersion} was current and the task ${status}`);
      }
    }
  }
  if (openCallback !== null)
    broken.push({ law: 'L1', what: `${entries[0]?.event.stream}: the callback of version ${openCallback} is still open` });
  return { claims, status, broken };
}
