import { isUtf8 } from 'node:buffer';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from '../application/ports.ts';
import { limits } from '../domain/limits.ts';
import { fixedHeaders, type HttpEvent, type HttpResponse, readQuery } from '../handlers/http/http-types.ts';
import { problem, requestTooLarge } from '../handlers/http/problem.ts';

export type BridgeOptions = {
  readonly api: (event: HttpEvent, request: IncomingMessage) => Promise<HttpResponse>;
  readonly logger: Logger;
  /** Larger bodies are refused unread, with this answer. The API's own limit unless given. */
  readonly largest?: { readonly bytes: number; readonly refusal: HttpResponse };
  /** Refuses a request before anything of it is read; null lets it in. */
  readonly admit: (request: IncomingMessage) => HttpResponse | null;
  /** Takes over a response that is a stream; called with what the API answered. */
  readonly stream: (event: HttpEvent, answered: HttpResponse, response: ServerResponse) => boolean;
};

/** Bodies being read at once, all together: a flood of large ones is turned away rather than kept. */
const bufferedBytes = 256 * 1_024 * 1_024;
/** How long, and how much, of a refused body is read on and thrown away, so that the client sees the answer instead of a reset. */
const discardMs = 2_000;
const discardBytes = 128 * 1_024 * 1_024;

const oneHost = problem(400, 'exactly one Host header is required');
const unknownExpectation = problem(417, 'only 100-continue can be expected');
const flooded = problem(503, 'too many large requests at once', { 'retry-after': '1' });

/** Connections that have been told that they end: what else arrives there is not carried out (RFC 9112, section 9.6). */
const ending = new WeakSet<Socket>();

/** Puts `node:http` in front of the handlers that Lambda runs behind API Gateway, and bounds what a client may do to the process. */
export function createBridge(options: BridgeOptions): Server {
  const { bytes: largestBytes, refusal: tooLarge } = options.largest ?? { bytes: limits.requestBytes, refusal: requestTooLarge };
  let buffered = 0;
  const turns = new WeakMap<Socket, Promise<void>>();
  const server = createServer(
    {
      headersTimeout: 10_000,
      requestTimeout: 60_000,
      keepAliveTimeout: 65_000,
      connectionsCheckingInterval: 1_000,
      noDelay: true,
      // Asked for below: Node's own refusal has no body.
      requireHostHeader: false,
    },
    (request, response) => begin(request, response, false),
  );
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => answerBrokenRequest(error, socket));
  // A client that wants to be told first whether its body is welcome hears so from its length alone.
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => begin(request, response, true));
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => refuse(request, response, unknownExpectation));

  function begin(request: IncomingMessage, response: ServerResponse, asksFirst: boolean): void {
    if (ending.has(request.socket)) return;
    const refused = isAskedOfOneHost(request) ? options.admit(request) : oneHost;
    if (refused !== null) {
      refuse(request, response, refused);
      return;
    }
    if (Number(request.headers['content-length'] ?? 0) > largestBytes) {
      refuse(request, response, tooLarge);
      return;
    }
    if (asksFirst) response.writeContinue();
    readBody(request, response);
  }

  function readBody(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let done = false;
    const release = (): void => {
      if (done) return;
      done = true;
      buffered -= bytes;
    };
    request.on('data', (chunk: Buffer) => {
      if (done) return;
      if (bytes + chunk.length > largestBytes || buffered + chunk.length > bufferedBytes) {
        const refused = bytes + chunk.length > largestBytes ? tooLarge : flooded;
        release();
        chunks.length = 0;
        refuse(request, response, refused);
        return;
      }
      bytes += chunk.length;
      buffered += chunk.length;
      chunks.push(chunk);
    });
    request.on('end', () => {
      if (done) return;
      void answer(
        request,
        response,
        chunks.length === 1 ? (chunks[0] ?? null) : chunks.length === 0 ? null : Buffer.concat(chunks),
      ).finally(release);
    });
    request.on('close', release);
    request.on('error', release);
  }

  /**
   * Requests that a client sends without waiting for answers are carried out one after another, as a later one may change what an
   * earlier one made (RFC 9112, 9.3.2).
   */
  async function answer(request: IncomingMessage, response: ServerResponse, body: Buffer | null): Promise<void> {
    const before = turns.get(request.socket);
    const { promise: turn, resolve: endTurn } = Promise.withResolvers<void>();
    turns.set(request.socket, turn);
    try {
      if (before !== undefined) await before;
      const event = eventOf(request, body);
      const answered = event === null ? problem(400, 'the path is not percent-encoded UTF-8') : await options.api(event, request);
      if (event !== null && options.stream(event, answered, response)) return;
      send(request, response, answered);
    } catch (error) {
      options.logger.error('a request could not be answered', { error: String(error) });
      if (!response.headersSent) send(request, response, problem(500, 'something went wrong on our side'));
      else response.destroy();
    } finally {
      if (turns.get(request.socket) === turn) turns.delete(request.socket);
      endTurn();
    }
  }
  return server;
}

