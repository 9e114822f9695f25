import { describe, expect, test } from 'vitest';
import type { Wake } from '../../src/application/ports.ts';
import type { SweepMarks } from '../../src/application/sweep-index.ts';
import { sweepRun } from '../../src/handlers/sweep-run.ts';
import { epoch, minute, second } from '../domain/task-histories.ts';
import { DueIndex } from '../support/due-index.ts';
import { invocation, rememberingTelemetry } from '../support/lambda.ts';
import { MemoryWakeQueue } from '../support/memory-wake-queue.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const row = (number: number, dueAt: number): Wake => ({ stream: `task#${number}`, version: 1, dueAt, target: null, lane: 'short' });

function world(rows: readonly Wake[], marks: SweepMarks | null = null) {
  const [index, clock, wakes, telemetry] = [new DueIndex(), new VirtualClock(epoch), new MemoryWakeQueue(), rememberingTelemetry()];
  index.add(rows);
  let kept = marks;
  return {
    clock,
    wakes,
    telemetry,
    due: async (query: Parameters<DueIndex['load']>[0]) => index.load(query),
    marks: {
      read: async () => kept,
      write: async (next: SweepMarks) => {
        kept = next;
      },
    },
    backlog: async () => 0,
    kept: () => kept,
  };
}

describe('a sweep', () => {
  test('loads what comes near, heals what is overdue, and counts both', async () => {
    const near = [row(1, epoch + minute), row(2, epoch + 9 * minute)];
    const far = row(3, epoch + 12 * minute);
    const overdue = row(4, epoch - minute - second);
    const ports = world([...near, far, overdue], { loadedUntil: epoch, loadedPast: null, healedAt: epoch - minute });

    await sweepRun(ports, invocation(ports.clock, minute));

    expect(ports.wakes.sent.map(({ stream }) => stream).sort()).toEqual(['task#1', 'task#2', 'task#4']);
    expect(ports.telemetry.counts).toMatchObject({ SweepLoaded: 2, SweepHealed: 1, SweepUnfinished: 0 });
    expect(ports.kept()).toMatchObject({ healedAt: epoch });
  });

  test('ends with its invocation, leaves a mark and says so; the next one goes on', async () => {
    const rows = Array.from({ length: 2_500 }, (_unused, number) => row(number, epoch + number));
    const ports = world(rows, { loadedUntil: epoch - 1, loadedPast: null, healedAt: epoch });
    const short = { getRemainingTimeInMillis: () => 9 * second };

    await sweepRun(ports, short);
    expect(ports.telemetry.counts).toMatchObject({ SweepLoaded: 1_000, SweepUnfinished: 1 });
    await sweepRun(ports, invocation(ports.clock, minute));

    expect(new Set(ports.wakes.sent.map(({ stream }) => stream)).size).toBe(2_500);
    expect(ports.telemetry.counts.SweepUnfinished).toBe(1);
  });

  test('fails its invocation when the index cannot be read', async () => {
    const ports = { ...world([]), due: () => Promise.reject(new Error('throttled')) };

    await expect(sweepRun(ports, invocation(ports.clock, minute))).rejects.toThrow('throttled');
  });
});
