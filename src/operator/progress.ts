import { systemClock } from '../adapters/system-clock.ts';
import type { Tell } from './log-host.ts';

const everyMs = 2_000;

/** Tells every two seconds how far something has come; `of` is the number in all, where it is known. */
export function createProgress(tell: Tell, what: string, of: number | null, unit = 'events'): (done: number) => void {
  const beganAt = systemClock.monotonic();
  let toldAt = beganAt;
  return (done) => {
    const now = systemClock.monotonic();
    if (now - toldAt < everyMs) return;
    toldAt = now;
    const rate = count(Math.round(done / ((now - beganAt) / 1_000)));
    const all = of === null ? unit : `of ${count(of)} ${unit}, ${Math.floor((100 * done) / Math.max(1, of))} %`;
    tell(`${what}${count(done)} ${all}, ${rate} a second`);
  };
}

/** With a comma between thousands. */
export function count(value: number): string {
  return value.toLocaleString('en-GB');
}

export function inBrief(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
