import type { Socket } from 'node:net';
import { type buildConnector, Client } from 'undici';
import type { Connector } from './egress-guard.ts';
import type { Carrier, HttpCall } from './http-call.ts';

export type PoolOptions = { readonly connect: Connector; readonly connectionsPerTarget: number; readonly idleConnections: number };

/** Kept below the 5 s after which a Node server closes an idle connection, so that rarely a request meets a closing one. */
const keepAliveMs = 4_000;
/** A target that announces a longer time is believed up to here. */
const keepAliveMaxMs = 60_000;
/** Taken off an announced time: the target counts from its last byte, we from its arrival. */
const keepAliveThresholdMs = 2_000;
/** A larger header block than this is no answer but an attack, or a mistake; the headers that are kept are limited further. */
const headerBlockBytes = 64 * 1_024;

/** One object for all: making an error costs a stack trace, and nobody reads this one. */
const discarded = new Error('the connection was discarded');

/** One connection to a target, and the one call that uses it. */
class Connection implements Carrier {
  readonly target: Target;
  #call: HttpCall | null = null;
  #client: Client;
  #connect: Connector;
  #opening: Socket | null = null;
  #socket: Socket | null = null;

  constructor(target: Target, origin: string, connect: Connector) {
    this.target = target;
    this.#connect = connect;
    this.#client = new Client(origin, {
      connect: (to, callback) => this.#open(to, callback),
      allowH2: false,
      pipelining: 1,
      // One deadline covers the whole call; see HttpCall.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: keepAliveMs,
      keepAliveMaxTimeout: keepAliveMaxMs,
      keepAliveTimeoutThreshold: keepAliveThresholdMs,
      maxHeaderSize: headerBlockBytes,
      maxResponseSize: -1,
      strictContentLength: true,
    });
  }

  get alive(): boolean {
    return this.#socket !== null && !this.#socket.destroyed;
  }

  run(call: HttpCall): void {
    this.#call = call;
    if (call.takeOff(this)) this.#client.dispatch(call.dispatch, call);
  }

  /** Waits for the end of the turn: inside its callbacks undici has not yet made up its mind whether the socket lives on. */
  done(_call: HttpCall, reusable: boolean): void {
    queueMicrotask(() => {
      this.#call = null;
      this.target.release(this, reusable && this.alive);
    });
  }

  interrupt(message: string): void {
    this.#call?.interrupt(message);
  }

  /** Gives up the socket, also one that is still being opened. */
  destroy(): Promise<void> {
    this.#opening?.destroy();
    return new Promise((resolve) => this.#client.destroy(discarded, resolve));
  }

  #open(to: buildConnector.Options, callback: buildConnector.Callback): void {
    // Asked again because undici also connects anew when a kept-alive socket closed under a call that was not yet written.
    if (this.#call === null || !this.#call.mayBegin('before connecting')) {
      queueMicrotask(() => callback(discarded, null));
      return;
    }
    this.#opening = this.#connect(to, (...result) => {
      this.#opening = null;
      const [error, socket] = result;
      if (error === null) this.#opened(socket);
      callback(...result);
    });
  }

  #opened(socket: Socket): void {
    this.#socket = socket;
    socket.once('close', () => {
      if (this.#socket === socket) this.#socket = null;
      if (this.#call === null) this.target.drop(this);
    });
  }
}

/** The connections to one target (scheme, host and port) and the calls that wait for one. */
class Target implements Carrier {
  readonly #pool: ConnectionPool;
  readonly #origin: string;
  readonly #connections = new Set<Connection>();
  /** The one used last comes first: what is not needed grows old and is closed. */
  readonly #idle: Connection[] = [];
  readonly #waiting = new Set<HttpCall>();

  constructor(pool: ConnectionPool, origin: string) {
    this.#pool = pool;
    this.#origin = origin;
  }

  carry(call: HttpCall): void {
    const idle = this.#takeIdle();
    if (idle !== null) {
      idle.run(call);
    } else if (this.#connections.size < this.#pool.options.connectionsPerTarget) {
      this.#connectFor(call);
    } else {
      this.#waiting.add(call);
      call.waitIn(this);
    }
  }

  /** A call that waited is over. */
  done(call: HttpCall): void {
    this.#waiting.delete(call);
  }

  release(connection: Connection, reusable: boolean): void {
    if (!this.#connections.has(connection)) return;
    if (!reusable) {
      this.drop(connection);
      return;
    }
    const next = this.#nextWaiting();
    if (next !== null) {
      connection.run(next);
    } else {
      this.#idle.push(connection);
      this.#pool.addIdle(connection);
    }
  }

  drop(connection: Connection): void {
    if (!this.#connections.delete(connection)) return;
    if (this.#pool.idle.delete(connection)) this.#idle.splice(this.#idle.indexOf(connection), 1);
    void connection.destroy();
    const next = this.#nextWaiting();
    if (next !== null) this.#connectFor(next);
    else if (this.#connections.size === 0) this.#pool.forget(this.#origin, this);
  }

  close(message: string): Promise<void>[] {
    const connections = [...this.#connections];
    for (const call of this.#waiting) call.interrupt(message);
    for (const connection of connections) connection.interrupt(message);
    for (const connection of connections) this.drop(connection);
    return connections.map((connection) => connection.destroy());
  }

  #takeIdle(): Connection | null {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      this.#pool.idle.delete(idle);
      if (idle.alive) return idle;
      // Its socket is closing; the event that says so drops it.
    }
    return null;
  }

  #connectFor(call: HttpCall): void {
    const connection = new Connection(this, this.#origin, this.#pool.options.connect);
    this.#connections.add(connection);
    connection.run(call);
  }

  #nextWaiting(): HttpCall | null {
    const [next] = this.#waiting;
    if (next === undefined) return null;
    this.#waiting.delete(next);
    return next;
  }
}

/**
 * Kept-alive connections by target, one undici Client each. undici's own Pool is not used because a call that is given up cannot be
 * withdrawn from it while it is queued or connecting (it would keep its place until the operating system gives up, about two minutes),
 * because it looks through all connections for a free one, and because it has no bound over all targets together.
 */
export class ConnectionPool {
  readonly options: PoolOptions;
  /** Every idle connection, the one that is idle longest first. */
  readonly idle = new Set<Connection>();
  readonly #targets = new Map<string, Target>();

  constructor(options: PoolOptions) {
    this.options = options;
  }

  /** Hands the call to a connection to `origin`, or lets it wait for one. Throws if the origin is not one that undici can call. */
  carry(origin: string, call: HttpCall): void {
    let target = this.#targets.get(origin);
    if (target === undefined) {
      target = new Target(this, origin);
      this.#targets.set(origin, target);
    }
    target.carry(call);
  }

  addIdle(connection: Connection): void {
    this.idle.add(connection);
    if (this.idle.size <= this.options.idleConnections) return;
    const [oldest] = this.idle;
    oldest?.target.drop(oldest);
  }

  forget(origin: string, target: Target): void {
    if (this.#targets.get(origin) === target) this.#targets.delete(origin);
  }

  /** Ends every call as interrupted and closes every connection; resolves when the sockets are gone. */
  async close(message: string): Promise<void> {
    await Promise.all([...this.#targets.values()].flatMap((target) => target.close(message)));
  }
}
