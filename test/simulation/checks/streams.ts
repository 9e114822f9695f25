import { streamEvent } from '../../../src/application/event-schemas.ts';
import { factsOfStream, foldStream, kindOf, type StreamState } from '../../../src/domain/streams.ts';
import type { World } from '../kernel/world.ts';
import type { Entry, EventTable } from '../services/event-table.ts';
import type { Finished } from '../simulation.ts';
import { checkOrchestration } from './orchestration-laws.ts';
import { checkSchedule } from './schedule-laws.ts';
import { checkTimes } from './schedule-times.ts';
import { readTask } from './task-laws.ts';

/** The laws of single streams, and that what is stored beside the events says what they say. */
export function checkStreams({ world, host, healedAt }: Finished): void {
  for (const stream of host.table.streams()) {
    const entries = host.table.of(stream);
    checkFolds(world, stream, entries);
    const kind = kindOf(stream);
    if (kind === 'task') for (const { law, what } of readTask(entries).broken) world.violate(law, what);
    else if (kind === 'schedule') {
      checkSchedule(world, host.table, stream);
      checkTimes(world, host.table, stream, Math.max(healedAt, host.troubledUntil()));
    } else checkOrchestration(world, host.table, host.targets, stream);
  }
}

function checkFolds(world: World, stream: string, entries: readonly Entry[]): void {
  let state: StreamState | null = null;
  for (const { event } of entries) {
    try {
      state = foldStream(stream, state, [streamEvent(event)]);
    } catch (error) {
      world.violate('fold', `${stream}@${event.version} ${event.type}: ${String(error)}`);
      return;
    }
    const { callback: _opened, ...facts } = event.facts;
    const { callback: _folded, ...told } = factsOfStream(stream, state);
    if (JSON.stringify(sorted(facts)) !== JSON.stringify(sorted(told))) {
      world.violate('facts', `${stream}@${event.version} says ${JSON.stringify(facts)}, the fold ${JSON.stringify(told)}`);
    }
  }
}

function sorted(value: object): unknown {
  return Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
}

/** The events of one stream and one type. */
export function entriesOf(table: EventTable, stream: string, type: string): readonly Entry[] {
  return table.of(stream).filter(({ event }) => event.type === type);
}
