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
