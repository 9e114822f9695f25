import { type Reading, refuse } from './reading.ts';

const instant = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(?:Z|([+-])(\d{2}):?(\d{2}))$/i;
const withoutOffset = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?$/i;
const dateOnly = /^\d{4}-\d{2}-\d{2}$/;

const spellings = 'must be an ISO 8601 time with an offset, such as "2026-12-01T09:00:00Z", or a number of milliseconds since 1970';
const impossible = refuse('is not a time that exists');

/** What a Date can hold, to either side of 1970. */
const timeMaxMs = 8.64e15;
/** The Gregorian calendar repeats itself after 400 years. */
const calendarCycleMs = 146_097 * 86_400_000;

function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

function hintFor(text: string): Reading<number> {
  if (dateOnly.test(text)) return refuse('needs a time of day and an offset, such as "2026-12-01T09:00:00Z"');
  if (withoutOffset.test(text)) return refuse('needs an offset: end it with Z or with one such as +01:00');
  if (/^-?\d+$/.test(text)) return refuse('must be given without quotes when it is a number of milliseconds since 1970');
  return refuse(spellings);
}

function readText(text: string): Reading<number> {
  const parts = instant.exec(text);
  if (parts === null) return hintFor(text);
  const [year, month, day, hour, minute] = [Number(parts[1]), Number(parts[2]), Number(parts[3]), Number(parts[4]), Number(parts[5])];
  const second = Number(parts[6] ?? 0);
  const millisecond = Number((parts[7] ?? '').slice(0, 3).padEnd(3, '0'));
  const offsetHour = Number(parts[9] ?? 0);
  const offsetMinute = Number(parts[10] ?? 0);
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return impossible;
  if (hour > 23 || minute > 59 || second > 59 || offsetHour > 23 || offsetMinute > 59) return impossible;
  const offsetMs = (parts[8] === '-' ? -1 : 1) * (offsetHour * 60 + offsetMinute) * 60_000;
  // Date.UTC takes the years 0 to 99 for 1900 to 1999, so the date is looked up one cycle later.
  const local = Date.UTC(year + 400, month - 1, day, hour, minute, second, millisecond) - calendarCycleMs;
  return { ok: true, value: local - offsetMs };
}

/** A time of the contract in epoch milliseconds: ISO 8601 with an offset (finer fractions are cut off), or the number itself. */
export function readTime(value: unknown): Reading<number> {
  if (typeof value === 'string') return readText(value);
  if (typeof value !== 'number') return refuse(spellings);
  if (!Number.isInteger(value) || Math.abs(value) > timeMaxMs) return refuse('must be a whole number of milliseconds since 1970');
  return { ok: true, value: value + 0 };
}

/** Epoch milliseconds the way every answer shows them: `2026-12-01T08:00:00.000Z`. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
