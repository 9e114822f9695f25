import { limits } from '../domain/limits.ts';

/** What stands as result of an attempt that called nobody: status 200 and the JSON that the code returned. */
export function jsonResult(value: unknown, durationMs: number) {
  const body = new TextEncoder().encode(JSON.stringify(value ?? {}));
  const kept = body.subarray(0, limits.resultBytes);
  const truncated = kept.length < body.length;
  return {
    result: { status: 200, headers: { 'content-type': 'application/json' }, bytes: kept.length, truncated, durationMs },
    body: kept,
  };
}
