/**
 * The one command that checks everything: `npm test`, and `npm run test:extended` for what takes longer, `npm run mutate` for how good the tests are.
 * Runs its stages one after another, stops at the first that fails, and ends with the true counts over all stages.
 * The counts are also left in `.check/<plan>.counts` as `passed failed skipped`, for .ci/run.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, resolve } from 'node:path';
import { isDynoxideInstalled } from '../test/support/dynoxide-installed.ts';

type Counts = { readonly passed: number; readonly failed: number; readonly skipped: number };
type Outcome = Counts & { readonly ok: boolean; readonly why?: string };
/** A tool counts as one test; a vitest stage as the tests it ran. */
type Stage = { readonly name: string; readonly limitMs: number } & (
  | { readonly tool: readonly string[] }
  | { readonly projects: readonly string[]; readonly paths?: readonly string[]; readonly none: string }
);

const minuteMs = 60_000;
const outDir = '.check';
/** Appended to by the hosts that the end-to-end tests on AWS start (vitest.config.ts). */
const awsCallsFile = `${outDir}/aws-calls.jsonl`;
/** What `npm test` may take on two slow cores; longer tests belong to the extended ones. */
const aimMs = 4 * minuteMs;

/** What the functions asked of AWS during the stage before, against their roles. */
const privilegesOfCalls: Stage = {
  name: 'privileges of the functions',
  limitMs: minuteMs,
  tool: ['node', 'test/privileges/check-recorded-calls.ts', awsCallsFile],
};

const secondEngine: Stage = {
  name: 'e2e on AWS, with DynamoDB Local',
  limitMs: 10 * minuteMs,
  projects: ['e2e-aws-local'],
  none: 'there are no end-to-end tests yet',
};

const plans: Readonly<Record<string, readonly Stage[]>> = {
  test: [
    { name: 'types', limitMs: 2 * minuteMs, tool: ['tsc', '--noEmit'] },
    { name: 'lint', limitMs: minuteMs, tool: ['biome', 'check', '--error-on-warnings'] },
    { name: 'architecture', limitMs: minuteMs, projects: ['architecture'], none: 'there are no architecture tests' },
    // Together, so that no core waits for the last file of a kind.
    {
      name: 'unit, property, contract, simulation',
      limitMs: 4 * minuteMs,
      projects: ['unit', 'property', 'contract', 'sim'],
      none: 'there are no such tests yet',
    },
    { name: 'e2e', limitMs: 6 * minuteMs, projects: ['e2e'], none: 'there are no end-to-end tests yet' },
    // The same tests once more, on the AWS host (test/e2e/harness/host-differences.ts says which are not). On other platforms the extended
    // tests do it, on an engine that needs Java.
    ...(isDynoxideInstalled()
      ? [{ name: 'e2e on AWS', limitMs: 6 * minuteMs, projects: ['e2e-aws'], none: 'there are no end-to-end tests yet' }, privilegesOfCalls]
      : []),
  ],
  // What CI runs besides `npm test`: within a quarter of an hour there is no time for all that takes longer.
  more: [
    secondEngine,
    privilegesOfCalls,
    {
      name: 'simulation, 3,000 worlds more and every mutant',
      limitMs: 6 * minuteMs,
      projects: ['extended'],
      paths: ['test/simulation'],
      none: 'there are no such tests yet',
    },
  ],
  extended: [
    secondEngine,
    privilegesOfCalls,
    { name: 'extended', limitMs: 60 * minuteMs, projects: ['extended'], none: 'there are no extended tests yet' },
  ],
  mutate: [{ name: 'mutation of the domain', limitMs: 45 * minuteMs, tool: ['stryker', 'run'] }],
  'mutate:application': [
    { name: 'mutation of the application', limitMs: 60 * minuteMs, tool: ['stryker', 'run', 'stryker.application.config.mjs'] },
  ],
};

let current: ChildProcess | undefined;

/** Ends a stage with everything it started: it leads a process group of its own. */
function endGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group is gone already.
  }
}

/** Gives the exit code, or null if the stage did not end by itself within its limit. */
function run(command: readonly string[], limitMs: number): Promise<number | null> {
  const [file = '', ...args] = command;
  // The pinned Node and the pinned tools come first, also when this file was not started by npm.
  const path = [resolve('node_modules/.bin'), process.env['PATH'] ?? ''].join(delimiter);
  // Hundreds of processes load the same code: what one has compiled the others find.
  const env = { NODE_COMPILE_CACHE: resolve('node_modules/.cache/compiled'), ...process.env, PATH: path };
  const child = spawn(file, args, { stdio: ['ignore', 'inherit', 'inherit'], detached: true, env });
  current = child;
  return new Promise((done) => {
    let outOfTime = false;
    const limit = setTimeout(() => {
      outOfTime = true;
      endGroup(child, 'SIGKILL');
    }, limitMs);
    const finish = (code: number | null) => {
      clearTimeout(limit);
      current = undefined;
      done(outOfTime ? null : code);
    };
    child.once('error', (error) => {
      console.error(error.message);
      finish(1);
    });
    child.once('exit', (code) => {
      // A server that a test forgot would otherwise outlive the run.
      endGroup(child, 'SIGKILL');
      finish(code ?? 1);
    });
  });
}

