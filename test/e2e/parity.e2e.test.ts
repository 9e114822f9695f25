import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiAnswer, type Client, createClient } from './harness/client.ts';
import { type Errand, startErrand } from './harness/errand.ts';
import { type Answer, startTarget, type Target } from './harness/target.ts';
import { until } from './harness/until.ts';

/**
 * What users of the five older systems rely on and no other end-to-end test shows. The numbers are those of the table at the end of
 * docs/coming-from.md, which names the tests of all the other rows.
 */
let errand: Errand;
let target: Target;
let client: Client;

beforeAll(async () => {
  [errand, target] = await Promise.all([startErrand(), startTarget()]);
  client = createClient(errand.url);
});
afterAll(async () => {
  await errand.stop();
  await target.close();
});

const to = (path: string) => ({ request: { url: `${target.url}/${path}`, method: 'GET' } });
const ended = (id: string): Promise<ApiAnswer['body']> =>
  until(`the end of ${id}`, async () => {
    const { body } = await client.get(`/orchestrations/${id}`);
    return ['succeeded', 'failed'].includes(body.status) ? body : undefined;
  });
const paths = (prefix: string) => target.receipts().flatMap(({ path }) => (path.startsWith(`/${prefix}`) ? [path.slice(1)] : []));

test('row 4: thirty headers of 500 characters, given as keys and values, all reach the target', async () => {
  const headers = Array.from({ length: 30 }, (_unused, index) => ({ key: `x-header-${index}`, value: String(index % 10).repeat(500) }));
  await client.post('/tasks', { id: 'headers', request: { url: `${target.url}/headers`, headers } });

  const [receipt] = await target.received('/headers');
  expect(receipt?.headers).toMatchObject(Object.fromEntries(headers.map(({ key, value }) => [key, value])));
});

test('row 7: a delay that no timer holds is waited for, and not run at once', async () => {
  const delay = 2 ** 31;
  const created = await client.post('/tasks', { id: 'far', ...to('far'), delay });
  await client.post('/tasks', { id: 'near', ...to('near'), delay: 300 });
  await client.taskFinished('near');

  const { body } = await client.get('/tasks/far');
  expect(body.status).toBe('scheduled');
  expect(Date.parse(body.nextAttemptAt) - Date.parse(created.body.createdAt)).toBe(delay);
  expect(target.receipts('/far')).toEqual([]);
});

test('row 8: one moment is the same however it is written, to the millisecond', async () => {
  const at = Math.floor(Date.now() / 1_000) * 1_000 + 86_400_000 + 250;
  const utc = new Date(at).toISOString();
  const inAthens = `${new Date(at + 2 * 3_600_000).toISOString().slice(0, -1)}+02:00`;
  const inDenver = `${new Date(at - 7 * 3_600_000).toISOString().slice(0, -1)}-07:00`;
  const written = [at, utc, inAthens, inDenver, utc.replace('.250Z', '.25Z')];
  const made = await client.post('/tasks/batch', { tasks: written.map((runAt) => ({ ...to('moment'), runAt })) });

  expect(made.body.results.map(({ task }: ApiAnswer['body']) => task.runAt)).toEqual(written.map(() => utc));
});

