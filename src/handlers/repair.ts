import { dynamoClient, sqsClient } from '../adapters/aws/clients.ts';
import { systemClock } from '../adapters/system-clock.ts';
import { logVariables, readEnvironment, viewVariables, wakeVariables } from './environment.ts';
import { type Create, lambdaHandler } from './lambda.ts';
import { repairBatch } from './repair-batch.ts';
import { createTelemetry } from './telemetry.ts';
import { countingViews } from './views.ts';
import { wireBus } from './wiring/bus.ts';
import { wireLog, wireViews } from './wiring/dynamodb.ts';
import { wireWakes } from './wiring/queues.ts';

/** Takes care of events that could not be dispatched or projected with the stream. */
export const create: Create = async (environment, { clock = systemClock } = {}) => {
  const values = readEnvironment(environment, [
    ...logVariables,
    ...viewVariables,
    ...wakeVariables,
    'ERRAND_BUS_NAME',
    'ERRAND_PUBLISHED_TYPES',
    'ERRAND_LOG_LEVEL',
  ]);
  const telemetry = createTelemetry('repair', values.ERRAND_LOG_LEVEL);
  const dynamo = dynamoClient();
  const sqs = sqsClient();
  const ports = {
    log: wireLog(values, clock, dynamo),
    views: countingViews(wireViews(values, clock, dynamo), telemetry),
    wakes: wireWakes(values, clock, telemetry, sqs),
    bus: wireBus(values, clock, telemetry),
    publishedTypes: new Set(values.ERRAND_PUBLISHED_TYPES),
    clock,
    telemetry,
  };
  return (event, context) => telemetry.during(context, () => repairBatch(ports, event));
};

export const handler = lambdaHandler(create);
