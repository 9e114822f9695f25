import { setTimeout as pause } from 'node:timers/promises';
import { createClient } from './client.ts';
import { type Errand, startErrand } from './errand.ts';
import { readHistory, type ToldEvent } from './history.ts';
import { type Call, type LoadResult, startLoad, startLoadTarget } from './load.ts';
import { runScript, type ScriptResult } from './script.ts';
import { until } from './until.ts';

export type CrashOptions = { readonly kills: number; readonly loadMs: number; readonly single: number; readonly batch: number };

export type CrashReport = {
  readonly load: LoadResult;
  /** Ids in the order in which following the list's cursors showed them. */
  readonly listed: readonly string[];
  readonly events: readonly ToldEvent[];
  /** Tasks whose target was called again although it had answered, or was about to: their attempt was cut off by a kill. */
  readonly calledAgain: number;
  readonly calls: number;
  /** Whatever goes against a promise, in words. */
  readonly faults: readonly string[];
  readonly check: ScriptResult;
};

/** Kills the server under load again and again, starts it again each time, lets everything end, and compares what all sides saw. */
export async function crashUnderLoad(options: CrashOptions): Promise<CrashReport> {
  const target = await startLoadTarget();
  let errand: Errand = await startErrand();
  const { url, dataDir } = errand;
  const load = startLoad(url, target.url, options);
  const kills: number[] = [];
  for (let kill = 0; kill < options.kills; kill += 1) {
    // This waits for time to pass: the load itself is what is waited for.
    await pause(options.loadMs * (0.7 + 0.6 * Math.random()));
    kills.push(Date.now());
    await errand.kill();
    errand = await errand.restart();
  }
  const loaded = await load.end();
  await ended(url);
  const listed = await followList(url);
  const events = await wholeHistory(url, listed.length);
  await errand.stop();
  await target.close();
  const check = await runScript('src/operator/rebuild.ts', ['--check'], { ERRAND_DATA_DIR: dataDir });
  const { faults, calledAgain } = judge(events, target.calls, kills);
  return { load: loaded, listed, events, calls: target.calls.length, calledAgain, faults, check };
}

async function ended(url: string): Promise<void> {
  const client = createClient(url);
  await until(
    'the end of every task',
    async () => {
      const { counts, feedLagMs } = (await client.get('/stats')).body;
      return counts.scheduled + counts.running + counts.waiting === 0 && feedLagMs === 0 ? true : undefined;
    },
    60_000,
  );
}

async function followList(url: string): Promise<readonly string[]> {
  const client = createClient(url);
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const { body } = await client.get(`/tasks?limit=100${cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`}`);
    for (const { id } of body.tasks) ids.push(id);
    cursor = body.cursor;
  } while (cursor !== undefined);
  return ids;
}

/** Once every task has ended, the last event is the end of one of them. */
function wholeHistory(url: string, tasks: number): Promise<readonly ToldEvent[]> {
  const open = new Set<string>();
  let seen = 0;
  return readHistory(url, ({ taskId, type, data }) => {
    if (type === 'TaskScheduled') {
      seen += 1;
      open.add(taskId);
    }
    if (type === 'TaskSucceeded' || (type === 'TaskFailed' && data.retryAt === null)) open.delete(taskId);
    return seen === tasks && open.size === 0;
  });
}

function grouped<Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}

/** Holds what the target saw against what the log says. */
function judge(events: readonly ToldEvent[], calls: readonly Call[], kills: readonly number[]) {
  const faults: string[] = [];
  events.forEach(({ position }, index) => {
    if (position !== index + 1) faults.push(`position ${position} stands at place ${index + 1} of the log`);
  });
  const histories = grouped(events, ({ taskId }) => taskId);
  const callsOf = grouped(calls, ({ task }) => task);
  let calledAgain = 0;
  for (const [task, history] of histories) {
    const attempts = attemptsOf(task, history, kills, faults);
    const received = callsOf.get(task) ?? [];
    for (const { attempt, at } of received) {
      const made = attempts.get(attempt);
      if (made === undefined) faults.push(`${task} was called for attempt ${attempt}, of which the log knows nothing`);
      else if (at < made.dueAt) faults.push(`${task} was called ${made.dueAt - at} ms early, attempt ${attempt}`);
    }
    if (new Set(received.map(({ attempt }) => attempt)).size < received.length) faults.push(`${task} was called twice for one attempt`);
    if (received.some(({ attempt }) => attempts.get(attempt)?.interrupted === true)) calledAgain += 1;
  }
  for (const task of callsOf.keys()) if (!histories.has(task)) faults.push(`${task} was called and is not in the log`);
  return { faults, calledAgain };
}

type Attempt = { readonly dueAt: number; readonly interrupted: boolean };

/** The attempts of a task as its log tells them. Only those that a kill cut off may be interrupted. */
function attemptsOf(task: string, history: readonly ToldEvent[], kills: readonly number[], faults: string[]): Map<number, Attempt> {
  const attempts = new Map<number, Attempt>();
  let dueAt = Number.POSITIVE_INFINITY;
  let startedAt = 0;
  history.forEach(({ version, type, occurredAt, attempt, data }, index) => {
    if (version !== index + 1) faults.push(`${task} has version ${version} at place ${index + 1}`);
    if (type === 'TaskScheduled') dueAt = Date.parse(data.runAt);
    if (type === 'TaskStarted') {
      if (occurredAt < dueAt) faults.push(`${task} was started ${dueAt - occurredAt} ms early, attempt ${attempt}`);
      attempts.set(attempt, { dueAt, interrupted: false });
      startedAt = occurredAt;
    }
    if (type !== 'TaskFailed') return;
    if (data.error.kind === 'interrupted') {
      attempts.set(attempt, { dueAt, interrupted: true });
      const wasKilled = kills.some((kill) => startedAt <= kill && kill <= occurredAt);
      if (!wasKilled) faults.push(`${task} has an interrupted attempt that no kill cut off`);
    } else if (data.error.kind !== 'http') faults.push(`${task} failed: ${data.error.message}`);
    dueAt = Date.parse(data.retryAt);
  });
  if (history.at(-1)?.type !== 'TaskSucceeded') faults.push(`${task} ended with ${history.at(-1)?.type}`);
  return attempts;
}
