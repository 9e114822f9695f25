import { Agent, request } from 'undici';
import { residentMiB, sizeMiB, startServer, table, temporaryDataDir, whole } from './processes.ts';

/**
 * What tasks cost that wait for next year: memory, disk, and the time to start again.
 *
 *   node bench/waiting.ts [TASKS]
 */
const tasks = Number(process.argv[2] ?? 100_000);
const perBatch = 100;
const batchesInFlight = 8;
if (!Number.isInteger(tasks) || tasks < perBatch || tasks > 5_000_000) {
  console.error('usage: node bench/waiting.ts [TASKS (100 to 5,000,000)]');
  process.exit(2);
}

const yearMs = 365 * 86_400_000;
const dataDir = temporaryDataDir();
const megabytes = (value: number | null): string => (value === null ? 'unknown' : `${value.toFixed(0)} MiB`);

async function createAll(server: string): Promise<number> {
  const agent = new Agent({ connections: batchesInFlight });
  const runAt = Date.now() + yearMs;
  const beganAt = performance.now();
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let first = next; first < tasks; first = next) {
      next += perBatch;
      const batch = Array.from({ length: perBatch }, (_, n) => ({
        request: { url: 'http://127.0.0.1:9/next-year', body: { order: first + n, text: 'x'.repeat(100) } },
        runAt: runAt + first + n,
      }));
      const headers = { 'content-type': 'application/json' };
      const answer = await request(`${server}/tasks/batch`, {
        method: 'POST',
        headers,
        body: JSON.stringify({ tasks: batch }),
        dispatcher: agent,
      });
      if (answer.statusCode !== 200) throw new Error(`a batch was answered with ${answer.statusCode}`);
      await answer.body.dump();
    }
  };
  await Promise.all(Array.from({ length: batchesInFlight }, worker));
  await agent.close();
  return performance.now() - beganAt;
}

async function projected(server: string): Promise<number> {
  for (;;) {
    const { counts, feedLagMs } = (await (await fetch(`${server}/stats`)).json()) as { counts: { scheduled: number }; feedLagMs: number };
    if (feedLagMs === 0) return counts.scheduled;
  }
}

const empty = await startServer(dataDir);
const emptyMiB = residentMiB(empty.pid);
const createdMs = await createAll(empty.url);
await projected(empty.url);
const fullMiB = residentMiB(empty.pid);
const stoppedAt = performance.now();
await empty.stop();
const stopMs = performance.now() - stoppedAt;
const again = await startServer(dataDir);
const waiting = await projected(again.url);
const againMiB = residentMiB(again.pid);
await again.stop();

console.log(
  table([
    [`${whole(tasks)} tasks that wait for next year`, ''],
    ['created, a second', whole(tasks / (createdMs / 1_000))],
    ['memory of the empty server', megabytes(emptyMiB)],
    ['memory after creating them', megabytes(fullMiB)],
    ['memory after starting again', megabytes(againMiB)],
    ['event log on disk', megabytes(sizeMiB(dataDir, 'events.db'))],
    ['read models on disk', megabytes(sizeMiB(dataDir, 'views.db'))],
    ['disk for each task', `${whole((sizeMiB(dataDir) * 1_048_576) / tasks)} bytes`],
    ['start of the empty server', `${whole(empty.startedInMs)} ms`],
    ['stop', `${whole(stopMs)} ms`],
    ['start with all of them', `${whole(again.startedInMs)} ms`],
    ['waiting after the start', whole(waiting)],
  ]),
);