/** Reads what vitest wrote; a report that is missing or unreadable means that it did not get as far as running tests. */
function readReport(file: string): (Counts & { readonly ok: boolean }) | null {
  try {
    const report = JSON.parse(readFileSync(file, 'utf8'));
    return {
      ok: report.success === true,
      passed: Number(report.numPassedTests),
      failed: Number(report.numFailedTests),
      skipped: Number(report.numPendingTests) + Number(report.numTodoTests),
    };
  } catch {
    return null;
  }
}

async function runStage(stage: Stage, reportFile: string): Promise<Outcome> {
  if ('tool' in stage) {
    const code = await run(stage.tool, stage.limitMs);
    if (code === 0) return { ok: true, passed: 1, failed: 0, skipped: 0 };
    return { ok: false, passed: 0, failed: 1, skipped: 0, why: code === null ? outOfTime(stage) : `${stage.tool.join(' ')} found faults` };
  }
  const projects = stage.projects.flatMap((name) => ['--project', name]);
  const reporters = ['--reporter', 'default', '--reporter', 'json', `--outputFile.json=${reportFile}`];
  const code = await run(['vitest', 'run', '--passWithNoTests', ...projects, ...reporters, ...(stage.paths ?? [])], stage.limitMs);
  const report = readReport(reportFile);
  if (report === null) return { ok: false, passed: 0, failed: 1, skipped: 0, why: code === null ? outOfTime(stage) : 'vitest ran no test' };
  if (report.passed + report.failed + report.skipped === 0 && code === 0) console.log(stage.none);
  if (code === 0 && report.ok) return { ...report, ok: true };
  // A file that does not load, or an error outside any test, fails the stage without failing a test: it counts as one.
  const failed = Math.max(report.failed, 1);
  const why = code === null ? outOfTime(stage) : report.failed === 0 ? 'an error outside any test' : `${report.failed} failed`;
  return { ...report, failed, ok: false, why };
}

const outOfTime = (stage: Stage): string => `not done after ${stage.limitMs / 1000} s`;
const seconds = (sinceMs: number): string => `${((performance.now() - sinceMs) / 1000).toFixed(1)} s`;
const inWords = (counts: Counts): string =>
  `${counts.passed} passed, ${counts.failed} failed${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''}`;

async function check(planName: string, plan: readonly Stage[]): Promise<boolean> {
  mkdirSync(outDir, { recursive: true });
  const countsFile = `${outDir}/${planName}.counts`;
  rmSync(countsFile, { force: true });
  rmSync(awsCallsFile, { force: true });
  process.env['ERRAND_SEED'] ||= String(Math.floor(Math.random() * 2 ** 31));
  console.log(
    `Node ${process.version}; seed of the properties ${process.env['ERRAND_SEED']} (ERRAND_SEED=... draws the same values again)`,
  );
  const startedAt = performance.now();
  const summary: string[] = [];
  let total: Counts = { passed: 0, failed: 0, skipped: 0 };
  let failedStage: string | undefined;
  for (const [index, stage] of plan.entries()) {
    console.log(`\n== ${stage.name}`);
    const reportFile = `${outDir}/${planName}-${index}.json`;
    rmSync(reportFile, { force: true });
    const stageStartedAt = performance.now();
    const outcome = await runStage(stage, reportFile);
    total = { passed: total.passed + outcome.passed, failed: total.failed + outcome.failed, skipped: total.skipped + outcome.skipped };
    summary.push(`${stage.name}: ${inWords(outcome)} (${seconds(stageStartedAt)})`);
    writeFileSync(countsFile, `${total.passed} ${total.failed} ${total.skipped}\n`);
    if (!outcome.ok) {
      failedStage = `${stage.name}: ${outcome.why}`;
      break;
    }
  }
  console.log(`\n${summary.join('\n')}`);
  if (failedStage !== undefined) console.log(`FAILED at ${failedStage}; later stages were not run`);
  if (planName === 'test' && performance.now() - startedAt > aimMs)
    console.log(`slower than the ${aimMs / minuteMs} minutes that this command may take`);
  console.log(`In all ${inWords(total)}, in ${seconds(startedAt)}`);
  return failedStage === undefined;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    if (current !== undefined) endGroup(current, 'SIGKILL');
    process.exit(1);
  });
}

const planName = process.argv[2] ?? 'test';
const plan = plans[planName];
if (plan === undefined) {
  console.error(`unknown plan "${planName}"; there are ${Object.keys(plans).join(', ')}`);
  process.exitCode = 2;
} else {
  process.exitCode = (await check(planName, plan)) ? 0 : 1;
}
