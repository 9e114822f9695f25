import { Metrics } from '@aws-lambda-powertools/metrics';
import type { AttemptReport } from '../application/attempt-ports.ts';
import type { Logger } from '../application/ports.ts';
import { idOf } from '../domain/streams.ts';
import type { InvocationContext } from './lambda.ts';
import { createLogging, type LogLevel } from './logging.ts';

/** Everything that is counted, in the namespace `Errand`, each with the one dimension `service`: the function. */
export type CountName =
  | 'AttemptsSucceeded'
  | 'AttemptsFailed'
  | 'WakesSent'
  | 'EventsPublished'
  | 'RecordsParked'
  | 'SweepLoaded'
  | 'SweepHealed'
  | 'SweepUnfinished'
  | 'ViewsWritten'
  | 'TasksIngested'
  | 'EventsRefused';

/** What a function tells about itself. */
export type Telemetry = {
  readonly logger: Logger;
  count(name: CountName, value: number): void;
  /** One attempt: a line with its task, attempt and lateness, and its part in the figures. */
  attempt(report: AttemptReport): void;
  /** Runs one invocation; what was counted during it is written out once, however it ends. */
  during<T>(context: InvocationContext, work: () => Promise<T>): Promise<T>;
};

/** Logs and metrics of one function on Powertools. Metrics are lines in the embedded metric format, which cost no request. */
export function createTelemetry(service: string, level: LogLevel): Telemetry {
  const { logger, begin } = createLogging(service, level);
  const metrics = new Metrics({ namespace: 'Errand', serviceName: service });
  const count = (name: CountName, value: number): void => {
    if (value > 0) metrics.addMetric(name, 'Count', value);
  };
  return {
    logger,
    count,
    attempt: ({ stream, run, attempt, target, lateMs, durationMs, outcome }) => {
      logger.info('attempt', { taskId: idOf(stream), run, attempt, target, lateMs, durationMs, outcome });
      metrics.addMetric('AttemptLateness', 'Milliseconds', lateMs);
      // Waiting for an answer and asking to go on are what the target was called for.
      count(outcome === 'failed' ? 'AttemptsFailed' : 'AttemptsSucceeded', 1);
    },
    async during(context, work) {
      begin(context);
      try {
        return await work();
      } finally {
        if (metrics.hasStoredMetrics()) metrics.publishStoredMetrics();
      }
    },
  };
}
