import { limits } from '../domain/limits.ts';
import type { Clock, Wake, WakeQueue } from './ports.ts';

/**
 * Whether what a stream is woken for is due. A wake that is a little early is waited out; an earlier one is sent again, but only by
 * the wake of the newest version or of the very time, as a newer event that changes the time has a wake or a due row of its own.
 */
export async function isDue(
  { clock, wakes }: { readonly clock: Clock; readonly wakes: WakeQueue },
  wake: Wake,
  stream: { readonly version: number; readonly dueAt: number },
): Promise<boolean> {
  const { version, dueAt } = stream;
  // A timer may fire within the millisecond before its time, and the clock may be set meanwhile: it is asked again.
  for (let early = dueAt - clock.now(); early > 0; early = dueAt - clock.now()) {
    if (early > limits.wakeEarlyMs) {
      if (wake.version === version || wake.dueAt === dueAt) await wakes.send([{ ...wake, dueAt }]);
      return false;
    }
    await clock.sleep(early);
  }
  return true;
}
