import { readdirSync, readFileSync } from 'node:fs';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';

const folder = new URL('../../schemas/events/', import.meta.url);

/** zod writes a pattern beside each format, and it is the pattern that binds. */
const ajv = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false, formats: { 'date-time': true } });

/** The JSON Schemas as subscribers find them, each as a validator that is not the one they were made from. */
const validators: ReadonlyMap<string, ValidateFunction> = new Map(
  readdirSync(folder).map((file) => [file.replace('.json', ''), ajv.compile(JSON.parse(readFileSync(new URL(file, folder), 'utf8')))]),
);
export const eventTypes: readonly string[] = [...validators.keys()];

/** What a subscriber's validator has against a detail; empty for a good one. */
export function faultsOf(type: string, detail: unknown): readonly string[] {
  const validate = validators.get(type);
  if (validate === undefined) return [`there is no schema for ${type}`];
  return validate(detail) ? [] : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}
