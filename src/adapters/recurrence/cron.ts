import { CronPattern } from 'croner';
import { limits } from '../../domain/limits.ts';
import { daysOf } from './cron-days.ts';
import type { WallTimes } from './wall-times.ts';

const day = 86_400_000;
const fieldNames = ['second', 'minute', 'hour', 'day of month', 'month', 'day of week'] as const;
const allowed = ['0-59', '0-59', '0-23', '1-31', '1-12 or JAN-DEC', '0-7 or SUN-SAT (0 and 7 are Sunday)'] as const;

/** An expression that was understood. `follows` says whether its times follow real time or are fixed ones. */
export type CronTimes = { readonly walls: WallTimes; readonly follows: 'real-time' | 'wall-clock' };

/** Expressions are short and most schedules share few of them; a cache that is full is emptied. */
const cachedExpressions = 10_000;
const compiled = new Map<string, CronTimes>();

/** The times of an expression that `cronProblem` finds nothing wrong with. */
export function cronTimes(expression: string): CronTimes {
  const known = compiled.get(expression);
  if (known !== undefined) return known;
  const fields = fieldsOf(expression);
  // A time is fixed unless its hour field is `*` or `*/n`.
  const follows = /^\*(?:\/\d+)?$/.test(fields[2] ?? '') ? 'real-time' : 'wall-clock';
  const times: CronTimes = { walls: wallTimes(fields), follows };
  if (compiled.size >= cachedExpressions) compiled.clear();
  compiled.set(expression, times);
  return times;
}

/** What is wrong with an expression, and with which field; null if nothing is. */
export function cronProblem(expression: string): string | null {
  if (expression.length > limits.cronLength) return `is longer than ${limits.cronLength} characters`;
  if (expression.trimStart().startsWith('@')) return 'nicknames such as @daily are not read: write the fields, such as "0 0 * * *"';
  const given = expression.trim().split(/\s+/);
  if (given.length === 7) return 'has 7 fields: year fields are not read, leave the last one out and use endAt';
  if (given.length !== 5 && given.length !== 6) {
    return `has ${given[0] === '' ? 0 : given.length} fields: write 5 (minute, hour, day of month, month, day of week) or 6 with seconds first`;
  }
  const fields = fieldsOf(expression);
  for (const [index, field] of fields.entries()) {
    const problem = fieldProblem(fields, index, field);
    if (problem !== null) return problem;
  }
  if (wallTimes(fields).after(0) === null) return 'never comes: no such day of month exists in any of its months';
  return null;
}

function fieldProblem(fields: readonly string[], index: number, field: string): string | null {
  const name = fieldNames[index];
  if (field.includes('?')) return `the ${name} field has "?": write "*"`;
  if (index === 5 && /^\d{4}/.test(field)) {
    return `the ${name} field has "${field}", which looks like a year: year fields are not read, and a sixth field is seconds, first`;
  }
  // croner's sign for days that must fit both fields; the contract knows only one of the two.
  if (field.includes('+')) return `the ${name} field has "+": day of month and day of week are always alternatives`;
  try {
    new CronPattern(fields.map((_, at) => (at === index ? field : at < 3 ? '0' : '*')).join(' '), undefined, { mode: '6-part' });
    return null;
  } catch {
    return `the ${name} field has "${field}": write ${allowed[index]}, "*", lists (a,b), ranges (a-b) or steps (*/n, a-b/n)`;
  }
}

/** Always six: without seconds a time is the start of its minute. */
function fieldsOf(expression: string): readonly string[] {
  const fields = expression.trim().split(/\s+/);
  return fields.length === 5 ? ['0', ...fields] : fields;
}

const numbersIn = (bits: readonly number[]): readonly number[] => bits.flatMap((bit, number) => (bit === 1 ? [number] : []));
/** How many of the sorted numbers are below a bound. */
const below = (numbers: readonly number[], bound: number): number => numbers.filter((number) => number < bound).length;

/**
 * croner reads the expression and knows which days it means; the clock changes are none of its business here, so it is asked in
 * UTC only. Within a day the times are all combinations of an hour, a minute and a second, and so are counted without being listed.
 */
function wallTimes(fields: readonly string[]): WallTimes {
  const pattern = new CronPattern(fields.join(' '), undefined, { mode: '6-part' });
  const [hours, minutes, seconds] = [numbersIn(pattern.hour), numbersIn(pattern.minute), numbersIn(pattern.second)];
  const days = daysOf(fields.slice(3));
  const perDay = hours.length * minutes.length * seconds.length;

  /** The n-th time of a day, n from 0, in milliseconds from its start. */
  const timeOfDay = (n: number): number => {
    const perHour = minutes.length * seconds.length;
    const [hour, minute, second] = [
      hours[Math.floor(n / perHour)],
      minutes[Math.floor((n % perHour) / seconds.length)],
      seconds[n % seconds.length],
    ];
    return ((hour ?? 0) * 3_600 + (minute ?? 0) * 60 + (second ?? 0)) * 1_000;
  };
  /** How many times of a day lie at or before a moment of it, given in milliseconds from its start. */
  const timesUpTo = (ms: number): number => {
    const [hour, minute, second] = [Math.floor(ms / 3_600_000), Math.floor(ms / 60_000) % 60, Math.floor(ms / 1_000) % 60];
    let count = below(hours, hour) * minutes.length * seconds.length;
    if (!hours.includes(hour)) return count;
    count += below(minutes, minute) * seconds.length;
    return minutes.includes(minute) ? count + below(seconds, second + 1) : count;
  };
  const dayOf = (wall: number): number => Math.floor(wall / day);
  const countOn = (date: number, ms: number): number => (days.has(date) ? timesUpTo(ms) : 0);

  return {
    after(wall) {
      const today = dayOf(wall);
      const passed = days.has(today) ? timesUpTo(wall - today * day) : perDay;
      if (passed < perDay) return today * day + timeOfDay(passed);
      const date = days.after(today);
      return date === null ? null : date * day + timeOfDay(0);
    },
    before(wall) {
      const today = dayOf(wall - 1);
      const passed = countOn(today, wall - 1 - today * day);
      if (passed > 0) return today * day + timeOfDay(passed - 1);
      const date = days.before(today);
      return date === null ? null : date * day + timeOfDay(perDay - 1);
    },
    count(after, upTo) {
      if (upTo <= after) return 0;
      const [first, last] = [dayOf(after), dayOf(upTo)];
      return days.count(first - 1, last - 1) * perDay + countOn(last, upTo - last * day) - countOn(first, after - first * day);
    },
  };
}
