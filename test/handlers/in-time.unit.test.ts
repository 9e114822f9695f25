import { expect, test } from 'vitest';
import { systemClock } from '../../src/adapters/system-clock.ts';
import type { HttpResponse } from '../../src/handlers/http/http-types.ts';
import { answeredInTime } from '../../src/handlers/in-time.ts';

const leftMs = (ms: number) => ({ getRemainingTimeInMillis: () => ms });
const answer: HttpResponse = { statusCode: 200, headers: {}, body: '{}' };

test('an answer in time is given as it is, and so is a failure', async () => {
  expect(await answeredInTime(systemClock, leftMs(60_000), Promise.resolve(answer))).toBe(answer);
  await expect(answeredInTime(systemClock, leftMs(60_000), Promise.reject(new Error('broken')))).rejects.toThrow('broken');
});

test('while services hang, 503 is answered a second before the function is ended', async () => {
  const late = await answeredInTime(systemClock, leftMs(1_020), new Promise(() => undefined));
  expect(late).toMatchObject({ statusCode: 503, headers: { 'retry-after': '1' } });
});

test('with less than that second left it is answered at once', async () => {
  expect(await answeredInTime(systemClock, leftMs(500), new Promise(() => undefined))).toMatchObject({ statusCode: 503 });
});
