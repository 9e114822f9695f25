import { isUtf8 } from 'node:buffer';
import { timingSafeEqual } from 'node:crypto';
import type { MiddlewareObj } from '@middy/core';
import httpJsonBodyParser from '@middy/http-json-body-parser';
import { hasManyDigits, parseExactJson } from '../../application/exact-json.ts';
import { isDeeperThan } from '../../application/json-depth.ts';
import { LogUnavailable } from '../../application/log-unavailable.ts';
import type { Digest, Logger } from '../../application/ports.ts';
import { limits } from '../../domain/limits.ts';
import type { HttpEvent, HttpResponse } from './http-types.ts';
import { parseNoQuery } from './input/list-query.ts';
import { inputProblem, ProblemError, problem } from './problem.ts';
import { findRoute, type MethodRule, methodRules, type Route } from './route.ts';

/** An event on its way through the middleware, which find its route, its caller and its body. */
export type ApiEvent = Omit<HttpEvent, 'body'> & {
  body?: unknown;
  route?: Route;
  rule?: MethodRule;
  /** Whose idempotency keys these are: a digest of the API key, a subject, or everybody where no keys are set. */
  caller?: string;
};
type ApiMiddleware = MiddlewareObj<ApiEvent, HttpResponse>;

/** Last resort of every request: problems as they are, everything else logged and answered without its secrets. */
export function problems(logger: Logger): ApiMiddleware {
  return {
    onError: (request) => {
      const { error } = request;
      if (error instanceof ProblemError) {
        request.response = error.response;
        return;
      }
      // The path is left out: it may hold a token that answers for a task.
      const { route } = request.event;
      const id = route !== undefined && 'id' in route ? route.id : undefined;
      logger.error('a request failed', { route: route?.name, id, error: error?.stack ?? String(error) });
      request.response = failureOf(error);
    },
  };
}

/** What is told of a failure on our side: whether it passes, and nothing of its inside. */
export function failureOf(error: unknown): HttpResponse {
  if (error instanceof LogUnavailable) {
    return problem(503, 'the log cannot be reached just now; nothing was acknowledged', { 'retry-after': '1' });
  }
  return problem(500, 'something went wrong on our side');
}

/** Finds the route, or ends the request with 404 or 405. HEAD is answered as GET is, without the body. */
export function routing(): ApiMiddleware {
  return {
    before: ({ event }) => {
      const method = event.method === 'HEAD' ? 'GET' : event.method;
      const route = findRoute(event.path, method);
      if (route === null) throw new ProblemError(problem(404, `there is nothing at ${event.path}`));
      const rules = methodRules[route.name];
      const rule = Object.hasOwn(rules, method) ? rules[method] : undefined;
      if (rule === undefined) {
        const allow = Object.keys(rules).join(', ');
        throw new ProblemError(problem(405, `${event.method} is not possible here, only ${allow}`, { allow }));
      }
      event.route = route;
      event.rule = rule;
    },
  };
}

/**
 * Who may use what is not open: everybody; whoever sends one of these keys (SHA-256 digests in base64url), so nobody if there are
 * none; or whoever a gateway in front has made sure of.
 */
export type Access =
  | { readonly to: 'everybody' }
  | { readonly to: 'key holders'; readonly keyHashes: readonly string[] }
  | { readonly to: 'subjects' };

/** Finds out who calls. Keys are compared with every known one, in constant time. */
export function authentication(access: Access, digest: Digest): ApiMiddleware {
  const callerOf = callerBy(access, digest);
  return {
    before: ({ event }) => {
      const { caller, refused } = callerOf(event);
      if (caller !== null) event.caller = caller;
      else if (event.rule?.open !== true) throw new ProblemError(problem(401, refused, { 'www-authenticate': 'Bearer' }));
    },
  };
}

type Caller = { readonly caller: string; readonly refused?: never } | { readonly caller: null; readonly refused: string };

