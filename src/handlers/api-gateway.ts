import { isUtf8 } from 'node:buffer';
import * as z from 'zod';
import { limits } from '../domain/limits.ts';
import type { Api } from './http/api.ts';
import { fixedHeaders, type HttpEvent, type HttpResponse, readQuery } from './http/http-types.ts';
import { requestTooLarge } from './http/problem.ts';

/**
 * What is used of an event of an API Gateway HTTP API, payload version 2.0 (developer guide, "Working with AWS Lambda proxy
 * integrations for HTTP APIs"): the path is decoded, the query is not, several values of a header are joined by commas, bodies of
 * types that are not text come in base64. With a JWT authorizer the claims of the token it has checked come along.
 */
const gatewayEvent = z.object({
  rawPath: z.string(),
  rawQueryString: z.string().default(''),
  headers: z.record(z.string(), z.string()).default({}),
  body: z.string().optional(),
  isBase64Encoded: z.boolean().default(false),
  requestContext: z.object({
    http: z.object({ method: z.string() }),
    stage: z.string().default('$default'),
    authorizer: z.object({ jwt: z.object({ claims: z.record(z.string(), z.unknown()) }).optional() }).optional(),
  }),
});
type GatewayEvent = z.output<typeof gatewayEvent>;

/** An answer as API Gateway takes it; it adds the length itself. */
export type GatewayResult = { readonly statusCode: number; readonly headers: Readonly<Record<string, string>>; readonly body?: string };

/** Answers one request that came through API Gateway. Throws if the event is none. */
export async function answerGateway(api: Api, event: unknown): Promise<GatewayResult> {
  const request = gatewayEvent.parse(event);
  const { method } = request.requestContext.http;
  const body = bodyOf(request);
  if (body !== null && body.length > limits.requestBytes) return rendered(method, requestTooLarge);
  return rendered(method, await api(httpEventOf(request, body)));
}

function bodyOf({ body, isBase64Encoded }: GatewayEvent): Buffer | null {
  if (body === undefined || body === '') return null;
  return Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8');
}

function httpEventOf(request: GatewayEvent, body: Buffer | null): HttpEvent {
  const { rawQueryString, headers, requestContext } = request;
  const { authorizer, http } = requestContext;
  const subject = authorizer?.jwt?.claims['sub'];
  const event: HttpEvent = {
    path: pathOf(request),
    method: http.method,
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    query: readQuery(rawQueryString),
    ...(typeof subject === 'string' && subject !== '' ? { subject } : {}),
  };
  if (body === null || body.length === 0) return event;
  if (isUtf8(body)) return { ...event, body: body.toString('utf8') };
  return { ...event, body: body.toString('base64'), isBase64Encoded: true };
}

/** Under a stage with a name the path begins with it; under `$default`, which the template uses, it does not. */
function pathOf({ rawPath, requestContext: { stage } }: GatewayEvent): string {
  const prefix = `/${stage}`;
  if (stage === '$default' || !(rawPath === prefix || rawPath.startsWith(`${prefix}/`))) return rawPath;
  return rawPath.slice(prefix.length) || '/';
}

function rendered(method: string, { statusCode, headers, body }: HttpResponse): GatewayResult {
  const answered = { statusCode, headers: { ...headers, ...fixedHeaders } };
  return method === 'HEAD' || statusCode === 204 ? answered : { ...answered, body };
}
