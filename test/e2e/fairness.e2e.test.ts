import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { type Client, createClient } from './harness/client.ts';
import { startErrand } from './harness/errand.ts';
import { startTarget } from './harness/target.ts';
import { until } from './harness/until.ts';

/** Fewer than there are hanging tasks: without a bound for one target they would take all of them. */
const slots = 512;
const slotsOfOneTarget = slots / 4;
const hangingTasks = 1_000;
const punctualTasks = 600;
const overMs = 3_000;
/** Time enough to create them all before the first is due. */
const leadMs = 1_500;

/** Accepts every connection and never answers. */
async function startHangingTarget() {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', 4_096, resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => sockets.size,
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

async function createAll(client: Client, tasks: readonly object[]): Promise<void> {
  const batches = Array.from({ length: Math.ceil(tasks.length / 100) }, (_, n) => tasks.slice(100 * n, 100 * n + 100));
  const answers = await Promise.all(batches.map((batch) => client.post('/tasks/batch', { tasks: batch })));
  for (const { body } of answers) {
    for (const { status } of body.results) expect(status).toBe(201);
  }
}

const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;

test('a target that never answers does not make the tasks of another one late', async () => {
  const environment = { ERRAND_CONCURRENCY: String(slots) };
  const [errand, target, hanging] = await Promise.all([startErrand({ environment }), startTarget(), startHangingTarget()]);
  const client = createClient(errand.url);
  const hang = { request: { url: `${hanging.url}/never` }, timeout: '2m' };
  await createAll(
    client,
    Array.from({ length: hangingTasks }, (_, n) => ({ id: `hanging-${n}`, ...hang })),
  );
  // A quarter of the slots is all that one target gets.
  await until('as many hanging calls as one target may have', () => (hanging.connections() >= slotsOfOneTarget ? true : undefined));

  const firstAt = Date.now() + leadMs;
  const dueAt = (n: number): number => firstAt + Math.round((n * overMs) / punctualTasks);
  const request = { url: `${target.url}/punctual` };
  await createAll(
    client,
    Array.from({ length: punctualTasks }, (_, n) => ({ id: `${n}`, request, runAt: dueAt(n) })),
  );
  expect(Date.now()).toBeLessThan(firstAt);
  const receipts = await target.received('/punctual', punctualTasks, 20_000);

  const lateness = receipts.map(({ at, headers }) => at - dueAt(Number(headers['errand-task-id']))).sort((one, other) => one - other);
  const [min = 0, max = 0] = [lateness[0], lateness.at(-1)];
  const [p50, p99] = [percentile(lateness, 0.5), percentile(lateness, 0.99)];
  console.log(
    `lateness of ${punctualTasks} tasks over ${overMs} ms beside ${hangingTasks} hanging ones: ` +
      `min ${min} ms, p50 ${p50} ms, p99 ${p99} ms, max ${max} ms`,
  );
  expect(hanging.connections()).toBe(slotsOfOneTarget);
  expect(new Set(receipts.map(({ headers }) => headers['errand-task-id'])).size).toBe(punctualTasks);
  expect(min).toBeGreaterThanOrEqual(0);
  expect(p50).toBeLessThan(100);
  expect(p99).toBeLessThan(500);
  // An orderly stop would wait for the hanging calls.
  await errand.kill();
  hanging.close();
  await target.close();
});
