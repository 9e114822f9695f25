import { limits } from '../domain/limits.ts';
import type { ScheduleCommand, ScheduleRefusal } from '../domain/schedule/commands.ts';
import { decide } from '../domain/schedule/decide.ts';
import type { ScheduleChanges, ScheduleDefinition } from '../domain/schedule/events.ts';
import { anchorOf } from '../domain/schedule/recurrence.ts';
import { childId, isLive, type Live, type ScheduleState } from '../domain/schedule/state.ts';
import { isOwnChild } from './children.ts';
import { carryOut, type Outcome, type Request } from './execute.ts';
import type { Digest, Ids, Sealer } from './ports.ts';
import type { InputError } from './reading.ts';
import type { ScheduleChangesInput, ScheduleInput } from './schedule-input.ts';
import { lookAtSchedule, makeSureOfNamed, originOf, type SchedulePorts, settle } from './schedule-looks.ts';
import { type LoadedSchedule, missingSchedule, scheduleStream } from './schedule-store.ts';
import { timesAfterChange, timesAtCreation, timesFrom } from './schedule-times.ts';
import { bytesOf, templateOf } from './sealing.ts';
import { taskStream } from './task-store.ts';

export type ScheduleCommandPorts = SchedulePorts & { readonly ids: Ids; readonly sealer: Sealer; readonly digest: Digest };

/** `invalid`: the schedule would be none that can run, with the fields at fault. */
export type ScheduleOutcome =
  | Outcome<ScheduleState, ScheduleRefusal>
  | { readonly outcome: 'invalid'; readonly errors: readonly InputError[] };
export type Guard = { readonly expectedVersions?: readonly number[] | undefined };

function request(ports: SchedulePorts, parts: Request<ScheduleState, ScheduleCommand>): Promise<Outcome<ScheduleState, ScheduleRefusal>> {
  return carryOut(decide, { store: ports.schedules, clock: ports.clock }, parts);
}

/** What no shape of the input tells: whether its rule can be followed in its zone, and what its tasks' labels come to. */
function problemsOf(
  { recurrences }: SchedulePorts,
  definition: Omit<ScheduleDefinition, 'contentHash' | 'template'>,
  template: Pick<ScheduleDefinition, 'labels'>,
): readonly InputError[] {
  const { rule, timezone, endAt, labels } = definition;
  const errors: InputError[] = recurrences
    .problems({ rule, timezone, anchorAt: 0, endAt })
    .map(({ field, message }) => ({ path: field, message }));
  if (Object.keys({ ...labels, ...template.labels }).length > limits.labelCount) {
    errors.push({ path: 'labels', message: `must be at most ${limits.labelCount} together with those of the task` });
  }
  return errors;
}

/**
 * Creates a schedule, or finds the one that the same content made before. `content` is what was sent, in canonical form;
 * `idempotencyId` stands in for an id that the client did not choose.
 */
export async function createSchedule(
  ports: ScheduleCommandPorts,
  { id: given, template, ...input }: ScheduleInput,
  sent: { readonly content: string; readonly idempotencyId: string | null },
): Promise<ScheduleOutcome> {
  const errors = problemsOf(ports, input, template);
  if (errors.length > 0) return { outcome: 'invalid', errors };
  const { sealer, recurrences } = ports;
  const id = given ?? sent.idempotencyId ?? ports.ids.taskId();
  const definition: ScheduleDefinition = {
    ...input,
    template: templateOf(template, sealer),
    contentHash: sealer.fingerprint(sent.content),
  };
  return request(ports, {
    stream: scheduleStream(id),
    startFrom: missingSchedule,
    body: bytesOf(template.action.body),
    command: (now, { state }) => {
      const anchorAt = anchorOf(definition.rule, definition.startAt, now);
      const times = timesAtCreation(recurrences, { definition, anchorAt, now });
      const sameContent = isLive(state) && sealer.matches(state.definition.contentHash, sent.content);
      return { type: 'create', id, definition, anchorAt, now, times, sameContent };
    },
  });
}

/** `state` is the newest one, which need not be `looked` at any more: the one before which the child was made sure of. */
type Making = (now: number, state: Live, looked: { readonly version: number; readonly confirmed: string | null }) => ScheduleCommand;

type AfterChild = Guard & {
  readonly body?: Uint8Array | undefined;
  /** Looks at what else the command depends on, anew for each state that is decided against. */
  readonly look?: (state: Live) => Promise<void>;
  readonly make: Making;
};

/** Carries out a command that comes only once the task named last is known to be there, so that none is lost. */
async function afterChild(
  ports: SchedulePorts,
  stream: string,
  { expectedVersions, body, look, make }: AfterChild,
): Promise<Outcome<ScheduleState, ScheduleRefusal>> {
  let loaded: LoadedSchedule = await ports.schedules.load(stream);
  for (let tries = 0; tries < limits.conflictRetries; tries += 1) {
    const { state } = loaded;
    if (isLive(state) && !(await makeSureOfNamed(ports, stream, loaded, state, false))) {
      loaded = await ports.schedules.load(stream);
      continue;
    }
    if (isLive(state)) await look?.(state);
    const looked = { version: state.version, confirmed: isLive(state) ? (state.unconfirmed?.taskId ?? null) : null };
    const outcome = await request(ports, {
      stream,
      startFrom: loaded,
      body,
      expectedVersions,
      // One that is not there is refused before the command is looked at.
      command: (now, { state: current }) => (isLive(current) ? make(now, current, looked) : { type: 'pause' }),
    });
    if (outcome.outcome === 'done' || (outcome.refusal.reason !== 'unconfirmed-child' && outcome.refusal.reason !== 'stale'))
      return outcome;
    loaded = await ports.schedules.load(stream);
  }
  return { outcome: 'refused', refusal: { reason: 'contended' }, loaded };
}

