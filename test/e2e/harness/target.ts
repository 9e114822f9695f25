import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { until } from './until.ts';

/** One request as a target saw it. */
export type Receipt = {
  readonly at: number;
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
};

export type Answer = { readonly status?: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string | Uint8Array };
/** Answers a request; `undefined` answers 200 with `{"ok":true}`; a function may also take over the response and return `'taken'`. */
export type Handler = (
  receipt: Receipt,
  response: ServerResponse,
  nth: number,
) => Answer | 'taken' | undefined | Promise<Answer | 'taken' | undefined>;

export type Target = {
  readonly url: string;
  /** Everything received so far, in order, optionally of one path (without its query). */
  receipts(path?: string): readonly Receipt[];
  /** Resolves with the receipts once there are `count` of that path. */
  received(path: string, count?: number, withinMs?: number): Promise<readonly Receipt[]>;
  /** What to do with requests of a path (without its query) from now on. */
  on(path: string, handler: Handler): void;
  close(): Promise<void>;
};

/** A loopback HTTP server that records what it receives. */
export async function startTarget(): Promise<Target> {
  const receipts: Receipt[] = [];
  const handlers = new Map<string, Handler>();
  const server: Server = createServer((request, response) => {
    const at = Date.now();
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', async () => {
      const { method = '', url = '', headers, rawHeaders } = request;
      const receipt = { at, method, path: url, headers, rawHeaders, body: Buffer.concat(chunks) };
      receipts.push(receipt);
      const path = pathOf(url);
      const nth = receipts.filter((other) => pathOf(other.path) === path).length;
      const answer = await handlers.get(path)?.(receipt, response, nth);
      if (answer === 'taken') return;
      const { status = 200, headers: answered = { 'content-type': 'application/json' }, body = '{"ok":true}' } = answer ?? {};
      response.writeHead(status, answered).end(body);
    });
  });
  server.keepAliveTimeout = 30_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', 4_096, resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const of = (path?: string) => (path === undefined ? receipts : receipts.filter((receipt) => pathOf(receipt.path) === path));
  return {
    url,
    receipts: of,
    received: (path, count = 1, withinMs = 10_000) =>
      until(`${count} requests to ${path}`, () => (of(path).length >= count ? of(path) : undefined), withinMs),
    on: (path, handler) => void handlers.set(path, handler),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function pathOf(url: string): string {
  const mark = url.indexOf('?');
  return mark === -1 ? url : url.slice(0, mark);
}
