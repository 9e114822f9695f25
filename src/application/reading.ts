/** A single value read from outside: what it means, or what is wrong with it, in words that read on after its name. */
export type Reading<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly message: string };

export function refuse(message: string): { readonly ok: false; readonly message: string } {
  return { ok: false, message };
}

/** One thing wrong with an input. `path` is like `request.headers[0].key`, and empty for the whole; `message` reads on after the path. */
export type InputError = { readonly path: string; readonly message: string };
export type ParseResult<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly errors: readonly InputError[] };
