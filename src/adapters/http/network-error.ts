/** Longer texts than this repeat themselves; the limit of a recorded message is far above. */
const messageLength = 1_000;

function codeOf(error: Error): string | null {
  return 'code' in error && typeof error.code === 'string' ? error.code : null;
}

function describeOne(error: Error): string {
  const code = codeOf(error);
  const message = error.message === '' ? error.name : error.message;
  return code === null || message.includes(code) ? message : `${message} (${code})`;
}

/** One readable line about why a call got no answer, with the code of the system or of undici in it. */
export function describeNetworkError(error: unknown): string {
  if (!(error instanceof Error)) return String(error).slice(0, messageLength);
  // Every address of a name was tried: the error that gathers them has no message of its own.
  const inner: readonly unknown[] = error instanceof AggregateError ? error.errors : [];
  const parts = [...new Set(inner.filter((each) => each instanceof Error).map(describeOne))];
  return (parts.length === 0 ? describeOne(error) : parts.join('; ')).slice(0, messageLength);
}
