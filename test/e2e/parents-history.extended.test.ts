import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkHistory, faultsOf, type History, type Outage, type PromisedTask, summaryOf } from '../support/history-checker.ts';
import { createClient } from './harness/client.ts';
import { type Errand, startErrand } from './harness/errand.ts';
import { logOf } from './harness/history.ts';
import { type ReceivingTarget, startReceivingTarget } from './harness/receiving-target.ts';
import { upToLast } from './harness/timetable.ts';
import { historyToTheEnd, lastTask } from './harness/under-load.ts';
import { until } from './harness/until.ts';

let target: ReceivingTarget;
beforeAll(async () => {
  target = await startReceivingTarget();
});
afterAll(async () => {
  await target.close();
});

const request = () => ({ url: `${target.url}/plain` });
const after = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const called = (task: string, withinMs?: number) =>
  until(`a call of ${task}`, () => (target.receipts.some((receipt) => receipt.task === task) ? true : undefined), withinMs);

/** Kills it, lets time pass and starts it again. */
async function outage(errand: Errand, downMs = 0): Promise<{ readonly errand: Errand; readonly outage: Outage }> {
  const from = Date.now();
  await errand.kill();
  await after(downMs);
  const again = await errand.restart();
  return { errand: again, outage: { from, to: Date.now(), what: 'kill -9' } };
}

const generous = { readAt: Number.POSITIVE_INFINITY, epsilonMs: 5_000, forgivenessMs: 60_000 };
const ofTest = (prefix: RegExp): History['receipts'] => target.receipts.filter(({ task }) => prefix.test(task) && task !== lastTask);

describe('after ten seconds in which nothing could run', () => {
  test('each schedule makes up for what it missed as it was asked to', async () => {
    let errand = await startErrand();
    const client = createClient(errand.url);
    const kinds = ['run-once', 'skip', 'run-all'];
    // Two seconds apart, so that what is due right after the start is not taken for missed.
    const [everyMs, startAt] = [2_000, Date.now() + 1_000];
    for (const misfire of kinds) {
      const schedule = { id: misfire, every: '2s', startAt: new Date(startAt).toISOString(), overlap: 'allow', misfire };
      expect((await client.post('/schedules', { ...schedule, task: { request: request() } })).status).toBe(201);
    }
    await Promise.all(kinds.map((misfire) => called(`${misfire}.1`)));
    const killed = await outage(errand, 10_000);
    errand = killed.errand;

    type Event = { type: string; data: { why?: string; count?: number; dueAt?: string } };
    const eventsOf = async (id: string): Promise<readonly Event[]> => (await client.get(`/schedules/${id}/events?limit=1000`)).body.events;
    const skippedOf = (events: readonly Event[]) =>
      events.reduce((sum, { type, data }) => sum + (type === 'OccurrencesSkipped' && data.why === 'misfire' ? (data.count ?? 0) : 0), 0);
    for (const misfire of ['run-once', 'skip']) {
      const skipped = await until(`what ${misfire} skips`, async () => skippedOf(await eventsOf(misfire)) || undefined);
      expect(skipped).toBeGreaterThanOrEqual(3);
    }
    await until('all that was missed', async () => {
      const missed = (await eventsOf('run-all')).filter(({ data }) => Date.parse(data.dueAt ?? '') > killed.outage.from);
      return missed.length >= 5 ? true : undefined;
    });
    expect(skippedOf(await eventsOf('run-all'))).toBe(0);
    for (const id of kinds) expect((await client.delete(`/schedules/${id}`)).status).toBe(204);
    const events = await historyToTheEnd(errand.url, target.url);
    const times = Array.from({ length: 100 }, (_unused, index) => startAt + index * everyMs);
    const verdict = checkHistory({
      ...generous,
      tasks: [],
      schedules: kinds.map((schedule) =>
        upToLast({ schedule, acknowledged: true, times, maxAttempts: 6, mayMiss: schedule !== 'run-all' }, events),
      ),
      receipts: ofTest(/^(?:run-once|skip|run-all)\./),
      log: logOf(events),
      outages: [killed.outage],
    });
    console.log(summaryOf(verdict));
    expect(verdict.due).toBeGreaterThan(8);
    expect(faultsOf(verdict)).toEqual([]);
    await errand.stop();
  }, 90_000);
});

describe('when the process dies again and again', () => {
  test('an orchestration goes on where it was and runs no step twice at a time', async () => {
    let errand = await startErrand();
    const count = 12;
    const retry = { maxAttempts: 10, initialDelay: 0 };
    const steps = Array.from({ length: count }, () => ({ task: { request: request(), retry } }));
    const dueAt = Date.now();
    await createClient(errand.url).post('/orchestrations', { id: 'tough', steps });
    const outages: Outage[] = [];
    for (const step of [2, 5, 9]) {
      await called(`tough.${step}`, 60_000);
      const killed = await outage(errand);
      errand = killed.errand;
      outages.push(killed.outage);
    }
    const events = await historyToTheEnd(errand.url, target.url);
    const { body } = await createClient(errand.url).get('/orchestrations/tough');
    expect(body).toMatchObject({ status: 'succeeded', outcome: 'completed' });
    const tasks = Array.from({ length: count }, (_unused, index): PromisedTask => {
      const promised = { task: `tough.${index + 1}`, acknowledged: true, dueAts: [dueAt], maxAttempts: 10 };
      return index === 0 ? promised : { ...promised, after: `tough.${index}` };
    });
    const receipts = ofTest(/^tough\./);
    const verdict = checkHistory({ ...generous, forgivenessMs: 200_000, tasks, schedules: [], receipts, log: logOf(events), outages });
    console.log(summaryOf(verdict));
    expect(verdict.due).toBe(count);
    expect(faultsOf(verdict)).toEqual([]);
    await errand.stop();
  }, 240_000);
});
