import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkHistory, faultsOf, type PromisedTask, summaryOf } from '../../support/history-checker.ts';
import { createClient } from '../harness/client.ts';
import { type Errand, startErrand } from '../harness/errand.ts';
import { report } from '../harness/fault-report.ts';
import { logOf, readHistory, type ToldEvent } from '../harness/history.ts';
import { type ReceivingTarget, startReceivingTarget } from '../harness/receiving-target.ts';
import { until } from '../harness/until.ts';

/** Generous, as the machine may be busy: what is judged is that nothing waits for the ones that never answer, whose timeout is 60 s. */
const [epsilonMs, forgivenessMs] = [10_000, 10_000];
let errand: Errand;
let quick: ReceivingTarget;
beforeAll(async () => {
  [errand, quick] = await Promise.all([startErrand(), startReceivingTarget()]);
});
afterAll(async () => {
  await errand.stop();
  await quick.close();
});

/** How many files and sockets a process may have: Node raises its own bound to this one. */
function openFilesAtMost(): number {
  const limit = /^Max open files +\d+ +(\d+|unlimited)/m.exec(
    existsSync('/proc/self/limits') ? readFileSync('/proc/self/limits', 'utf8') : '',
  )?.[1];
  return limit === undefined ? 4_096 : limit === 'unlimited' ? Number.POSITIVE_INFINITY : Number(limit);
}

/** Events up to now: a task is made and read back. */
async function historySoFar(marker: string): Promise<readonly ToldEvent[]> {
  await createClient(errand.url).post('/tasks', { id: marker, delay: '7d', request: { url: `${quick.url}/plain` } });
  return readHistory(errand.url, ({ id }) => id === marker);
}

test('a target that never answers a thousand tasks holds up nobody else', { timeout: 120_000 }, async () => {
  const dead = await startReceivingTarget();
  const client = createClient(errand.url);
  const task = (id: string, url: string, delay: number) => ({ id, request: { url }, delay, timeout: '60s', retry: { maxAttempts: 1 } });
  for (let first = 0; first < 1_000; first += 100) {
    const tasks = Array.from({ length: 100 }, (_unused, index) => task(`dead/${first + index}`, `${dead.url}/never`, 0));
    expect((await client.post('/tasks/batch', { tasks })).status).toBe(200);
  }
  // Its quarter of the slots is taken, and the others of the thousand wait for one.
  await until('calls that are not answered', () => (dead.receipts.length >= 256 ? true : undefined), 30_000);
  const others: PromisedTask[] = [];
  for (let nth = 0; nth < 300; nth += 1) {
    const { body, status } = await client.post('/tasks', task(`others/${nth}`, `${quick.url}/plain`, (nth % 20) * 100));
    expect(status).toBe(201);
    others.push({ task: body.id, acknowledged: true, dueAts: [Date.parse(body.runAt)], maxAttempts: 1 });
  }
  const received = () => quick.receipts.filter(({ task: id, answer }) => id.startsWith('others/') && answer === 'final').length;
  await until('the tasks of others', () => (received() === 300 ? true : undefined), 50_000);
  expect(dead.receipts.length).toBe(256);
  expect(dead.receipts.every(({ answer }) => answer === 'none')).toBe(true);

  const log = logOf(await historySoFar('after the others'));
  const receipts = quick.receipts.filter(({ task: id }) => id.startsWith('others/'));
  const verdict = checkHistory({
    tasks: others,
    schedules: [],
    receipts,
    log,
    outages: [],
    readAt: Number.POSITIVE_INFINITY,
    epsilonMs,
    forgivenessMs,
  });
  report({
    fault: 'a target that never answers, with 1,000 tasks due at once and a timeout of 60 s',
    promised: 'it takes a quarter of the slots at most, and the tasks of other targets run in time',
    observed: `${dead.receipts.length} calls of it open at once; 300 tasks of another target: ${summaryOf(verdict)}`,
  });
  expect(faultsOf(verdict)).toEqual([]);
  for (let nth = 0; nth < 1_000; nth += 1) await client.delete(`/tasks/${encodeURIComponent(`dead/${nth}`)}`);
  await dead.close();
});

test('as many clients at once as there may be sockets, ten thousand at most, are all answered, and what they were told is kept', {
  timeout: 180_000,
}, async () => {
  const clients = Math.min(10_000, openFilesAtMost() - 2_000);
  const agents = Array.from(
    { length: 10 },
    () => new Agent({ connections: clients / 10, headersTimeout: 60_000, connect: { timeout: 60_000 } }),
  );
  const asked: PromisedTask[] = [];
  const answers = new Map<number | string, number>();
  let open = 0;
  let openAtMost = 0;
  const create = async (nth: number): Promise<void> => {
    const id = `crowd/${nth}`;
    const body = JSON.stringify({ id, request: { url: `${quick.url}/plain` }, delay: 1_000, retry: { maxAttempts: 1 } });
    const sentAt = Date.now();
    const headers = { 'content-type': 'application/json' };
    open += 1;
    openAtMost = Math.max(openAtMost, open);
    let [status, dueAt]: [number | string, number] = ['no answer', sentAt];
    try {
      const dispatcher = agents[nth % agents.length] as Agent;
      const answer = await request(`${errand.url}/tasks`, { method: 'POST', headers, body, dispatcher });
      const text = await answer.body.text();
      status = answer.statusCode;
      if (status === 201) dueAt = Date.parse(JSON.parse(text).runAt);
    } catch (error) {
      status = String((error as { code?: string }).code ?? error);
    }
    open -= 1;
    answers.set(status, (answers.get(status) ?? 0) + 1);
    asked.push({ task: id, acknowledged: status === 201, dueAts: [dueAt], maxAttempts: 1 });
  };
  await Promise.all(Array.from({ length: clients }, (_unused, nth) => create(nth)));
  const acknowledged = asked.filter((each) => each.acknowledged).length;
  const received = () => quick.receipts.filter(({ task, answer }) => task.startsWith('crowd/') && answer === 'final').length;
  await until('their tasks', () => (received() >= acknowledged ? true : undefined), 120_000);
  // Whoever was refused may have been heard all the same.
  await pause(100);
  const log = logOf(await historySoFar('after the crowd'));
  const receipts = quick.receipts.filter(({ task }) => task.startsWith('crowd/'));
  const verdict = checkHistory({
    tasks: asked,
    schedules: [],
    receipts,
    log,
    outages: null,
    readAt: Number.POSITIVE_INFINITY,
    epsilonMs: 60_000,
    forgivenessMs: 60_000,
  });
  report({
    fault: `${clients.toLocaleString('en')} clients at once, each with a connection of its own`,
    promised: 'each is answered 201 or 503, and what was acknowledged runs once',
    observed: `${openAtMost} requests open at once; ${[...answers].map(([status, count]) => `${count} answered ${status}`).join(', ')}; ${summaryOf(verdict)}`,
  });
  await Promise.all(agents.map((agent) => agent.close()));
  expect(faultsOf(verdict)).toEqual([]);
  expect([...answers.keys()].filter((status) => status !== 201 && status !== 503)).toEqual([]);
});
