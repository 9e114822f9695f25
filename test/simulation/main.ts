/**
 * `npm run simulate`: runs Errand in simulated worlds, one for each seed, and looks for one that breaks a law.
 *
 *   --seeds N       how many worlds (300)
 *   --from X        the first seed (1)
 *   --host NAME     aws or server; by default the odd seeds are on AWS and the even ones on the server
 *   --only A,B      only these kinds of faults, of those that a seed draws
 *   --most T,S,O    at most so many tasks, schedules and orchestrations in a world
 *   --workers N     worlds at a time (one for each core)
 *   --mutant NAME   with the code broken in this way (mutants.ts)
 *   --lines N       how many of the last lines of a failing world to print (60)
 *   --results FILE  writes what was run and seen as JSON
 *
 * Exits with 1 if a law was broken. It prints the seed, the faults, the last lines and the command that shows it again, then
 * tries it with less.
 */
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { type FaultKind, faultKinds } from './kernel/faults.ts';
import { mutants } from './mutants.ts';
import { mutate } from './mutate.ts';
import type { Report, SimulationOptions } from './simulation.ts';
import { addTo, emptyTotals, type Totals } from './totals.ts';

type Settings = {
  readonly seeds: number;
  readonly from: number;
  readonly host: 'aws' | 'server' | null;
  readonly only: readonly FaultKind[] | null;
  readonly most: readonly number[] | null;
  readonly mutant: string | null;
  readonly lines: number;
};
type Told =
  | { readonly kind: 'done'; readonly totals: Totals }
  | { readonly kind: 'failed'; readonly text: string; readonly totals: Totals };

const chunk = 20;

function readSettings(): Settings & { readonly workers: number; readonly results: string | null } {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '300' },
      from: { type: 'string', default: '1' },
      host: { type: 'string' },
      only: { type: 'string' },
      most: { type: 'string' },
      workers: { type: 'string', default: String(availableParallelism()) },
      mutant: { type: 'string' },
      lines: { type: 'string', default: '60' },
      results: { type: 'string' },
    },
  });
  const { host = null } = values;
  if (host !== null && host !== 'aws' && host !== 'server') throw new Error('--host must be aws or server');
  const only = values.only === undefined ? null : values.only.split(',').filter((kind) => kind !== '');
  const unknown = only?.find((kind) => !(faultKinds as readonly string[]).includes(kind));
  if (unknown !== undefined) throw new Error(`--only names "${unknown}"; there are ${faultKinds.join(', ')}`);
  const most = values.most?.split(',').map((text) => numberOf('most', text)) ?? null;
  if (most !== null && most.length !== 3) throw new Error('--most takes three numbers: tasks, schedules, orchestrations');
  return {
    seeds: numberOf('seeds', values.seeds),
    from: numberOf('from', values.from),
    host,
    only: only as readonly FaultKind[] | null,
    most,
    mutant: values.mutant ?? null,
    lines: numberOf('lines', values.lines),
    workers: Math.max(1, numberOf('workers', values.workers)),
    results: values.results ?? null,
  };
}

