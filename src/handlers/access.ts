import type { accessVariables, Values } from './environment.ts';
import type { Access } from './http/middleware.ts';

/** Who may use the API. Keys are known by their SHA-256 in hex; without any, nobody is let in rather than everybody. */
export function accessOf(values: Values<(typeof accessVariables)[number]>): Access {
  switch (values.ERRAND_AUTH) {
    case 'open':
      return { to: 'everybody' };
    case 'jwt':
      return { to: 'subjects' };
    case 'api-keys':
      return {
        to: 'key holders',
        keyHashes: values.ERRAND_API_KEY_HASHES.map((hash) => Buffer.from(hash, 'hex').toString('base64url')),
      };
    default:
      return values.ERRAND_AUTH satisfies never;
  }
}
