import type { Clock, HttpCaller } from '../application/ports.ts';

export type ClosableCaller = HttpCaller & { close(): Promise<void> };

/** Below the idle time of any server worth the name, above the pause between two batches of a busy function. */
const pauseMs = 1_000;

/**
 * Lambda freezes a process between invocations, for minutes perhaps. Its kept connections are closed at the far end meanwhile, of which
 * a frozen process hears nothing, and the next call on one would cost its task an attempt. So whoever has made no call for a while starts
 * with new connections; while batches follow each other they are kept.
 */
export function withFreshConnections(clock: Pick<Clock, 'now'>, make: () => ClosableCaller): HttpCaller {
  let caller = make();
  let underWay = 0;
  let lastAt = clock.now();
  return {
    async call(request) {
      // Whichever way the clock went: an hour set back is no proof that no time has passed.
      if (underWay === 0 && Math.abs(clock.now() - lastAt) > pauseMs) {
        void caller.close();
        caller = make();
      }
      underWay += 1;
      try {
        return await caller.call(request);
      } finally {
        underWay -= 1;
        lastAt = clock.now();
      }
    },
  };
}
