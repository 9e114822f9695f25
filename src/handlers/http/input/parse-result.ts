import * as z from 'zod';
import { type InputError, type ParseResult, type Reading, refuse } from '../../../application/reading.ts';

export type Path = readonly PropertyKey[];
/** Tells what is wrong, below the value being read when a path is given. */
export type Report = (message: string, path?: Path) => void;
/** What a parser puts into the OpenAPI document for a value that zod alone cannot describe. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** A body of 4 MiB can hold a hundred thousand mistakes; nobody reads more than these. */
const errorsShown = 50;
const keyShown = 80;
const plainKey = /^[A-Za-z_$][\w$-]*$/;

export function failed<T>(path: string, message: string): ParseResult<T> {
  return { ok: false, errors: [{ path, message }] };
}

/** `['request', 'headers', 0, 'key']` as `request.headers[0].key`; keys that are not plain words in quotes and brackets. */
export function pathText(path: Path): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') {
      text += `[${part}]`;
      continue;
    }
    const full = String(part);
    const key = full.length > keyShown ? `${full.slice(0, keyShown)}…` : full;
    if (plainKey.test(key)) text += text === '' ? key : `.${key}`;
    else text += `[${JSON.stringify(key)}]`;
  }
  return text;
}

/**
 * A schema around a plain parser. The parser gets the value, or undefined where a required one is absent, and reports
 * what is wrong; its return value counts only if nothing was reported. `schema` describes what it takes.
 */
export function parsed<T>(schema: JsonSchema, parse: (value: unknown, report: Report) => T): z.ZodType<T, unknown> {
  return z
    .unknown()
    .meta(schema)
    .transform((value, context) =>
      parse(value, (message, path = []) => {
        context.addIssue({ code: 'custom', message, path: [...path] });
      }),
    );
}

const absent = refuse('is required');

/** A schema around a reader of a single value. */
export function read<T>(schema: JsonSchema, reader: (value: unknown) => Reading<T>): z.ZodType<T, unknown> {
  return z
    .unknown()
    .meta(schema)
    .transform((value, context) => {
      const reading = value === undefined ? absent : reader(value);
      if (reading.ok) return reading.value;
      context.addIssue({ code: 'custom', message: reading.message });
      return z.NEVER;
    });
}

const kinds: Readonly<Record<string, string>> = {
  object: 'a JSON object',
  array: 'a list',
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
};

/** The words for what zod itself finds. Schemas whose rules deserve better words bring their own. */
function plainMessage(issue: z.core.$ZodRawIssue): string {
  const whole = (issue.path ?? []).length === 0;
  if (issue.input === undefined) return whole ? 'a JSON object is required' : 'is required';
  if (issue.code !== 'invalid_type') return 'is not valid';
  const kind = kinds[String(issue.expected)] ?? String(issue.expected);
  return whole ? `${kind} is expected` : `must be ${kind}`;
}

const parseOptions = { error: plainMessage };

/** Runs a schema and turns its findings into errors with a path, one for each unknown field. */
export function parseWith<T>(
  schema: z.ZodType<T, unknown>,
  value: unknown,
  unknownField: (key: string, path: Path) => string = () => 'is not a known field',
): ParseResult<T> {
  const result = schema.safeParse(value, parseOptions);
  if (result.success) return { ok: true, value: result.data };
  const errors: InputError[] = [];
  for (const issue of result.error.issues) {
    if (issue.code !== 'unrecognized_keys') errors.push({ path: pathText(issue.path), message: issue.message });
    else {
      for (const key of issue.keys.slice(0, errorsShown)) {
        errors.push({ path: pathText([...issue.path, key]), message: unknownField(key, issue.path) });
      }
    }
    if (errors.length >= errorsShown) break;
  }
  return { ok: false, errors: errors.slice(0, errorsShown) };
}
