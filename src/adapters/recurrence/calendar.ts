import type { WallTimes } from './wall-times.ts';

const day = 86_400_000;

/** A sequence of wall times by number, rising; the anchor is number 0. */
type Numbered = {
  wallOf(number: number): number;
  /** The number of the last one at or before a wall time; negative before the anchor. */
  numberAt(wall: number): number;
};

function everyDays(anchor: number, days: number): Numbered {
  return {
    wallOf: (number) => anchor + number * days * day,
    numberAt: (wall) => Math.floor((wall - anchor) / (days * day)),
  };
}

/** The anchor's day of the month, or the last day of a month that is shorter; the anchor itself never moves. */
function everyMonth(anchor: number): Numbered {
  const first = new Date(anchor);
  const timeOfDay = anchor - Math.floor(anchor / day) * day;
  const wallOf = (number: number): number => {
    const [year, month] = [first.getUTCFullYear(), first.getUTCMonth() + number];
    const lastDate = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
    return Date.UTC(year, month, Math.min(first.getUTCDate(), lastDate)) + timeOfDay;
  };
  return {
    wallOf,
    numberAt(wall) {
      const at = new Date(wall);
      const months = (at.getUTCFullYear() - first.getUTCFullYear()) * 12 + at.getUTCMonth() - first.getUTCMonth();
      return wallOf(months) <= wall ? months : months - 1;
    },
  };
}

/** The wall times after the anchor, which is a wall time as in `Zone`: one a day, a week or a month. */
export function calendarTimes(kind: 'daily' | 'weekly' | 'monthly', anchor: number): WallTimes {
  const { wallOf, numberAt } = kind === 'monthly' ? everyMonth(anchor) : everyDays(anchor, kind === 'weekly' ? 7 : 1);
  const numberFrom = (wall: number): number => Math.max(0, numberAt(wall));
  return {
    after: (wall) => wallOf(numberFrom(wall) + 1),
    before(wall) {
      const number = numberAt(wall - 1);
      return number < 1 ? null : wallOf(number);
    },
    count: (after, upTo) => Math.max(0, numberFrom(upTo) - numberFrom(after)),
  };
}
