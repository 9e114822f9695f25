import { createTokens } from '../../adapters/crypto/tokens.ts';
import { recurrences } from '../../adapters/recurrence/recurrences.ts';
import { systemClock } from '../../adapters/system-clock.ts';
import { createOrchestrationStore } from '../../application/orchestration-store.ts';
import { createScheduleStore } from '../../application/schedule-store.ts';
import { runners } from '../../runners/registry.ts';
import { answerVariables, callVariables, logVariables, readEnvironment, wakeVariables } from '../environment.ts';
import type { Create } from '../lambda.ts';
import { createTelemetry } from '../telemetry.ts';
import { wakeBatch } from '../wake-batch.ts';
import { wireCalls } from './calls.ts';
import { wireWakes } from './queues.ts';
import { wireKeys } from './secrets.ts';

/** The workers of one lane. Both are the same but for how long a call they may hold. */
export function createWakeFunction(service: 'wake' | 'wakeLong', lane: 'short' | 'long'): Create {
  return async (environment, { clock = systemClock } = {}) => {
    const names = [...logVariables, ...wakeVariables, ...callVariables, ...answerVariables, 'ERRAND_LOG_LEVEL'] as const;
    const values = readEnvironment(environment, names);
    const telemetry = createTelemetry(service, values.ERRAND_LOG_LEVEL);
    const [calls, keys] = await Promise.all([wireCalls(values, clock, telemetry), wireKeys(values, 'ERRAND_TOKEN_KEYS_ARN')]);
    const { storage, ...attempts } = calls;
    const ports = {
      ...attempts,
      schedules: createScheduleStore(storage),
      orchestrations: createOrchestrationStore(storage),
      recurrences,
      outgoing: { ...calls.outgoing, tokens: createTokens(keys), publicUrl: values.ERRAND_PUBLIC_URL },
      runners,
      wakes: wireWakes(values, clock, telemetry),
      lane,
      observe: telemetry.attempt,
    };
    return (event, context) => telemetry.during(context, () => wakeBatch(ports, event, context));
  };
}
