import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { createHttpCaller, type HttpCallerOptions } from '../../../src/adapters/http/undici-caller.ts';
import type { HttpOutcome, HttpRequest } from '../../../src/application/ports.ts';

type Disposer = () => unknown;
const open: Disposer[] = [];

/** Closes every server and caller that was made since the last call; for `afterEach`. */
export async function closeAll(): Promise<void> {
  for (const close of open.splice(0).reverse()) await close();
}

async function listen(server: net.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address() as AddressInfo | null;
  return address?.port ?? 0;
}

/** What a server has seen, counted as it happens. */
export type Seen = { requests: number; connections: number };
export type Server = { readonly port: number; readonly url: string; readonly seen: Seen };

/** An HTTP server on loopback that counts its requests and connections. */
export async function httpServer(handle: http.RequestListener): Promise<Server> {
  const seen: Seen = { requests: 0, connections: 0 };
  const server = http.createServer((request, response) => {
    seen.requests += 1;
    handle(request, response);
  });
  server.on('connection', () => {
    seen.connections += 1;
  });
  const port = await listen(server);
  open.push(() => new Promise((resolve) => server.close(resolve).closeAllConnections()));
  return { port, url: `http://127.0.0.1:${port}/`, seen };
}

/** A TCP server on loopback for answers that no HTTP server would give; `handle` gets every chunk of bytes that arrives. */
export async function rawServer(
  handle: (socket: net.Socket, received: string) => void,
): Promise<Server & { readonly sockets: Set<net.Socket> }> {
  const seen: Seen = { requests: 0, connections: 0 };
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    seen.connections += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      seen.requests += 1;
      handle(socket, bytes.toString('latin1'));
    });
  });
  const port = await listen(server);
  open.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return { port, url: `http://127.0.0.1:${port}/`, seen, sockets };
}

/** Clocks that stand still until they are moved. */
export const stillClock = () => ({
  wall: Date.UTC(2026, 10, 20),
  mono: 1_000,
  now() {
    return this.wall;
  },
  monotonic() {
    return this.mono;
  },
});
export type StillClock = ReturnType<typeof stillClock>;

export type Caller = { call(request: Partial<HttpRequest> & { readonly url: string }): Promise<HttpOutcome>; close(): Promise<void> };

/** A caller that may reach loopback, with requests whose start window is open and whose other fields have defaults. */
export function callerWith(options: Partial<HttpCallerOptions> & { readonly clock?: StillClock } = {}): Caller {
  const clock = options.clock ?? stillClock();
  const caller = createHttpCaller({ egress: 'any', connectionsPerTarget: 256, ...options, clock });
  open.push(() => caller.close());
  return {
    call: (request) =>
      caller.call({
        method: 'POST',
        headers: [],
        body: null,
        timeoutMs: 10_000,
        beginBefore: { wall: clock.wall + 5_000, monotonic: clock.mono + 5_000 },
        ...request,
      }),
    close: () => caller.close(),
  };
}

/** The outcome as a response; fails the test with its message if it is none. */
export function responseOf(outcome: HttpOutcome): HttpOutcome & { readonly kind: 'response' } {
  if (outcome.kind !== 'response') throw new Error(`no response: ${outcome.kind}: ${outcome.message}`);
  return outcome;
}

export const textOf = (outcome: HttpOutcome): string => Buffer.from(responseOf(outcome).body).toString('utf8');

/** A promise and what settles it: the signal a test waits for instead of sleeping. */
export function signalled(): { readonly happened: Promise<void>; readonly tell: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { happened: promise, tell: resolve };
}
