const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const plainDuration = /^(\d{1,15}(?:\.\d{1,9})?)(ms|s|m|h|d)$/;
const isoDuration = /^P(?:(\d{1,9})W)?(?:(\d{1,9})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d{1,9})?)S)?)?$/;

/** "250ms", "1.5h", "7d" or ISO 8601 without years and months ("PT15M") in milliseconds; null if the text is neither. */
export function readDuration(text: string): number | null {
  const plain = plainDuration.exec(text);
  if (plain !== null) return Math.round(Number(plain[1]) * (unitMs[plain[2] ?? ''] ?? Number.NaN));
  const iso = isoDuration.exec(text);
  if (iso === null || text === 'P' || text.endsWith('T')) return null;
  const [weeks = 0, days = 0, hours = 0, minutes = 0, seconds = 0] = iso.slice(1).map((part) => Number(part ?? 0));
  return Math.round((weeks * 7 + days) * 86_400_000 + hours * 3_600_000 + minutes * 60_000 + seconds * 1_000);
}

const isoTimePattern = /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(?:([Zz])|([+-])(\d{2}):?(\d{2}))$/;

/** An ISO 8601 time with an offset, in epoch milliseconds; null for anything else, impossible dates included. */
export function readTime(text: string): number | null {
  const parts = isoTimePattern.exec(text);
  if (parts === null) return null;
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const ms = Number((parts[7] ?? '').padEnd(3, '0').slice(0, 3));
  const offsetHours = Number(parts[10] ?? 0);
  const offsetMinutes = Number(parts[11] ?? 0);
  if (hour > 23 || minute > 59 || second > 59 || offsetHours > 23 || offsetMinutes > 59) return null;
  const date = new Date(Date.UTC(year, month - 1, day, hour, minute, second, ms));
  if (year < 100 || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return null;
  const offsetMs = (offsetHours * 60 + offsetMinutes) * 60_000 * (parts[9] === '-' ? -1 : 1);
  return date.getTime() - offsetMs;
}

/** UTC with milliseconds, as every time leaves Errand. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** A pause or a point in time, as targets may name it: a duration, an ISO time, or epoch milliseconds. Null if unreadable. */
export function readMoment(text: string, now: number): number | null {
  const trimmed = text.trim();
  const duration = readDuration(trimmed);
  if (duration !== null) return now + duration;
  // A bare number is a duration, as everywhere a duration is asked; one that can only be a date is taken as one.
  if (/^\d{1,15}$/.test(trimmed)) return Number(trimmed) < 1e12 ? now + Number(trimmed) : Number(trimmed);
  return readTime(trimmed);
}

/** Retry-After (RFC 9110, 10.2.3): seconds or an HTTP date, as a pause in milliseconds from now; null if unreadable. */
export function readRetryAfter(value: string | undefined, now: number): number | null {
  if (value === undefined) return null;
  const trimmed = value.trim();
  if (/^\d{1,10}(?:\.\d{1,3})?$/.test(trimmed)) return Math.round(Number(trimmed) * 1_000);
  if (!/^[A-Za-z]{3,9},? /.test(trimmed)) return null;
  const date = Date.parse(trimmed);
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}
