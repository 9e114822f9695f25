import { setTimeout as pause } from 'node:timers/promises';
import { checkHistory, faultsOf, type Outage, summaryOf, type Verdict } from '../../support/history-checker.ts';
import { type Client, createClient } from './client.ts';
import { type Environment, type Errand, startErrand } from './errand.ts';
import { createOpenWork, disorderOf, logOf, readHistory, type ToldEvent } from './history.ts';
import { type Asked, type LoadOptions, type LoadResult, startLoad } from './load.ts';
import { startReceivingTarget } from './receiving-target.ts';
import { runScript } from './script.ts';
import { createTimetable, upToLast } from './timetable.ts';
import { until } from './until.ts';

export type UnderLoadOptions = LoadOptions & {
  /** How many times each of some schedules has; no schedules without. */
  readonly times?: number;
  /** Whether each of these may leave times out, as it does beyond the thousand times that it makes up for at most. */
  readonly mayMissTimes?: boolean;
  readonly environment?: Environment;
  readonly dataDir?: string;
  /** The clock that the server goes by; that of this process by default. */
  readonly now?: () => number;
  /** The same for what its targets receive; `now` by default. */
  readonly receivedAt?: () => number;
  /** How much later than usual a run may begin. */
  readonly forgivenessMs?: number;
};

/** A server under load, for whoever does something to it. */
export type Running = {
  readonly client: Client;
  readonly dataDir: string;
  readonly pid: number;
  /** Creates that were answered with 201 so far. */
  acknowledged(): number;
  /** Kills it and starts it again. */
  kill(): Promise<Outage>;
};

export type LoadReport = {
  readonly load: LoadResult;
  readonly outages: readonly Outage[];
  readonly verdict: Verdict;
  /** Whatever goes against a promise, in words: in the history, in the list, and where read models differ from a rebuild. */
  readonly faults: readonly string[];
  /** All of it in one line. */
  readonly summary: string;
};

/**
 * A run may begin so late while all is well, and so much later because it is not: correctness is judged here, the rest is told as figures.
 * A callback whose first try a kill cut off is made a minute later.
 */
const epsilonMs = 5_000;
const forgivenessByDefaultMs = 120_000;

/** Does something to a server under load, lets everything end, and compares what all sides saw. */
export async function underLoad(
  options: UnderLoadOptions,
  meanwhile: (running: Running) => Promise<readonly Outage[]>,
): Promise<LoadReport> {
  const { environment = {}, now = Date.now } = options;
  const target = await startReceivingTarget(options.receivedAt ?? now);
  let errand: Errand = await startErrand({ environment, ...(options.dataDir === undefined ? {} : { dataDir: options.dataDir }) });
  const { url, dataDir } = errand;
  const client = createClient(url);
  const schedules =
    options.times === undefined
      ? []
      : await createTimetable(client, target.url, { count: options.times, now: now(), mayMissAll: options.mayMissTimes ?? false });
  const load = startLoad(url, target.url, options, now);
  const outages = await meanwhile({
    client,
    dataDir,
    get pid() {
      return errand.pid;
    },
    acknowledged: load.acknowledged,
    async kill() {
      const from = now();
      await errand.kill();
      errand = await errand.restart();
      return { from, to: now(), what: 'kill -9' };
    },
  });
  const loaded = await load.end();
  const events = await historyToTheEnd(url, target.url);
  await statisticsAtTheEnd(url);
  const listed = await followList(url);
  await errand.stop();
  await target.close();
  const check = await runScript('src/operator/rebuild.ts', ['--check'], { ERRAND_DATA_DIR: dataDir }, endMs);
  const verdict = checkHistory({
    tasks: promisedBy(loaded.asked, events),
    schedules: schedules.map((each) => (each.mayMiss ? upToLast(each, events) : each)),
    receipts: target.receipts.filter(({ task }) => task !== lastTask),
    log: logOf(events),
    outages,
    // Nothing is left to happen.
    readAt: Number.POSITIVE_INFINITY,
    epsilonMs,
    forgivenessMs: options.forgivenessMs ?? forgivenessByDefaultMs,
  });
  const isRebuildEqual = check.code === 0 && check.stdout.includes('No differences');
  const faults = [
    ...loaded.strange,
    ...disorderOf(events),
    ...faultsOf(verdict),
    ...judgeList(listed, events),
    ...(isRebuildEqual ? [] : [`the read models differ from a rebuild: ${check.stdout}${check.stderr}`]),
  ];
  const summary =
    `${loaded.acknowledged} creates acknowledged, ${loaded.refused} answered 503, ${loaded.unanswered} requests unanswered, ` +
    `${events.length} events, ${target.receipts.length} calls; ${summaryOf(verdict)}; read models equal to a rebuild`;
  return { load: loaded, outages, verdict, faults, summary };
}

