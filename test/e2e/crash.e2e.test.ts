import { beforeAll, describe, expect, test } from 'vitest';
import { killUnderLoad, type LoadReport } from './harness/under-load.ts';

describe('a server that is killed three times under load', () => {
  let report: LoadReport;
  beforeAll(async () => {
    report = await killUnderLoad({ kills: 3, loadMs: 1_500, single: 6, batch: 2 });
    console.log(report.summary);
  });

  test('loses no task that it acknowledged', () => {
    expect(report.load.acknowledged).toBeGreaterThan(300);
    expect(report.verdict.due).toBeGreaterThan(300);
    expect(report.verdict.missing).toEqual([]);
  });

  test('calls none early, none again but for attempts in flight at a kill, and has lists and read models as the log says', () => {
    expect(report.faults).toEqual([]);
  });
});
