import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Database } from '../adapters/sqlite/database.ts';
import type { SqliteEventLog } from '../adapters/sqlite/event-log.ts';
import { SqliteReadModelRows } from '../adapters/sqlite/read-model-rows.ts';
import { SqliteReadModels } from '../adapters/sqlite/read-models.ts';
import { systemClock } from '../adapters/system-clock.ts';
import { type Comparison, compareReadModels, type Difference, type LogPart, rebuild } from '../projections/rebuild.ts';
import { readDataDir } from './settings.ts';
import {
  createLog,
  haveTodaysShape,
  logFile,
  openLogDatabase,
  openScratchViews,
  openViewsDatabase,
  startViewsAnew,
  viewsFile,
} from './storage.ts';

const usage = `Makes the read models (lists, due index, statistics) anew from the event log.

  npm run rebuild                drops them and rebuilds them
  npm run rebuild -- --check     rebuilds them beside the present ones and compares every row; exits with 1 on a difference
  npm run rebuild -- --help      shows this

ERRAND_DATA_DIR says which data directory (default .errand). No server may be running on it.`;

/** Events projected in one transaction. */
const partSize = 2_000;
const progressEveryMs = 2_000;
const differencesShown = 20;
const valueShown = 200;

class WrongUse extends Error {}

function readArguments(given: readonly string[]): { readonly check: boolean; readonly help: boolean } {
  try {
    const { values } = parseArgs({ args: [...given], options: { check: { type: 'boolean' }, help: { type: 'boolean' } }, strict: true });
    return { check: values.check === true, help: values.help === true };
  } catch (error) {
    throw new WrongUse(error instanceof Error ? error.message : String(error));
  }
}

async function* partsAfter(log: SqliteEventLog, start: number): AsyncGenerator<LogPart> {
  for (let events = log.readAll(start, partSize); events.length > 0; ) {
    const position = events.at(-1)?.position ?? log.head();
    yield { events, position };
    events = log.readAll(position, partSize);
  }
}

/** Projects the log after a position and tells on standard error how far it has come. Gives the number of events. */
async function projectAfter(log: SqliteEventLog, database: Database, start: number): Promise<number> {
  const beganAt = systemClock.monotonic();
  const total = log.head() - start;
  let toldAt = beganAt;
  const progress = (events: number): void => {
    const now = systemClock.monotonic();
    if (now - toldAt < progressEveryMs) return;
    toldAt = now;
    const rate = Math.round(events / ((now - beganAt) / 1_000));
    console.error(`${count(events)} of ${count(total)} events, ${Math.floor((100 * events) / total)} %, ${count(rate)} a second`);
  };
  const onBroken = (stream: string, error: unknown): void => console.error(`${stream} does not fold and is left out: ${inBrief(error)}`);
  return rebuild({ log, views: new SqliteReadModels(database), onBroken, parts: partsAfter(log, start), progress });
}

async function rebuildAnew(dataDir: string, log: SqliteEventLog): Promise<void> {
  const beganAt = systemClock.monotonic();
  // How far the dispatch feed has come cannot be made from the log. Without it everything is dispatched once more: slow, and harmless.
  const dispatched = dispatchedSoFar(dataDir);
  for (const ending of ['', '-wal', '-shm', '-journal']) rmSync(join(dataDir, viewsFile + ending), { force: true });
  const database = openViewsDatabase(dataDir);
  try {
    startViewsAnew(new SqliteReadModels(database), Math.min(dispatched, log.head()));
    const events = await projectAfter(log, database, 0);
    const tasks = Number(database.prepare('SELECT count(*) AS tasks FROM views').get()?.['tasks']);
    const seconds = ((systemClock.monotonic() - beganAt) / 1_000).toFixed(1);
    console.log(`The read models of ${count(tasks)} tasks were rebuilt from ${count(events)} events in ${seconds} s.`);
  } finally {
    database.close();
  }
}

/** The old file may be what is broken, so whatever it says is only taken if it can be read. */
function dispatchedSoFar(dataDir: string): number {
  try {
    const database = openViewsDatabase(dataDir);
    try {
      return new SqliteReadModels(database).checkpoint('dispatch');
    } finally {
      database.close();
    }
  } catch {
    return 0;
  }
}

/** Gives whether the present read models are what the log makes of them. */
async function check(dataDir: string, log: SqliteEventLog): Promise<boolean> {
  const present = openViewsDatabase(dataDir);
  const scratch = openScratchViews();
  try {
    const views = new SqliteReadModels(present);
    if (!haveTodaysShape(views)) {
      console.log(
        'The read models were written by another version of Errand. The server makes them anew when it starts, as does `npm run rebuild`.',
      );
      return false;
    }
    const start = views.checkpoint('project');
    const caughtUp = await projectAfter(log, present, Math.min(start, log.head()));
    if (caughtUp > 0) console.log(`The read models were ${count(caughtUp)} events behind the log and have caught up.`);
    const events = await projectAfter(log, scratch, 0);
    const compared = await compareReadModels(new SqliteReadModelRows(present), new SqliteReadModelRows(scratch), differencesShown);
    printComparison(compared, events);
    return compared.found === 0;
  } finally {
    scratch.close();
    present.close();
  }
}

function printComparison({ rows, differences, found }: Comparison, events: number): void {
  console.log(`Rebuilt from ${count(events)} events and compared, every row and column:`);
  for (const [table, compared] of rows) console.log(`  ${table.padEnd(12)}${count(compared).padStart(10)} rows`);
  if (found === 0) {
    console.log('No differences: the read models are what the log makes of them.');
    return;
  }
  console.log(`${count(found)} rows differ${found > differences.length ? `; the first ${differences.length} are` : ''}:`);
  for (const difference of differences) console.log(inWords(difference));
  console.log('Run `npm run rebuild` to make them anew from the log.');
}

function inWords({ table, key, kind, columns }: Difference): string {
  const row = `  ${table} ${key.join(' | ')}`;
  if (kind === 'missing') return `${row}: is missing`;
  if (kind === 'unexpected') return `${row}: is there, although nothing in the log asks for it`;
  const values = columns.map(({ name, stored, rebuilt }) => `\n    ${name} is ${shown(stored)}\n    ${name} should be ${shown(rebuilt)}`);
  return `${row}:${values.join('')}`;
}

function shown(value: unknown): string {
  const text = value === undefined ? 'absent' : JSON.stringify(value);
  return text.length > valueShown ? `${text.slice(0, valueShown)}...` : text;
}

function inBrief(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function count(value: number): string {
  return value.toLocaleString('en-GB');
}

async function main(): Promise<void> {
  const { check: onlyCheck, help } = readArguments(process.argv.slice(2));
  if (help) {
    console.log(usage);
    return;
  }
  const dataDir = readDataDir(process.env);
  if (!existsSync(join(dataDir, logFile))) {
    throw new Error(`there is no event log in ${dataDir}; ERRAND_DATA_DIR says where it is`);
  }
  const database = openLogDatabase(dataDir);
  try {
    const log = createLog(database, ({ position, stream, version, error }) =>
      console.error(`event ${position} of the log, ${stream}@${version}, does not read and is passed over: ${inBrief(error)}`),
    );
    if (!onlyCheck) await rebuildAnew(dataDir, log);
    else if (!(await check(dataDir, log))) process.exitCode = 1;
  } finally {
    database.close();
  }
}

main().catch((error: unknown) => {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof WrongUse) console.error(`${message}\n\n${usage}`);
  else console.error(`The read models cannot be rebuilt: ${message}`);
  process.exitCode = error instanceof WrongUse ? 2 : 1;
});
