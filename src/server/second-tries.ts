import { LogUnavailable } from '../application/log-unavailable.ts';
import type { Logger, Wake, WakeQueue } from '../application/ports.ts';
import { systemTimers, type Timer, type Timers } from './timers.ts';

/** As many wakes as are worth keeping; the sweep finds the others. */
const keptWakes = 10_000;
const againAfterMs = 5_000;

/** Wakes that found the log out of reach: told of once and sent again together, some seconds later. */
export type SecondTries = {
  /** What became of a wake that failed: true if it will be sent again. */
  take(wake: Wake, error: unknown): boolean;
  stop(): void;
};

/**
 * A full disk, say, passes in seconds, while the sweep looks at what was lost a minute or more later, and at a schedule two: too late for
 * what it had to run meanwhile. Other failures are not helped by coming again soon.
 */
export function createSecondTries({
  wakes,
  logger,
  timers = systemTimers,
}: {
  readonly wakes: WakeQueue;
  readonly logger: Logger;
  readonly timers?: Timers;
}): SecondTries {
  let kept: Wake[] = [];
  let lastError = '';
  let timer: Timer | undefined;

  function sendAgain(): void {
    const again = kept;
    kept = [];
    timer = undefined;
    logger.error('wakes could not be handled, as the log could not be reached; they are tried again', {
      wakes: again.length,
      error: lastError,
    });
    void wakes.send(again);
  }

  return {
    take(wake, error) {
      if (!(error instanceof LogUnavailable) || kept.length >= keptWakes) return false;
      kept.push(wake);
      lastError = String(error);
      timer ??= timers.after(againAfterMs, sendAgain);
      return true;
    },
    stop: () => timer?.cancel(),
  };
}
