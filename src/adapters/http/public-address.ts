import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

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
