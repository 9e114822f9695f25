import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiAnswer, type Client, createClient } from './harness/client.ts';
import { type Errand, startErrand } from './harness/errand.ts';
import { startTarget, type Target } from './harness/target.ts';

let errand: Errand;
let target: Target;
let client: Client;

beforeAll(async () => {
  // HTTP dates are in GMT wherever the server stands.
  [errand, target] = await Promise.all([startErrand({ environment: { TZ: 'America/New_York' } }), startTarget()]);
  client = createClient(errand.url);
});
afterAll(async () => {
  await errand.stop();
  await target.close();
});

const day = 86_400_000;
const unavailable = () => ({ status: 503 });

async function create(id: string, retry: object, more: object = {}): Promise<void> {
  const created = await client.post('/tasks', { id, request: { url: `${target.url}/${id}` }, retry, ...more });
  expect(created.status, created.text).toBe(201);
}

async function failuresOf(id: string): Promise<ApiAnswer['body'][]> {
  const { body } = await client.get(`/tasks/${id}/events?limit=1000`);
  return body.events.filter(({ type }: { type: string }) => type === 'TaskFailed');
}

/** The pauses that were decided on after each failed attempt, in milliseconds; null after the last. */
async function pausesOf(id: string): Promise<(number | null)[]> {
  const failures = await failuresOf(id);
  return failures.map(({ occurredAt, data }) => (data.retryAt === null ? null : Date.parse(data.retryAt) - Date.parse(occurredAt)));
}

/** Every attempt after the first came at the time that was announced for it, or a little later, and never before. */
async function expectOnTime(id: string): Promise<void> {
  const announced = (await failuresOf(id)).flatMap(({ data }) => (data.retryAt === null ? [] : [Date.parse(data.retryAt)]));
  const arrived = target
    .receipts(`/${id}`)
    .slice(1)
    .map(({ at }) => at);
  expect(arrived).toHaveLength(announced.length);
  for (const [index, at] of arrived.entries()) {
    expect(at - (announced[index] ?? 0)).toBeGreaterThanOrEqual(0);
    expect(at - (announced[index] ?? 0)).toBeLessThan(4_000);
  }
}

describe('the pauses of a policy', () => {
  const policies: readonly (readonly [string, object, (number | null)[]])[] = [
    ['fixed', { backoff: 'fixed', maxAttempts: 4, initialDelay: '0.3s', jitter: 0 }, [300, 300, 300, null]],
    ['exponential', { maxAttempts: 5, initialDelay: 100, factor: 3, maxDelay: '0.5s', jitter: 0 }, [100, 300, 500, 500, null]],
    ['one-factor', { maxAttempts: 3, initialDelay: 150, factor: 1, jitter: 0 }, [150, 150, null]],
    ['listed', { delays: ['50ms', 700, 'PT0.1S'], jitter: 0 }, [50, 700, 100, null]],
    ['none', { backoff: 'fixed', maxAttempts: 3, initialDelay: 0, jitter: 0 }, [0, 0, null]],
    ['empty-list', { delays: [] }, [null]],
    ['single', { maxAttempts: 1 }, [null]],
  ];
  test.concurrent.each(policies)('are kept: %s', async (id, retry, expected) => {
    target.on(`/${id}`, unavailable);
    await create(id, retry);
    const task = await client.taskFinished(id);
    expect(task).toMatchObject({ status: 'failed', attempt: expected.length, maxAttempts: expected.length });
    expect(await pausesOf(id)).toEqual(expected);
    await expectOnTime(id);
  });

  test('are spread by the jitter, and not beyond it', async () => {
    const ids = Array.from({ length: 30 }, (_, index) => `jitter-${index}`);
    for (const id of ids) target.on(`/${id}`, unavailable);
    await Promise.all(ids.map((id) => create(id, { maxAttempts: 2, backoff: 'fixed', initialDelay: '10s', jitter: 0.5 })));
    await Promise.all(
      ids.map((id) => client.taskWhen(id, 'failed once', ({ attempt, status }) => attempt === 1 && status === 'scheduled')),
    );
    const pauses = (await Promise.all(ids.map(pausesOf))).map(([pause]) => pause ?? 0);
    for (const pause of pauses) {
      expect(pause).toBeGreaterThanOrEqual(5_000);
      expect(pause).toBeLessThanOrEqual(15_000);
    }
    expect(Math.max(...pauses) - Math.min(...pauses)).toBeGreaterThan(2_000);
  });

  test('are about five seconds, then twenty, by default', async () => {
    target.on('/default', unavailable);
    await client.post('/tasks', { id: 'default', request: { url: `${target.url}/default` } });
    const first = await client.taskWhen('default', 'failed once', ({ attempt, status }) => attempt === 1 && status === 'scheduled');
    expect(first.retry).toEqual({
      maxAttempts: 6,
      backoff: 'exponential',
      initialDelay: 5_000,
      factor: 4,
      maxDelay: 3_600_000,
      jitter: 0.2,
    });
    expect(first).toMatchObject({ maxAttempts: 6, error: { kind: 'http', status: 503 }, result: { status: 503 } });
    await client.post('/tasks/default/run');
    await client.taskWhen('default', 'failed twice', ({ attempt, status }) => attempt === 2 && status === 'scheduled');
    const [one = 0, two = 0] = await pausesOf('default');
    expect(Math.abs((one ?? 0) - 5_000)).toBeLessThanOrEqual(1_000);
    expect(Math.abs((two ?? 0) - 20_000)).toBeLessThanOrEqual(4_000);
  });
});

