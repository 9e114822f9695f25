import type { TaskInputContext } from '../../../../src/handlers/http/input/task-input.ts';

export const now = Date.UTC(2026, 10, 30, 12);

/** A context with one runner, whose parameters must have a whole `count`, and with one address that is not public. */
export function context(overrides: Partial<TaskInputContext> = {}): TaskInputContext {
  return {
    now,
    egress: 'any',
    refusedLiteral: (url) => url.hostname === '127.0.0.1',
    runner: (name) => (name === 'example' ? { parse: parseExample } : null),
    ...overrides,
  };
}

function parseExample(params: unknown) {
  const count = typeof params === 'object' && params !== null && 'count' in params ? params.count : 1;
  if (Number.isInteger(count)) return { ok: true as const, value: { count } };
  return { ok: false as const, errors: [{ path: 'count', message: 'must be a whole number' }] };
}

export const url = 'https://example.com/hook';

export function text(bytes: Uint8Array | undefined): string {
  return new TextDecoder().decode(bytes);
}
