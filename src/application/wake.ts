import { limits } from '../domain/limits.ts';
import { endedOf, wakeAt } from '../domain/task/state.ts';
import { attemptTask } from './attempt.ts';
import type { AttemptPorts } from './attempt-ports.ts';
import { deliverCallback } from './callback.ts';
import { execute } from './execute.ts';
import type { Wake, WakeQueue } from './ports.ts';

export type WakePorts = AttemptPorts & {
  readonly wakes: WakeQueue;
  /** The lane that this host's workers serve; absent where one host serves both. */
  readonly lane?: Wake['lane'];
};

/**
 * "Look at this stream": folds it and does what its state says is due. A duplicate, late or stale wake does nothing.
 * One that is a little early is waited out; an earlier one is sent again, but only by the newest version's wake,
 * as a newer event has a wake or a due row of its own.
 */
export async function handleWake(ports: WakePorts, wake: Wake): Promise<void> {
  const { clock, store } = ports;
  const loaded = await store.load(wake.stream, wake.version);
  const { state } = loaded;
  const dueAt = wakeAt(state);
  if (dueAt === null) return;
  // The task may have been changed since the wake was sent: these workers would not live to see such a call end.
  if (ports.lane === 'short' && state.status === 'scheduled' && state.definition.timeoutMs > limits.shortLaneTimeoutMs) {
    // If it cannot be sent just now, the task's due row brings the next look.
    await ports.wakes.send([{ ...wake, version: state.version, dueAt, lane: 'long' }]);
    return;
  }
  // A timer may fire within the millisecond before its time, and the clock may be set meanwhile: it is asked again.
  for (let early = dueAt - clock.now(); early > 0; early = dueAt - clock.now()) {
    if (early > limits.wakeEarlyMs) {
      if (wake.version === state.version) await ports.wakes.send([{ ...wake, dueAt }]);
      return;
    }
    await clock.sleep(early);
  }
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
