import type { z } from 'zod';
import { limits } from '../../../domain/limits.ts';
import type { Labels } from '../../../domain/task/events.ts';
import { parsed, type Report } from './parse-result.ts';
import { isWithin } from './scalars.ts';

/** What is wrong with a label, if anything; keys come from clients and so does every length. */
export function labelProblem(key: string, value: unknown): string | null {
  // Parsers of stored JSON drop this one key, and a label that comes and goes is worse than none.
  if (key === '__proto__') return 'is not possible as a label key';
  if (key === '') return 'a label key must not be empty';
  if (!isWithin(key, limits.labelKeyLength)) return `a label key must be at most ${limits.labelKeyLength} characters long`;
  if (typeof value !== 'string') return 'must be a string';
  // Half a surrogate pair cannot be stored, and two labels would become one.
  if (!key.isWellFormed() || !value.isWellFormed()) return 'must be well-formed text, without half of a surrogate pair';
  if (!isWithin(value, limits.labelValueLength)) return `must be at most ${limits.labelValueLength} characters long`;
  return null;
}

/** Labels as own properties, also the one that is called `__proto__` and would otherwise set the prototype. */
export function labelsFrom(entries: readonly (readonly [string, string])[]): Labels {
  return Object.fromEntries(entries);
}

function readLabels(value: unknown, report: Report): Labels {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    report('must be an object of keys and strings');
    return {};
  }
  const given: readonly [string, unknown][] = Object.entries(value);
  if (given.length > limits.labelCount) {
    report(`must be at most ${limits.labelCount} labels`);
    return {};
  }
  const labels: [string, string][] = [];
  for (const [key, label] of given) {
    const problem = labelProblem(key, label);
    if (problem !== null) report(problem, [key]);
    else if (typeof label === 'string') labels.push([key, label]);
  }
  return labelsFrom(labels);
}

/** Keys and strings a task can be found by. */
export const labels: z.ZodType<Labels, unknown> = parsed(
  {
    type: 'object',
    additionalProperties: { type: 'string', maxLength: limits.labelValueLength },
    propertyNames: { minLength: 1, maxLength: limits.labelKeyLength },
    maxProperties: limits.labelCount,
    default: {},
    description: 'What a task can be found by.',
    examples: [{ customer: '42' }],
  },
  readLabels,
);
