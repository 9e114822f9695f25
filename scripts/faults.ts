/**
 * Real faults on real processes, as long as asked for: `npm run faults -- --minutes 5 [--only kills] [--to docs/results/faults-kills.jsonl]`.
 * Runs the tests of test/e2e/faults and test/aws-faults by hand, which the extended tests run in versions of half a minute, and leaves a
 * line of JSON for each: what was done, what was promised, and what was observed.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { delimiter, dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '5' }, only: { type: 'string', default: 'e2e/faults/' }, to: { type: 'string' } },
});
const minutes = Number(values.minutes);
if (!(minutes > 0)) throw new Error(`--minutes is ${values.minutes}, and must be a number above 0`);
const results = resolve(values.to ?? '.check/faults.jsonl');
mkdirSync(dirname(results), { recursive: true });
rmSync(results, { force: true });

const child = spawn('vitest', ['run', '--project', 'extended', values.only], {
  stdio: 'inherit',
  env: {
    ...process.env,
    PATH: [resolve('node_modules/.bin'), process.env['PATH'] ?? ''].join(delimiter),
    ERRAND_FAULTS_MINUTES: String(minutes),
    ERRAND_FAULTS_RESULTS: results,
  },
});
child.once('exit', (code) => {
  console.log(`results in ${results}`);
  process.exitCode = code ?? 1;
});
