/** What TypeScript's library does not know yet of JSON (https://tc39.es/proposal-json-parse-with-source, in Node since 22). */
type ExactJson = {
  readonly parse: (text: string, reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown) => unknown;
  readonly rawJSON: (text: string) => object;
  readonly isRawJSON: (value: unknown) => boolean;
};
const exact = JSON as unknown as ExactJson;

/** Only texts with so many digits in a row can hold a whole number that a double cannot. */
const manyDigits = /\d{16}/;
const wholeNumber = /^-?\d+$/;

export function hasManyDigits(text: string): boolean {
  return manyDigits.test(text);
}

/**
 * JSON.parse, but whole numbers that a double cannot hold keep their digits: they become raw JSON, which JSON.stringify writes as it
 * was. Throws SyntaxError as JSON.parse does.
 */
export function parseExactJson(text: string): unknown {
  if (!hasManyDigits(text)) return JSON.parse(text);
  return exact.parse(text, (_key, value, { source }) => {
    if (typeof value !== 'number' || Number.isSafeInteger(value) || source === undefined || !wholeNumber.test(source)) return value;
    return exact.rawJSON(source);
  });
}

/** Whether a value is a number that was kept as its digits; JSON.stringify gives them back. */
export function isExactNumber(value: unknown): boolean {
  return exact.isRawJSON(value);
}