/** Of several Host headers Node tells the first, and a proxy in front may have gone by another (RFC 9112, section 3.2). HTTP/1.0 needs none. */
function isAskedOfOneHost({ rawHeaders, httpVersion }: IncomingMessage): boolean {
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) if (rawHeaders[at]?.toLowerCase() === 'host') hosts += 1;
  return hosts === 1 || (hosts === 0 && httpVersion !== '1.1');
}

/**
 * Answers at once and reads the rest of the request into nothing, within bounds. The connection is closed only after that: closing
 * one with unread bytes resets it, and a client that is still writing then never sees the answer.
 */
function refuse(request: IncomingMessage, response: ServerResponse, { statusCode, headers, body }: HttpResponse): void {
  if (response.destroyed || ending.has(request.socket)) return;
  ending.add(request.socket);
  const bytes = Buffer.from(body, 'utf8');
  response.writeHead(statusCode, { ...headers, ...fixedHeaders, connection: 'close', 'content-length': bytes.length });
  if (request.method === 'HEAD') response.flushHeaders();
  else response.write(bytes);
  const end = setTimeout(() => request.destroy(), discardMs);
  let discarded = 0;
  request.removeAllListeners('data');
  request.on('data', (chunk: Buffer) => {
    discarded += chunk.length;
    if (discarded > discardBytes) request.destroy();
  });
  request.once('end', () => response.end());
  request.once('close', () => clearTimeout(end));
  request.resume();
}

function send(request: IncomingMessage, response: ServerResponse, { statusCode, headers, body }: HttpResponse): void {
  if (response.destroyed) return;
  const bytes = Buffer.from(body, 'utf8');
  const length: Record<string, number> = statusCode === 204 ? {} : { 'content-length': bytes.length };
  response.writeHead(statusCode, { ...headers, ...fixedHeaders, ...length });
  response.end(request.method === 'HEAD' || statusCode === 204 ? undefined : bytes);
}

/** A request in the form in which API Gateway hands it over; null if its path cannot be decoded. */
function eventOf(request: IncomingMessage, body: Buffer | null): HttpEvent | null {
  // Proxies may send the absolute form (RFC 9112, 3.2.2).
  const raw = (request.url ?? '/').replace(/^https?:\/\/[^/?#]*/i, '') || '/';
  const mark = raw.indexOf('?');
  const query = readQuery(mark === -1 ? '' : raw.slice(mark + 1));
  const encoded = mark === -1 ? raw : raw.slice(0, mark);
  let path: string;
  try {
    path = encoded.includes('%') ? decodeURIComponent(encoded) : encoded;
  } catch {
    return null;
  }
  const headers: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(request.headers)) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  const event = { path, method: request.method ?? 'GET', headers, query };
  if (body === null || body.length === 0) return event;
  if (isUtf8(body)) return { ...event, body: body.toString('utf8') };
  return { ...event, body: body.toString('base64'), isBase64Encoded: true };
}

const brokenRequests: Readonly<Record<string, HttpResponse>> = {
  HPE_HEADER_OVERFLOW: problem(431, 'the headers are larger than 16 KiB'),
  ERR_HTTP_REQUEST_TIMEOUT: problem(408, 'the request did not arrive in time'),
};

function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const { statusCode, headers, body } = brokenRequests[error.code ?? ''] ?? problem(400, 'this is not an HTTP request that can be read');
  const lines = [
    `HTTP/1.1 ${statusCode} ${JSON.parse(body).title}`,
    `content-type: ${headers['content-type']}`,
    `content-length: ${Buffer.byteLength(body)}`,
    ...Object.entries(fixedHeaders).map(([name, value]) => `${name}: ${value}`),
  ];
  socket.end(`${lines.join('\r\n')}\r\nconnection: close\r\n\r\n${body}`);
}
