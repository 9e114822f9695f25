import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction, Socket } from 'node:net';
import ipaddr from 'ipaddr.js';
import { buildConnector } from 'undici';
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

/** Azure's metadata and DNS service answers on a public address inside every virtual network. */
const azureWireServer = '168.63.129.16';

function isPublicIPv4(address: string): boolean {
  return address !== azureWireServer && ipaddr.IPv4.parse(address).range() === 'unicast';
}

/** The interface id of ISATAP, with the universal bit on or off (RFC 5214, section 6.1); its low 32 bits are an IPv4 address. */
function isIsatap(parts: readonly number[]): boolean {
  return (parts[4] === 0 || parts[4] === 0x0200) && parts[5] === 0x5efe;
}

function isPublicIPv6(address: string): boolean {
  const parsed = ipaddr.IPv6.parse(address);
  const first = parsed.parts[0] ?? 0;
  // 2000::/3 is all the global unicast space there is (IANA). It leaves out ::/96 (IPv4-compatible), ::ffff:0:0/96 (mapped),
  // ::ffff:0:0:0/96 (translated), 64:ff9b::/96 and 64:ff9b:1::/48 (NAT64), fc00::/7, fe80::/10 and ff00::/8.
  if (first < 0x2000 || first > 0x3fff) return false;
  // 6bone, given back to IANA (RFC 3701), which ipaddr.js does not know.
  if (first === 0x3ffe) return false;
  // The library's list takes out 2001::/23 (Teredo, benchmarking, ORCHID), 2001:db8::/32, 3fff::/20, 2002::/16 (6to4) and AS112.
  return parsed.range() === 'unicast' && !isIsatap(parsed.parts);
}

/**
 * Whether `address` is a globally routable unicast address, written as the system writes it: dotted decimal, or IPv6 without brackets.
 * Everything else is not: private, shared, loopback, link-local and metadata addresses, multicast, reserved and documentation ranges,
 * IPv6 forms that embed an IPv4 address, zone ids, and what is no address at all.
 */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return isPublicIPv4(address);
    case 6:
      return !address.includes('%') && isPublicIPv6(address);
    default:
      return false;
  }
}

/**
 * Whether the host of a URL is a literal that the rule `public` refuses, so that a request can be turned down before it is stored.
 * The URL parser has already turned 2130706433, 0x7f.1, 0177.0.0.1 and full-width digits into dotted decimal (WHATWG URL, host parser).
 * A name is judged when it is resolved, except `localhost`, which means loopback by definition (RFC 6761, section 6.3).
 */
export function refusedLiteral(url: URL): boolean {
  const host = url.hostname.toLowerCase().replace(/\.+$/, '');
  if (host === 'localhost' || host.endsWith('.localhost')) return true;
  const address = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  return isIP(address) !== 0 && !isPublicAddress(address);
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
