import { beforeAll, describe, expect, test } from 'vitest';
import { type CrashReport, crashUnderLoad } from './harness/crash-scenario.ts';

describe('a server that is killed three times under load', () => {
  let report: CrashReport;
  beforeAll(async () => {
    report = await crashUnderLoad({ kills: 3, loadMs: 1_500, single: 6, batch: 2 });
  });

  test('loses no task that it acknowledged, and lists each exactly once', () => {
    const { load, listed, calls, calledAgain, events } = report;
    console.log(
      `${load.acknowledged.size} tasks acknowledged, ${load.unanswered} requests unanswered, ${listed.length} tasks exist, ` +
        `${events.length} events, ${calls} calls, ${calledAgain} tasks called again because a kill cut their attempt off`,
    );
    expect(load.strange).toEqual([]);
    expect(load.acknowledged.size).toBeGreaterThan(1_000);
    expect(new Set(listed).size).toBe(listed.length);
    const known = new Set(listed);
    expect([...load.acknowledged].filter((id) => !known.has(id))).toEqual([]);
  });

  test('ends every task, calls none early, and calls none again but for attempts in flight at a kill', () => {
    expect(report.faults).toEqual([]);
  });

  test('has read models equal to a rebuild from the log', () => {
    expect(report.check.stdout).toContain('No differences');
    expect(report.check.code).toBe(0);
  });
});
