import { limits } from '../domain/limits.ts';
import { decide } from '../domain/schedule/decide.ts';
import { isLive, type Live, nextLook, previousOf, type UnconfirmedChild, wakeAt } from '../domain/schedule/state.ts';
import type { Origin, TaskDefinition } from '../domain/task/events.ts';
import { type ChildPorts, createChild, isOver, isOwnChild, makeSureOfChild, type NewChild } from './children.ts';
import { isDue } from './early-wake.ts';
import { carryOut } from './execute.ts';
import type { Recurrences, Wake, WakeQueue } from './ports.ts';
import type { LoadedSchedule, ScheduleStore } from './schedule-store.ts';
import { timesAtLook, timesFrom } from './schedule-times.ts';
import { taskStream } from './task-store.ts';

export type SchedulePorts = ChildPorts & { readonly schedules: ScheduleStore; readonly recurrences: Recurrences };
export type ScheduleWakePorts = SchedulePorts & { readonly wakes: WakeQueue };

/** As many times as may well be made up for before others have their turn; the rest is gone on with by another wake. */
const looksAtOnce = 100;

/** "Look at this schedule": fires what is due, makes the tasks that were named, and says that they are there. */
export async function wakeSchedule(ports: ScheduleWakePorts, wake: Wake): Promise<void> {
  const { state } = await ports.schedules.load(wake.stream, wake.version);
  const dueAt = wakeAt(state);
  if (dueAt === null) return;
  // What is held back waits for the end of a task, not for a time: this wake may tell of it. And it may have come again as whoever had it
  // before died between naming a task and making it.
  const isAwaited = isLive(state) && (state.unconfirmed !== null || (state.status === 'active' && state.buffered !== null));
  if (!isAwaited && !(await isDue(ports, wake, { version: state.version, dueAt }))) return;
  const after = await lookAtSchedule(ports, wake.stream, wake.version);
  if (after === null) return;
  const { version } = after.state;
  if (after.left === 'more') await ports.wakes.send([{ ...wake, version, dueAt: ports.clock.now() }]);
  // Its due row stands at the time of the look for the task before: nobody else knows of this one. A newer event has a wake of its own.
  else if (wake.version === version) {
    const now = ports.clock.now();
    const next = nextLook(after.state, now);
    // What is further away than a wake may be is gone towards in steps.
    if (next !== null) await ports.wakes.send([{ ...wake, dueAt: Math.min(next, now + limits.wakeHorizonMs) }]);
  }
}

type Looked = { readonly state: Live; readonly left: 'nothing' | 'held' | 'more' };

/**
 * Carries out what is due on a schedule, one thing at a time, until nothing is. Null if there is no such schedule. Those of this process
 * who look at the same one take turns: each makes what the one before has named.
 */
export async function lookAtSchedule(ports: SchedulePorts, stream: string, atLeastVersion = 0): Promise<Looked | null> {
  const endTurn = await ports.schedules.turn(`look at ${stream}`);
  try {
    let sureOf: string | null = null;
    for (let looks = 0; looks < looksAtOnce; looks += 1) {
      const loaded = await ports.schedules.load(stream, atLeastVersion);
      const { state } = loaded;
      if (!isLive(state)) return null;
      if (state.unconfirmed !== null && state.unconfirmed.taskId !== sureOf) {
        if (!(await makeSureOfNamed(ports, stream, loaded, state, false))) continue;
        sureOf = state.unconfirmed.taskId;
      }
      const outcome = await look(ports, stream, loaded, state, sureOf);
      if (outcome.outcome === 'done') {
        const { state: after } = outcome.loaded;
        // Nobody can have made what was named just now.
        if (isLive(after) && after.unconfirmed !== null && after.unconfirmed.taskId !== sureOf) {
          if (await makeSureOfNamed(ports, stream, outcome.loaded, after, true)) sureOf = after.unconfirmed.taskId;
        }
        continue;
      }
      const { reason } = outcome.refusal;
      if (reason === 'stale' || reason === 'unconfirmed-child' || reason === 'contended') continue;
      const settled = await settle(ports, stream, state, sureOf);
      return { state: settled, left: reason === 'held' ? 'held' : 'nothing' };
    }
    const { state } = await ports.schedules.load(stream);
    return isLive(state) ? { state, left: 'more' } : null;
  } finally {
    endTurn();
  }
}

