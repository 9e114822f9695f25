import type { Asked, Part } from './asked.ts';

/** What becomes of a request on its way to the service and back. */
export type Fault =
  | { readonly kind: 'none' }
  /** Answered with an error; the service hears nothing of it. */
  | { readonly kind: 'refused'; readonly code: string; readonly status: number }
  /** The connection breaks before the service hears of it. */
  | { readonly kind: 'request lost' }
  /** The service carries it out, and the connection breaks before the answer. */
  | { readonly kind: 'reply lost' }
  /** It reaches the service so much later, whether or not anybody still waits for the answer. */
  | { readonly kind: 'late'; readonly ms: number }
  /** The service carries it out, and then something else happens before the answer comes back. */
  | { readonly kind: 'then'; readonly happens: () => void }
  /** Each statement, message or entry has a fate of its own. */
  | { readonly kind: 'parts'; readonly fateOf: (part: Part) => PartFate };

export type PartFate =
  | 'taken'
  /** Answered as taken, and never carried out: a message that is lost. */
  | 'lost'
  /** Not carried out, and answered so. */
  | { readonly refused: string; readonly senderFault?: boolean }
  /** Carried out, and yet answered as failed. */
  | { readonly denied: string };

export type FaultOf = (asked: Asked) => Fault;

export const none: Fault = { kind: 'none' };
/** As DynamoDB refuses what comes too fast (API reference, "Common errors"). */
export const throttled: Fault = { kind: 'refused', code: 'ProvisionedThroughputExceededException', status: 400 };
export const tooFast: Fault = { kind: 'refused', code: 'ThrottlingException', status: 400 };
export const internal: Fault = { kind: 'refused', code: 'InternalServerError', status: 500 };
export const forbidden: Fault = { kind: 'refused', code: 'AccessDeniedException', status: 400 };
export const replyLost: Fault = { kind: 'reply lost' };
export const requestLost: Fault = { kind: 'request lost' };

/**
 * Chance that does not depend on the order of arrival: a number in [0, 1) for a question about the n-th sending of a thing, the same for
 * the same seed, however the requests of many tasks fall between each other.
 */
export function createChance(seed: number): (question: string, of: Pick<Part, 'key' | 'before'>) => number {
  return (question, { key, before }) => hashed(`${seed} ${question} ${key} ${before}`) / 2 ** 32;
}

/** FNV-1a, and murmur3's last mixing, without which close texts have close hashes. */
function hashed(given: string): number {
  let hash = 2_166_136_261;
  for (const byte of Buffer.from(given)) hash = Math.imul(hash ^ byte, 16_777_619);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
