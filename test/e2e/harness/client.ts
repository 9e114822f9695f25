import { until } from './until.ts';

/** A JSON answer of the API. `body` is what was parsed, or the text where it was not JSON. */
// biome-ignore lint/suspicious/noExplicitAny: black-box tests look into answers whose shape is the thing under test.
export type ApiAnswer = { readonly status: number; readonly headers: Headers; readonly body: any; readonly text: string };

export type RequestOptions = { readonly headers?: Readonly<Record<string, string>>; readonly raw?: string | Uint8Array };

const finished = new Set(['succeeded', 'failed', 'cancelled']);

/** A client as any user would write one: fetch and JSON, nothing of Errand's own code. */
export function createClient(base: string, defaults: Readonly<Record<string, string>> = {}) {
  async function request(method: string, path: string, body?: unknown, options: RequestOptions = {}): Promise<ApiAnswer> {
    const payload = options.raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const type: Record<string, string> = payload === undefined ? {} : { 'content-type': 'application/json' };
    const response = await fetch(base + path, {
      method,
      headers: { ...defaults, ...type, ...options.headers },
      ...(payload === undefined ? {} : { body: payload }),
      redirect: 'manual',
    });
    const text = await response.text();
    let parsed: unknown = text;
    try {
      parsed = JSON.parse(text);
    } catch {
      // Not every answer is JSON.
    }
    return { status: response.status, headers: response.headers, body: parsed, text };
  }

  const path = (id: string, ending = '') => `/tasks/${encodeURIComponent(id)}${ending}`;
  return {
    request,
    get: (at: string, options?: RequestOptions) => request('GET', at, undefined, options),
    post: (at: string, body?: unknown, options?: RequestOptions) => request('POST', at, body, options),
    patch: (at: string, body?: unknown, options?: RequestOptions) => request('PATCH', at, body, options),
    delete: (at: string, options?: RequestOptions) => request('DELETE', at, undefined, options),
    /** The path of a task, percent-encoded. */
    path,
    /** The task once a condition holds. */
    taskWhen: (id: string, what: string, holds: (task: ApiAnswer['body']) => boolean, withinMs?: number) =>
      until(
        `task ${id}: ${what}`,
        async () => {
          const { status, body } = await request('GET', path(id));
          return status === 200 && holds(body) ? body : undefined;
        },
        withinMs,
      ),
    taskFinished: (id: string, withinMs?: number) =>
      until(
        `the end of task ${id}`,
        async () => {
          const { body } = await request('GET', path(id));
          return finished.has(body.status) ? body : undefined;
        },
        withinMs,
      ),
  };
}

export type Client = ReturnType<typeof createClient>;
