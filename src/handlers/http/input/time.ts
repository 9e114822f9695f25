import type { z } from 'zod';
import { readTime } from '../../../application/times.ts';
import { read } from './parse-result.ts';

/** What a time looks like in the OpenAPI document. */
export const timeJsonSchema = {
  anyOf: [
    { type: 'string', format: 'date-time', description: 'ISO 8601 with an offset' },
    { type: 'integer', description: 'milliseconds since 1970' },
  ],
  examples: ['2026-12-01T09:00:00+01:00'],
} as const;

/** A time as a schema. */
export function time(meta: Readonly<Record<string, unknown>> = {}): z.ZodType<number, unknown> {
  return read({ ...timeJsonSchema, ...meta }, readTime);
}
