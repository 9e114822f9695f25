import { limits } from '../domain/limits.ts';
import { parentOf } from './children.ts';
import { orchestrationEventSchemas } from './event-schemas/orchestration.ts';
import { scheduleEventSchemas } from './event-schemas/schedule.ts';
import type { EventBus, StoredEvent, UnsentWake, Wake, WakeQueue } from './ports.ts';

export type DispatchPorts = {
  readonly wakes: WakeQueue;
  readonly bus: EventBus;
  /** The types of events that the bus is told of besides those that open a callback; the lifecycle by default. */
  readonly publishedTypes?: ReadonlySet<string>;
};

/** What could not be passed on. Wakes come first: a bus entry that fails never holds them up. */
export type DispatchOutcome = { readonly unsentWakes: readonly UnsentWake[]; readonly unpublished: readonly StoredEvent[] };

/**
 * The timing path of the change feed: sends the wakes that records of it call for and tells the bus.
 * Records may come twice, late and in any order; they carry all that is needed, so nothing is read.
 */
export async function dispatch(ports: DispatchPorts, records: readonly StoredEvent[], now: number): Promise<DispatchOutcome> {
  const unsentWakes = await sendWakes(ports, records, now);
  return { unsentWakes, unpublished: await publish(ports, records) };
}

/** The first half of `dispatch`. Gives back the wakes that could not be sent. */
export async function sendWakes(
  { wakes }: Pick<DispatchPorts, 'wakes'>,
  records: readonly StoredEvent[],
  now: number,
): Promise<readonly UnsentWake[]> {
  const called = wakesOf(records.filter(isFresh), now + limits.wakeHorizonMs);
  return called.length === 0 ? [] : wakes.send(called);
}

/** The second half of `dispatch`. Gives back the events that the bus did not take. */
export async function publish(
  { bus, publishedTypes }: Omit<DispatchPorts, 'wakes'>,
  records: readonly StoredEvent[],
): Promise<readonly StoredEvent[]> {
  const told = records.filter((record) => isFresh(record) && isPublished(record, publishedTypes));
  return told.length === 0 ? [] : bus.publish(told);
}

function isFresh({ imported }: StoredEvent): boolean {
  return imported !== true;
}

/** The events after which nothing more comes of a task by itself, unless it is tried again. */
const ends: ReadonlySet<string> = new Set(['TaskSucceeded', 'TaskFailed', 'TaskCancelled', 'TaskDeleted']);

/** The stream that is to be looked at as its task has ended with this record; null for any other record. */
function parentWokenBy({ type, facts }: StoredEvent): string | null {
  return facts.origin === null || !ends.has(type) || facts.status === 'scheduled' ? null : parentOf(facts.origin);
}

/**
 * Whether a wake is one that a record calls for, so that it comes again with the record. That of a parent bears the version of none,
 * nor is there an event that could be parked for it.
 */
export function isCalledForBy({ stream, version }: Pick<Wake, 'stream' | 'version'>, record: StoredEvent): boolean {
  return version === 0 ? parentWokenBy(record) === stream : record.stream === stream && record.version === version;
}

/** Of wakes that could not be sent: those that are to come again, and the events to be parked as their wakes would be refused again. */
export function splitUnsent(unsent: readonly UnsentWake[]) {
  const [refused, toCome] = [unsent.filter((wake) => wake.refused === true), unsent.filter((wake) => wake.refused !== true)];
  return { toCome, toPark: refused.filter(({ version }) => version > 0).map(({ stream, version }) => ({ stream, version })) };
}

/** The parents of the tasks that records end, each to be looked at at once: its task carries no version of it. */
function wakesOfParents(records: readonly StoredEvent[]): readonly Wake[] {
  const parents = new Map<string, Wake>();
  for (const record of records) {
    const stream = parentWokenBy(record);
    if (stream !== null) parents.set(stream, { stream, version: 0, dueAt: 0, target: null, lane: 'short' });
  }
  return [...parents.values()];
}

/**
 * Whether a deletion leaves what is to come as it was: the next try of a callback, of which the wake of the record before tells. A second
 * wake would make that try twice, on a host where two functions may be at it.
 */
function changesNoWake({ type, facts }: StoredEvent): boolean {
  return type === 'TaskDeleted' && facts.wakeAt !== null && !facts.callback;
}

/**
 * One wake per stream, of its newest record, and one for each parent of a task that ended. A running task needs none: a dead lease is
 * found in the due index.
 */
export function wakesOf(records: readonly StoredEvent[], until: number): readonly Wake[] {
  const newest = new Map<string, StoredEvent>();
  for (const record of records) {
    if (changesNoWake(record)) continue;
    const known = newest.get(record.stream);
    if (known === undefined || known.version < record.version) newest.set(record.stream, record);
  }
  const wakes: Wake[] = [];
  for (const { stream, version, type, facts } of newest.values()) {
    if (facts.wakeAt === null || facts.wakeAt > until || type === 'TaskStarted') continue;
    wakes.push({ stream, version, dueAt: facts.wakeAt, target: facts.target, lane: facts.lane });
  }
  wakes.push(...wakesOfParents(records));
  return wakes;
}

/**
 * The wakes of due rows that are written late: the sweep may have loaded their time before they stood there, and the wake that
 * `dispatch` sent for them may be as late as they are. Whoever writes due rows sends these as well.
 */
export function lateWakes(records: readonly StoredEvent[], now: number): readonly Wake[] {
  const late = records.filter(({ occurredAt, imported }) => imported !== true && occurredAt < now - limits.lateWakeMs);
  return wakesOf(late, now + limits.sweepHorizonMs);
}

const lifecycleTypes: ReadonlySet<string> = new Set([
  'TaskScheduled',
  'TaskStarted',
  'TaskSucceeded',
  'TaskFailed',
  'TaskCancelled',
  ...[...Object.keys(scheduleEventSchemas), ...Object.keys(orchestrationEventSchemas)].filter((type) => type !== 'Erased'),
]);

/** Narrowing what is published never silences a callback: the bus is what makes its first try. */
export function isPublished(record: StoredEvent, types: ReadonlySet<string> = lifecycleTypes): boolean {
  return record.facts.callback || types.has(record.type);
}
