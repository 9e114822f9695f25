import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction, Socket } from 'node:net';
import { buildConnector } from 'undici';
import { isPublicAddress } from './public-address.ts';
import { sharedLookup } from './shared-lookup.ts';

/** `public`: globally routable unicast addresses only. `any`: no checks. */
export type EgressMode = 'any' | 'public';

/** The address a call would have gone to is not one the egress rule lets through. */
export class EgressRefused extends Error {
  readonly code = 'ERRAND_EGRESS';
  constructor(subject: string) {
    super(`the egress rule refuses ${subject}: only public addresses may be called`);
    this.name = 'EgressRefused';
  }
}

/** Whether an error is a refusal, or was caused by one, or gathers one (Happy Eyeballs wraps errors of several addresses). */
export function isEgressRefused(error: unknown): boolean {
  for (let at = error, depth = 0; at instanceof Error && depth < 10; at = at.cause, depth += 1) {
    if (at instanceof EgressRefused) return true;
    if (at instanceof AggregateError && at.errors.some((inner) => inner instanceof EgressRefused)) return true;
  }
  return false;
}

/**
 * A lookup whose verdict and whose answer are the same addresses: the socket connects to what was judged, so a name that changes
 * between a check and a connection (DNS rebinding) gains nothing. Refused addresses are left out; none left is a refusal.
 */
export function guardedLookup(lookup: LookupFunction, allows: (address: string) => boolean): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found, family) => {
      if (error) return callback(error, '', 0);
      const all: readonly LookupAddress[] = typeof found === 'string' ? [{ address: found, family: family ?? isIP(found) }] : found;
      const allowed = all.filter(({ address }) => allows(address));
      const [first] = allowed;
      if (first === undefined) return callback(new EgressRefused(all.length === 0 ? `${hostname} (no address)` : hostname), '', 0);
      if (options.all) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
}

export type GuardOptions = {
  /** Resolves names; the system's resolver by default. */
  readonly lookup?: LookupFunction;
  /** The verdict on one address; `isPublicAddress` by default. */
  readonly allows?: (address: string) => boolean;
};

/** An undici connector that also gives back the socket it is opening (null if it opens none), so that whoever waits can give up on it. */
export type Connector = (options: buildConnector.Options, callback: buildConnector.Callback) => Socket | null;

/** Time for one address of several before the next is tried beside it; Node's 250 ms gives up on far continents. */
const nextAddressAfterMs = 500;
/** Enough to resume TLS with the targets of a few seconds. */
const tlsSessions = 1_000;

/**
 * Makes the connector of every outgoing connection. In mode `public` an address is judged three times: as a literal in the URL
 * (Node calls no lookup for one), as an answer of the resolver, and as the far end of the connected socket.
 */
export function guardedConnector(mode: EgressMode, options: GuardOptions = {}): Connector {
  const allows = options.allows ?? isPublicAddress;
  const lookup = sharedLookup(options.lookup ?? systemLookup);
  const open = buildConnector({
    lookup: mode === 'public' ? guardedLookup(lookup, allows) : lookup,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: nextAddressAfterMs,
    allowH2: false,
    maxCachedSessions: tlsSessions,
    // The call's own deadline covers connecting; a second timer could only disagree with it.
    timeout: 0,
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
  });
  const connect = (to: buildConnector.Options, callback: buildConnector.Callback): Socket | null => {
    // The types of undici promise no result; its code returns the socket (undici 8.12, lib/core/connect.js).
    const socket: unknown = open(to, callback);
    return socket instanceof Socket ? socket : null;
  };
  if (mode === 'any') return connect;

  return (to, callback) => {
    if (isIP(to.hostname) !== 0 && !allows(to.hostname)) {
      queueMicrotask(() => callback(new EgressRefused(to.hostname), null));
      return null;
    }
    return connect(to, (...result) => {
      const [error, socket] = result;
      if (error !== null) return callback(error, null);
      const remote = socket.remoteAddress;
      if (remote !== undefined && allows(remote)) return callback(null, socket);
      socket.destroy();
      callback(remote === undefined ? new Error('the connection was closed as soon as it was made') : new EgressRefused(remote), null);
    });
  };
}
