import { keyIdOf } from '../adapters/crypto/key-ring.ts';
import { neededKeyId } from '../adapters/crypto/sealer.ts';
import { decodeSigningSecret } from '../adapters/crypto/secrets.ts';
import { taskEvent } from '../application/event-schemas.ts';
import type { StoredEvent } from '../application/ports.ts';
import type { Header } from '../domain/task/events.ts';

const kinds = ['sealing', 'token', 'signing'] as const;
export type KeyKind = (typeof kinds)[number];
/** Public names of keys, which say nothing about the keys; never the keys themselves. */
export type KeyIds = Readonly<Record<KeyKind, readonly string[]>>;

export const variableOf: Readonly<Record<KeyKind, string>> = {
  sealing: 'ERRAND_SEALING_KEYS',
  token: 'ERRAND_TOKEN_KEYS',
  signing: 'ERRAND_SIGNING_SECRET',
};

/** The ids of the keys that sealed values and the fingerprint of an event need. The event must have been parsed. */
export function sealingKeyIdsOf(stored: StoredEvent): readonly string[] {
  const event = taskEvent(stored);
  if (event.type !== 'TaskScheduled' && event.type !== 'TaskRescheduled') return [];
  const { action, callback } = event.data;
  const headers: readonly Header[] = [...(action?.kind === 'http' ? action.headers : []), ...(callback?.headers ?? [])];
  const sealed = headers.flatMap((header) => ('sealed' in header ? [header.sealed] : []));
  const texts = event.type === 'TaskScheduled' ? [...sealed, event.data.contentHash] : sealed;
  return texts.flatMap((text) => neededKeyId(text) ?? []);
}

/** The ids of the keys that a host has. */
export function keyIdsOf(secrets: {
  readonly sealing: readonly Uint8Array[];
  readonly token: readonly Uint8Array[];
  readonly signing: readonly string[];
}): KeyIds {
  return {
    sealing: secrets.sealing.map(keyIdOf),
    token: secrets.token.map(keyIdOf),
    signing: secrets.signing.map((secret) => keyIdOf(decodeSigningSecret(secret))),
  };
}

/** What is needed, neither held nor waived; by kind, and only kinds that miss something. */
export function missingKeys(
  needed: KeyIds,
  held: KeyIds,
  waived: readonly string[],
): readonly { readonly kind: KeyKind; readonly ids: readonly string[] }[] {
  return kinds
    .map((kind) => ({ kind, ids: needed[kind].filter((id) => !held[kind].includes(id) && !waived.includes(id)) }))
    .filter(({ ids }) => ids.length > 0);
}
