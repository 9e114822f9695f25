import type { Dispatcher } from 'undici';
import type { Clock, HttpOutcome, HttpRequest } from '../../application/ports.ts';
import { limits } from '../../domain/limits.ts';
import { isEgressRefused } from './egress-guard.ts';
import { describeNetworkError } from './network-error.ts';
import { keptHeaders } from './response-headers.ts';

/** The two clocks a call is measured with. */
export type Now = Pick<Clock, 'now' | 'monotonic'>;

/** What a call is with at the moment: the queue of its target, or a connection. It is told, once, when the call is over. */
export type Carrier = { done(call: HttpCall, reusable: boolean): void };

type Phase = 'queued' | 'connecting' | 'headers' | 'body' | 'over';
const whileDoing = {
  queued: 'while waiting for a free connection',
  connecting: 'while connecting',
  headers: 'while waiting for the response headers',
  body: 'while reading the response body',
  over: '',
} as const;

const noBytes = new Uint8Array(0);
/** A body that drips in byte by byte is put together this often, so that it costs memory by its size and not by its pieces. */
const piecesAtMost = 128;
/** A target that sends these without an end would be read, and cost the whole process its time, until the deadline. */
const interimAnswersAtMost = 100;

function expire(call: HttpCall): void {
  call.expire();
}

/**
 * One call from its first connect to its last byte, as the handler undici reports to. It settles exactly once, whatever comes first:
 * the response, an error, the deadline, an abort, or the end of the window in which it may begin.
 */
export class HttpCall implements Dispatcher.DispatchHandler {
  readonly dispatch: Dispatcher.DispatchOptions;
  readonly #request: HttpRequest;
  readonly #clock: Now;
  readonly #resolve: (outcome: HttpOutcome) => void;
  #carrier: Carrier | null = null;
  #phase: Phase = 'queued';
  #written = false;
  #interimAnswers = 0;
  #timer: NodeJS.Timeout | undefined;
  #startedAt = 0;
  #status = 0;
  #headers: Readonly<Record<string, string>> = {};
  #first: Uint8Array | null = null;
  #rest: Uint8Array[] | null = null;
  #size = 0;

  constructor(request: HttpRequest, dispatch: Dispatcher.DispatchOptions, clock: Now, resolve: (outcome: HttpOutcome) => void) {
    this.#request = request;
    this.dispatch = dispatch;
    this.#clock = clock;
    this.#resolve = resolve;
  }

  get over(): boolean {
    return this.#phase === 'over';
  }

  /** The call waits in a queue; it is given up when it may no longer begin. */
  waitIn(queue: Carrier): void {
    this.#carrier = queue;
    const { wall, monotonic } = this.#request.beginBefore;
    this.#arm(Math.min(wall - this.#clock.now(), monotonic - this.#clock.monotonic()));
  }

  /** The call is about to use a connection: its deadline runs from here. False if it may not begin any more, and is over. */
  takeOff(connection: Carrier): boolean {
    this.#carrier = connection;
    if (!this.mayBegin('before connecting')) return false;
    this.#phase = 'connecting';
    this.#startedAt = this.#clock.monotonic();
    this.#arm(this.#request.timeoutMs);
    return true;
  }

  /** Whether both clocks are still before the end of the window; if not, the call is over. `when` completes the message. */
  mayBegin(when: string): boolean {
    if (this.over) return false;
    const { wall, monotonic } = this.#request.beginBefore;
    if (this.#clock.now() < wall && this.#clock.monotonic() < monotonic) return true;
    // Nothing was written, so a kept-alive connection is as good as before.
    this.settle({ kind: 'interrupted', message: `the call was not begun: its start window had passed ${when}` }, true);
    return false;
  }

  /** The caller was told to stop. */
  interrupt(message: string): void {
    this.settle({ kind: 'interrupted', message });
  }

  /** The timer has run out: of the deadline, or of the window while still queued. */
  expire(): void {
    if (this.#phase === 'queued') {
      this.interrupt('the call was not begun: no connection to the target became free within its start window');
    } else {
      this.settle({
        kind: 'timeout',
        message: `no complete response within ${this.#request.timeoutMs} ms: gave up ${whileDoing[this.#phase]}`,
      });
    }
  }

  settle(outcome: HttpOutcome, reusable = false): void {
    if (this.over) return;
    this.#phase = 'over';
    clearTimeout(this.#timer);
    this.#first = null;
    this.#rest = null;
    // Before resolving: the connection is back in the pool by the time whoever awaits this call makes the next one.
    this.#carrier?.done(this, reusable);
    this.#carrier = null;
    this.#resolve(outcome);
  }

  /**
   * undici calls this in the same turn in which it writes the request on a connected socket: the last moment to hold it back.
   *
   * One try is one write. undici 8.12 never sends again by itself a request whose connection failed: with one request at a time on a
   * connection, the one that runs is failed when its socket closes (client-h1.js, onHttpSocketClose), and `idempotent` decides about
   * pipelining only; resending is done by RetryAgent and the retry interceptor, which are not used. It does put a running request back
   * in its queue if the socket is destroyed with an InformationalError, which is meant for sockets that run nothing. So that this
   * stays true, a second start of one call is refused here. A request that was not written yet when a kept-alive socket closes is
   * sent, for the first time, on a new connection.
   */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#written)
      this.settle({ kind: 'network', message: 'the connection was closed before the response, and a call is sent once only' });
    if (!this.mayBegin('when the connection was ready')) {
      controller.abort(new Error('the call is over'));
      return;
    }
    this.#written = true;
    this.#phase = 'headers';
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: ResponseHeaders): void {
    if (this.over) return;
    // Interim answers (102, 103) precede the one that counts.
    if (status < 200) {
      this.#interimAnswers += 1;
      if (this.#interimAnswers > interimAnswersAtMost) {
        this.settle({ kind: 'network', message: `more than ${interimAnswersAtMost} interim answers came before the response` });
      }
      return;
    }
    this.#phase = 'body';
    this.#status = status;
    this.#headers = keptHeaders(headers);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    if (this.over) return;
    const room = limits.resultBytes - this.#size;
    if (chunk.byteLength <= room) {
      this.#keep(chunk);
    } else {
      if (room > 0) this.#keep(chunk.subarray(0, room));
      this.#respond(true);
    }
  }

  onResponseEnd(): void {
    this.#respond(false);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.over) return;
    const kind = isEgressRefused(error) ? 'egress' : 'network';
    this.settle({ kind, message: describeNetworkError(error) });
  }

  #arm(afterMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(expire, afterMs, this);
  }

  #keep(chunk: Uint8Array): void {
    this.#size += chunk.byteLength;
    if (this.#first === null) {
      this.#first = chunk;
      return;
    }
    this.#rest ??= [];
    this.#rest.push(chunk);
    if (this.#rest.length < piecesAtMost) return;
    this.#first = this.#assemble();
    this.#rest = null;
  }

  /** The bytes so far; those that came in one piece are not copied. */
  #assemble(): Uint8Array {
    if (this.#first === null) return noBytes;
    return this.#rest === null ? this.#first : Buffer.concat([this.#first, ...this.#rest], this.#size);
  }

  #respond(truncated: boolean): void {
    if (this.over) return;
    const durationMs = Math.round(this.#clock.monotonic() - this.#startedAt);
    const body = this.#assemble();
    // What is left of a truncated body would have to be read before the connection could carry another call.
    this.settle({ kind: 'response', status: this.#status, headers: this.#headers, body, truncated, durationMs }, !truncated);
  }
}

type ResponseHeaders = Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseStart']>>[2];
