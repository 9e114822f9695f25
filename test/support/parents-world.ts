import { wakesOf } from '../../src/application/dispatch.ts';
import { streamEvent } from '../../src/application/event-schemas.ts';
import { carryOut } from '../../src/application/execute.ts';
import { writeDefinition } from '../../src/application/orchestration-definition.ts';
import { missingOrchestration } from '../../src/application/orchestration-store.ts';
import type { EventLog, StoredEvent, Wake } from '../../src/application/ports.ts';
import { missingSchedule } from '../../src/application/schedule-store.ts';
import { handleWake } from '../../src/application/wake.ts';
import { decide as decideOrchestration } from '../../src/domain/orchestration/decide.ts';
import { type OrchestrationDefinition, planOf } from '../../src/domain/orchestration/definition.ts';
import { decide as decideSchedule } from '../../src/domain/schedule/decide.ts';
import type { ScheduleDefinition } from '../../src/domain/schedule/events.ts';
import {
  factsOfStream,
  foldStream,
  kindOf,
  type StreamKind,
  type StreamState,
  type StreamStates,
  streamOf,
} from '../../src/domain/streams.ts';
import { createAt, scheduleWith } from '../domain/schedule-histories.ts';
import { createWorld } from './application-world.ts';
import type { AppendFault, MemoryEventLog } from './memory-event-log.ts';

/**
 * What goes wrong, as when the process dies there: an append or its reply is lost; the log cannot be read; the queue takes no wake, or is
 * not there.
 */
export type Fault = AppendFault | 'read-lost' | 'wake-refused' | 'queue-away';
const placeOf = {
  'request-lost': 'append',
  'reply-lost': 'append',
  'read-lost': 'read',
  'wake-refused': 'send',
  'queue-away': 'send',
} as const satisfies Readonly<Record<Fault, string>>;
export const faults = Object.keys(placeOf) as readonly Fault[];

/** What happens next: a wake comes, comes twice, too early or not at all; time passes; something goes wrong at its next chance but `later`. */
export type Move =
  | { readonly kind: 'deliver' | 'twice' | 'lose' | 'early'; readonly choice: number }
  | { readonly kind: 'wait'; readonly ms: number }
  /** What comes next by itself: the first wake that is due, or else time up to the first due row, which the sweep finds. */
  | { readonly kind: 'go on' }
  | { readonly kind: 'fail'; readonly fault: Fault; readonly later: number };

