import { systemClock } from '../../../src/adapters/system-clock.ts';
import type { Clock } from '../../../src/application/ports.ts';

/** The clocks of this machine, set forward: time passes as it does, and a test lets more of it pass at once. Sleeps are real. */
export type ShiftedClock = Clock & {
  /** Milliseconds that it is ahead of the machine. */
  readonly aheadMs: number;
  pass(ms: number): void;
};

export function createShiftedClock(): ShiftedClock {
  let aheadMs = 0;
  return {
    now: () => systemClock.now() + aheadMs,
    monotonic: () => systemClock.monotonic() + aheadMs,
    sleep: systemClock.sleep,
    get aheadMs() {
      return aheadMs;
    },
    pass(ms) {
      aheadMs += ms;
    },
  };
}
