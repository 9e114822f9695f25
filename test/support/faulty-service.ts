import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a client of the SDK asked for: the operation, as `AmazonSQS.SendMessageBatch`, and its input. */
export type Asked = { readonly operation: string; readonly input: Input };
type Input = { readonly [name: string]: unknown; readonly Entries?: readonly { readonly [name: string]: unknown; readonly Id?: string }[] };

/** What becomes of a request on its way. */
export type Fault =
  | 'none'
  /** The service refuses it: too fast. */
  | 'throttled'
  /** The service refuses it: not allowed. */
  | 'forbidden'
  /** What stands before the service answers, not in the service's language. */
  | 'unavailable'
  /** The connection breaks before the service hears of it. */
  | 'not sent'
  /** The service carries it out, and the connection breaks before the answer. */
  | 'reply lost'
  /** There is never an answer. */
  | 'silence'
  /** Of a batch of messages, those at these places are refused; the service gets the others. */
  | { readonly refused: readonly number[]; readonly code: string; readonly senderFault: boolean };

export type FaultyService = {
  readonly endpoint: string;
  readonly asked: readonly Asked[];
  /** Resolves once so many requests came in. */
  arrived(count: number): Promise<void>;
  close(): Promise<void>;
};

/** Stands before a service of AWS on this machine, at a port of its own, and does to each request what `faultOf` says. */
export async function startFaultyService(behind: string | null, faultOf: (asked: Asked) => Fault): Promise<FaultyService> {
  const asked: Asked[] = [];
  const waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  const server = createServer(async (request, response) => {
    const given = JSON.parse(await textOf(request)) as Input;
    const one: Asked = { operation: String(request.headers['x-amz-target']), input: given };
    asked.push(one);
    for (const { count, resolve } of waiting) if (asked.length >= count) resolve();
    await carryOut(faultOf(one), behind, { request, response, input: given });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    arrived: (count) => new Promise((resolve) => (asked.length >= count ? resolve() : waiting.push({ count, resolve }))),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

type Exchange = { readonly request: IncomingMessage; readonly response: ServerResponse; readonly input: Input };

async function carryOut(fault: Fault, behind: string | null, exchange: Exchange): Promise<void> {
  const { response, input } = exchange;
  switch (fault) {
    case 'silence':
      return;
    case 'not sent':
      response.destroy();
      return;
    case 'throttled':
      return refuse(response, 'ThrottlingException', 'slow down');
    case 'forbidden':
      return refuse(response, 'AccessDeniedException', 'not allowed');
    case 'unavailable':
      response.writeHead(503, { 'content-type': 'text/html' }).end('<h1>Service Unavailable</h1>');
      return;
    case 'reply lost':
      await forward(behind, exchange, input);
      response.destroy();
      return;
    case 'none':
      return answer(response, await forward(behind, exchange, input));
    default:
      return answer(response, await forwardSome(behind, exchange, fault));
  }
}

function refuse(response: ServerResponse, name: string, message: string): void {
  response.writeHead(400, { 'content-type': 'application/x-amz-json-1.0' }).end(JSON.stringify({ __type: name, message }));
}

type Reply = { readonly status: number; readonly text: string };

function answer(response: ServerResponse, { status, text }: Reply): void {
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' }).end(text);
}

async function forwardSome(behind: string | null, exchange: Exchange, fault: Fault & object): Promise<Reply> {
  const entries = exchange.input.Entries ?? [];
  const isRefused = (index: number): boolean => fault.refused.includes(index);
  const taken = entries.filter((_entry, index) => !isRefused(index));
  const reply = taken.length === 0 ? null : await forward(behind, exchange, { ...exchange.input, Entries: taken });
  const Failed = entries
    .filter((_entry, index) => isRefused(index))
    .map(({ Id }) => ({ Id, Code: fault.code, SenderFault: fault.senderFault, Message: 'refused on the way' }));
  return { status: 200, text: JSON.stringify({ ...(reply === null ? { Successful: [] } : JSON.parse(reply.text)), Failed }) };
}

async function forward(behind: string | null, { request }: Exchange, input: Input): Promise<Reply> {
  if (behind === null) throw new Error('there is no service behind this one');
  const body = Buffer.from(JSON.stringify(input));
  const { host: _host, ...headers } = request.headers;
  const onward = httpRequest(new URL(request.url ?? '/', behind), {
    method: request.method,
    headers: { ...headers, 'content-length': body.length },
  });
  onward.end(body);
  const [reply] = (await once(onward, 'response')) as [IncomingMessage];
  return { status: reply.statusCode ?? 500, text: await textOf(reply) };
}

async function textOf(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
