import { secretsClient } from '../adapters/aws/clients.ts';
import { createSealer } from '../adapters/crypto/sealer.ts';
import { createTokens } from '../adapters/crypto/tokens.ts';
import { systemClock } from '../adapters/system-clock.ts';
import type { ReadModels } from '../application/ports.ts';
import { accessOf } from './access.ts';
import { accessVariables, logVariables, readEnvironment } from './environment.ts';
import type { Documentation } from './http/openapi/documentation.ts';
import { type Create, lambdaHandler } from './lambda.ts';
import { notHere } from './not-here.ts';
import { createTelemetry } from './telemetry.ts';
import { wireLog } from './wiring/dynamodb.ts';
import { createHttpFunction } from './wiring/http-function.ts';
import { wireKeys } from './wiring/secrets.ts';

/** Everything below /tasks that changes something: POST, PUT, PATCH and DELETE. It has no use for the read models. */
export const create: Create = async (environment, { clock = systemClock } = {}) => {
  const values = readEnvironment(environment, [
    ...logVariables,
    ...accessVariables,
    'ERRAND_SEALING_KEYS_ARN',
    'ERRAND_TOKEN_KEYS_ARN',
    'ERRAND_EGRESS',
    'ERRAND_LOG_LEVEL',
  ]);
  const telemetry = createTelemetry('commands', values.ERRAND_LOG_LEVEL);
  const client = secretsClient();
  const [sealing, token] = await Promise.all([
    wireKeys(values, 'ERRAND_SEALING_KEYS_ARN', client),
    wireKeys(values, 'ERRAND_TOKEN_KEYS_ARN', client),
  ]);
  return createHttpFunction({
    access: accessOf(values),
    log: wireLog(values, clock),
    views: notHere<ReadModels>('read models', ['read', 'write', 'due', 'list', 'statistics']),
    sealer: createSealer(sealing),
    tokens: createTokens(token),
    egress: values.ERRAND_EGRESS,
    documentation: notHere<Documentation>('documentation', ['openApi', 'page']),
    feedLagMs: () => Promise.reject(new Error('this function has no read models')),
    clock,
    telemetry,
  });
};

export const handler = lambdaHandler(create);
