import { wakesOf } from '../../src/application/dispatch.ts';
import { streamEvent } from '../../src/application/event-schemas.ts';
import type { StoredEvent, Wake } from '../../src/application/ports.ts';
import { handleWake } from '../../src/application/wake.ts';
import { factsOfStream, foldStream, type StreamKind, type StreamState, type StreamStates, streamOf } from '../../src/domain/streams.ts';
import { createWorld } from './application-world.ts';
import type { AppendFault } from './memory-event-log.ts';

/** What happens next: a wake comes, comes twice or is lost; time passes; an append or its reply is lost, as when the process dies there. */
export type Move =
  | { readonly kind: 'deliver' | 'twice' | 'lose'; readonly choice: number }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'fail'; readonly fault: AppendFault };

/** Schedules and orchestrations with their tasks in one process, whose wakes come in any order, twice or never. */
export class ParentsWorld {
  readonly world = createWorld();
  #pending: Wake[] = [];
  #seen = 0;
  #fault: AppendFault | null = null;

  constructor() {
    this.world.log.fault = (event) => {
      // The outcome of a call is written again and again by itself; what is tried here are parents and the making of their tasks.
      if (this.#fault === null || (event.stream.startsWith('task#') && event.type !== 'TaskScheduled')) return null;
      const fault = this.#fault;
      this.#fault = null;
      return fault;
    };
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

  async make(move: Move): Promise<void> {
    this.#collect();
    switch (move.kind) {
      case 'wait':
        this.world.clock.jump(move.ms);
        return;
      case 'fail':
        this.#fault = move.fault;
        return;
      default: {
        const due = this.#pending.filter(({ dueAt }) => dueAt <= this.now);
        const wake = due[move.choice % Math.max(1, due.length)];
        if (wake === undefined) return;
        if (move.kind !== 'twice') this.#pending = this.#pending.filter((other) => other !== wake);
        if (move.kind !== 'lose') await this.wake(wake);
      }
    }
  }

  /** From here on nothing goes wrong: time moves from one due row to the next, until `done` or none is left. */
  async settle(done: () => boolean = () => false): Promise<void> {
    this.#fault = null;
    for (let round = 0; round < 2_000; round += 1) {
      if (done()) return;
      this.#collect();
      const wake = this.#pending.find(({ dueAt }) => dueAt <= this.now);
      if (wake !== undefined) {
        this.#pending = this.#pending.filter((other) => other !== wake);
        await this.wake(wake);
        continue;
      }
      const next = this.#dueRows().sort((left, right) => left.dueAt - right.dueAt)[0];
      if (next === undefined) return;
      if (next.dueAt > this.now) this.world.clock.jump(next.dueAt - this.now);
      // The sweep looks again at what waits for a task, which is a minute later at the earliest.
      const before = this.world.log.records.length;
      await this.wake(next);
      if (this.world.log.records.length === before) this.world.clock.jump(60_000);
    }
    throw new Error('it never comes to rest');
  }

  async wake(wake: Wake): Promise<void> {
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
