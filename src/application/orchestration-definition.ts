import type { OrchestrationDefinition } from '../domain/orchestration/definition.ts';
import { orchestrationDefinition } from './event-schemas/orchestration.ts';

/** A definition, and one after the other the bytes of all bodies in it: each begins at its `bodyAt`. */
export type KeptDefinition = { readonly definition: OrchestrationDefinition; readonly bodies: Uint8Array };

/** JSON has no line breaks unless it is asked for them. */
const lineBreak = 0x0a;

/** A definition as it lies beside the event that brought it: a line of JSON, and the bodies. */
export function writeDefinition({ definition, bodies }: KeptDefinition): Uint8Array {
  const json = new TextEncoder().encode(`${JSON.stringify(definition)}\n`);
  const kept = new Uint8Array(json.length + bodies.length);
  kept.set(json);
  kept.set(bodies, json.length);
  return kept;
}

/** Reads what `writeDefinition` wrote. Throws if the bytes are nothing of the kind. */
export function readDefinition(bytes: Uint8Array): KeptDefinition {
  const end = bytes.indexOf(lineBreak);
  const parsed = orchestrationDefinition.parse(JSON.parse(new TextDecoder().decode(bytes.subarray(0, end))));
  return { definition: parsed as OrchestrationDefinition, bodies: bytes.subarray(end + 1) };
}
