import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { systemClock } from '../../src/adapters/system-clock.ts';
import type { Logger } from '../../src/application/ports.ts';
import type { HttpEvent, HttpResponse } from '../../src/handlers/http/http-types.ts';
import { type LambdaFunction, RequestTooLarge, Throttled } from './lambda/function.ts';
import type { FindRoute, MatchedRoute } from './routes.ts';
import { account } from './stack/intrinsics.ts';

/** What API Gateway answers by itself. */
const gatewayAnswer = (statusCode: number, message: string): HttpResponse => ({
  statusCode,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ message }),
});
const unavailable = gatewayAnswer(503, 'Service Unavailable');
const failed = gatewayAnswer(500, 'Internal Server Error');
const notFound = gatewayAnswer(404, 'Not Found');
const tooLarge = gatewayAnswer(413, 'Request Entity Too Large');

/** Larger bodies reach no function (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html). */
export const largestRequest = { bytes: 10 * 1_024 * 1_024, refusal: tooLarge };

const functionResult = z.object({
  statusCode: z.number(),
  headers: z.record(z.string(), z.coerce.string()).default({}),
  body: z.string().default(''),
  isBase64Encoded: z.literal(false).default(false),
});

export type HttpApiPorts = {
  readonly findRoute: FindRoute;
  readonly functions: ReadonlyMap<string, LambdaFunction>;
  readonly logger: Logger;
};

/** Carries requests to functions as an HTTP API does, events in payload version 2.0. */
export function createHttpApi({
  findRoute,
  functions,
  logger,
}: HttpApiPorts): (event: HttpEvent, request: IncomingMessage) => Promise<HttpResponse> {
  return async (event, request) => {
    // Handed over decoded, so that a question mark in it, however it was written, ends it (honojs/hono issue 2156).
    const [rawPath = '/'] = event.path.split('?');
    const route = findRoute(event.method, rawPath);
    const lambda = route === null ? undefined : functions.get(route.functionArn);
    if (route === null || lambda === undefined) return notFound;
    const over = new AbortController();
    try {
      const timedOut = systemClock.sleep(route.timeoutMs, over.signal).then(() => 'timed out' as const);
      const result = await Promise.race([lambda.invoke(gatewayEvent(event, request, route, rawPath)), timedOut]);
      return result === 'timed out' ? unavailable : functionResult.parse(result);
    } catch (error) {
      if (error instanceof RequestTooLarge) return tooLarge;
      if (error instanceof Throttled) return unavailable;
      logger.error('a function failed to answer a request', { function: lambda.name, error: String(error) });
      return failed;
    } finally {
      over.abort();
    }
  };
}

/** An event of payload version 2.0 (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html). */
function gatewayEvent(event: HttpEvent, request: IncomingMessage, route: MatchedRoute, rawPath: string): object {
  const url = request.url ?? '/';
  const mark = url.indexOf('?');
  const { cookie, ...headers } = headersOf(request.rawHeaders);
  const now = new Date(systemClock.now());
  return {
    version: '2.0',
    routeKey: route.routeKey,
    rawPath,
    rawQueryString: mark === -1 ? '' : url.slice(mark + 1),
    headers,
    ...(cookie === undefined ? {} : { cookies: cookie.split(/; ?/) }),
    ...(Object.keys(event.query).length === 0 ? {} : { queryStringParameters: event.query }),
    ...(route.pathParameters === undefined ? {} : { pathParameters: route.pathParameters }),
    requestContext: {
      accountId: account,
      apiId: 'local',
      domainName: headers['host'] ?? '',
      domainPrefix: 'local',
      http: {
        method: event.method,
        path: rawPath,
        protocol: `HTTP/${request.httpVersion}`,
        sourceIp: request.socket.remoteAddress ?? '',
        userAgent: headers['user-agent'] ?? '',
      },
      requestId: randomUUID(),
      routeKey: route.routeKey,
      stage: '$default',
      time: now.toUTCString(),
      timeEpoch: now.getTime(),
    },
    ...bodyOf(event, headers['content-type'] ?? ''),
  };
}

/** Names in lower case, several values joined by commas. */
function headersOf(raw: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = (raw[at] ?? '').toLowerCase();
    const value = raw[at + 1] ?? '';
    headers[name] = headers[name] === undefined ? value : `${headers[name]},${value}`;
  }
  return headers;
}

/** Types whose bodies come as they are; all others come in base64, and so does what is no UTF-8. */
const textTypes = /^(?:text\/|application\/(?:json|javascript|xml|[a-z0-9.+-]+\+(?:json|xml))\s*(?:;|$))/i;

function bodyOf({ body, isBase64Encoded = false }: HttpEvent, type: string): { readonly body?: string; readonly isBase64Encoded: boolean } {
  if (body === undefined) return { isBase64Encoded: false };
  if (isBase64Encoded || textTypes.test(type)) return { body, isBase64Encoded };
  return { body: Buffer.from(body, 'utf8').toString('base64'), isBase64Encoded: true };
}