describe('row 10: a recurrence', () => {
  const nextRuns = async (id: string, rule: object) => {
    const created = await client.post('/schedules', { id, maxOccurrences: 4, task: to('recurring'), ...rule });
    return created.body.nextRuns.map((at: string) => at.replace(':00.000Z', ''));
  };
  // Times in the years ahead of those in which a create can still name them: they never become past ones.
  const year = new Date().getUTCFullYear() + 2;
  const february = new Date(Date.UTC(year, 2, 0)).getUTCDate();

  test('daily and weekly go on past the end of a month', async () => {
    const startAt = `${year}-04-29T06:30:00Z`;
    expect(await nextRuns('daily', { recurrence: 'daily', startAt })).toEqual([
      `${year}-04-29T06:30`,
      `${year}-04-30T06:30`,
      `${year}-05-01T06:30`,
      `${year}-05-02T06:30`,
    ]);
    expect(await nextRuns('weekly', { recurrence: 'weekly', startAt })).toEqual([
      `${year}-04-29T06:30`,
      `${year}-05-06T06:30`,
      `${year}-05-13T06:30`,
      `${year}-05-20T06:30`,
    ]);
  });

  test('monthly from the 31st comes on the last day of shorter months, and on the 31st of the others', async () => {
    expect(await nextRuns('monthly', { recurrence: 'monthly', startAt: `${year}-01-31T06:30:00Z` })).toEqual([
      `${year}-01-31T06:30`,
      `${year}-02-${february}T06:30`,
      `${year}-03-31T06:30`,
      `${year}-04-30T06:30`,
    ]);
  });

  test('keeps the hour of its time zone over a clock change', async () => {
    // On the last Sunday of March, Athens goes from UTC+2 to UTC+3.
    const clockChange = new Date(Date.UTC(year, 2, 31));
    clockChange.setUTCDate(31 - clockChange.getUTCDay());
    const dayOf = (days: number) => new Date(clockChange.getTime() + days * 86_400_000).toISOString().slice(0, 10);
    const startAt = `${dayOf(-2)}T09:00:00+02:00`;
    expect(await nextRuns('athens', { recurrence: 'daily', timezone: 'Europe/Athens', startAt })).toEqual([
      `${dayOf(-2)}T07:00`,
      `${dayOf(-1)}T07:00`,
      `${dayOf(0)}T06:00`,
      `${dayOf(1)}T06:00`,
    ]);
  });
});

describe('row 15: the callback is made whatever the target answered', () => {
  const answers: readonly (readonly [string, Answer, number])[] = [
    ['empty', { status: 204, headers: {}, body: '' }, 204],
    ['larger-than-is-kept', { body: 'x'.repeat(300 * 1_024) }, 200],
    ['many-headers', { headers: Object.fromEntries(Array.from({ length: 40 }, (_unused, index) => [`x-${index}`, 'v'.repeat(600)])) }, 200],
    ['empty-header', { headers: { 'x-empty': '' } }, 200],
  ];
  test.each(answers)('%s', async (id, answer, status) => {
    target.on(`/${id}`, () => answer);
    await client.post('/tasks', { id, ...to(id), callback: { url: `${target.url}/told-${id}` } });

    const [told] = await target.received(`/told-${id}`);
    expect(JSON.parse(String(told?.body))).toMatchObject({ id, status: 'succeeded', result: { status } });
    await client.taskWhen(id, 'its callback is delivered', ({ callback }) => callback.status === 'delivered');
  });
});

describe('row 28: a check', () => {
  test('waits for its delay, and for its gap between tries', async () => {
    target.on('/waits-check', (_receipt, _response, nth) => ({ status: nth < 3 ? 500 : 200 }));
    const check = { ...to('waits-check'), delay: '400ms', retries: 2, gap: '300ms' };
    await client.post('/orchestrations', { id: 'waits', steps: [{ task: to('waits-task') }], check });

    expect(await ended('waits')).toMatchObject({ status: 'succeeded', steps: [{ checks: 3 }] });
    const [task, first, second, third] = target.receipts().filter(({ path }) => path.startsWith('/waits'));
    const pauses = [task, first, second].map((before, index) => ([first, second, third][index]?.at ?? 0) - (before?.at ?? 0));
    expect(pauses[0]).toBeGreaterThanOrEqual(400);
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(300);
  });

  test('has tries of its own: those of one step are not taken from the next', async () => {
    for (const step of [1, 2]) target.on(`/own-check-${step}`, (_receipt, _response, nth) => ({ status: nth === 1 ? 500 : 200 }));
    const step = (number: number) => ({ task: to(`own-task-${number}`), check: { ...to(`own-check-${number}`), retries: 1, gap: 0 } });
    await client.post('/orchestrations', { id: 'own', steps: [step(1), step(2)] });

    expect(await ended('own')).toMatchObject({ status: 'succeeded', steps: [{ checks: 2 }, { checks: 2 }] });
  });

  test('comes after the last step too, unless that step switches it off', async () => {
    const check = to('last-check');
    await client.post('/orchestrations', { id: 'last', check, steps: [{ task: to('last-1') }, { task: to('last-2'), check: null }] });

    expect(await ended('last')).toMatchObject({ status: 'succeeded', steps: [{ checks: 1 }, { checks: 0 }] });
    expect(paths('last')).toEqual(['last-1', 'last-check', 'last-2']);
  });
});
