import { limits } from '../domain/limits.ts';
import type { OrchestrationCommand, OrchestrationRefusal } from '../domain/orchestration/commands.ts';
import { decide } from '../domain/orchestration/decide.ts';
import {
  type CheckDefinition,
  type ChildTemplate,
  type OrchestrationDefinition,
  planOf,
  previousOfFirst,
  type StepTemplate,
} from '../domain/orchestration/definition.ts';
import type { OrchestrationState } from '../domain/orchestration/state.ts';
import { carryOut, type Outcome } from './execute.ts';
import { type KeptDefinition, readDefinition, writeDefinition } from './orchestration-definition.ts';
import type {
  CheckInput,
  ChildInput,
  OrchestrationChangesInput,
  OrchestrationInput,
  StepInput,
  StepTaskInput,
} from './orchestration-input.ts';
import { lookAtOrchestration, type OrchestrationPorts } from './orchestration-looks.ts';
import { missingOrchestration, orchestrationStream } from './orchestration-store.ts';
import type { Digest, Ids, Logger, Sealer } from './ports.ts';
import type { InputError } from './reading.ts';
import { actionOf, callbackOf } from './sealing.ts';

export type OrchestrationCommandPorts = OrchestrationPorts & {
  readonly ids: Ids;
  readonly sealer: Sealer;
  readonly digest: Digest;
  readonly logger: Logger;
};
type Decided = Outcome<OrchestrationState, OrchestrationRefusal>;
/** `invalid`: the orchestration would be none that can run, with the fields at fault. */
export type OrchestrationOutcome = Decided | { readonly outcome: 'invalid'; readonly errors: readonly InputError[] };
type Guard = { readonly expectedVersions?: readonly number[] | undefined };
type Definition = Pick<OrchestrationInput, 'steps' | 'check' | 'fallback' | 'callback'>;

/** Collects the bytes of bodies, one after the other. */
class Bodies {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  /** Gives where they begin; null where there are none. */
  add(bytes: Uint8Array | undefined): number | null {
    if (bytes === undefined || bytes.length === 0) return null;
    const at = this.#length;
    this.#parts.push(bytes);
    this.#length += bytes.length;
    return at;
  }

