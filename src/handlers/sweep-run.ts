import type { Clock } from '../application/ports.ts';
import { type SweepIndexPorts, sweepIndex } from '../application/sweep-index.ts';
import type { InvocationContext } from './lambda.ts';
import type { Telemetry } from './telemetry.ts';

export type SweepRunPorts = SweepIndexPorts & { readonly clock: Clock; readonly telemetry: Telemetry };

/** What one page of the index may take at the worst; the marks say where the next sweep goes on. */
const pageMs = 10_000;

/** One sweep of the due index, within the time of its invocation. What it throws fails the invocation: the next one comes within a minute. */
export async function sweepRun(ports: SweepRunPorts, context: InvocationContext): Promise<void> {
  const { clock, telemetry } = ports;
  const report = await sweepIndex(ports, { now: clock.now(), goOn: () => context.getRemainingTimeInMillis() > pageMs });
  telemetry.count('SweepLoaded', report.loaded);
  telemetry.count('SweepHealed', report.healed);
  telemetry.count('SweepUnfinished', report.finished ? 0 : 1);
  if (report.healed > 0 || !report.finished) telemetry.logger.warn('the sweep found what was lost, or did not come to its end', report);
}