/** Replaces the given fields, from the next time on. */
export async function changeSchedule(
  ports: ScheduleCommandPorts,
  id: string,
  { template, ...fields }: ScheduleChangesInput,
  guard: Guard,
): Promise<ScheduleOutcome> {
  const stream = scheduleStream(id);
  const { state } = await ports.schedules.load(stream);
  let guarded = guard;
  if (isLive(state)) {
    const { definition } = state;
    const errors = problemsOf(ports, { ...definition, ...fields }, template ?? definition.template);
    if (errors.length > 0) return { outcome: 'invalid', errors };
    guarded = await afterDue(ports, stream, state, guard);
  }
  const bytes = template === undefined ? undefined : bytesOf(template.action.body);
  const digest = bytes === undefined ? undefined : ports.digest.sha256(bytes);
  return afterChild(ports, stream, {
    ...guarded,
    body: bytes,
    make: (now, current, { confirmed }) => {
      const replaced = template && templateOf(template, ports.sealer, current.definition.template, digest);
      const changes: ScheduleChanges = { ...fields, ...(replaced === undefined ? {} : { template: replaced }) };
      return { type: 'change', changes, now, times: timesAfterChange(ports.recurrences, current, changes, now), confirmed };
    },
  });
}

/**
 * Carries out what is due already, by the times as they were, before a change of a schedule that is the one its caller has seen. Gives
 * back what guards the change then: nobody else may have changed the schedule, but its occurrences are no other schedule.
 */
async function afterDue(ports: SchedulePorts, stream: string, state: Live, guard: Guard): Promise<Guard> {
  const isDue = state.status === 'active' && state.next !== null && state.next.fireAt <= ports.clock.now();
  const { expectedVersions } = guard;
  if (!isDue || expectedVersions?.includes(state.version) === false) return guard;
  const looked = await lookAtSchedule(ports, stream);
  const isSame = looked !== null && looked.state.changes === state.changes && looked.state.status !== 'paused';
  return expectedVersions !== undefined && isSame ? { expectedVersions: [looked.state.version] } : guard;
}

export function pauseSchedule(ports: SchedulePorts, id: string, guard: Guard): Promise<ScheduleOutcome> {
  return request(ports, { stream: scheduleStream(id), ...guard, command: () => ({ type: 'pause' }) });
}

export function resumeSchedule(ports: SchedulePorts, id: string, guard: Guard): Promise<ScheduleOutcome> {
  return request(ports, {
    stream: scheduleStream(id),
    ...guard,
    command: (now, { state }) =>
      isLive(state) ? { type: 'resume', now, times: timesFrom(ports.recurrences, state, now) } : { type: 'pause' },
  });
}

export function deleteSchedule(ports: SchedulePorts, id: string, guard: Guard): Promise<ScheduleOutcome> {
  return afterChild(ports, scheduleStream(id), { ...guard, make: (_now, _state, { confirmed }) => ({ type: 'delete', confirmed }) });
}

/** `created` tells a new task from the one that the same key made before. */
export type Triggered =
  | { readonly outcome: 'done'; readonly created: boolean; readonly taskId: string }
  | { readonly outcome: 'id-taken'; readonly taskId: string }
  | Extract<ScheduleOutcome, { readonly outcome: 'refused' }>;

/** Makes a task now, outside the count; with a key only one, however often it is asked. */
export async function triggerSchedule(ports: SchedulePorts, id: string, key: string | null): Promise<Triggered> {
  const stream = scheduleStream(id);
  const keyed = key === null ? null : childId(id, { trigger: key });
  let exists = false;
  const look = async (state: Live): Promise<void> => {
    if (keyed === null) return;
    const task = await ports.store.load(taskStream(keyed));
    exists = isOwnChild(task.state, originOf(state, { occurrence: null }));
  };
  const outcome = await afterChild(ports, stream, {
    look,
    make: (now, _state, looked) => ({ type: 'trigger', now, key, exists, ...looked }),
  });
  if (outcome.outcome === 'refused') return outcome;
  const { state } = outcome.loaded;
  const taskId = isLive(state) ? (keyed ?? state.unconfirmed?.taskId) : undefined;
  if (!isLive(state) || taskId === undefined) throw new Error(`the schedule ${id} was triggered and names no task`);
  const { changed } = outcome;
  // What another has named a moment before need not be made yet.
  if (state.unconfirmed?.taskId === taskId) {
    if (!(await makeSureOfNamed(ports, stream, outcome.loaded, state, changed))) return { outcome: 'id-taken', taskId };
    await settle(ports, stream, state, taskId);
  }
  return { outcome: 'done', created: changed, taskId };
}
