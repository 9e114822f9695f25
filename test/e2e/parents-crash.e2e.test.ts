import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Client, createClient } from './harness/client.ts';
import { dyingBefore, immortal, startErrand } from './harness/errand.ts';
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
type Run = { readonly taskId: string; readonly status: string };
type Told = { readonly type: string; readonly occurredAt: string; readonly data: { readonly taskId?: string } };
/** Every task there is, once lists know of everything that was appended. */
const listedTasks = (client: Client): Promise<readonly unknown[]> =>
  until('complete lists', async () => {
    const { feedLagMs } = (await client.get('/stats')).body;
    return feedLagMs === 0 ? (await client.get('/tasks')).body.tasks : undefined;
  });
const after = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

describe.concurrent('after ten seconds in which nothing could run', () => {
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

describe.concurrent('when the process dies', () => {
  test('between an occurrence and its task, the next process makes that task, once', async () => {
    const dying = await startErrand({ environment: dyingBefore('task#torn.2', 'TaskScheduled') });
    await createClient(dying.url).post('/schedules', { id: 'torn', every: '1s', overlap: 'allow', maxOccurrences: 3, task: to('torn') });
    expect(await dying.ended).toBeNull();
    const diedAt = Date.now();
    const errand = await dying.restart(immortal);
    const client = createClient(errand.url);
    const { lastRuns } = await until(
      'the end of the schedule',
      async () => {
        const { body } = await client.get('/schedules/torn');
        return body.status === 'finished' && body.lastRuns.every(({ status }: Run) => status === 'succeeded') ? body : undefined;
      },
      30_000,
    );

    expect(lastRuns.map(({ taskId }: Run) => taskId).sort()).toEqual(['torn.1', 'torn.2', 'torn.3']);
    const { events } = (await client.get('/schedules/torn/events?limit=1000')).body;
    const fired = events.filter(({ type }: Told) => type === 'OccurrenceFired');
    expect(fired.map(({ data }: Told) => data.taskId)).toEqual(['torn.1', 'torn.2', 'torn.3']);
    // That it was named by the process that died, and made by the next one, is what this is about.
    expect(Date.parse(fired[1].occurredAt)).toBeLessThanOrEqual(diedAt);
    const second = (await client.get('/tasks/torn.2/events')).body.events;
    expect(second.map(({ type }: Told) => type)).toEqual(['TaskScheduled', 'TaskStarted', 'TaskSucceeded']);
    expect(Date.parse(second[0].occurredAt)).toBeGreaterThanOrEqual(diedAt);
    expect(await listedTasks(client)).toHaveLength(3);
    expect(target.receipts('/torn')).toHaveLength(3);
    await errand.stop();
  });

  test.each([
    {
      between: 'a step that is named and its task',
      name: 'named',
      last: ['orchestrations/named', 'StepStarted', 2],
      lost: ['task#named.2', 'TaskScheduled', 1],
    },
    {
      between: 'the end of a task and that of its step',
      name: 'ended',
      last: ['tasks/ended.1', 'TaskSucceeded', 1],
      lost: ['orchestration#ended', 'StepFinished', 1],
    },
    {
      between: 'the acceptance and the first step',
      name: 'begun',
      last: ['orchestrations/begun', 'OrchestrationScheduled', 1],
      lost: ['orchestration#begun', 'StepStarted', 1],
    },
  ] as const)(
    'between $between, an orchestration goes on there, and calls each step once',
    async ({ name, last, lost: [stream, type, nth] }) => {
      const dying = await startErrand({ environment: dyingBefore(stream, type) });
      const steps = [1, 2, 3].map((step) => ({ task: to(`${name}-${step}`) }));
      // The answer may be lost with the process: what counts is what it left.
      await createClient(dying.url)
        .post('/orchestrations', { id: name, steps })
        .catch(() => undefined);
      expect(await dying.ended).toBeNull();
      const diedAt = Date.now();
      const errand = await dying.restart(immortal);
      const client = createClient(errand.url);
      const done = await until('its end', async () => {
        const { body } = await client.get(`/orchestrations/${name}`);
        return body.status === 'running' || body.status === 'scheduled' ? undefined : body;
      });

      expect(done).toMatchObject({ status: 'succeeded', outcome: 'completed', currentStep: 3 });
      const order = target.receipts().flatMap(({ path }) => (path.startsWith(`/${name}-`) ? [path] : []));
      expect(order).toEqual([1, 2, 3].map((step) => `/${name}-${step}`));
      expect(await listedTasks(client)).toHaveLength(3);
      const happenedAt = async ([of, wanted, place]: readonly [string, string, number]): Promise<number> => {
        const { events } = (await client.get(`/${of}/events`)).body;
        return Date.parse(events.filter((event: Told) => event.type === wanted)[place - 1].occurredAt);
      };
      // It died in the very place.
      expect(await happenedAt(last)).toBeLessThanOrEqual(diedAt);
      expect(await happenedAt([stream.replace('#', 's/'), type, nth])).toBeGreaterThanOrEqual(diedAt);
      await errand.stop();
    },
  );

  test('again and again, an orchestration goes on where it was and runs no step twice at a time', async () => {
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
