import type { Decision } from '../domain/decision.ts';
import { limits } from '../domain/limits.ts';
import type { TaskCommand, TaskRefusal } from '../domain/task/commands.ts';
import { decide } from '../domain/task/decide.ts';
import type { TaskEvent } from '../domain/task/events.ts';
import type { TaskState } from '../domain/task/state.ts';
import type { AggregateStore, Loaded } from './aggregate-store.ts';
import type { Clock } from './ports.ts';
import type { TaskStore } from './task-store.ts';

/** What stands in the way of any command, whatever the aggregate. */
export type Contention =
  | { readonly reason: 'version-mismatch'; readonly version: number }
  /** Others appended first, again and again. */
  | { readonly reason: 'contended' };

/** `changed` tells an event that was appended from a state that already was so. */
export type Outcome<State, Refusal> =
  | { readonly outcome: 'done'; readonly changed: boolean; readonly loaded: Loaded<State> }
  | { readonly outcome: 'refused'; readonly refusal: Refusal | Contention; readonly loaded: Loaded<State> };

export type Request<State, Command> = {
  readonly stream: string;
  /** Made anew for each try, as time goes on between them. */
  readonly command: (now: number, loaded: Loaded<State>) => Command;
  /** The bytes beside the event, if the command yields one. */
  readonly body?: Uint8Array | undefined;
  /** Only if the stream's version is one of these. */
  readonly expectedVersions?: readonly number[] | undefined;
  /** What to decide against first; a create starts from nothing and reads only when its id turns out to be taken. */
  readonly startFrom?: Loaded<State> | undefined;
};

type Decide<State, Event, Command, Refusal> = (state: State, command: Command) => Decision<Event, Refusal>;
type Ports<State, Event> = { readonly store: AggregateStore<State, Event>; readonly clock: Clock };

/** Decides and appends under optimistic concurrency: whoever loses a race reads again and decides again, a bounded number of times. */
export async function carryOut<State extends { readonly status: string; readonly version: number }, Event, Command, Refusal>(
  decideOn: Decide<State, Event, Command, Refusal>,
  ports: Ports<State, Event>,
  request: Request<State, Command>,
): Promise<Outcome<State, Refusal>> {
  const { store } = ports;
  const loaded = request.startFrom ?? (await store.load(request.stream));
  const first = await decideOnce(decideOn, ports, request, loaded);
  if (first !== null) return first;
  const endTurn = await store.turn(request.stream);
  try {
    for (let attempt = 0; attempt < limits.conflictRetries; attempt += 1) {
      const outcome = await decideOnce(decideOn, ports, request, await store.load(request.stream));
      if (outcome !== null) return outcome;
    }
    return { outcome: 'refused', refusal: { reason: 'contended' }, loaded: await store.load(request.stream) };
  } finally {
    endTurn();
  }
}

/** One decision and its append; null when somebody else appended first. */
async function decideOnce<State extends { readonly status: string; readonly version: number }, Event, Command, Refusal>(
  decideOn: Decide<State, Event, Command, Refusal>,
  { store, clock }: Ports<State, Event>,
  request: Request<State, Command>,
  loaded: Loaded<State>,
): Promise<Outcome<State, Refusal> | null> {
  const { state } = loaded;
  const isLive = state.status !== 'missing' && state.status !== 'deleted';
  if (isLive && request.expectedVersions !== undefined && !request.expectedVersions.includes(state.version)) {
    return { outcome: 'refused', refusal: { reason: 'version-mismatch', version: state.version }, loaded };
  }
  const now = clock.now();
  const decision = decideOn(state, request.command(now, loaded));
  if (decision.outcome === 'refused') return { outcome: 'refused', refusal: decision.refusal, loaded };
  if (decision.outcome === 'unchanged') return { outcome: 'done', changed: false, loaded };
  const appended = await store.append(request.stream, loaded, decision.event, { now, body: request.body });
  return appended.outcome === 'appended' ? { outcome: 'done', changed: true, loaded: appended.loaded } : null;
}

export type CommandRefusal = TaskRefusal | Contention;
export type CommandOutcome = Outcome<TaskState, TaskRefusal>;
export type CommandRequest = Request<TaskState, TaskCommand>;

/** Carries out a command on a task. */
export function execute(ports: { readonly store: TaskStore; readonly clock: Clock }, request: CommandRequest): Promise<CommandOutcome> {
  return carryOut<TaskState, TaskEvent, TaskCommand, TaskRefusal>(decide, ports, request);
}
