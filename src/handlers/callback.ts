import { systemClock } from '../adapters/system-clock.ts';
import type { Tokens } from '../application/ports.ts';
import { callbackBatch } from './callback-batch.ts';
import { callVariables, logVariables, readEnvironment } from './environment.ts';
import { type Create, lambdaHandler } from './lambda.ts';
import { notHere } from './not-here.ts';
import { createTelemetry } from './telemetry.ts';
import { wireCalls } from './wiring/calls.ts';

/** Makes the first try of callbacks, fed by a rule of the bus. Nobody answers a callback later, so it makes no tokens. */
export const create: Create = async (environment, { clock = systemClock } = {}) => {
  const values = readEnvironment(environment, [...logVariables, ...callVariables, 'ERRAND_LOG_LEVEL']);
  const telemetry = createTelemetry('callback', values.ERRAND_LOG_LEVEL);
  const calls = await wireCalls(values, clock, telemetry);
  const ports = {
    ...calls,
    outgoing: { ...calls.outgoing, tokens: notHere<Tokens>('token keys', ['make', 'read']), publicUrl: '' },
  };
  return (event, context) => telemetry.during(context, () => callbackBatch(ports, event, context));
};

export const handler = lambdaHandler(create);
