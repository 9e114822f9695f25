import type { z } from 'zod';
import { durationText, durationTextLength, readDuration } from '../../../application/durations.ts';
import { type Reading, refuse } from '../../../application/reading.ts';
import { read } from './parse-result.ts';

export type DurationRange = { readonly minMs: number; readonly maxMs: number };

/** The reader of a duration within limits, both inclusive. */
export function durationReader(range: DurationRange): (value: unknown) => Reading<number> {
  const { minMs, maxMs } = range;
  const limits =
    minMs === 0 ? `must be at most ${durationText(maxMs)}` : `must be between ${durationText(minMs)} and ${durationText(maxMs)}`;
  const outside = refuse(limits);
  return (value) => {
    const reading = readDuration(value);
    return reading.ok && (reading.value < minMs || reading.value > maxMs) ? outside : reading;
  };
}

/** What a duration looks like in the OpenAPI document, with those of our examples that are within its limits. */
export function durationJsonSchema(range: DurationRange): Readonly<Record<string, unknown>> {
  const read = durationReader(range);
  return {
    anyOf: [
      { type: 'integer', minimum: range.minMs, maximum: range.maxMs, description: 'milliseconds' },
      {
        type: 'string',
        maxLength: durationTextLength,
        description: 'a number with ms, s, m, h or d; or ISO 8601 without years and months',
      },
    ],
    examples: ['30s', 'PT15M', 250].filter((example) => read(example).ok),
  };
}

/** A duration between two limits as a schema. The range is part of every message about it. */
export function duration(range: DurationRange, meta: Readonly<Record<string, unknown>> = {}): z.ZodType<number, unknown> {
  return read({ ...durationJsonSchema(range), ...meta }, durationReader(range));
}
