import { systemClock } from '../adapters/system-clock.ts';
import type { Tell } from './log-host.ts';

const everyMs = 2_000;

/** Tells every two seconds how far something has come; `of` is the number of events in all, where it is known. */
export function createProgress(tell: Tell, what: string, of: number | null): (events: number) => void {
  const beganAt = systemClock.monotonic();
  let toldAt = beganAt;
  return (events) => {
    const now = systemClock.monotonic();
    if (now - toldAt < everyMs) return;
    toldAt = now;
    const rate = count(Math.round(events / ((now - beganAt) / 1_000)));
    const all = of === null ? 'events' : `of ${count(of)} events, ${Math.floor((100 * events) / Math.max(1, of))} %`;
    tell(`${what}${count(events)} ${all}, ${rate} a second`);
  };
}

/** With a comma between thousands. */
export function count(value: number): string {
  return value.toLocaleString('en-GB');
}

export function inBrief(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
