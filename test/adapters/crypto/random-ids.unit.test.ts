import { describe, expect, test } from 'vitest';
import { createRandomIds } from '../../../src/adapters/crypto/random-ids.ts';
import type { Clock } from '../../../src/application/ports.ts';

function clockAt(start: number): Clock & { at: number } {
  return {
    at: start,
    now() {
      return this.at;
    },
    monotonic: () => 0,
    sleep: () => Promise.resolve(),
  };
}

const instant = Date.UTC(2026, 10, 20);
const timeOf = (id: string) => Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);

describe('a task id', () => {
  test('is a UUIDv7 of the time it was made', () => {
    const id = createRandomIds(clockAt(instant)).taskId();
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(timeOf(id)).toBe(instant);
  });

  test('is greater than all before it, also within a millisecond and beyond what one millisecond holds', () => {
    const ids = createRandomIds(clockAt(instant));
    const made = Array.from({ length: 20_000 }, () => ids.taskId());
    expect(made).toEqual(made.toSorted());
    expect(new Set(made).size).toBe(made.length);
  });

  test('is greater than all before it when the clock goes back', () => {
    const clock = clockAt(instant);
    const ids = createRandomIds(clock);
    const before = ids.taskId();
    clock.at -= 60_000;
    expect(ids.taskId() > before).toBe(true);
    clock.at += 120_000;
    expect(timeOf(ids.taskId())).toBe(instant + 60_000);
  });

  test('differs between processes that make it in the same millisecond', () => {
    const clock = clockAt(instant);
    const made = Array.from({ length: 1_000 }, () => createRandomIds(clock).taskId());
    expect(new Set(made).size).toBe(made.length);
  });
});

describe('a commit id', () => {
  test('is never made twice, within a process or by two', () => {
    const [one, other] = [createRandomIds(clockAt(instant)), createRandomIds(clockAt(instant))];
    const made = Array.from({ length: 5_000 }, () => [one.commitId(), other.commitId()]).flat();
    expect(new Set(made).size).toBe(made.length);
  });

  test('starts with at least 64 random bits of its process', () => {
    const [prefix = ''] = createRandomIds(clockAt(instant)).commitId().split('.');
    expect(Buffer.from(prefix, 'base64url').length).toBeGreaterThanOrEqual(8);
  });
});
