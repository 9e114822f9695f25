import type { Clock, HttpCaller, HttpOutcome, HttpRequest } from '../../src/application/ports.ts';

export type Call = { readonly request: HttpRequest; readonly at: number };

/** A caller that makes no call of its own but keeps the rules of one: it begins within the start window or not at all. */
export class ScriptedCaller implements HttpCaller {
  readonly #clock: Clock;
  /** Calls that were begun, with the time of the wall clock. */
  readonly calls: Call[] = [];
  /** How the target answers. */
  answer: (request: HttpRequest, call: number) => HttpOutcome | Promise<HttpOutcome> = () => response(200);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async call(request: HttpRequest): Promise<HttpOutcome> {
    const { beginBefore, signal } = request;
    if (signal?.aborted === true) return { kind: 'interrupted', message: 'the host is stopping' };
    if (this.#clock.now() >= beginBefore.wall || this.#clock.monotonic() >= beginBefore.monotonic) {
      return { kind: 'interrupted', message: 'the start window was over' };
    }
    this.calls.push({ request, at: this.#clock.now() });
    return this.answer(request, this.calls.length);
  }
}

/** What a target answers. */
export function response(status: number, headers: Readonly<Record<string, string>> = {}, body: string | Uint8Array = ''): HttpOutcome {
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
  return { kind: 'response', status, headers, body: bytes, truncated: false, durationMs: 5 };
}

export function headerOf(request: HttpRequest, name: string): string | undefined {
  return request.headers.find(([given]) => given.toLowerCase() === name)?.[1];
}
