import { readFileSync } from 'node:fs';
import { packagedTemplate } from '../aws-host/package-template.ts';
import { type RecordedCall, readPrivileges, refusedCalls } from './grants.ts';

/**
 * Holds what the functions asked of AWS during other tests (`--record` of the harness) against their roles. A stage of its own after
 * the end-to-end tests on AWS, as these run in many processes.
 *
 *   node test/privileges/check-recorded-calls.ts FILE
 */
const [file = ''] = process.argv.slice(2);
const calls = new Map(
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => [line, JSON.parse(line) as RecordedCall]),
);
const refused = refusedCalls(readPrivileges(await packagedTemplate()), [...calls.values()]);
for (const one of refused) console.error(one);
console.log(`${calls.size} different calls of functions, ${refused.length} of them not allowed by their roles`);
if (calls.size === 0) console.error(`${file} holds no calls: nothing was shown`);
if (calls.size === 0 || refused.length > 0) process.exitCode = 1;
