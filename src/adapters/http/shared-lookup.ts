import type { LookupAddress, LookupOptions } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';

/** Long enough that a name whose servers fail is not asked about by every waiting call in turn, short enough for the shortest retry. */
const failureKeptMs = 1_000;

/**
 * A lookup that asks for a name once at a time: whoever wants it meanwhile gets the same answer, so that a name whose servers hang
 * holds one of the resolver's few threads and not all of them. A failure stands for a second. An answer is not kept: the next
 * connection asks again.
 */
export function sharedLookup(lookup: LookupFunction): LookupFunction {
  const underWay = new Map<string, Promise<readonly LookupAddress[]>>();

  function found(hostname: string, options: LookupOptions): Promise<readonly LookupAddress[]> {
    const { family = 0, hints = 0, order = '', verbatim = '' } = options;
    const key = `${hostname}|${family}|${hints}|${order}|${verbatim}`;
    const known = underWay.get(key);
    if (known !== undefined) return known;
    const asked = ask(lookup, hostname, options);
    underWay.set(key, asked);
    asked.then(
      () => underWay.delete(key),
      () => setTimeout(() => underWay.delete(key), failureKeptMs).unref(),
    );
    return asked;
  }

  return (hostname, options, callback) => {
    found(hostname, options).then(
      (addresses) => {
        const [first] = addresses;
        if (options.all) callback(null, [...addresses]);
        else if (first === undefined) callback(noAddress(hostname), '', 0);
        else callback(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, '', 0),
    );
  };
}

function ask(lookup: LookupFunction, hostname: string, options: LookupOptions): Promise<readonly LookupAddress[]> {
  return new Promise((resolve, reject) => {
    lookup(hostname, { ...options, all: true }, (error, addresses, family) => {
      if (error) reject(error);
      else resolve(typeof addresses === 'string' ? [{ address: addresses, family: family ?? isIP(addresses) }] : addresses);
    });
  });
}

function noAddress(hostname: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${hostname} has no address`), { code: 'ENOTFOUND' });
}
