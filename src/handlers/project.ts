import { dynamoClient, sqsClient } from '../adapters/aws/clients.ts';
import { systemClock } from '../adapters/system-clock.ts';
import { logVariables, readEnvironment, viewVariables, wakeVariables } from './environment.ts';
import { type Create, lambdaHandler } from './lambda.ts';
import { projectBatch } from './project-batch.ts';
import { createTelemetry } from './telemetry.ts';
import { countingViews } from './views.ts';
import { wireLog, wireViews } from './wiring/dynamodb.ts';
import { wireRepair, wireWakes } from './wiring/queues.ts';

/** The second reader of the event table's stream: the read models, and with them the due index. */
export const create: Create = async (environment, { clock = systemClock } = {}) => {
  const values = readEnvironment(environment, [
    ...logVariables,
    ...viewVariables,
    ...wakeVariables,
    'ERRAND_REPAIR_QUEUE_URL',
    'ERRAND_LOG_LEVEL',
  ]);
  const telemetry = createTelemetry('project', values.ERRAND_LOG_LEVEL);
  const dynamo = dynamoClient();
  const sqs = sqsClient();
  const ports = {
    log: wireLog(values, clock, dynamo),
    views: countingViews(wireViews(values, clock, dynamo), telemetry),
    wakes: wireWakes(values, clock, telemetry, sqs),
    repair: wireRepair(values, clock, sqs),
    clock,
    telemetry,
  };
  return (event, context) => telemetry.during(context, () => projectBatch(ports, event));
};

export const handler = lambdaHandler(create);