  all(): Uint8Array {
    return Buffer.concat(this.#parts);
  }
}

/** Makes a definition from what was asked for: header values sealed, the bytes of bodies put together. */
function defined(input: Definition, sealer: Sealer, bodies: Bodies): OrchestrationDefinition {
  const child = ({ action, ...rest }: ChildInput): ChildTemplate => ({
    action: actionOf(action, sealer),
    bodyAt: bodies.add(action.body?.bytes),
    strategy: rest.strategy,
    timeoutMs: rest.timeoutMs,
    completeWithinMs: rest.completeWithinMs,
    retry: rest.retry,
  });
  const stepTask = (task: StepTaskInput): StepTemplate => ({ ...child(task), bodyFrom: task.bodyFrom });
  const check = ({ task, delayMs, retries, gapMs }: CheckInput): CheckDefinition => ({ task: child(task), delayMs, retries, gapMs });
  const step = ({ name, delayMs, task, ...own }: StepInput) => ({
    name,
    delayMs,
    task: stepTask(task),
    ...(own.check === undefined ? {} : { check: own.check && check(own.check) }),
    ...(own.fallback === undefined ? {} : { fallback: own.fallback && stepTask(own.fallback) }),
  });
  return {
    steps: input.steps.map(step),
    check: input.check && check(input.check),
    fallback: input.fallback && stepTask(input.fallback),
    callback: callbackOf(input.callback, sealer),
  };
}

/** What no shape of the input tells, as it depends on its parts together; null for a definition that is fit to run. */
function invalid(definition: OrchestrationDefinition): Extract<OrchestrationOutcome, { readonly outcome: 'invalid' }> | null {
  const path = previousOfFirst(definition);
  if (path === null) return null;
  return { outcome: 'invalid', errors: [{ path, message: 'must not be given for the first step, which has none before it' }] };
}

/** The bytes to be kept, and the plan of them. `digest` is one of what was asked for: sealing is different each time. */
function kept(definition: KeptDefinition, digest: string) {
  const bytes = writeDefinition(definition);
  return { bytes, plan: planOf(definition.definition, { bytes: bytes.length, digest }) };
}

/**
 * Creates an orchestration, or finds the one that the same content made before. `content` is what was sent, in canonical form;
 * `idempotencyId` stands in for an id that the client did not choose.
 */
export async function createOrchestration(
  ports: OrchestrationCommandPorts,
  input: OrchestrationInput,
  sent: { readonly content: string; readonly idempotencyId: string | null },
): Promise<OrchestrationOutcome> {
  const { orchestrations: store, clock, sealer } = ports;
  const id = input.id ?? sent.idempotencyId ?? ports.ids.taskId();
  const bodies = new Bodies();
  const definition = defined(input, sealer, bodies);
  const problem = invalid(definition);
  if (problem !== null) return problem;
  const contentHash = sealer.fingerprint(sent.content);
  const { bytes, plan } = kept({ definition, bodies: bodies.all() }, contentHash);
  const command = (now: number, { state }: { readonly state: OrchestrationState }): OrchestrationCommand => ({
    type: 'schedule',
    runAt: input.delayMs === null ? Math.max(now, input.runAt) : now + input.delayMs,
    plan,
    labels: input.labels,
    contentHash,
    sameContent: 'contentHash' in state && sealer.matches(state.contentHash, sent.content),
  });
  return carryOut(decide, { store, clock }, { stream: orchestrationStream(id), startFrom: missingOrchestration, body: bytes, command });
}

/** Replaces the given fields of an orchestration that has not begun. `content` is what was sent, in canonical form. */
export async function changeOrchestration(
  ports: OrchestrationCommandPorts,
  id: string,
  input: OrchestrationChangesInput,
  { content, ...guard }: Guard & { readonly content: string },
): Promise<OrchestrationOutcome> {
  const { orchestrations: store, clock, sealer } = ports;
  const stream = orchestrationStream(id);
  for (let tries = 0; tries < limits.conflictRetries; tries += 1) {
    const loaded = await store.load(stream);
    const { state } = loaded;
    const madeFrom = state.status === 'scheduled' ? state.definition : null;
    const before = madeFrom === null ? null : readDefinition(await store.body(stream, loaded, madeFrom));
    const merged = before === null ? null : merge(before, input, ports);
    const problem = merged === null ? null : invalid(merged.definition);
    if (problem !== null) return problem;
    const known = 'plan' in state ? state.plan.definition.digest : '';
    // The same content keeps its digest, whichever sealing key made it: sent again it is no change.
    const next = merged === null ? null : kept(merged, sealer.matches(known, content) ? known : sealer.fingerprint(content));
    const outcome = await carryOut(
      decide,
      { store, clock },
      {
        stream,
        startFrom: loaded,
        ...guard,
        body: next?.bytes,
        command: (now): OrchestrationCommand => ({
          type: 'change',
          ...timeOf(input, now),
          ...(input.labels === undefined ? {} : { labels: input.labels }),
          ...(next === null || madeFrom === null ? {} : { replan: { plan: next.plan, madeFrom: madeFrom.version } }),
        }),
      },
    );
    if (outcome.outcome === 'done' || outcome.refusal.reason !== 'stale') return outcome;
  }
  return { outcome: 'refused', refusal: { reason: 'contended' }, loaded: await store.load(stream) };
}

function timeOf(input: OrchestrationChangesInput, now: number): { readonly runAt?: number } {
  if (input.delayMs !== undefined) return { runAt: now + input.delayMs };
  return input.runAt === undefined ? {} : { runAt: Math.max(now, input.runAt) };
}

/** The definition with the given parts replaced; null where none is given. The bytes of what stays are kept where they are. */
function merge(before: KeptDefinition, input: OrchestrationChangesInput, { sealer }: OrchestrationCommandPorts): KeptDefinition | null {
  const { steps, check, fallback, callback } = input;
  if (steps === undefined && check === undefined && fallback === undefined && callback === undefined) return null;
  const bodies = new Bodies();
  bodies.add(before.bodies);
  const given = defined(
    { steps: steps ?? [], check: check ?? null, fallback: fallback ?? null, callback: callback ?? null },
    sealer,
    bodies,
  );
  const definition: OrchestrationDefinition = {
    steps: steps === undefined ? before.definition.steps : given.steps,
    check: check === undefined ? before.definition.check : given.check,
    fallback: fallback === undefined ? before.definition.fallback : given.fallback,
    callback: callback === undefined ? before.definition.callback : given.callback,
  };
  return compacted({ definition, bodies: bodies.all() });
}

/** The same definition with the bytes alone that it still refers to. */
function compacted({ definition, bodies: all }: KeptDefinition): KeptDefinition {
  const bodies = new Bodies();
  const moved = <Template extends ChildTemplate>(template: Template): Template => {
    const { bodyAt, action } = template;
    return bodyAt === null ? template : { ...template, bodyAt: bodies.add(all.subarray(bodyAt, bodyAt + (action.body?.bytes ?? 0))) };
  };
  const check = (given: CheckDefinition): CheckDefinition => ({ ...given, task: moved(given.task) });
  const steps = definition.steps.map(({ task, ...step }) => ({
    ...step,
    task: moved(task),
    ...(step.check == null ? {} : { check: check(step.check) }),
    ...(step.fallback == null ? {} : { fallback: moved(step.fallback) }),
  }));
  const parts = { check: definition.check && check(definition.check), fallback: definition.fallback && moved(definition.fallback) };
  return { definition: { steps, ...parts, callback: definition.callback }, bodies: bodies.all() };
}

/** Lets nothing more of an orchestration start, and looks at it: its callback is made, and what has not begun is cancelled. */
export async function cancelOrchestration(
  ports: OrchestrationCommandPorts,
  id: string,
  reason: string | null,
  guard: Guard,
): Promise<Decided> {
  const { orchestrations: store, clock, logger } = ports;
  const stream = orchestrationStream(id);
  const command = (): OrchestrationCommand => ({ type: 'cancel', reason });
  const outcome = await carryOut(decide, { store, clock }, { stream, ...guard, command });
  if (outcome.outcome === 'refused') return outcome;
  try {
    await lookAtOrchestration(ports, stream, outcome.loaded.state.version);
    return { ...outcome, loaded: await store.load(stream) };
  } catch (error) {
    // It is cancelled all the same: the look a minute later makes the callback, and no child makes a call any more.
    logger.error('a cancelled orchestration could not be looked at', { stream, error: String(error) });
    return outcome;
  }
}