async function look(ports: SchedulePorts, stream: string, loaded: LoadedSchedule, state: Live, confirmed: string | null) {
  const previous = await previousRun(ports, state);
  return carryOut(
    decide,
    { store: ports.schedules, clock: ports.clock },
    {
      stream,
      startFrom: loaded,
      command: (now, { state: current }) => {
        const times = isLive(current) ? timesAtLook(ports.recurrences, current, now) : null;
        return { type: 'look' as const, now, times, previous, confirmed };
      },
    },
  );
}

/** Whether the occurrence before is over, asked only where it matters. */
async function previousRun(ports: SchedulePorts, state: Live): Promise<{ readonly taskId: string; readonly finished: boolean } | null> {
  const previous = previousOf(state);
  if (previous === null) return null;
  const { taskId } = previous;
  const matters = state.definition.overlap !== 'allow' && state.status === 'active' && (state.next !== null || state.buffered !== null);
  if (!matters) return { taskId, finished: true };
  const { state: task } = await ports.store.load(taskStream(taskId));
  return { taskId, finished: isOver(task) };
}

/**
 * Sees to it that the task named last is there. False if its id belongs to somebody else: then the schedule has said so, and is another.
 * `isFresh` says that it was named just now, so that most likely it is not there yet.
 */
export async function makeSureOfNamed(
  ports: SchedulePorts,
  stream: string,
  loaded: LoadedSchedule,
  state: Live,
  isFresh: boolean,
): Promise<boolean> {
  const named = state.unconfirmed;
  if (named === null) return true;
  const make = () => newChild(ports, stream, loaded, state, named);
  const task = isFresh ? await createChild(ports, named.taskId, await make()) : await makeSureOfChild(ports, named.taskId, make);
  if (isOwnChild(task, originOf(state, named))) return true;
  const { taskId } = named;
  await carryOut(
    decide,
    { store: ports.schedules, clock: ports.clock },
    {
      stream,
      command: (_now, { state: current }) => ({
        type: 'give-up-child' as const,
        taskId,
        // Whatever came after the time that was taken has been dealt with by nobody, however long ago it was.
        times: timesFrom(ports.recurrences, isLive(current) ? current : state, named.dueAt),
      }),
    },
  );
  return false;
}

/** A triggered task is outside the count: its occurrence is 0. */
export function originOf(state: Live, { occurrence }: Pick<UnconfirmedChild, 'occurrence'>): Origin {
  return { scheduleId: state.id, occurrence: occurrence ?? 0 };
}

async function newChild(
  { schedules }: SchedulePorts,
  stream: string,
  loaded: LoadedSchedule,
  state: Live,
  named: UnconfirmedChild,
): Promise<NewChild> {
  const { template, labels } = state.definition;
  // Nothing that a client sends has this hash: sent under a child's id, it is different content.
  const definition: TaskDefinition = {
    ...template,
    labels: { ...labels, ...template.labels },
    origin: originOf(state, named),
    contentHash: '',
  };
  const body = state.body === null ? undefined : await schedules.body(stream, loaded, state.body);
  // A trigger means now, by the clock as it is, also where that was set back; an occurrence never runs before it was named.
  return { definition, runAt: named.occurrence === null ? named.dueAt : named.namedAt, body };
}

/** Says that the task named last is there, unless the next occurrence says so before anybody would look. */
export async function settle(ports: SchedulePorts, stream: string, state: Live, sureOf: string | null): Promise<Live> {
  const { unconfirmed } = state;
  if (unconfirmed === null || unconfirmed.taskId !== sureOf) return state;
  const next = state.status === 'active' ? state.next : null;
  if (next !== null && next.fireAt <= unconfirmed.namedAt + limits.childHealMs) return state;
  const { taskId } = unconfirmed;
  const outcome = await carryOut(
    decide,
    { store: ports.schedules, clock: ports.clock },
    { stream, command: () => ({ type: 'confirm-child' as const, taskId }) },
  );
  const { state: after } = outcome.loaded;
  return isLive(after) ? after : state;
}
