import type { InputError } from '../../application/reading.ts';
import { limits } from '../../domain/limits.ts';
import type { HttpResponse } from './http-types.ts';

const titles: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not found',
  405: 'Method not allowed',
  408: 'Request timeout',
  409: 'Conflict',
  412: 'Precondition failed',
  413: 'Content too large',
  415: 'Unsupported media type',
  417: 'Expectation failed',
  429: 'Too many requests',
  431: 'Request header fields too large',
  500: 'Internal error',
  501: 'Not implemented',
  503: 'Service unavailable',
};

/** The body of every error: RFC 9457. */
export type ProblemBody = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly errors?: readonly InputError[];
};

export function problemBody(status: number, detail: string, errors?: readonly InputError[]): ProblemBody {
  return { type: 'about:blank', title: titles[status] ?? 'Error', status, detail, ...(errors === undefined ? {} : { errors }) };
}

export function problem(status: number, detail: string, headers: Readonly<Record<string, string>> = {}): HttpResponse {
  return respond(problemBody(status, detail), headers);
}

export function respond(body: ProblemBody, headers: Readonly<Record<string, string>> = {}): HttpResponse {
  return { statusCode: body.status, headers: { 'content-type': 'application/problem+json', ...headers }, body: JSON.stringify(body) };
}

/** What both hosts answer to a request that is too large to be read. */
export const requestTooLarge = problem(413, `a request may have at most ${limits.requestBytes} bytes`);

/** Input that does not fit: one sentence that names the first field, and the list of all. */
export function inputProblemBody(errors: readonly InputError[]): ProblemBody {
  const [first] = errors;
  const rest = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  const detail = first === undefined ? 'the input does not fit' : `${first.path} ${first.message}${rest}`.trimStart();
  return problemBody(400, detail, errors);
}

export function inputProblem(errors: readonly InputError[]): HttpResponse {
  return respond(inputProblemBody(errors));
}

/** Thrown by middleware to end a request with a problem. */
export class ProblemError extends Error {
  readonly response: HttpResponse;
  constructor(response: HttpResponse) {
    super(`answered ${response.statusCode}`);
    this.response = response;
  }
}
