import type { PositionedLog } from '../../src/adapters/sqlite/event-log.ts';
import type { StoredEvent } from '../../src/application/ports.ts';
import { created, storedEvents } from './stored-events.ts';

const [template] = storedEvents(created('task#one'));

export type NumberedLog = PositionedLog & {
  /** Adds so many events, which differ in their positions and in `parts`, in one commit. */
  append(count: number, parts?: Partial<StoredEvent>): void;
  /** Rings as a commit does, without anything new. */
  ring(): void;
  /** Who listens for commits just now. */
  listeners(): number;
  /** How often the log was read. */
  reads(): number;
  /** From here on reading fails. */
  breakDown(error: Error): void;
};

/** A log in memory of events that differ in their positions only. */
export function createNumberedLog(): NumberedLog {
  const events: StoredEvent[] = [];
  const listeners = new Set<() => void>();
  let broken: Error | null = null;
  let reads = 0;
  const ring = (): void => {
    for (const listener of listeners) listener();
  };
  return {
    append(count, parts = {}) {
      for (let index = 0; index < count; index += 1) {
        if (template !== undefined) events.push({ ...template, ...parts, position: events.length + 1 });
      }
      ring();
    },
    ring,
    listeners: () => listeners.size,
    reads: () => reads,
    breakDown(error) {
      broken = error;
    },
    readAll(after, limit) {
      reads += 1;
      if (broken !== null) throw broken;
      return events.slice(after, after + limit);
    },
    head: () => events.length,
    onCommit(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    backlog: () => 0,
  };
}
