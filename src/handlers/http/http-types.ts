/** The parts of an API Gateway HTTP API event (payload version 2.0) that are used; the server host's bridge makes the same. */
export type HttpEvent = {
  /** Decoded on AWS and by the bridge alike, without the query. */
  readonly path: string;
  readonly method: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly query: Readonly<Record<string, string | undefined>>;
  /** Text as UTF-8, or base64 of any bytes; absent when there is none. */
  readonly body?: string | undefined;
  readonly isBase64Encoded?: boolean | undefined;
  /** Whom a gateway in front has made sure of. */
  readonly subject?: string | undefined;
};

export type HttpResponse = {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The body is the stream of events, which the host sends itself after these headers. */
  readonly streamsEvents?: true;
};

export function json(statusCode: number, value: unknown, headers: Readonly<Record<string, string>> = {}): HttpResponse {
  return { statusCode, headers: { 'content-type': 'application/json; charset=utf-8', ...headers }, body: JSON.stringify(value) };
}

export const noContent: HttpResponse = { statusCode: 204, headers: {}, body: '' };

/** What every answer carries: the state of a task is nothing to keep, and JSON nothing to guess a type for. */
export const fixedHeaders = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' } as const;

/** The query as one value a name; those of a repeated name are joined by commas, as API Gateway joins them. */
export function readQuery(text: string): HttpEvent['query'] {
  const query: Record<string, string> = Object.create(null);
  for (const [name, value] of new URLSearchParams(text)) {
    const known = query[name];
    query[name] = known === undefined ? value : `${known},${value}`;
  }
  return query;
}
