import type { Recurrence, RecurrenceRule } from '../../../src/domain/schedule/recurrence.ts';
import { type Around, type ClockChange, fixedRuns, instantShowing, offsetAt, shownRuns } from './clock-oracle.ts';

const day = 86_400_000;

/** A recurrence around a clock change, and when the contract says that it runs there. */
export type Case = { readonly recurrence: Recurrence; readonly expected: readonly number[] };

export type CronShape = {
  readonly minutes: readonly number[];
  /** How the minutes are written: a list, or `*` and steps for the sets that these stand for. */
  readonly minuteText: string;
  readonly hours: readonly number[];
  readonly hourText: string;
  /** Days of the month and of the week; empty for a star. */
  readonly dates: readonly number[];
  readonly weekdays: readonly number[];
};

export function cronCase(change: ClockChange, window: Around, shape: CronShape): Case {
  const { minutes, hours, dates, weekdays } = shape;
  const wanted = (wall: number): boolean => {
    const at = new Date(wall);
    if (!minutes.includes(at.getUTCMinutes()) || !hours.includes(at.getUTCHours())) return false;
    if (dates.length === 0 && weekdays.length === 0) return true;
    return dates.includes(at.getUTCDate()) || weekdays.includes(at.getUTCDay());
  };
  const list = (numbers: readonly number[]) => (numbers.length === 0 ? '*' : numbers.join(','));
  const expression = `${shape.minuteText} ${shape.hourText} ${list(dates)} * ${list(weekdays)}`;
  const runs = shape.hourText.startsWith('*') ? shownRuns : fixedRuns;
  return { recurrence: bound({ kind: 'cron', expression }, change, 0), expected: runs(window, wanted) };
}

/** A day, week or month counted from an anchor some days before the window that shows the given time of day. */
export function calendarCase(
  change: ClockChange,
  window: Around,
  {
    kind,
    daysBefore,
    minuteOfDay,
  }: { readonly kind: 'daily' | 'weekly' | 'monthly'; readonly daysBefore: number; readonly minuteOfDay: number },
): Case {
  const first = window.shown[0] ?? 0;
  const anchorAt = instantShowing(change.zone, Math.floor(first / day) * day + minuteOfDay * 60_000 - (daysBefore + 1) * day);
  const anchor = anchorAt + offsetAt(change.zone, anchorAt);
  const anchorDate = new Date(anchor).getUTCDate();
  const wanted = (wall: number): boolean => {
    const since = wall - anchor;
    if (since % day !== 0) return false;
    if (kind !== 'monthly') return (since / day) % (kind === 'weekly' ? 7 : 1) === 0;
    const at = new Date(wall);
    const lastDate = new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 0)).getUTCDate();
    return at.getUTCDate() === Math.min(anchorDate, lastDate);
  };
  return { recurrence: bound({ kind }, change, anchorAt), expected: fixedRuns(window, wanted) };
}

function bound(rule: RecurrenceRule, { zone }: ClockChange, anchorAt: number): Recurrence {
  return { rule, timezone: zone, anchorAt, endAt: null };
}
