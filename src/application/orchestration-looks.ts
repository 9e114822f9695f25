import { type Child, childOf, type GivenBody, leftBy, seenAs, taskOf } from '../domain/orchestration/children.ts';
import type { ChildSeen } from '../domain/orchestration/commands.ts';
import { decide } from '../domain/orchestration/decide.ts';
import type { OrchestrationDefinition } from '../domain/orchestration/definition.ts';
import { progressOf } from '../domain/orchestration/progress.ts';
import { type Cancelled, type Live, wakeAt } from '../domain/orchestration/state.ts';
import type { Action } from '../domain/task/events.ts';
import { endedOf } from '../domain/task/state.ts';
import { type ChildPorts, createChild, isOwnChild, type NewChild } from './children.ts';
import { isDue } from './early-wake.ts';
import { carryOut, execute } from './execute.ts';
import { readDefinition } from './orchestration-definition.ts';
import type { LoadedOrchestration, OrchestrationStore } from './orchestration-store.ts';
import { isSentAsQuery, scalars } from './outgoing.ts';
import type { Wake, WakeQueue } from './ports.ts';
import { renderProgress } from './render-orchestration.ts';
import { taskStream } from './task-store.ts';

export type OrchestrationPorts = ChildPorts & { readonly orchestrations: OrchestrationStore };
export type OrchestrationWakePorts = OrchestrationPorts & { readonly wakes: WakeQueue };

/** More than any orchestration has to do at one moment: what a hundred steps without a delay come to is spread over their tasks. */
const looksAtOnce = 100;

/** "Look at this orchestration": brings it as far as it can come now, and makes the task that it waits for. */
export async function wakeOrchestration(ports: OrchestrationWakePorts, wake: Wake): Promise<void> {
  const { state } = await ports.orchestrations.load(wake.stream, wake.version);
  const dueAt = wakeAt(state);
  if (dueAt === null) return;
  // A task is waited for, not a time: this wake may tell of its end.
  if (childOf(state) === null && !(await isDue(ports, wake, { version: state.version, dueAt }))) return;
  await lookAtOrchestration(ports, wake.stream, wake.version);
}

/**
 * Does what is due next, one thing at a time, until nothing is. Those of this process who look at the same orchestration take turns:
 * each makes what the one before has named.
 */
export async function lookAtOrchestration(ports: OrchestrationPorts, stream: string, atLeastVersion: number): Promise<void> {
  const endTurn = await ports.orchestrations.turn(`look at ${stream}`);
  try {
    for (let looks = 0; looks < looksAtOnce; looks += 1) {
      const loaded = await ports.orchestrations.load(stream, atLeastVersion);
      const { state } = loaded;
      if (state.status === 'missing' || state.status === 'deleted') return;
      const child = childOf(state);
      const seen = child === null ? null : await lookAtChild(ports, stream, loaded, state, child);
      const outcome = await carryOut(
        decide,
        { store: ports.orchestrations, clock: ports.clock },
        { stream, startFrom: loaded, command: (now) => ({ type: 'advance' as const, now, version: state.version, child: seen }) },
      );
      if (outcome.outcome === 'done') {
        if (outcome.changed) continue;
        if (state.status === 'cancelled') await cancelLeft(ports, state);
        return;
      }
      const { reason } = outcome.refusal;
      if (reason !== 'stale' && reason !== 'contended') return;
    }
  } finally {
    endTurn();
  }
}

/** Nothing may start after a cancel: what has not begun, or waits for its next try, is cancelled too. A call under way ends by itself. */
async function cancelLeft(ports: OrchestrationPorts, state: Cancelled): Promise<void> {
  const reason = `the orchestration ${state.id} was cancelled`;
  for (const { taskId, origin } of leftBy(state)) {
    const stream = taskStream(taskId);
    const loaded = await ports.store.load(stream);
    if (loaded.state.status !== 'scheduled' || !isOwnChild(loaded.state, origin)) continue;
    // One that begins meanwhile is another task than was looked at. It asks before its call whether it may still make it.
    const expectedVersions = [loaded.state.version];
    await execute(ports, { stream, startFrom: loaded, expectedVersions, command: () => ({ type: 'cancel', reason }) });
  }
}

