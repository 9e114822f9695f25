import type { LookupFunction } from 'node:net';
import type { HttpCaller, HttpOutcome, HttpRequest } from '../../application/ports.ts';
import { ConnectionPool } from './connection-pool.ts';
import { type EgressMode, guardedConnector } from './egress-guard.ts';
import { HttpCall, type Now } from './http-call.ts';
import { describeNetworkError } from './network-error.ts';

export type HttpCallerOptions = {
  /** Which addresses may be called. */
  readonly egress: EgressMode;
  /** Connections to one target (scheme, host and port) at most; further calls wait for one, within their start window. */
  readonly connectionsPerTarget: number;
  readonly clock: Now;
  /** Resolves names; the system's resolver by default. */
  readonly lookup?: LookupFunction;
  /** The verdict on one address in mode `public`; `isPublicAddress` by default. */
  readonly allows?: (address: string) => boolean;
  /** Idle connections over all targets at most; beyond it the one idle longest is closed. Default 1,024. */
  readonly idleConnections?: number;
};

/** As many as calls in flight by default: with it the process stays well inside the usual 4,096 to 65,536 file descriptors. */
const idleConnectionsDefault = 1_024;

/**
 * One listener a signal, however many calls it governs: signals tend to be shared by all calls of a process, and an EventTarget
 * finds a listener to remove by walking all of them.
 */
class Signals {
  readonly #calls = new WeakMap<AbortSignal, Set<HttpCall>>();

  of(signal: AbortSignal): Set<HttpCall> {
    const known = this.#calls.get(signal);
    if (known !== undefined) return known;
    const calls = new Set<HttpCall>();
    this.#calls.set(signal, calls);
    signal.addEventListener(
      'abort',
      () => {
        for (const call of calls) call.interrupt('the call was aborted');
      },
      { once: true },
    );
    return calls;
  }
}

function flatten(headers: HttpRequest['headers']): string[] {
  const flat: string[] = [];
  for (const [name, value] of headers) flat.push(name, value);
  return flat;
}

/**
 * The outgoing caller on undici: kept-alive HTTP/1.1 connections, one deadline a call, one try a call, no redirects, no decoding.
 * It answers with an outcome whatever happens and never throws. `close` ends calls in flight as `interrupted`; later ones too.
 */
export function createHttpCaller(options: HttpCallerOptions): HttpCaller & { close(): Promise<void> } {
  const { clock, egress, connectionsPerTarget, idleConnections = idleConnectionsDefault } = options;
  const connect = guardedConnector(egress, {
    ...(options.lookup === undefined ? {} : { lookup: options.lookup }),
    ...(options.allows === undefined ? {} : { allows: options.allows }),
  });
  const pool = new ConnectionPool({ connect, connectionsPerTarget, idleConnections });
  const signals = new Signals();
  let closed = false;

  const begin = (request: HttpRequest, resolve: (outcome: HttpOutcome) => void): void => {
    if (closed || request.signal?.aborted) {
      resolve({ kind: 'interrupted', message: `the call was not begun: ${closed ? 'the caller is closed' : 'it was aborted before'}` });
      return;
    }
    const url = URL.parse(request.url);
    if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
      resolve({ kind: 'network', message: 'the URL is not one that can be called: http or https is needed' });
      return;
    }
    const calls = request.signal === undefined ? null : signals.of(request.signal);
    const call: HttpCall = new HttpCall(
      request,
      {
        path: url.pathname + url.search,
        method: request.method,
        headers: flatten(request.headers),
        body: request.body,
        // Decides about pipelining only, which is off; said here because its name promises otherwise.
        idempotent: false,
      },
      clock,
      (outcome) => {
        calls?.delete(call);
        resolve(outcome);
      },
    );
    calls?.add(call);
    try {
      pool.carry(url.origin, call);
    } catch (error) {
      call.settle({ kind: 'network', message: describeNetworkError(error) });
    }
  };

  return {
    call: (request) => new Promise((resolve) => begin(request, resolve)),
    close: async () => {
      closed = true;
      await pool.close('the call was interrupted: the caller is closed');
    },
  };
}
