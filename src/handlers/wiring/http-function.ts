import { sha256Digest } from '../../adapters/crypto/digest.ts';
import { systemRandom } from '../../adapters/crypto/random.ts';
import { createRandomIds } from '../../adapters/crypto/random-ids.ts';
import { refusedLiteral } from '../../adapters/http/public-address.ts';
import { recurrences } from '../../adapters/recurrence/recurrences.ts';
import { createOrchestrationStore } from '../../application/orchestration-store.ts';
import type { Clock, EventLog, ReadModels, Sealer, Tokens } from '../../application/ports.ts';
import { createScheduleStore } from '../../application/schedule-store.ts';
import { createTaskStore } from '../../application/task-store.ts';
import { runners } from '../../runners/registry.ts';
import { answerGateway } from '../api-gateway.ts';
import { createApi } from '../http/api.ts';
import type { HttpEvent } from '../http/http-types.ts';
import type { Access } from '../http/middleware.ts';
import type { Documentation } from '../http/openapi/documentation.ts';
import { answeredInTime } from '../in-time.ts';
import type { InvocationContext, LambdaHandler } from '../lambda.ts';
import type { Telemetry } from '../telemetry.ts';
import { logOrUnavailable } from '../unavailable.ts';
import { version } from '../version.ts';

export type HttpFunctionPorts = {
  readonly access: Access;
  readonly log: EventLog;
  readonly views: ReadModels;
  readonly sealer: Sealer;
  readonly tokens: Tokens;
  readonly egress: 'any' | 'public';
  readonly documentation: Documentation;
  readonly feedLagMs: () => Promise<number>;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
};

/** The HTTP API behind API Gateway. */
export function createHttpFunction(ports: HttpFunctionPorts): LambdaHandler {
  const { access, views, sealer, tokens, egress, clock, telemetry } = ports;
  const log = logOrUnavailable(ports.log);
  const ids = createRandomIds(clock);
  // Others write the same streams: only a host that alone writes the log may keep what it read.
  const storing = { log, ids, cacheEntries: 0 };
  const api = createApi({
    store: createTaskStore(storing),
    schedules: createScheduleStore(storing),
    orchestrations: createOrchestrationStore(storing),
    recurrences,
    log,
    views,
    clock,
    random: systemRandom,
    ids,
    sealer,
    tokens,
    digest: sha256Digest,
    input: { egress, refusedLiteral, runner: (name) => runners.get(name) ?? null },
    logger: telemetry.logger,
    access,
    version,
    documentation: ports.documentation,
    events: 'unavailable',
    health: async () => ({ host: 'aws' }),
    feedLagMs: ports.feedLagMs,
  });
  const inTime = (context: InvocationContext) => (request: HttpEvent) => answeredInTime(clock, context, api(request));
  return (event, context) => telemetry.during(context, () => answerGateway(inTime(context), event));
}
