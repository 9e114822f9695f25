import { sqsClient } from '../adapters/aws/clients.ts';
import { systemClock } from '../adapters/system-clock.ts';
import { dispatchBatch } from './dispatch-batch.ts';
import { readEnvironment, wakeVariables } from './environment.ts';
import { type Create, lambdaHandler } from './lambda.ts';
import { createTelemetry } from './telemetry.ts';
import { wireBus } from './wiring/bus.ts';
import { wireRepair, wireWakes } from './wiring/queues.ts';

/** The first reader of the event table's stream: wakes and the bus. */
export const create: Create = async (environment, { clock = systemClock } = {}) => {
  const values = readEnvironment(environment, [
    ...wakeVariables,
    'ERRAND_REPAIR_QUEUE_URL',
    'ERRAND_BUS_NAME',
    'ERRAND_PUBLISHED_TYPES',
    'ERRAND_LOG_LEVEL',
  ]);
  const telemetry = createTelemetry('dispatch', values.ERRAND_LOG_LEVEL);
  const sqs = sqsClient();
  const ports = {
    wakes: wireWakes(values, clock, telemetry, sqs),
    bus: wireBus(values, clock, telemetry),
    publishedTypes: new Set(values.ERRAND_PUBLISHED_TYPES),
    repair: wireRepair(values, clock, sqs),
    clock,
    telemetry,
  };
  return (event, context) => telemetry.during(context, () => dispatchBatch(ports, event));
};

export const handler = lambdaHandler(create);
