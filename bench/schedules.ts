import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { availableParallelism, cpus } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { residentMiB, startServer, table, temporaryDataDir, whole } from './processes.ts';

/**
 * Schedules that all fire at the same moment, again and again: how late their tasks reach the target, what memory that takes, and whether
 * one is lost or comes twice. The target is this process, which has nothing else to do meanwhile.
 *
 *   npm run bench:schedules [-- SCHEDULES [ROUNDS [SECONDS BETWEEN ROUNDS [SECONDS TO CREATE THEM IN]]]]
 */
const [schedules, rounds, everyS, leadS] = [10_000, 3, 60, 60].map((usual, index) => Number(process.argv[index + 2] ?? usual)) as [
  number,
  number,
  number,
  number,
];
const connections = 64;
/** How often the memory of the server is looked at. */
const lookEveryMs = 100;
const inRange = (value: number, from: number, to: number): boolean => Number.isInteger(value) && value >= from && value <= to;
if (!inRange(schedules, 1, 100_000) || !inRange(rounds, 1, 100) || !inRange(everyS, 1, 3_600) || !inRange(leadS, 1, 3_600)) {
  console.error(
    'usage: npm run bench:schedules [-- SCHEDULES (1 to 100,000) [ROUNDS (1 to 100) [SECONDS BETWEEN ROUNDS [SECONDS TO CREATE THEM IN]]]]',
  );
  process.exit(2);
}

/** When the task of each occurrence was first called; epoch milliseconds. */
const calledAt = new Map<string, number>();
let calledTwice = 0;
const target = createServer((incoming, response) => {
  const task = String(incoming.headers['errand-task-id']);
  if (calledAt.has(task)) calledTwice += 1;
  else calledAt.set(task, Date.now());
  incoming.resume();
  response.writeHead(200, { 'content-length': 2 }).end('ok');
});
target.keepAliveTimeout = 600_000;
target.listen(0, '127.0.0.1', 4_096);
await once(target, 'listening');
const url = `http://127.0.0.1:${(target.address() as AddressInfo).port}`;

/** Creates them all, each due first at `firstAt`; gives the milliseconds it took. */
async function createAll(server: string, firstAt: number): Promise<number> {
  const agent = new Agent({ connections });
  const beganAt = performance.now();
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let n = next++; n < schedules; n = next++) {
      const answer = await request(`${server}/schedules`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          id: `s${n}`,
          every: `${everyS}s`,
          startAt: firstAt,
          maxOccurrences: rounds,
          overlap: 'allow',
          misfire: 'run-all',
          task: { request: { url, body: { schedule: n, text: 'x'.repeat(100) } } },
        }),
        dispatcher: agent,
      });
      const { nextRuns } = (await answer.body.json()) as { readonly nextRuns?: readonly string[] };
      if (answer.statusCode !== 201 || Date.parse(nextRuns?.[0] ?? '') !== firstAt)
        throw new Error(
          `schedule ${n} was answered with ${answer.statusCode}, first due at ${nextRuns?.[0]}; give more seconds to create them in`,
        );
    }
  };
  await Promise.all(Array.from({ length: connections }, worker));
  await agent.close();
  return performance.now() - beganAt;
}

async function finishedTasks(server: string): Promise<number> {
  const { counts, feedLagMs } = (await (await fetch(`${server}/stats`)).json()) as { counts: Record<string, number>; feedLagMs: number };
  return feedLagMs === 0 ? (counts['succeeded'] ?? 0) : 0;
}

const share = (sorted: readonly number[], part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;

const server = await startServer(temporaryDataDir());
console.log(
  `${whole(schedules)} schedules that fire at the same moment, ${rounds} rounds; Node ${process.version}, ${availableParallelism()} cores, ${cpus()[0]?.model ?? 'unknown'}`,
);
const emptyMiB = residentMiB(server.pid);
const firstAt = Math.ceil(Date.now() / 1_000) * 1_000 + leadS * 1_000;
const createdMs = await createAll(server.url, firstAt);
if (Date.now() > firstAt - 1_000)
  throw new Error(`it took ${whole(createdMs)} ms to create them: give more than ${leadS} seconds to create them in`);
const createdMiB = residentMiB(server.pid);

const rows: (readonly string[])[] = [];
let lost = 0;
for (let round = 1; round <= rounds; round += 1) {
  const dueAt = firstAt + (round - 1) * everyS * 1_000;
  const late = (): readonly number[] =>
    Array.from({ length: schedules }, (_, n) => calledAt.get(`s${n}.${round}`))
      .flatMap((at) => (at === undefined ? [] : [at - dueAt]))
      .sort((one, other) => one - other);
  let peakMiB = 0;
  const endsAt = dueAt + everyS * 1_000 - 1_000;
  while (Date.now() < endsAt && (Date.now() < dueAt || calledAt.size < round * schedules)) {
    peakMiB = Math.max(peakMiB, residentMiB(server.pid) ?? 0);
    await pause(lookEveryMs);
  }
  const sorted = late();
  lost += schedules - sorted.length;
  rows.push([
    `round ${round}`,
    whole(sorted[0] ?? Number.NaN),
    whole(share(sorted, 0.5)),
    whole(share(sorted, 0.99)),
    whole(sorted.at(-1) ?? Number.NaN),
    whole(peakMiB),
    whole(schedules - sorted.length),
  ]);
}
const limit = performance.now() + 60_000;
while ((await finishedTasks(server.url)) < schedules * rounds && performance.now() < limit) await pause(lookEveryMs);
const unfinished = schedules * rounds - (await finishedTasks(server.url));
await server.stop();
target.close();
target.closeAllConnections();

const megabytes = (value: number | null): string => (value === null ? 'unknown' : `${whole(value)} MiB`);
console.log(table([['late by, in ms', 'least', 'p50', 'p99', 'most', 'peak MiB', 'lost'], ...rows]));
console.log(`
late: from the time of the schedule until the target has the request of its task; lost: not called before the next round.
created: ${whole(schedules / (createdMs / 1_000))} a second over ${connections} connections; memory: ${megabytes(emptyMiB)} empty, ${megabytes(createdMiB)} with all of them
calls that came twice: ${whole(calledTwice)}; tasks without a success: ${whole(unfinished)}`);
process.exitCode = lost === 0 && calledTwice === 0 && unfinished === 0 ? 0 : 1;