function numberOf(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} must be a whole number, not "${text}"`);
  return value;
}

function optionsOf({ host, only, most }: Settings, seed: number): SimulationOptions {
  const [tasks = 0, schedules = 0, orchestrations = 0] = most ?? [];
  return {
    seed,
    host: host ?? (seed % 2 === 1 ? 'aws' : 'server'),
    ...(only === null ? {} : { only: new Set(only) }),
    ...(most === null ? {} : { most: { tasks, schedules, orchestrations } }),
  };
}

/** Runs some seeds, and stops at the first that fails. */
async function runChunk(settings: Settings, from: number, count: number): Promise<Told> {
  // Only now is Errand loaded: a mutant is in place before it.
  const { simulate } = await import('./simulation.ts');
  const totals = emptyTotals();
  for (let seed = from; seed < from + count; seed += 1) {
    const report = await simulate(optionsOf(settings, seed));
    addTo(totals, report);
    if (report.violations.length > 0) return { kind: 'failed', totals, text: await failureText(settings, report) };
  }
  return { kind: 'done', totals };
}

async function failureText(settings: Settings, report: Report): Promise<string> {
  const { shrink } = await import('./shrink.ts');
  const struck = faultKinds.filter((kind) => report.faults[kind] > 0).map((kind) => `${kind}: ${report.faults[kind]}`);
  const text = [
    `seed ${report.seed} on ${report.host} breaks ${report.violations.map(({ law }) => law).join(', ')}`,
    ...report.violations.map(({ law, what, at }) => `  ${law} at ${new Date(at).toISOString()}: ${what}`),
    `faults: ${struck.join(', ') || 'none'}`,
    `again: ${commandOf(settings, report, null)}`,
  ];
  if (settings.mutant !== null) return text.join('\n');
  const shrunk = await shrink(optionsOf(settings, report.seed), report);
  const { tasks, schedules, orchestrations } = shrunk.most;
  const less = `--only "${[...shrunk.only].join(',')}" --most ${tasks},${schedules},${orchestrations}`;
  return [
    ...text,
    `with less (${shrunk.tried} tried): ${commandOf(settings, report, less)}`,
    ...shrunk.report.lines.slice(-settings.lines),
  ].join('\n');
}

function commandOf({ mutant }: Settings, { seed, host }: Report, less: string | null): string {
  const parts = [`npm run simulate -- --seeds 1 --from ${seed} --host ${host}`, less, mutant === null ? null : `--mutant "${mutant}"`];
  return parts.filter((part) => part !== null).join(' ');
}

async function search(): Promise<number> {
  const settings = readSettings();
  const begun = performance.now();
  const totals = emptyTotals();
  let failure: string | null = null;
  let next = settings.from;
  const end = settings.from + settings.seeds;
  let told = performance.now();
  const one = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL(import.meta.url), { workerData: settings });
      const give = (): void => {
        if (next >= end || failure !== null) return void worker.terminate().then(() => resolve());
        const from = next;
        next = Math.min(end, next + chunk);
        worker.postMessage({ from, count: next - from });
      };
      worker.on('error', reject);
      worker.on('message', (answer: Told) => {
        addTo(totals, answer.totals);
        if (answer.kind === 'failed') failure ??= answer.text;
        if (performance.now() - told > 5_000) {
          told = performance.now();
          console.error(`${totals.worlds} of ${settings.seeds} worlds, ${Math.round((totals.worlds / (told - begun)) * 1_000)} a second`);
        }
        give();
      });
      give();
    });
  await Promise.all(Array.from({ length: settings.workers }, one));
  const seconds = Math.round((performance.now() - begun) / 1_000);
  const { faults, ...sums } = totals;
  console.log(`${totals.worlds} worlds, ${Math.round(totals.virtualMs / 3_600_000)} virtual hours in ${seconds} s`);
  console.log(JSON.stringify(sums));
  console.log(`faults: ${faultKinds.map((kind) => `${kind} ${faults[kind]}`).join(', ')}`);
  if (failure !== null) console.log(failure);
  else console.log('all laws held');
  if (settings.results !== null) {
    const ran = { from: settings.from, seeds: settings.seeds, host: settings.host ?? 'both', seconds, node: process.version };
    writeFileSync(settings.results, `${JSON.stringify({ ran, failure, ...totals }, null, 2)}\n`);
  }
  return failure === null ? 0 : 1;
}

if (isMainThread) process.exitCode = await search();
else {
  const settings = workerData as Settings;
  const mutant = mutants.find(({ name }) => name === settings.mutant);
  if (settings.mutant !== null && mutant === undefined) throw new Error(`there is no mutant "${settings.mutant}"`);
  if (mutant !== undefined) mutate(mutant);
  parentPort?.on('message', async ({ from, count }: { from: number; count: number }) => {
    parentPort?.postMessage(await runChunk(settings, from, count));
  });
}
