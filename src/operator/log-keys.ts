import { keyIdOf } from '../adapters/crypto/key-ring.ts';
import { neededKeyId } from '../adapters/crypto/sealer.ts';
import { decodeSigningSecret } from '../adapters/crypto/secrets.ts';
import { orchestrationEvent, scheduleEvent, taskEvent } from '../application/event-schemas.ts';
import { readDefinition } from '../application/orchestration-definition.ts';
import type { StoredEvent } from '../application/ports.ts';
import { kindOf } from '../domain/streams.ts';
import type { Action, CallbackSpec, Header } from '../domain/task/events.ts';

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
  return sealedTexts(stored).flatMap((text) => neededKeyId(text) ?? []);
}

/** The sealed values and the fingerprint that an event brings. */
function sealedTexts(stored: StoredEvent): readonly string[] {
  const kind = kindOf(stored.stream);
  switch (kind) {
    case 'task': {
      const event = taskEvent(stored);
      if (event.type !== 'TaskScheduled' && event.type !== 'TaskRescheduled') return [];
      const sealed = sealedIn(event.data.action, event.data.callback);
      return event.type === 'TaskScheduled' ? [...sealed, event.data.contentHash] : sealed;
    }
    case 'schedule': {
      const event = scheduleEvent(stored);
      if (event.type !== 'ScheduleCreated' && event.type !== 'ScheduleChanged') return [];
      const sealed = sealedIn(event.data.template?.action, event.data.template?.callback);
      return event.type === 'ScheduleCreated' ? [...sealed, event.data.contentHash] : sealed;
    }
    case 'orchestration': {
      const event = orchestrationEvent(stored);
      if (event.type !== 'OrchestrationScheduled' && event.type !== 'OrchestrationChanged') return [];
      const sealed = event.data.plan === undefined || stored.body === undefined ? [] : sealedInDefinition(stored.body);
      return event.type === 'OrchestrationScheduled' ? [...sealed, event.data.contentHash] : sealed;
    }
    default:
      return kind satisfies never;
  }
}

function sealedInDefinition(bytes: Uint8Array): readonly string[] {
  const { steps, check, fallback, callback } = readDefinition(bytes).definition;
  const templates = [...steps.flatMap((step) => [step.task, step.check?.task, step.fallback]), check?.task, fallback];
  return [...templates.flatMap((template) => sealedIn(template?.action, null)), ...sealedIn(undefined, callback)];
}

function sealedIn(action: Action | undefined, callback: CallbackSpec | null | undefined): readonly string[] {
  const headers: readonly Header[] = [...(action?.kind === 'http' ? action.headers : []), ...(callback?.headers ?? [])];
  return headers.flatMap((header) => ('sealed' in header ? [header.sealed] : []));
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