/** Schedules and orchestrations with their tasks in one process, whose wakes come in any order, twice or never. */
export class ParentsWorld {
  readonly world = createWorld({ through: (log) => this.#unreliable(log) });
  /** What went wrong so far. */
  readonly went = new Set<Fault>();
  #pending: Wake[] = [];
  #seen = 0;
  /** What is to go wrong, one thing at each place where something can. */
  readonly #faults = new Map<string, { readonly fault: Fault; later: number }>();
  #looksAtParent = false;

  constructor() {
    this.world.log.fault = (event) => {
      // The outcome of a call is written again and again by itself; what is tried here are parents and the making of their tasks.
      if (kindOf(event.stream) === 'task' && event.type !== 'TaskScheduled') return null;
      return this.#goesWrong('request-lost') ?? this.#goesWrong('reply-lost');
    };
    this.world.wakes.refuses = () => {
      if (this.#goesWrong('queue-away') !== null) throw new Error('the queue is away');
      return this.#goesWrong('wake-refused') !== null;
    };
  }

  /** The log as one sees it from whose looks at parents reads may be lost, of the tasks that these look at as well. */
  #unreliable(log: MemoryEventLog): EventLog {
    const reading = <Given extends unknown[], Read>(read: (...given: Given) => Promise<Read>) => {
      return async (...given: Given): Promise<Read> => {
        if (this.#looksAtParent && this.#goesWrong('read-lost') !== null) throw new Error('the log could not be read');
        return read.apply(log, given);
      };
    };
    return { append: log.append.bind(log), read: reading(log.read), load: reading(log.load), readBody: reading(log.readBody) };
  }

  #goesWrong<Kind extends Fault>(fault: Kind): Kind | null {
    const next = this.#faults.get(placeOf[fault]);
    if (next?.fault !== fault) return null;
    next.later -= 1;
    if (next.later >= 0) return null;
    this.#faults.delete(placeOf[fault]);
    this.went.add(fault);
    return fault;
  }

  get now(): number {
    return this.world.clock.now();
  }

  state<Kind extends StreamKind>(kind: Kind, id: string): StreamStates[Kind] {
    const stream = streamOf(kind, id);
    return foldStream(stream, null, this.world.log.events(stream).map(streamEvent)) as StreamStates[Kind];
  }

  events(kind: StreamKind, id: string): readonly StoredEvent[] {
    return this.world.log.events(streamOf(kind, id));
  }

  tasks(): readonly string[] {
    return this.world.log.streams().filter((stream) => stream.startsWith('task#'));
  }

  /** A schedule that fires every ten seconds unless `parts` say otherwise. */
  async createSchedule(id: string, parts: Partial<ScheduleDefinition>): Promise<void> {
    const { schedules: store, clock } = this.world.ports;
    const { template } = scheduleWith();
    const { action } = template;
    // Secrets of the histories are sealed by nobody.
    const definition = scheduleWith({
      template: { ...template, action: action.kind === 'http' ? { ...action, headers: [] } : action },
      ...parts,
    });
    await carryOut(
      decideSchedule,
      { store, clock },
      {
        stream: streamOf('schedule', id),
        startFrom: missingSchedule,
        body: new Uint8Array(definition.template.action.body?.bytes ?? 0).fill(0x37),
        command: (now) => createAt(definition, now, id),
      },
    );
  }

  /** An orchestration that begins at `runAt`, in epoch milliseconds. Its templates have no bodies. */
  async createOrchestration(id: string, definition: OrchestrationDefinition, runAt: number): Promise<void> {
    const { orchestrations: store, clock } = this.world.ports;
    const body = writeDefinition({ definition, bodies: new Uint8Array() });
    const plan = planOf(definition, { bytes: body.length, digest: 'digest' });
    const labels = { customer: '42' };
    await carryOut(
      decideOrchestration,
      { store, clock },
      {
        stream: streamOf('orchestration', id),
        startFrom: missingOrchestration,
        body,
        command: () => ({ type: 'schedule' as const, runAt, plan, labels, contentHash: 'hash', sameContent: false }),
      },
    );
  }

  async make(move: Move): Promise<void> {
    this.#collect();
    switch (move.kind) {
      case 'wait':
        this.world.clock.jump(move.ms);
        return;
      case 'go on':
        await this.#goOn();
        return;
      case 'fail':
        this.#faults.set(placeOf[move.fault], { fault: move.fault, later: move.later });
        return;
      default: {
        const due = this.#pending.filter(({ dueAt }) => dueAt <= this.now !== (move.kind === 'early'));
        const wake = due[move.choice % Math.max(1, due.length)];
        if (wake === undefined) return;
        if (move.kind !== 'twice') this.#pending = this.#pending.filter((other) => other !== wake);
        if (move.kind !== 'lose') await this.wake(wake);
      }
    }
  }

  /** From here on nothing goes wrong: it goes on by itself, until `done` or nothing is left to come. */
  async settle(done: () => boolean = () => false): Promise<void> {
    this.#faults.clear();
    for (let round = 0; round < 2_000; round += 1) if (done() || !(await this.#goOn())) return;
    throw new Error('it never comes to rest');
  }

  /** False if nothing is left to come. */
  async #goOn(): Promise<boolean> {
    this.#collect();
    const wake = this.#pending.find(({ dueAt }) => dueAt <= this.now);
    if (wake !== undefined) {
      this.#pending = this.#pending.filter((other) => other !== wake);
      await this.wake(wake);
      return true;
    }
    const rows = this.#dueRows().sort((left, right) => left.dueAt - right.dueAt);
    const [next] = rows;
    if (next === undefined) return false;
    if (next.dueAt > this.now) this.world.clock.jump(next.dueAt - this.now);
    const before = this.world.log.records.length;
    for (const row of rows) {
      if (row.dueAt > this.now || this.world.log.records.length > before) return true;
      await this.wake(row);
    }
    // The sweep looks again at what waits for a task, which is a minute later at the earliest.
    if (this.world.log.records.length === before) this.world.clock.jump(60_000);
    return true;
  }

  async wake(wake: Wake): Promise<void> {
    this.#looksAtParent = kindOf(wake.stream) !== 'task';
    const handled = handleWake(this.world.ports, wake).catch(() => undefined);
    // Some wakes are waited out in place.
    await this.world.clock.advanceUntilIdle(5_000);
    await handled;
  }

  /** What the feed and the queue have for us by now. */
  #collect(): void {
    const { records } = this.world.log;
    this.#pending.push(
      ...wakesOf(records.slice(this.#seen), Number.POSITIVE_INFINITY),
      ...this.world.wakes.takeDue(Number.POSITIVE_INFINITY),
    );
    this.#seen = records.length;
  }

  #dueRows(): Wake[] {
    return this.world.log.streams().flatMap((stream): Wake[] => {
      const events = this.world.log.events(stream);
      const state: StreamState = foldStream(stream, null, events.map(streamEvent));
      const { wakeAt, target, lane } = factsOfStream(stream, state);
      return wakeAt === null ? [] : [{ stream, version: events.length, dueAt: wakeAt, target, lane }];
    });
  }
}
