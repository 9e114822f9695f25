import { readDuration } from './durations.ts';
import { readTime } from './times.ts';

/** A pause in milliseconds, as targets may name it: a duration, or a bare number that can hardly be a date. Null if it is none. */
export function readPause(text: string): number | null {
  const trimmed = text.trim();
  const duration = readDuration(trimmed);
  if (duration.ok) return duration.value;
  return /^\d{1,15}$/.test(trimmed) && Number(trimmed) < 1e12 ? Number(trimmed) : null;
}

/** A pause from now or a point in time, as targets may name it: a duration, an ISO time, or epoch milliseconds. Null if unreadable. */
export function readMoment(text: string, now: number): number | null {
  const pause = readPause(text);
  if (pause !== null) return now + pause;
  const trimmed = text.trim();
  if (/^\d{13,15}$/.test(trimmed)) return Number(trimmed);
  const time = readTime(trimmed);
  return time.ok ? time.value : null;
}

/** Retry-After (RFC 9110, 10.2.3): seconds or an HTTP date, as a pause in milliseconds from now; null if unreadable. */
export function readRetryAfter(value: string | undefined, now: number): number | null {
  if (value === undefined) return null;
  const trimmed = value.trim();
  // As many digits as a target cares to send: whatever is too long a pause is cut by the policy.
  if (/^\d+(?:\.\d{1,3})?$/.test(trimmed)) return Math.round(Number(trimmed) * 1_000);
  if (!/^[A-Za-z]{3,9},? /.test(trimmed)) return null;
  // The oldest form, asctime, ends in its year and is in GMT without saying so (RFC 9110, 5.6.7).
  const date = Date.parse(/ \d{4}$/.test(trimmed) ? `${trimmed} GMT` : trimmed);
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}
