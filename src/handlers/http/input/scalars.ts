import * as z from 'zod';
import { type Reading, refuse } from '../../../application/reading.ts';
import { read } from './parse-result.ts';

/** Whether a text has at most `max` characters, counted as JSON Schema does: a character outside the BMP is one, not two. */
export function isWithin(text: string, max: number): boolean {
  if (text.length <= max) return true;
  if (text.length > 2 * max) return false;
  let characters = 0;
  for (const _ of text) characters += 1;
  return characters <= max;
}

export type TextRange = { readonly min: number; readonly max: number };

export function readTextWithin(value: unknown, range: TextRange): Reading<string> {
  if (typeof value !== 'string') return refuse('must be a string');
  if (value.length < range.min) return refuse('must not be empty');
  if (!isWithin(value, range.max)) return refuse(`must be at most ${range.max} characters long`);
  return { ok: true, value };
}

/** A string of `min` to `max` characters. */
export function text(range: TextRange, meta: Readonly<Record<string, unknown>> = {}): z.ZodType<string, unknown> {
  return read({ type: 'string', minLength: range.min, maxLength: range.max, ...meta }, (value) => readTextWithin(value, range));
}

/** A whole number between two limits, both inclusive. */
export function wholeNumber(min: number, max: number): z.ZodInt {
  const message = `must be a whole number from ${min} to ${max}`;
  return z.int(message).min(min, message).max(max, message);
}

/** A number between two limits, both inclusive. */
export function numberWithin(min: number, max: number): z.ZodNumber {
  const message = `must be a number from ${min} to ${max}`;
  return z.number(message).min(min, message).max(max, message);
}

/** One of a few words. */
export function oneOf<const T extends readonly [string, ...string[]]>(words: T): z.ZodEnum<{ [K in T[number]]: K }> {
  return z.enum(words, { error: `must be one of ${words.map((word) => `"${word}"`).join(', ')}` });
}
