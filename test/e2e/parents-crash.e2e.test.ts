import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createClient } from './harness/client.ts';
import { startErrand } from './harness/errand.ts';
import { startTarget, type Target } from './harness/target.ts';
import { until } from './harness/until.ts';

let target: Target;
beforeAll(async () => {
  target = await startTarget();
});
afterAll(async () => {
  await target.close();
});

const to = (path: string) => ({ request: { url: `${target.url}/${path}` } });
const after = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

describe('after ten seconds in which nothing could run', () => {
  test('each schedule makes up for what it missed as it was asked to', async () => {
    let errand = await startErrand();
    const client = () => createClient(errand.url);
    // Two seconds apart, so that what is due right after the start is not taken for missed.
    const schedule = (misfire: string) => ({ id: misfire, every: '2s', overlap: 'allow', misfire, task: to(misfire) });
    for (const misfire of ['run-once', 'skip', 'run-all']) await client().post('/schedules', schedule(misfire));
    await Promise.all(['run-once', 'skip', 'run-all'].map((misfire) => target.received(`/${misfire}`)));
    await errand.kill();
    const killedAt = Date.now();
    await after(10_000);
    errand = await errand.restart();

    type Data = { why?: string; count?: number; dueAt?: string; from?: string; to?: string; next?: { dueAt: string } };
    type Event = { type: string; occurredAt: string; data: Data };
    const eventsOf = async (id: string): Promise<readonly Event[]> =>
      (await client().get(`/schedules/${id}/events?limit=1000`)).body.events;
    const skippedOf = (events: readonly Event[]) =>
      events.reduce((sum, { type, data }) => sum + (type === 'OccurrencesSkipped' && data.why === 'misfire' ? (data.count ?? 0) : 0), 0);
    for (const misfire of ['run-once', 'skip']) {
      const events = await until(`what ${misfire} skips`, async () => {
        const found = await eventsOf(misfire);
        return skippedOf(found) > 0 ? found : undefined;
      });
      expect(skippedOf(events)).toBeGreaterThanOrEqual(3);
      const skipped = events.findIndex(({ type }) => type === 'OccurrencesSkipped');
      const { from = '', to = '', next } = events[skipped]?.data ?? {};
      // The missed times in a row from the first one: all of them, or all but the newest, which is the next to be fired.
      expect(Date.parse(to) - Date.parse(from)).toBe(((events[skipped]?.data.count ?? 0) - 1) * 2_000);
      const fired = await until(`the next occurrence of ${misfire}`, async () =>
        (await eventsOf(misfire)).slice(skipped).find(({ type }) => type === 'OccurrenceFired'),
      );
      expect(fired.data.dueAt).toBe(next?.dueAt);
      const isMissed = Date.parse(fired.data.dueAt ?? '') <= Date.parse(events[skipped]?.occurredAt ?? '');
      expect([misfire, isMissed]).toEqual([misfire, misfire === 'run-once']);
    }
    const all = await until('all that was missed', async () => {
      const found = await eventsOf('run-all');
      const missed = found.filter(({ data }) => data.dueAt !== undefined && Date.parse(data.dueAt) > killedAt);
      return missed.length >= 5 ? found : undefined;
    });
    expect(skippedOf(all)).toBe(0);
    const fired = all.flatMap(({ type, data }) => (type === 'OccurrenceFired' ? [Date.parse(data.dueAt ?? '')] : []));
    // Every time once, in order, without a gap.
    expect(fired.every((at, index) => index === 0 || at - (fired[index - 1] ?? 0) === 2_000)).toBe(true);
    await errand.stop();
  }, 60_000);
});

describe('when the process dies again and again', () => {
  test('an orchestration goes on where it was and runs no step twice at a time', async () => {
    let errand = await startErrand();
    const client = () => createClient(errand.url);
    const steps = Array.from({ length: 12 }, (_unused, index) => ({
      task: { ...to(`step-${index + 1}`), retry: { maxAttempts: 10, initialDelay: 0 } },
    }));
    await client().post('/orchestrations', { id: 'tough', steps });
    for (const step of [2, 5, 9]) {
      await target.received(`/step-${step}`);
      await errand.kill();
      errand = await errand.restart();
    }
    const done = await until(
      'its end',
      async () => {
        const { body } = await client().get('/orchestrations/tough');
        return body.status === 'running' || body.status === 'scheduled' ? undefined : body;
      },
      100_000,
    );
    expect(done).toMatchObject({ status: 'succeeded', outcome: 'completed' });
    const order = target.receipts().flatMap(({ path }) => (path.startsWith('/step-') ? [Number(path.slice(6))] : []));
    expect(order).toEqual(order.toSorted((left, right) => left - right));
    expect([...new Set(order)]).toHaveLength(12);
    await errand.stop();
  }, 120_000);
});
