import { dynamoClient, sqsClient } from '../adapters/aws/clients.ts';
import { queueBacklog } from '../adapters/aws/queue-backlog.ts';
import { createSweepMarks } from '../adapters/aws/sweep-marks.ts';
import { systemRandom } from '../adapters/crypto/random.ts';
import { systemClock } from '../adapters/system-clock.ts';
import { readEnvironment, viewVariables, wakeVariables } from './environment.ts';
import { type Create, lambdaHandler } from './lambda.ts';
import { sweepRun } from './sweep-run.ts';
import { createTelemetry } from './telemetry.ts';
import { wireViews } from './wiring/dynamodb.ts';
import { wireWakes } from './wiring/queues.ts';

/** Every minute: loads what comes due from the due index into the queues, and heals what was lost on the way. */
export const create: Create = async (environment, { clock = systemClock } = {}) => {
  const values = readEnvironment(environment, [...viewVariables, ...wakeVariables, 'ERRAND_LOG_LEVEL']);
  const telemetry = createTelemetry('sweep', values.ERRAND_LOG_LEVEL);
  const dynamo = dynamoClient();
  const sqs = sqsClient();
  const views = wireViews(values, clock, dynamo);
  const queueUrls = [values.ERRAND_WAKE_QUEUE_URL, values.ERRAND_WAKE_LONG_QUEUE_URL];
  const ports = {
    due: (query: Parameters<typeof views.due>[0]) => views.due(query),
    wakes: wireWakes(values, clock, telemetry, sqs),
    marks: createSweepMarks({
      client: dynamo,
      viewsTable: values.ERRAND_VIEWS_TABLE,
      sleep: (ms) => clock.sleep(ms),
      random: () => systemRandom.next(),
    }),
    backlog: () => queueBacklog(sqs, queueUrls),
    clock,
    telemetry,
  };
  return (_event, context) => telemetry.during(context, () => sweepRun(ports, context));
};

export const handler = lambdaHandler(create);
