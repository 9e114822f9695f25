import { limits } from '../domain/limits.ts';
import { kindOf } from '../domain/streams.ts';
import { endedOf, wakeAt } from '../domain/task/state.ts';
import { attemptTask } from './attempt.ts';
import type { AttemptPorts } from './attempt-ports.ts';
import { deliverCallback } from './callback.ts';
import { isDue } from './early-wake.ts';
import { execute } from './execute.ts';
import { type OrchestrationWakePorts, wakeOrchestration } from './orchestration-looks.ts';
import type { Wake } from './ports.ts';
import { type ScheduleWakePorts, wakeSchedule } from './schedule-looks.ts';

export type WakePorts = AttemptPorts &
  ScheduleWakePorts &
  OrchestrationWakePorts & {
    /** The lane that this host's workers serve; absent where one host serves both. */
    readonly lane?: Wake['lane'];
  };

/**
 * "Look at this stream": folds it and does what its state says is due. A duplicate, late or stale wake does nothing.
 * What a look finds depends on the state alone, never on the wake.
 */
export async function handleWake(ports: WakePorts, wake: Wake): Promise<void> {
  const kind = kindOf(wake.stream);
  switch (kind) {
    case 'task':
      return wakeTask(ports, wake);
    case 'schedule':
      return wakeSchedule(ports, wake);
    case 'orchestration':
      return wakeOrchestration(ports, wake);
    default:
      return kind satisfies never;
  }
}

async function wakeTask(ports: WakePorts, wake: Wake): Promise<void> {
  const loaded = await ports.store.load(wake.stream, wake.version);
  const { state } = loaded;
  const dueAt = wakeAt(state);
  if (dueAt === null) return;
  // The task may have been changed since the wake was sent: these workers would not live to see such a call end.
  if (ports.lane === 'short' && state.status === 'scheduled' && state.definition.timeoutMs > limits.shortLaneTimeoutMs) {
    // If it cannot be sent just now, the task's due row brings the next look.
    await ports.wakes.send([{ ...wake, version: state.version, dueAt, lane: 'long' }]);
    return;
  }
  if (!(await isDue(ports, wake, { version: state.version, dueAt }))) return;
  switch (state.status) {
    case 'scheduled':
      return attemptTask(ports, wake.stream, loaded);
    case 'running':
      // While this process makes the attempt, its end is awaited, not its lease.
      if (ports.underWay.has(wake.stream)) return;
      await execute(ports, { stream: wake.stream, startFrom: loaded, command: expire('expire-lease', ports.random.next()) });
      return;
    case 'waiting':
      await execute(ports, { stream: wake.stream, startFrom: loaded, command: expire('expire-wait', ports.random.next()) });
      return;
    default:
      if (endedOf(state) !== null) await deliverCallback(ports, wake.stream, loaded, false);
  }
}

function expire(type: 'expire-lease' | 'expire-wait', random: number) {
  return (now: number) => ({ type, now, random });
}
