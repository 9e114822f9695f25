import { once } from 'node:events';
import { Agent, createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { type Asked, createReader, type Input } from './asked.ts';
import { type Fault, type FaultOf, none } from './faults.ts';
import { split } from './parts.ts';

/** Stands between clients of the AWS SDK and the services of one host, below the SDK: it speaks their HTTP. */
export type Proxy = {
  /** Listens before a service, at a port of its own. */
  before(endpoint: string): Promise<string>;
  /** What becomes of requests from now on; nothing by default. */
  inject(faultOf: FaultOf): void;
  /** How many requests, or parts of them, had each fault: `PutEvents refused`. Those with none are counted as `PutEvents`. */
  readonly counts: ReadonlyMap<string, number>;
  close(): Promise<void>;
};

type Reply = { readonly status: number; readonly type: string; readonly body: Buffer };
type Exchange = { readonly request: IncomingMessage; readonly body: Buffer; readonly endpoint: string };

/** What the harness asks for itself, which stands for what AWS does inside: it has no faults of ours. */
const inside =
  /^(?:ReceiveMessage|DeleteMessageBatch|CreateQueue|SetQueueAttributes|CreateTable|DescribeTable|ListTables|UpdateTimeToLive|DescribeStream|GetShardIterator|GetRecords|SendMessage|GetSecretValue)$/;
const type = 'application/x-amz-json-1.0';

export function createProxy(): Proxy {
  const agent = new Agent({ keepAlive: true, maxSockets: 1_000 });
  const closing: (() => Promise<void>)[] = [];
  const counts = new Map<string, number>();
  const read = createReader();
  let faultOf: FaultOf = () => none;

  const count = (name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1);

  function countAll(asked: Asked, fault: Fault): Fault {
    if (fault.kind === 'parts') {
      const fates = asked.parts.map((part) => fault.fateOf(part));
      for (const fate of fates) count(`${asked.operation} part ${typeof fate === 'string' ? fate : Object.keys(fate)[0]}`);
      // A fate is drawn once.
      return { kind: 'parts', fateOf: (part) => fates[asked.parts.indexOf(part)] ?? 'taken' };
    }
    count(fault.kind === 'none' ? asked.operation : `${asked.operation} ${fault.kind}`);
    return fault;
  }

  async function forward({ request, endpoint }: Exchange, body: Buffer): Promise<Reply> {
    const { host: _host, 'content-length': _length, 'transfer-encoding': _encoding, ...headers } = request.headers;
    const onward = httpRequest(new URL(request.url ?? '/', endpoint), {
      agent,
      method: request.method,
      headers: { ...headers, 'content-length': body.length },
    });
    onward.end(body);
    const [reply] = (await once(onward, 'response')) as [IncomingMessage];
    return { status: reply.statusCode ?? 500, type: reply.headers['content-type'] ?? type, body: await bytesOf(reply) };
  }

  async function carryOut(exchange: Exchange, response: ServerResponse): Promise<void> {
    const operation = String(exchange.request.headers['x-amz-target']).split('.').at(-1) ?? '';
    if (inside.test(operation)) return answer(response, await forward(exchange, exchange.body));
    const input = JSON.parse(exchange.body.toString()) as Input;
    const asked = read(operation, input);
    const fault = countAll(asked, faultOf(asked));
    switch (fault.kind) {
      case 'none':
        return answer(response, await forward(exchange, exchange.body));
      case 'refused':
        return answer(response, json(fault.status, { __type: fault.code, message: 'refused on the way' }));
      case 'request lost':
        response.destroy();
        return;
      case 'reply lost':
        await forward(exchange, exchange.body);
        response.destroy();
        return;
      case 'late':
        await pause(fault.ms);
        return answer(response, await forward(exchange, exchange.body));
      case 'then': {
        const reply = await forward(exchange, exchange.body);
        fault.happens();
        return answer(response, reply);
      }
      case 'parts':
        return answer(response, await forwardParts(exchange, asked, input, fault));
      default:
        fault satisfies never;
    }
  }

  async function forwardParts(exchange: Exchange, asked: Asked, input: Input, fault: Fault & { kind: 'parts' }): Promise<Reply> {
    const { input: onward, answer: answerOf } = split(asked, input, fault);
    const reply = onward === null ? json(200, {}) : await forward(exchange, Buffer.from(JSON.stringify(onward)));
    return reply.status === 200 ? json(200, answerOf(JSON.parse(reply.body.toString()))) : reply;
  }

  return {
    counts,
    inject(given) {
      faultOf = given;
    },
    async before(endpoint) {
      const server = createServer(async (request, response) => {
        try {
          await carryOut({ request, endpoint, body: await bytesOf(request) }, response);
        } catch {
          // The service is gone, or whoever asked is.
          response.destroy();
        }
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      closing.push(async () => {
        server.close();
        server.closeAllConnections();
        await once(server, 'close');
      });
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    },
    async close() {
      await Promise.all(closing.map((close) => close()));
      agent.destroy();
    },
  };
}

function json(status: number, output: object): Reply {
  return { status, type, body: Buffer.from(JSON.stringify(output)) };
}

function answer(response: ServerResponse, reply: Reply): void {
  response.writeHead(reply.status, { 'content-type': reply.type, 'content-length': reply.body.length }).end(reply.body);
}

async function bytesOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
