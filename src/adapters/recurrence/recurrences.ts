import type { Recurrences, Span } from '../../application/ports.ts';
import { limits } from '../../domain/limits.ts';
import type { Recurrence, RecurrenceProblem } from '../../domain/schedule/recurrence.ts';
import { calendarTimes } from './calendar.ts';
import { cronProblem, cronTimes } from './cron.ts';
import { fixedTimes, type Instants, shownTimes } from './wall-times.ts';
import { type Zone, zoneNamed } from './zone.ts';

/** The times of recurrences by the platform's zone data (`Intl`) and, for cron expressions, croner. Holds nothing but caches. */
export const recurrences: Recurrences = {
  problems({ rule, timezone }) {
    const problems: RecurrenceProblem[] = [];
    if (zoneNamed(timezone) === null) {
      problems.push({ field: 'timezone', message: `"${timezone}" is no IANA time zone: write a name such as "Europe/Athens" or "UTC"` });
    }
    const cron = rule.kind === 'cron' ? cronProblem(rule.expression) : null;
    if (cron !== null) problems.push({ field: 'cron', message: cron });
    if (rule.kind === 'every') {
      const { scheduleIntervalMinMs: least, scheduleIntervalMaxMs: most } = limits;
      const good = Number.isSafeInteger(rule.intervalMs) && rule.intervalMs >= least && rule.intervalMs <= most;
      if (!good) problems.push({ field: 'every', message: `must be whole milliseconds between ${least} and ${most}` });
    }
    return problems;
  },

  after(recurrence, after, limit) {
    const { anchorAt, endAt } = recurrence;
    const instants = instantsOf(recurrence);
    const found: number[] = [];
    let time = instants.after(Math.max(after, anchorAt - 1));
    while (time !== null && found.length < limit && (endAt === null || time <= endAt)) {
      found.push(time);
      time = found.length < limit ? instants.after(time) : null;
    }
    return found;
  },

  last(recurrence, span, limit) {
    const { after, upTo } = within(recurrence, span);
    const instants = instantsOf(recurrence);
    const found: number[] = [];
    let time = upTo > after ? instants.upTo(upTo) : null;
    while (time !== null && time > after && found.length < limit) {
      found.push(time);
      time = found.length < limit ? instants.upTo(time - 1) : null;
    }
    return found;
  },

  count(recurrence, span) {
    const { after, upTo } = within(recurrence, span);
    return upTo > after ? instantsOf(recurrence).count(after, upTo) : 0;
  },
};

/** The part of a span between the anchor and the end. */
function within({ anchorAt, endAt }: Recurrence, { after, upTo }: Span): Span {
  return { after: Math.max(after, anchorAt - 1), upTo: endAt === null ? upTo : Math.min(upTo, endAt) };
}

function instantsOf({ rule, timezone, anchorAt }: Recurrence): Instants {
  if (rule.kind === 'every') return elapsed(anchorAt, rule.intervalMs);
  const zone = zoneNamed(timezone);
  if (zone === null) throw new RangeError(`this host knows no time zone "${timezone}"`);
  if (rule.kind === 'cron') {
    const { walls, follows } = cronTimes(rule.expression);
    return follows === 'real-time' ? shownTimes(zone, walls) : fixedTimes(zone, walls);
  }
  return anchored(anchorAt, fixedTimes(zone, calendarTimes(rule.kind, wallAt(zone, anchorAt))));
}

function wallAt(zone: Zone, instant: number): number {
  return instant + zone.periodAt(instant).offsetMs;
}

function elapsed(anchorAt: number, intervalMs: number): Instants {
  const numberAt = (instant: number): number => Math.max(-1, Math.floor((instant - anchorAt) / intervalMs));
  return {
    after: (instant) => anchorAt + (numberAt(instant) + 1) * intervalMs,
    upTo: (instant) => (instant < anchorAt ? null : anchorAt + numberAt(instant) * intervalMs),
    count: (after, upTo) => numberAt(upTo) - numberAt(after),
  };
}

/** The anchor itself is the first time, also one that the clock shows for the second time; the later ones follow its wall clock. */
function anchored(anchorAt: number, later: Instants): Instants {
  return {
    after: (instant) => (instant < anchorAt ? anchorAt : later.after(instant)),
    upTo(instant) {
      return instant < anchorAt ? null : (later.upTo(instant) ?? anchorAt);
    },
    count(after, upTo) {
      if (upTo < anchorAt) return 0;
      return (after < anchorAt ? 1 : 0) + later.count(Math.max(after, anchorAt), upTo);
    },
  };
}
