import { textAt } from '../../../src/adapters/aws/event-item.ts';
import { isFinished, wakeAt } from '../../../src/domain/task/state.ts';
import { openTables } from '../../../src/operator/aws-environment.ts';
import { checkAwsViews } from '../../../src/operator/aws-views.ts';
import { type Attempt, allItems, attemptsOf, type History, isOver } from './history.ts';
import type { World } from './world.ts';

export type Expectations = {
  /** Tasks that were answered with 201. */
  readonly acknowledged: Iterable<string>;
  /** Tasks that may not have ended: what is then wrong with one, in words; null if nothing is. */
  readonly unended?: (history: History) => string | null;
  /** Tasks whose cancel was answered with 200, and when by the clock of the functions. */
  readonly cancelled?: ReadonlyMap<string, number>;
  /** Tasks whose attempts may have been interrupted: a process died or lost the log for too long, and nobody knows what came of its call. */
  readonly interruptible?: (id: string) => boolean;
};

/** Whatever of what Errand promises is not kept, in words: the log, the calls that the target saw, read models, due index, statistics. */
export async function brokenPromises(world: World, expected: Expectations): Promise<readonly string[]> {
  await world.quiet();
  const log = await world.log();
  const faults: string[] = [];
  for (const id of expected.acknowledged) if (!log.has(id)) faults.push(`${id} was acknowledged and is not in the log`);
  for (const history of log.values()) {
    history.events.forEach(({ version }, index) => {
      if (version !== index + 1) faults.push(`${history.id} has version ${version} at place ${index + 1}`);
    });
    if (history.events.filter(({ type }) => type === 'TaskScheduled').length !== 1) faults.push(`${history.id} was not created once`);
    if (!isOver(history)) {
      const wrong = expected.unended?.(history) ?? null;
      if (expected.unended === undefined || wrong !== null)
        faults.push(`${history.id} is ${history.state.status}${wrong === null ? '' : `: ${wrong}`}`);
    }
  }
  faults.push(...judgeCalls(world, log, expected), ...judgeCallbacks(world, log));
  faults.push(...(await judgeDueIndex(world, log)), ...(await judgeReads(world, log)));
  return faults;
}

/** No attempt without its record, none twice in the log, none before its time, none after a cancel. */
function judgeCalls(
  world: World,
  log: ReadonlyMap<string, History>,
  { cancelled = new Map(), interruptible = () => false }: Expectations,
): string[] {
  const faults: string[] = [];
  const byTask = Map.groupBy(world.target.calls, ({ task }) => task);
  for (const task of byTask.keys()) if (!log.has(task)) faults.push(`${task} was called and is not in the log`);
  for (const history of log.values()) {
    const attempts = attemptsOf(history);
    const calls = byTask.get(history.id) ?? [];
    const numbers = attempts.map(({ run, attempt }) => `${run}.${attempt}`);
    if (new Set(numbers).size < numbers.length) faults.push(`${history.id} has an attempt twice: ${numbers.join(' ')}`);
    for (const { attempt, at } of calls) {
      const made = attempts.find((known) => known.attempt === attempt);
      if (made === undefined) faults.push(`${history.id} was called for attempt ${attempt}, of which the log knows nothing`);
      else if (at < made.startedAt || at < made.dueAt) faults.push(`${history.id} was called early, attempt ${attempt}`);
      const cancelledAt = cancelled.get(history.id);
      if (cancelledAt !== undefined && at > cancelledAt)
        faults.push(`${history.id} was called ${at - cancelledAt} ms after its cancel was answered`);
    }
    for (const each of attempts)
      faults.push(
        ...judgeAttempt(history, each, calls.filter(({ attempt }) => attempt === each.attempt).length, interruptible(history.id)),
      );
  }
  return faults;
}

function judgeAttempt(
  { id }: History,
  { attempt, end, interrupted, startedAt, dueAt }: Attempt,
  calls: number,
  mayBeInterrupted: boolean,
): string[] {
  const faults: string[] = [];
  if (startedAt < dueAt) faults.push(`${id} was started ${dueAt - startedAt} ms early, attempt ${attempt}`);
  if (calls > 1) faults.push(`${id} was called ${calls} times for attempt ${attempt}`);
  if (calls === 0 && end !== null && interrupted === null) faults.push(`${id} has an attempt ${attempt} with an outcome and no call`);
  if (interrupted !== null && !mayBeInterrupted)
    faults.push(`${id} has an interrupted attempt ${attempt}, and nothing explains it: ${interrupted}`);
  return faults;
}

function judgeCallbacks(world: World, log: ReadonlyMap<string, History>): string[] {
  const told = Map.groupBy(world.target.told, ({ task }) => task);
  return Array.from(log.values()).flatMap(({ id, state }) => {
    if (!isFinished(state) || state.callback.status !== 'delivered') return [];
    const [first] = told.get(id) ?? [];
    if (first === undefined) return [`the callback of ${id} is said to be delivered, and nobody got it`];
    return first.status === state.status ? [] : [`the callback of ${id} told ${first.status} instead of ${state.status}`];
  });
}

/** A row for whatever is left to happen by itself, and for nothing else. */
async function judgeDueIndex(world: World, log: ReadonlyMap<string, History>): Promise<string[]> {
  const rows = await allItems(world.access.dynamodb, world.environment['ERRAND_VIEWS_TABLE'] ?? '', 'due');
  const due = new Set(rows.map((row) => textAt(row, 'pk')));
  return Array.from(log.values()).flatMap(({ stream, state }) => {
    const wanted = wakeAt(state) !== null;
    if (wanted === due.has(stream)) return [];
    return [wanted ? `${stream} has no due row` : `${stream} has a due row and nothing to do`];
  });
}

/** Lists and statistics over HTTP, and the whole of the read models by the operator's own comparison. */
async function judgeReads(world: World, log: ReadonlyMap<string, History>): Promise<string[]> {
  const faults: string[] = [];
  const { counts } = (await world.get('/stats')).body;
  for (const [status, count] of Object.entries(counts)) {
    const folded = Array.from(log.values()).filter(({ state }) => state.status === status).length;
    if (folded !== count) faults.push(`statistics count ${String(count)} ${status} tasks, and the log has ${folded}`);
  }
  const listed: string[] = [];
  for (let cursor: string | null | undefined = null; cursor !== undefined; ) {
    const page: { tasks: { id: string }[]; cursor?: string } = (
      await world.get(`/tasks?limit=100${cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`}`)
    ).body;
    listed.push(...page.tasks.map(({ id }) => id));
    cursor = page.cursor;
  }
  if (new Set(listed).size < listed.length) faults.push('the list shows a task twice');
  const live = Array.from(log.values()).filter(({ state }) => state.status !== 'deleted');
  for (const { id } of live) if (!listed.includes(id)) faults.push(`${id} is not in the list`);
  if (world.broken.size > 0) return faults;
  const said: string[] = [];
  const note = (line: string): void => void said.push(line);
  if (!(await checkAwsViews(openTables(world.environment), () => undefined, note))) faults.push(...said);
  return faults;
}