describe('Retry-After', () => {
  /** The policy's own pause, which no header below asks for. */
  const policyMs = 77_000;
  const inAnHour = new Date(Math.floor(Date.now() / 1_000) * 1_000 + 3_600_000);
  const [weekday = '', dayOfMonth = '', month = '', year = '', time = ''] = inAnHour.toUTCString().replace(',', '').split(' ');
  const longDays: Readonly<Record<string, string>> = {
    Sun: 'Sunday',
    Mon: 'Monday',
    Tue: 'Tuesday',
    Wed: 'Wednesday',
    Thu: 'Thursday',
    Fri: 'Friday',
    Sat: 'Saturday',
  };
  const seconds: readonly (readonly [string, string, number])[] = [
    ['shorter than the policy', '30', 30_000],
    ['longer than the policy', '120', 120_000],
    ['of no time at all', '0', 0],
    ['with leading zeros', '0045', 45_000],
    ['of exactly a day', '86400', day],
    ['of more than a day, cut to one', '86401', day],
    ['of far more than a day, cut to one', '9999999999', day],
    ['of more digits than fit, cut to a day', '99999999999999999999', day],
    ['of a date that has passed', 'Sun, 06 Nov 1994 08:49:37 GMT', 0],
    ['of a date years ahead, cut to a day', 'Wed, 01 Jan 2098 00:00:00 GMT', day],
    ['unreadable: a word', 'soon', policyMs],
    ['unreadable: negative', '-5', policyMs],
    ['unreadable: empty', '', policyMs],
    ['unreadable: a duration', '5s', policyMs],
    ['unreadable: no such date', 'Mon, 45 Foo 2026 00:00:00 GMT', policyMs],
  ];
  test.concurrent.each(seconds)('%s', async (what, value, expected) => {
    const id = what.replaceAll(/[^a-z]+/g, '-');
    target.on(`/${id}`, (_receipt, _response, nth) => ({ status: nth === 1 ? 429 : 200, headers: { 'retry-after': value } }));
    await create(id, { maxAttempts: 2, backoff: 'fixed', initialDelay: policyMs, jitter: 0 });
    await target.received(`/${id}`);
    await client.taskWhen(id, 'failed once', ({ version }) => version >= 3);
    expect(await pausesOf(id)).toEqual([expected]);
  });

  const dates: readonly (readonly [string, string])[] = [
    ['imf', inAnHour.toUTCString()],
    ['rfc850', `${longDays[weekday]}, ${dayOfMonth}-${month}-${year.slice(2)} ${time} GMT`],
    ['asctime', `${weekday} ${month} ${dayOfMonth.replace(/^0/, ' ')} ${time} ${year}`],
  ];
  test.concurrent.each(dates)('as a date in the form %s', async (form, value) => {
    const id = `date-${form}`;
    target.on(`/${id}`, () => ({ status: 503, headers: { 'retry-after': value } }));
    await create(id, { maxAttempts: 2, backoff: 'fixed', initialDelay: policyMs, jitter: 0 });
    const { nextAttemptAt } = await client.taskWhen(id, 'failed once', ({ version }) => version >= 3);
    expect(Math.abs(Date.parse(nextAttemptAt) - inAnHour.getTime()), value).toBeLessThanOrEqual(1_000);
  });

  test.concurrent('is waited out, also where the policy would have been quicker', async () => {
    target.on('/rest', (_receipt, _response, nth) => (nth === 1 ? { status: 503, headers: { 'retry-after': '2' } } : undefined));
    await create('rest', { maxAttempts: 2, backoff: 'fixed', initialDelay: 10, jitter: 0 });
    expect(await client.taskFinished('rest')).toMatchObject({ status: 'succeeded', attempt: 2 });
    expect(await pausesOf('rest')).toEqual([2_000]);
    await expectOnTime('rest');
  });

  test.concurrent('is obeyed where the policy would have been slower', async () => {
    target.on('/hurry', (_receipt, _response, nth) => (nth === 1 ? { status: 503, headers: { 'retry-after': '1' } } : undefined));
    await create('hurry', { maxAttempts: 2, backoff: 'fixed', initialDelay: '1h', jitter: 0 });
    expect(await client.taskFinished('hurry')).toMatchObject({ status: 'succeeded', attempt: 2 });
    await expectOnTime('hurry');
  });

  test.concurrent('gives no attempt beyond the last', async () => {
    target.on('/spent', () => ({ status: 503, headers: { 'retry-after': '0' } }));
    await create('spent', { maxAttempts: 2, backoff: 'fixed', initialDelay: 10, jitter: 0 });
    expect(await client.taskFinished('spent')).toMatchObject({ status: 'failed', attempt: 2 });
    expect(target.receipts('/spent')).toHaveLength(2);
  });
});

test('a task that is due later is never called before its time', async () => {
  const begun = Date.now();
  const ids = Array.from({ length: 20 }, (_, index) => `due-${index}`);
  await Promise.all(ids.map((id, index) => create(id, { maxAttempts: 1 }, { delay: 200 + index * 37 })));
  const tasks = await Promise.all(ids.map((id) => client.taskFinished(id)));
  for (const [index, id] of ids.entries()) {
    const [receipt] = target.receipts(`/${id}`);
    expect(receipt?.at ?? 0).toBeGreaterThanOrEqual(Date.parse(tasks[index].runAt));
    expect(Date.parse(tasks[index].runAt)).toBeGreaterThanOrEqual(begun + 200 + index * 37);
  }
});
