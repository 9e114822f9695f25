import { limits } from '../domain/limits.ts';
import type { TaskCommand, TaskRefusal } from '../domain/task/commands.ts';
import { decide } from '../domain/task/decide.ts';
import type { Clock } from './ports.ts';
import type { LoadedTask, TaskStore } from './task-store.ts';

export type CommandRefusal =
  | TaskRefusal
  | { readonly reason: 'version-mismatch'; readonly version: number }
  | { readonly reason: 'contended' };

/** `changed` tells an event that was appended from a task that already was so. */
export type CommandOutcome =
  | { readonly outcome: 'done'; readonly changed: boolean; readonly loaded: LoadedTask }
  | { readonly outcome: 'refused'; readonly refusal: CommandRefusal; readonly loaded: LoadedTask };

export type CommandRequest = {
  readonly stream: string;
  /** Made anew for each try, as time goes on between them. */
  readonly command: (now: number, loaded: LoadedTask) => TaskCommand;
  /** The bytes beside the event, if the command yields one. */
  readonly body?: Uint8Array | undefined;
  /** Only if the task's version is one of these. */
  readonly expectedVersions?: readonly number[] | undefined;
  /** What to decide against first; a create starts from nothing and reads only when its id turns out to be taken. */
  readonly startFrom?: LoadedTask | undefined;
};

/** Decides and appends under optimistic concurrency: whoever loses a race reads again and decides again, a bounded number of times. */
export async function execute(
  ports: { readonly store: TaskStore; readonly clock: Clock },
  request: CommandRequest,
): Promise<CommandOutcome> {
  const { store } = ports;
  const loaded = request.startFrom ?? (await store.load(request.stream));
  const first = await decideOnce(ports, request, loaded);
  if (first !== null) return first;
  const endTurn = await store.turn(request.stream);
  try {
    for (let attempt = 0; attempt < limits.conflictRetries; attempt += 1) {
      const outcome = await decideOnce(ports, request, await store.load(request.stream));
      if (outcome !== null) return outcome;
    }
    return { outcome: 'refused', refusal: { reason: 'contended' }, loaded: await store.load(request.stream) };
  } finally {
    endTurn();
  }
}

/** One decision and its append; null when somebody else appended first. */
async function decideOnce(
  { store, clock }: { readonly store: TaskStore; readonly clock: Clock },
  request: CommandRequest,
  loaded: LoadedTask,
): Promise<CommandOutcome | null> {
  const { state } = loaded;
  const isLive = state.status !== 'missing' && state.status !== 'deleted';
  if (isLive && request.expectedVersions !== undefined && !request.expectedVersions.includes(state.version)) {
    return { outcome: 'refused', refusal: { reason: 'version-mismatch', version: state.version }, loaded };
  }
  const now = clock.now();
  const decision = decide(state, request.command(now, loaded));
  if (decision.outcome === 'refused') return { outcome: 'refused', refusal: decision.refusal, loaded };
  if (decision.outcome === 'unchanged') return { outcome: 'done', changed: false, loaded };
  const appended = await store.append(request.stream, loaded, decision.event, { now, body: request.body });
  return appended.outcome === 'appended' ? { outcome: 'done', changed: true, loaded: appended.loaded } : null;
}