function callerBy(access: Access, digest: Digest): (event: ApiEvent) => Caller {
  switch (access.to) {
    case 'everybody':
      return () => ({ caller: 'anyone' });
    case 'subjects':
      // Another form than a digest and than `anyone`, whatever the gateway calls somebody.
      return ({ subject }) =>
        subject === undefined ? { caller: null, refused: 'send a token that says whose it is' } : { caller: `subject ${subject}` };
    case 'key holders':
      return keyHolder(access.keyHashes, digest);
    default:
      return access satisfies never;
  }
}

function keyHolder(keyHashes: readonly string[], digest: Digest): (event: ApiEvent) => Caller {
  const known = keyHashes.map((hash) => Buffer.from(hash, 'base64url'));
  return ({ headers }) => {
    const given = /^Bearer +(\S+) *$/i.exec(headers['authorization'] ?? '')?.[1];
    if (given === undefined) return { caller: null, refused: 'send an API key: Authorization: Bearer KEY' };
    const hash = Buffer.from(digest.sha256(given), 'base64url');
    let matches = false;
    for (const key of known) matches = timingSafeEqual(key, hash) || matches;
    return matches ? { caller: hash.toString('base64url') } : { caller: null, refused: 'this API key is not known' };
  };
}

/** Ends a request with parameters that its route does not read. */
export function queryRefusal(): ApiMiddleware {
  return {
    before: ({ event }) => {
      if (event.rule?.query !== undefined) return;
      const parsed = parseNoQuery(event.query);
      if (!parsed.ok) throw new ProblemError(inputProblem(parsed.errors));
    },
  };
}

/** `application/json` and every `application/...+json`, whatever the parameters. */
const jsonContentType = /^application\/(?:[a-z0-9.+-]+\+)?json\s*(?:;|$)/i;

/**
 * Reads the body as its route asks for it: parsed JSON, bytes, or nothing at all. Not with middy's parser, which refuses bodies
 * that hold a member called `__proto__` anywhere: here it is data, an own property as JSON.parse makes it, and what checks input expects it.
 */
export function bodyReading(): ApiMiddleware {
  // The content type is checked here, as the parser's own check refuses the white space that may stand before parameters.
  const parser = httpJsonBodyParser({ disableContentTypeCheck: true });
  return {
    before: (request) => {
      const { event } = request;
      const body = typeof event.body === 'string' ? event.body : '';
      const rule = event.rule?.body ?? 'none';
      if (rule === 'bytes') {
        event.body = Buffer.from(body, event.isBase64Encoded === true ? 'base64' : 'utf8');
        return;
      }
      if (rule === 'none' || (rule === 'optional-json' && body === '')) {
        event.body = undefined;
        return;
      }
      if (body === '') throw new ProblemError(problem(400, 'a JSON body is required'));
      if (!jsonContentType.test(event.headers['content-type'] ?? '')) {
        throw new ProblemError(problem(415, 'a body must be JSON, with content-type application/json'));
      }
      const coding = event.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
      if (coding !== 'identity') throw new ProblemError(problem(415, `a body must not be encoded, but its content-encoding is ${coding}`));
      const bytes = event.isBase64Encoded === true ? Buffer.from(body, 'base64') : null;
      if (bytes !== null && !isUtf8(bytes)) throw new ProblemError(problem(400, 'the body is not UTF-8'));
      const text = bytes === null ? body : bytes.toString('utf8');
      if (isDeeperThan(text, limits.jsonDepth)) {
        throw new ProblemError(problem(400, `the body is nested deeper than ${limits.jsonDepth} levels`));
      }
      Object.assign(event, { body: text, isBase64Encoded: false });
      try {
        parser.before?.(request as never);
      } catch {
        // What it refuses is parsed below, or found to be malformed.
      }
      if (event.body === text || hasManyDigits(text)) event.body = parsedAnyway(text);
    },
  };
}

/**
 * The parser refuses keys that poison prototypes when they are copied about carelessly. Here they are somebody's data, which is only
 * handed on; our own shapes refuse them as they refuse every unknown field.
 */
function parsedAnyway(text: string): unknown {
  try {
    return parseExactJson(text);
  } catch {
    throw new ProblemError(problem(400, 'the body is not well-formed JSON'));
  }
}
