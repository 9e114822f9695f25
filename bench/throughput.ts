import { availableParallelism, cpus } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { startProcess, startServer, table, temporaryDataDir, whole } from './processes.ts';

/**
 * Tasks a second from the first request to the last task finished, next to bare calls of the same target by undici in the same run.
 * Server, target and this client are three processes and share the machine's cores.
 *
 *   npm run bench [-- ROUNDS [TASKS]]
 */
const rounds = Number(process.argv[2] ?? 4);
const tasks = Number(process.argv[3] ?? 10_000);
const perBatch = 100;
const batchesInFlight = 8;
const singleConnections = 32;
const limitMs = 120_000;
if (!Number.isInteger(rounds) || rounds < 1 || rounds > 50 || !Number.isInteger(tasks) || tasks < perBatch || tasks > 1_000_000) {
  console.error('usage: npm run bench [-- ROUNDS (1 to 50) [TASKS (100 to 1,000,000)]]');
  process.exit(2);
}

const json = { 'content-type': 'application/json' };

/** Runs `count` jobs, at most `inFlight` at once, and gives the milliseconds it took. */
async function timed(count: number, inFlight: number, job: (n: number) => Promise<void>): Promise<number> {
  const beganAt = performance.now();
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let n = next++; n < count; n = next++) await job(n);
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return performance.now() - beganAt;
}

async function post(url: string, body: object, dispatcher: Agent, expected: number): Promise<void> {
  const answer = await request(url, { method: 'POST', headers: json, body: JSON.stringify(body), dispatcher });
  if (answer.statusCode !== expected) throw new Error(`${url} answered ${answer.statusCode}: ${await answer.body.text()}`);
  await answer.body.dump();
}

async function finishedTasks(server: string): Promise<number> {
  const { counts } = (await (await fetch(`${server}/stats`)).json()) as { counts: Record<string, number> };
  if ((counts['failed'] ?? 0) > 0) throw new Error(`${counts['failed']} tasks failed`);
  return counts['succeeded'] ?? 0;
}

async function allFinished(server: string, count: number): Promise<void> {
  const end = performance.now() + limitMs;
  while ((await finishedTasks(server)) < count) {
    if (performance.now() > end) throw new Error(`not all of ${count} tasks finished within ${limitMs} ms`);
    await pause(10);
  }
}

/** The body that a task sends, and a bare call too. */
const body = { order: 4_711, text: 'x'.repeat(100) };

async function bareCalls(target: string, inFlight: number): Promise<number> {
  const agent = new Agent({ connections: inFlight });
  const payload = JSON.stringify(body);
  const ms = await timed(tasks, inFlight, async () => {
    const answer = await request(target, { method: 'POST', headers: json, body: payload, dispatcher: agent });
    await answer.body.text();
  });
  await agent.close();
  return tasks / (ms / 1_000);
}

async function errandTasks(
  server: string,
  target: string,
  before: number,
): Promise<{ readonly accepted: number; readonly finished: number }> {
  const agent = new Agent({ connections: batchesInFlight });
  const batch = { tasks: Array.from({ length: perBatch }, () => ({ request: { url: target, body } })) };
  const beganAt = performance.now();
  const acceptedMs = await timed(tasks / perBatch, batchesInFlight, () => post(`${server}/tasks/batch`, batch, agent, 200));
  await allFinished(server, before + tasks);
  const finishedMs = performance.now() - beganAt;
  await agent.close();
  return { accepted: tasks / (acceptedMs / 1_000), finished: tasks / (finishedMs / 1_000) };
}

/** Creates tasks that are not due, one by one. */
async function singleCreates(server: string, target: string): Promise<number> {
  const agent = new Agent({ connections: singleConnections });
  const task = { request: { url: target, body }, delay: '1h' };
  const ms = await timed(tasks, singleConnections, () => post(`${server}/tasks`, task, agent, 201));
  await agent.close();
  return tasks / (ms / 1_000);
}

const median = (values: readonly number[]): number => [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;

const target = await startProcess('bench/target.ts');
const dataDir = temporaryDataDir();
const server = await startServer(dataDir);
console.log(
  `${tasks} tasks a round, ${rounds} rounds; Node ${process.version}, ${availableParallelism()} cores, ${cpus()[0]?.model ?? 'unknown'}`,
);
console.log(`data in ${dataDir}; every acknowledgement after an fsync; target, server and client on this machine\n`);

const measured: number[][] = [];
for (let round = 0; round < rounds; round += 1) {
  const bare64 = await bareCalls(target.url, 64);
  const bare256 = await bareCalls(target.url, 256);
  const errand = await errandTasks(server.url, target.url, round * tasks);
  const single = await singleCreates(server.url, target.url);
  measured.push([bare64, bare256, errand.accepted, errand.finished, errand.finished / Math.max(bare64, bare256), single]);
}
await server.stop();
await target.stop();

const cells = (values: readonly number[]): string[] => values.map((value, column) => (column === 4 ? value.toFixed(2) : whole(value)));
const columns = ['bare, 64', 'bare, 256', 'accepted', 'finished', 'ratio', 'POST /tasks'];
const medians = columns.map((_, column) => median(measured.map((values) => values[column] ?? 0)));
console.log(
  table([
    ['a second', ...columns],
    ...measured.map((values, round) => [`round ${round + 1}`, ...cells(values)]),
    ['median', ...cells(medians)],
  ]),
);
console.log(`
bare: undici.request against the target, with so many in flight; accepted: tasks through POST /tasks/batch, ${perBatch} each,
${batchesInFlight} in flight; finished: the same tasks until the last one has succeeded; ratio: finished by the better of both bare
columns; POST /tasks: single creates over ${singleConnections} connections.`);
