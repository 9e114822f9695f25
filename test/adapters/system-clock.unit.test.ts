import { expect, test } from 'vitest';
import { systemClock } from '../../src/adapters/system-clock.ts';

test('the wall clock is the epoch in milliseconds, and the monotonic one does not go back', () => {
  expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(1_000);
  const before = systemClock.monotonic();
  expect(systemClock.monotonic()).toBeGreaterThanOrEqual(before);
});

test('a sleep takes about its time', async () => {
  const before = systemClock.monotonic();
  await systemClock.sleep(20);
  expect(systemClock.monotonic() - before).toBeGreaterThan(18);
});

test('a sleep of nothing, or less, is none', async () => {
  await systemClock.sleep(0);
  await systemClock.sleep(-1);
});

test('a sleep ends when its signal is aborted, before or meanwhile, however long it was to be', async () => {
  await systemClock.sleep(2 ** 40, AbortSignal.abort());
  const aborter = new AbortController();
  const sleep = systemClock.sleep(2 ** 40, aborter.signal);
  aborter.abort();
  await sleep;
});
