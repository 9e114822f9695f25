import { type Reading, refuse } from './reading.ts';

const unitsMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const weekMs = 7 * unitsMs.d;

const short = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;
const iso = /^P(?=.)(?:([\d.,]+)W)?(?:([\d.,]+)D)?(?:T(?=.)(?:([\d.,]+)H)?(?:([\d.,]+)M)?(?:([\d.,]+)S)?)?$/;
const isoUnitsMs = [weekMs, unitsMs.d, unitsMs.h, unitsMs.m, unitsMs.s] as const;
const isoNumber = /^\d+(?:[.,]\d+)?$/;
/** ISO 8601 allows a fraction in the last part only. */
const isoFractionInside = /[.,]\d+[WDHM]T?\d/;
const isoCalendar = /^P(?:[\d.,]+[YMWD])*[\d.,]+[YM]/;
/** The longest sensible spelling is far shorter; what is longer is not worth a closer look. */
export const durationTextLength = 64;

const spellings = 'must be a number of milliseconds or a duration such as "250ms", "30s", "15m", "2h", "7d" or "PT15M"';

function readText(text: string): Reading<number> {
  if (text.length > durationTextLength) return refuse(spellings);
  const simple = short.exec(text);
  if (simple !== null) return { ok: true, value: Math.round(Number(simple[1]) * unitsMs[simple[2] as keyof typeof unitsMs]) };
  if (/^[-−]|^P.*-/.test(text)) return refuse('must not be negative');
  if (isoCalendar.test(text)) return refuse('must not use years or months, whose length varies: give weeks, days or less, such as "P30D"');
  const parts = isoFractionInside.test(text) ? null : iso.exec(text);
  if (parts !== null) {
    let total = 0;
    for (const [index, unitMs] of isoUnitsMs.entries()) {
      const part = parts[index + 1];
      if (part === undefined) continue;
      if (!isoNumber.test(part)) return refuse(spellings);
      total += Number(part.replace(',', '.')) * unitMs;
    }
    return { ok: true, value: Math.round(total) };
  }
  if (/^\d+(?:\.\d+)?$/.test(text)) return refuse('needs a unit, such as "30s"; a number of milliseconds is given without quotes');
  return refuse(spellings);
}

/** A duration of the contract in milliseconds: a whole number, `"1.5h"` and the like, or ISO 8601 without years and months. */
export function readDuration(value: unknown): Reading<number> {
  if (typeof value === 'string') return readText(value);
  if (typeof value !== 'number') return refuse(spellings);
  if (value < 0) return refuse('must not be negative');
  if (!Number.isSafeInteger(value)) return refuse('must be a whole number of milliseconds');
  // JSON has a -0, which would show up as such in answers.
  return { ok: true, value: value + 0 };
}

/** The shortest exact spelling: 90_000 as `90s`, 7_200_000 as `2h`. */
export function durationText(ms: number): string {
  if (ms === 0) return '0s';
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    if (ms % unitsMs[unit] === 0) return `${ms / unitsMs[unit]}${unit}`;
  }
  return `${ms}ms`;
}
