import { Cron, CronPattern } from 'croner';

const day = 86_400_000;

/** The days that an expression means, numbered from 1970-01-01. */
export type Days = {
  has(date: number): boolean;
  /** The first one after the given day; null if none ever comes. */
  after(date: number): number | null;
  /** The last one before the given day. */
  before(date: number): number | null;
  /** How many lie after `after`, up to and including `upTo`. */
  count(after: number, upTo: number): number;
};

/** Of one kind of year: the days that are meant, counted from 0 on the first of January, and how many of them come before each day. */
type Kind = { readonly days: readonly number[]; readonly before: readonly number[] };
/** A year from its first day up to the first one of the next. */
type Year = { readonly first: number; readonly end: number };

/** The Gregorian calendar repeats itself after so many years: what does not come within them never does. */
const cycleYears = 400;
/** Expressions share what they say of days. A kind of year takes some kilobytes; a cache that is full is emptied. */
const cachedDayFields = 1_000;
const compiled = new Map<string, Days>();

/** The days of the last three fields of an expression: day of month, month, day of week. */
export function daysOf(fields: readonly string[]): Days {
  const text = fields.join(' ');
  const known = compiled.get(text);
  if (known !== undefined) return known;
  const { starDOM, starDOW, month } = new CronPattern(`0 0 0 ${text}`, undefined, { mode: '6-part' });
  const days = starDOM && starDOW && month.every((bit) => bit === 1) ? everyDay : someDays(text);
  if (compiled.size >= cachedDayFields) compiled.clear();
  compiled.set(text, days);
  return days;
}

const everyDay: Days = { has: () => true, after: (date) => date + 1, before: (date) => date - 1, count: (after, upTo) => upTo - after };

/**
 * Which days of a year are meant depends on two things alone: the weekday that it begins with, and whether it is a leap year. So croner is
 * asked at most once for each of those fourteen kinds, about a year of that kind, and the rest is looked up.
 */
function someDays(text: string): Days {
  const midnights = new Cron(`0 0 0 ${text}`, { paused: true, mode: '6-part', utcOffset: 0 });
  const kinds = new Map<number, Kind>();
  const kindOf = (year: Year): Kind => {
    const name = nameOf(year);
    const known = kinds.get(name);
    if (known !== undefined) return known;
    const made = daysIn(midnights, alike(name));
    kinds.set(name, made);
    return made;
  };
  // Almost every question is about the year that the one before was about.
  let latest = { ...yearOf(0), kind: kindOf(yearOf(0)) };
  const at = (date: number): typeof latest => {
    if (date >= latest.first && date < latest.end) return latest;
    const year = yearOf(date);
    latest = { ...year, kind: kindOf(year) };
    return latest;
  };

  return {
    has(date) {
      const { first, kind } = at(date);
      return kind.days[kind.before[date - first] ?? 0] === date - first;
    },
    after(date) {
      let { first, end, kind } = at(date + 1);
      let passed = kind.before[date + 1 - first] ?? 0;
      for (let years = 0; years <= cycleYears; years += 1) {
        const found = kind.days[passed];
        if (found !== undefined) return first + found;
        ({ first, end, kind } = at(end));
        passed = 0;
      }
      return null;
    },
    before(date) {
      let { first, kind } = at(date);
      let passed = kind.before[date - first] ?? 0;
      for (let years = 0; years <= cycleYears; years += 1) {
        const found = kind.days[passed - 1];
        if (found !== undefined) return first + found;
        ({ first, kind } = at(first - 1));
        passed = kind.days.length;
      }
      return null;
    },
    count(after, upTo) {
      let count = 0;
      for (let from = after + 1; from <= upTo; ) {
        const { first, end, kind } = at(from);
        const passed = upTo + 1 < end ? (kind.before[upTo + 1 - first] ?? 0) : kind.days.length;
        count += passed - (kind.before[from - first] ?? 0);
        from = end;
      }
      return count;
    },
  };
}

/** The same number for the years of a kind. */
function nameOf({ first, end }: Year): number {
  return (end - first) * 7 + new Date(first * day).getUTCDay();
}

/** A year of that kind: of 28 in a row, with no century without a leap day among them, there is one of each. */
function alike(name: number): Year {
  let year = yearOf(0);
  while (nameOf(year) !== name) year = yearOf(year.end);
  return year;
}

function daysIn(midnights: Cron, { first, end }: Year): Kind {
  const days: number[] = [];
  const before: number[] = [];
  for (let date = first; date < end; date += 1) {
    before.push(days.length);
    if (midnights.match(new Date(date * day))) days.push(date - first);
  }
  return { days, before };
}

/** The year that a day lies in. */
function yearOf(date: number): Year {
  const year = new Date(date * day).getUTCFullYear();
  return { first: firstOf(year), end: firstOf(year + 1) };
}

/** The day on which a year begins. */
function firstOf(year: number): number {
  // Date.UTC takes the years 0 to 99 for those of the last century.
  return new Date(0).setUTCFullYear(year, 0, 1) / day;
}
