/** Header names whose values are sealed without being asked to, in lower case. */
const always: ReadonlySet<string> = new Set(['authorization', 'proxy-authorization', 'cookie', 'x-api-key']);

/** Whether the value of a header is kept sealed: `secretHeaders` are further names, in lower case. */
export function isSealed(name: string, secretHeaders: readonly string[]): boolean {
  const lower = name.toLowerCase();
  return always.has(lower) || secretHeaders.includes(lower);
}