/** The child as it is, made if it is missing; one that cannot be made has failed. */
async function lookAtChild(
  ports: OrchestrationPorts,
  stream: string,
  loaded: LoadedOrchestration,
  state: Live,
  child: Child,
): Promise<ChildSeen> {
  const { state: task } = await ports.store.load(taskStream(child.taskId));
  if (task.status !== 'missing') return seenAs(child, task);
  const made = await newChild(ports, stream, loaded, state, child);
  if ('unmakeable' in made) return { status: 'failed', error: { kind: 'rejected', message: made.unmakeable } };
  return seenAs(child, await createChild(ports, child.taskId, made));
}

type Unmakeable = { readonly unmakeable: string };

async function newChild(
  ports: OrchestrationPorts,
  stream: string,
  loaded: LoadedOrchestration,
  state: Live,
  child: Child,
): Promise<NewChild | Unmakeable> {
  const { definition, bodies } = readDefinition(await ports.orchestrations.body(stream, loaded, child.definition));
  const given = await givenBody(ports, state, child, definition);
  if (given !== null && 'unmakeable' in given) return given;
  const task = taskOf(child, definition, given);
  const { action } = task.definition;
  const taker = given === null ? null : takerOfJson(action);
  if (given !== null && taker !== null && !isJson(given.body)) {
    return { unmakeable: `the result of the step before is no JSON, which ${taker} takes alone` };
  }
  const own = task.bodyAt === null ? undefined : bodies.slice(task.bodyAt, task.bodyAt + (action.body?.bytes ?? 0));
  return { definition: task.definition, runAt: child.runAt, body: given === null ? own : given.body };
}

/** What a child is that can be sent nothing but JSON; null for one that can. What does not even call itself JSON is no query. */
function takerOfJson(action: Action): string | null {
  if (action.kind !== 'http') return action.kind === 'event' ? 'an event' : 'a runner';
  const asQuery = action.body?.kind === 'json' && (action.method === 'GET' || action.method === 'HEAD');
  return asQuery ? `a ${action.method} request` : null;
}

type Given = GivenBody & { readonly body: Uint8Array };

/** The bytes that the child is sent in place of its own body; null where it is sent that. */
async function givenBody(
  { store }: OrchestrationPorts,
  state: Live,
  { body: source }: Child,
  { callback }: OrchestrationDefinition,
): Promise<Given | Unmakeable | null> {
  switch (source.from) {
    case 'definition':
      return null;
    case 'outcome': {
      const told = callbackBody(state);
      const fitting = callback !== null && isSentAsQuery(callback) ? Object.fromEntries(scalars(told)) : told;
      const body = new TextEncoder().encode(JSON.stringify(fitting));
      return { body, bytes: body.length, contentType: 'application/json' };
    }
    case 'task': {
      const stream = taskStream(source.taskId);
      const loaded = await store.load(stream);
      const ended = endedOf(loaded.state);
      if (ended?.status !== 'succeeded') return { unmakeable: `the result of ${source.taskId} is not there any more` };
      const { result } = ended;
      const body = result.body === null ? new Uint8Array() : await store.body(stream, loaded, result.body);
      return { body, bytes: body.length, contentType: result.headers['content-type'] ?? null };
    }
    default:
      return source satisfies never;
  }
}

function callbackBody(state: Live): Readonly<Record<string, unknown>> {
  const { status, outcome, steps, finishedAt } = renderProgress(progressOf(state));
  return { id: state.id, status, outcome, steps, labels: state.labels, finishedAt };
}

function isJson(bytes: Uint8Array): boolean {
  try {
    JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return true;
  } catch {
    return false;
  }
}
