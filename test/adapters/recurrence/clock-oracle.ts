/**
 * What the wall clocks of a zone show, minute by minute, straight from `Intl`, and what the contract makes of it. Written the slow
 * and obvious way, and without anything of the code under test.
 */
const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

export const from = Date.UTC(2026, 0, 1);
export const until = Date.UTC(2037, 0, 1);

const offsets = new Map<string, Intl.DateTimeFormat>();

/** How far ahead of UTC a zone is, in milliseconds, as in "GMT+05:30". */
export function offsetAt(zone: string, instant: number): number {
  let format = offsets.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' });
    offsets.set(zone, format);
  }
  const [, sign, hours, minutes] = /GMT(?:([+-])(\d\d):(\d\d))?$/.exec(format.format(instant)) ?? [];
  return (sign === '-' ? -1 : 1) * (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * minute;
}

/** An instant at which the clock of a zone shows a wall time; one nearby if it never does. */
export function instantShowing(zone: string, wall: number): number {
  const offset = [-day, day].map((shift) => offsetAt(zone, wall + shift)).find((ms) => offsetAt(zone, wall - ms) === ms);
  return wall - (offset ?? offsetAt(zone, wall) + 6 * hour);
}

/** The instants from 2026 to 2036 at which the clocks of a zone change: to the minute, and none are closer than a week. */
export function clockChanges(zone: string): readonly number[] {
  const changes: number[] = [];
  for (let instant = from; instant < until; instant += 7 * day) {
    let [low, high] = [instant, instant + 7 * day];
    const after = offsetAt(zone, high);
    if (offsetAt(zone, low) === after) continue;
    while (high - low > minute) {
      const middle = low + Math.floor((high - low) / minute / 2) * minute;
      if (offsetAt(zone, middle) === after) high = middle;
      else low = middle;
    }
    changes.push(high);
  }
  return changes;
}

export type ClockChange = { readonly zone: string; readonly at: number };

/** Every change of clocks in every zone that the platform knows. */
export function allClockChanges(): readonly ClockChange[] {
  return Intl.supportedValuesOf('timeZone').flatMap((zone) => clockChanges(zone).map((at) => ({ zone, at })));
}

/** The minutes around a clock change, and the wall time that each shows (the same digits in UTC). */
export type Around = { readonly from: number; readonly until: number; readonly shown: readonly number[] };

export function around({ zone, at }: ClockChange): Around {
  const [start, end] = [at - 30 * hour, at + 30 * hour];
  const shown: number[] = [];
  for (let instant = start; instant <= end; instant += minute) shown.push(instant + offsetAt(zone, instant));
  return { from: start, until: end, shown };
}

/** The instants after the first of the window at which a clock that nobody set back or forward would have had a wanted time to run. */
export function fixedRuns({ from: start, shown }: Around, wanted: (wall: number) => boolean): readonly number[] {
  const runs: number[] = [];
  let reached = shown[0] ?? 0;
  shown.forEach((wall, index) => {
    let due = false;
    for (; reached < wall; reached += minute) due = wanted(reached + minute) || due;
    if (due) runs.push(start + index * minute);
  });
  return runs;
}

/** The instants after the first of the window at which the clock shows a wanted time. */
export function shownRuns({ from: start, shown }: Around, wanted: (wall: number) => boolean): readonly number[] {
  return shown.flatMap((wall, index) => (index > 0 && wanted(wall) ? [start + index * minute] : []));
}