export type KillOptions = UnderLoadOptions & {
  readonly kills: number;
  /** About how long between two of them. */
  readonly loadMs: number;
};

/** However slow the machine, so much is created between two kills. */
const createsBetweenKills = 100;

/** Kills the server under load again and again, at random points. */
export function killUnderLoad(options: KillOptions): Promise<LoadReport> {
  return underLoad(options, async ({ acknowledged, kill }) => {
    const outages: Outage[] = [];
    while (outages.length < options.kills) {
      const before = acknowledged();
      await until('enough load', () => (acknowledged() - before >= createsBetweenKills ? true : undefined), 60_000);
      // This waits for time to pass: the load itself is what is waited for.
      await pause(options.loadMs * (0.2 + 1.6 * Math.random()));
      outages.push(await kill());
    }
    return outages;
  });
}

/** How long everything may take to end, and a rebuild after that. */
const endMs = 240_000;
export const lastTask = 'the last one';

/** Reads the log until nothing is left to happen by itself. All that clients were told of precedes the task that is created here. */
export async function historyToTheEnd(url: string, target: string): Promise<readonly ToldEvent[]> {
  await createClient(url).post('/tasks', { id: lastTask, request: { url: `${target}/plain` } });
  const { open, tell } = createOpenWork();
  let isLast = false;
  const reading = readHistory(url, (event) => {
    tell(event);
    isLast ||= event.id === lastTask && event.type === 'TaskSucceeded';
    return isLast && open.size === 0;
  });
  const limit = pause(endMs, null, { ref: false }).then(() => {
    throw new Error(`not over after ${endMs} ms, ${open.size} left: ${[...open].slice(0, 5).join(', ')}`);
  });
  return await Promise.race([reading, limit]);
}

async function statisticsAtTheEnd(url: string): Promise<void> {
  const client = createClient(url);
  await until('statistics of the end of every task', async () => {
    const { counts, feedLagMs } = (await client.get('/stats')).body;
    return counts.scheduled + counts.running + counts.waiting === 0 && feedLagMs === 0 ? true : undefined;
  });
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

/** Each task of the log once, but for those that were deleted. */
function judgeList(listed: readonly string[], events: readonly ToldEvent[]): readonly string[] {
  const live = new Set(events.filter(({ type }) => type === 'TaskScheduled').map(({ id }) => id));
  for (const { id, type } of events) if (type === 'TaskDeleted') live.delete(id);
  const shown = new Set(listed);
  return [
    ...(shown.size < listed.length ? ['the list shows a task twice'] : []),
    ...[...live].filter((id) => !shown.has(id)).map((id) => `${id} is not in the list`),
    ...listed.filter((id) => !live.has(id)).map((id) => `${id} is in the list and should not be`),
  ];
}

/** The tasks of an orchestration that exists are promised, whether or not its client was told; callbacks once their tasks have ended. */
function promisedBy(asked: readonly Asked[], events: readonly ToldEvent[]): readonly Asked[] {
  const existing = new Set(events.filter(({ version }) => version === 1).map(({ id }) => id));
  return asked.map((each) => (each.parent !== undefined && existing.has(each.parent) ? { ...each, acknowledged: true } : each));
}
