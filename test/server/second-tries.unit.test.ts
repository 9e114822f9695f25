import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LogUnavailable } from '../../src/application/log-unavailable.ts';
import type { LogFields, Wake } from '../../src/application/ports.ts';
import { createSecondTries } from '../../src/server/second-tries.ts';

const wake = (stream: string): Wake => ({ stream, version: 1, dueAt: 1_000, target: null, lane: 'short' });
const full = new LogUnavailable('the disk is full');

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function recorded() {
  const sent: Wake[][] = [];
  const told: LogFields[] = [];
  const note = (_message: string, fields: LogFields = {}): void => void told.push(fields);
  const wakes = {
    async send(given: readonly Wake[]) {
      sent.push([...given]);
      return [];
    },
  };
  return { sent, told, tries: createSecondTries({ wakes, logger: { info: note, warn: note, error: note } }) };
}

test('wakes that found the log out of reach are sent again together and told of in one line', () => {
  const { sent, told, tries } = recorded();
  expect(tries.take(wake('task#a'), full)).toBe(true);
  vi.advanceTimersByTime(4_000);
  expect(tries.take(wake('schedule#b'), full)).toBe(true);
  expect(sent).toEqual([]);
  vi.advanceTimersByTime(1_000);
  expect(sent).toEqual([[wake('task#a'), wake('schedule#b')]]);
  expect(told).toEqual([{ wakes: 2, error: String(full) }]);

  tries.take(wake('task#a'), full);
  vi.advanceTimersByTime(5_000);
  expect(sent).toHaveLength(2);
});

test('what failed otherwise is left to the sweep, and so is what is too much to keep', () => {
  const { sent, tries } = recorded();
  expect(tries.take(wake('task#a'), new Error('it does not fold'))).toBe(false);
  const taken = Array.from({ length: 10_001 }, (_unused, index) => tries.take(wake(`task#${index}`), full));
  expect(taken.indexOf(false)).toBe(10_000);
  vi.advanceTimersByTime(5_000);
  expect(sent.map((wakes) => wakes.length)).toEqual([10_000]);
});

test('after a stop nothing is sent any more', () => {
  const { sent, tries } = recorded();
  tries.take(wake('task#a'), full);
  tries.stop();
  vi.advanceTimersByTime(60_000);
  expect(sent).toEqual([]);
});
