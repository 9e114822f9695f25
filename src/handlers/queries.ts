import { dynamoClient } from '../adapters/aws/clients.ts';
import { systemClock } from '../adapters/system-clock.ts';
import type { Sealer, Tokens } from '../application/ports.ts';
import { accessOf } from './access.ts';
import { accessVariables, logVariables, readEnvironment, viewVariables } from './environment.ts';
import { feedLagMs } from './feed-lag.ts';
import { documentation } from './http/openapi/documentation.ts';
import { type Create, lambdaHandler } from './lambda.ts';
import { notHere } from './not-here.ts';
import { createTelemetry } from './telemetry.ts';
import { viewsOrUnavailable } from './unavailable.ts';
import { wireLog, wireViews } from './wiring/dynamodb.ts';
import { createHttpFunction } from './wiring/http-function.ts';

/** Everything that changes nothing, and whatever finds no other route. It needs no secret: reads mask what is sealed. */
export const create: Create = async (environment, { clock = systemClock } = {}) => {
  const values = readEnvironment(environment, [...logVariables, ...viewVariables, ...accessVariables, 'ERRAND_LOG_LEVEL']);
  const telemetry = createTelemetry('queries', values.ERRAND_LOG_LEVEL);
  const client = dynamoClient();
  const log = wireLog(values, clock, client);
  const views = viewsOrUnavailable(wireViews(values, clock, client));
  return createHttpFunction({
    access: accessOf(values),
    log,
    views,
    sealer: notHere<Sealer>('sealing keys', ['seal', 'open', 'holds', 'fingerprint', 'matches']),
    tokens: notHere<Tokens>('token keys', ['make', 'read']),
    // Decides about creates only.
    egress: 'public',
    documentation,
    feedLagMs: () => feedLagMs({ log, views, clock }),
    clock,
    telemetry,
  });
};

export const handler = lambdaHandler(create);
