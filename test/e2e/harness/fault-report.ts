import { appendFileSync } from 'node:fs';

/** For how many minutes a fault lasts that `npm run faults` was asked for by hand; null in a run of the extended tests. */
export const byHandMinutes: number | null = process.env['ERRAND_FAULTS_MINUTES'] ? Number(process.env['ERRAND_FAULTS_MINUTES']) : null;

export type FaultReport = { readonly fault: string; readonly promised: string; readonly observed: string };

/** Prints what was done, promised and observed; by hand it is also left for the table of results (scripts/faults.ts). */
export function report(of: FaultReport): void {
  console.log(`${of.fault}\n  promised: ${of.promised}\n  observed: ${of.observed}`);
  const file = process.env['ERRAND_FAULTS_RESULTS'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(of)}\n`);
}
