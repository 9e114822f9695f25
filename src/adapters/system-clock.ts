import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '../application/ports.ts';

/** A timer with a longer delay fires at once (Node's setTimeout counts in 32 bits). */
const longestDelayMs = 2 ** 31 - 1;

async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  for (let left = ms; left > 0 && !signal?.aborted; left -= longestDelayMs) {
    // The only rejection is the abort, which ends the sleep like any other end.
    await wait(Math.min(left, longestDelayMs), undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
  }
}

/**
 * The clocks of this machine. The monotonic one never goes back and does not follow corrections of the wall clock.
 * A sleep may end a millisecond early, as timers do; who must not be early looks at the clock again.
 */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep,
};
