import type { z } from 'zod';
import { type Reading, refuse } from '../../../application/reading.ts';
import { limits } from '../../../domain/limits.ts';
import { read } from './parse-result.ts';

/** Printable ASCII without ? % and \ : what survives in a path once percent-encoded, on both hosts. */
const idCharacters = /^[ -$&->@-[\]-~]+$/;
const printableAscii = /^[ -~]+$/;

/** Endings of a task's path that are taken for a route, from the end, so no id may have them. */
const taskEndings = ['/cancel', '/run', '/retry', '/redeliver', '/status', '/result', '/events'] as const;
/** An empty token counts too: a route that matched it would otherwise read another task's id. */
const callbackEnding = /\/callback\/[^/]*(?:\/fail|\/heartbeat)?$/;

export type IdentifierRules = { readonly maxLength: number; readonly endings: readonly string[] };

/** The reader of ids of one kind of thing; every message names the rule that was broken. */
export function identifierReader(rules: IdentifierRules): (value: unknown) => Reading<string> {
  const { maxLength, endings } = rules;
  return (value) => {
    if (typeof value !== 'string') return refuse('must be a string');
    if (value === '') return refuse('must not be empty');
    if (value.length > maxLength) return refuse(`must be at most ${maxLength} characters long`);
    if (!printableAscii.test(value)) return refuse('must consist of printable ASCII characters');
    if (!idCharacters.test(value)) return refuse('must not contain ?, % or \\');
    if (value === '.' || value === '..') return refuse('must not be "." or "..", which a path cannot name');
    if (!value.includes('/')) return { ok: true, value };
    const ending = endings.find((reserved) => value.endsWith(reserved));
    if (ending !== undefined) return refuse(`must not end in "${ending}", which is the end of a route`);
    if (callbackEnding.test(value)) return refuse('must not end in "/callback/...", which is the end of a route');
    return { ok: true, value };
  };
}

/** A task id as the contract has it: 1 to 200 printable ASCII characters that a path can name without being taken for a route. */
export const readTaskId = identifierReader({ maxLength: limits.taskIdLength, endings: taskEndings });

export const taskId: z.ZodType<string, unknown> = read(
  {
    type: 'string',
    minLength: 1,
    maxLength: limits.taskIdLength,
    description: 'Printable ASCII without ? % and \\, not "." or "..", not ending like a route. Default: a UUIDv7.',
    examples: ['order-42/reminder'],
  },
  readTaskId,
);

/** An id of what makes tasks of its own, whose ids begin with it. */
function parentId(endings: readonly string[]): z.ZodType<string, unknown> {
  const maxLength = limits.parentIdLength;
  return read(
    {
      type: 'string',
      minLength: 1,
      maxLength,
      description: 'Printable ASCII without ? % and \\, not "." or "..", not ending like a route. Default: a UUIDv7.',
    },
    identifierReader({ maxLength, endings: [...taskEndings, ...endings] }),
  );
}

export const scheduleId = parentId(['/pause', '/resume', '/trigger']);
export const orchestrationId = parentId([]);

/** The value of an `Idempotency-Key` header, opaque, as it stands. */
export function readIdempotencyKey(value: unknown): Reading<string> {
  if (typeof value !== 'string') return refuse('must be a string');
  if (value === '') return refuse('must not be empty');
  if (value.length > limits.idempotencyKeyLength) return refuse(`must be at most ${limits.idempotencyKeyLength} characters long`);
  if (!printableAscii.test(value)) return refuse('must consist of printable ASCII characters');
  return { ok: true, value };
}
