import type { Period, Zone } from './zone.ts';

/** A rule on a wall clock that never changes. Wall times are written as in `Zone`; null where there is none. */
export type WallTimes = {
  /** The first wall time after the given one. */
  after(wall: number): number | null;
  /** The last wall time before the given one. */
  before(wall: number): number | null;
  /** How many wall times lie after `after`, up to and including `upTo`. */
  count(after: number, upTo: number): number;
};

/** The instants at which such a rule runs in a zone. Epoch milliseconds. */
export type Instants = {
  after(instant: number): number | null;
  /** The newest at or before the given one. */
  upTo(instant: number): number | null;
  count(after: number, upTo: number): number;
};

/** No clock was ever moved by more than a day and a bit (Samoa left out a day in 2011). */
const widestShiftMs = 26 * 3_600_000;
/** The furthest that a clock is ahead of UTC is 14 hours. */
const furthestAheadMs = 15 * 3_600_000;

const next = (zone: Zone, { until }: Period): Period => zone.periodAt(until);
const previous = (zone: Zone, { from }: Period): Period => zone.periodAt(from - 1);

/** The highest wall time that the clock has shown up to an instant: behind it lies what has had its turn. */
function highestShown(zone: Zone, instant: number): number {
  let period = zone.periodAt(instant);
  let highest = instant + period.offsetMs;
  while (period.from > instant - widestShiftMs) {
    const before = previous(zone, period);
    highest = Math.max(highest, period.from - 1 + before.offsetMs);
    period = before;
  }
  return highest;
}

/**
 * Fixed times: each wall time runs once, at the first instant at which the clock has come that far. So a time that occurs twice runs the
 * first time, one that does not exist runs at the first instant after the gap, and two that fall on one instant run once.
 */
export function fixedTimes(zone: Zone, walls: WallTimes): Instants {
  const instantOf = (wall: number): number => {
    let period = zone.periodAt(wall - furthestAheadMs);
    while (period.until + period.offsetMs <= wall) period = next(zone, period);
    return Math.max(period.from, wall - period.offsetMs);
  };
  return {
    after(instant) {
      const wall = walls.after(highestShown(zone, instant));
      return wall === null ? null : instantOf(wall);
    },
    upTo(instant) {
      const wall = walls.before(highestShown(zone, instant) + 1);
      return wall === null ? null : instantOf(wall);
    },
    count(after, upTo) {
      if (upTo <= after) return 0;
      let count = walls.count(highestShown(zone, after), highestShown(zone, upTo));
      for (let period = zone.periodAt(after); period.until <= upTo; period = next(zone, period)) {
        const { offsetMs } = next(zone, period);
        if (offsetMs <= period.offsetMs) continue;
        // All that the clock jumped over runs at one instant.
        count -= Math.max(0, walls.count(highestShown(zone, period.until - 1), period.until + offsetMs) - 1);
      }
      return count;
    },
  };
}

/** Times that follow real time: every instant at which the clock shows one of them, so never in a gap and both times in a repetition. */
export function shownTimes(zone: Zone, walls: WallTimes): Instants {
  return {
    after(instant) {
      let period = zone.periodAt(instant);
      let shown = instant + period.offsetMs;
      for (;;) {
        const wall = walls.after(shown);
        if (wall === null) return null;
        if (wall - period.offsetMs < period.until) return wall - period.offsetMs;
        period = next(zone, period);
        shown = period.from + period.offsetMs - 1;
      }
    },
    upTo(instant) {
      let period = zone.periodAt(instant);
      let shown = instant + period.offsetMs + 1;
      for (;;) {
        const wall = walls.before(shown);
        if (wall === null) return null;
        if (wall - period.offsetMs >= period.from) return wall - period.offsetMs;
        shown = period.from;
        period = previous(zone, period);
        shown += period.offsetMs;
      }
    },
    count(after, upTo) {
      let count = 0;
      let counted = after;
      while (counted < upTo) {
        const { until, offsetMs } = zone.periodAt(counted + 1);
        const end = Math.min(upTo, until - 1);
        count += walls.count(counted + offsetMs, end + offsetMs);
        counted = end;
      }
      return count;
    },
  };
}
