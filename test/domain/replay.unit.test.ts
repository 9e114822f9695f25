import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { TaskEventType } from '../../src/domain/task/events.ts';
import { fold } from '../../src/domain/task/evolve.ts';
import { initialTask, type TaskState, wakeAt } from '../../src/domain/task/state.ts';
import { type RecordedTaskEvent, statesAlong } from './task-histories.ts';
import { shapeProblems } from './task-shapes.ts';

/**
 * A recorded history and the state that the code of its day folded it to. Fixtures are never made anew: when a shape changes,
 * an upcaster brings the old events up to date, and these files prove that it does.
 */
type Fixture = {
  readonly name: string;
  /** What happened, in a sentence. */
  readonly tells: string;
  readonly events: readonly RecordedTaskEvent[];
  readonly state: TaskState;
  readonly wakeAt: number | null;
};

const folder = new URL('../fixtures/streams/', import.meta.url);
const fixtures: readonly Fixture[] = readdirSync(folder)
  .filter((name) => name.startsWith('task-') && name.endsWith('.json'))
  .map((name) => ({ name, ...JSON.parse(readFileSync(new URL(name, folder), 'utf8')) }));

const everyType: Record<TaskEventType, true> = {
  TaskScheduled: true,
  TaskRescheduled: true,
  TaskStarted: true,
  TaskAccepted: true,
  TaskHeartbeat: true,
  TaskContinued: true,
  TaskSucceeded: true,
  TaskFailed: true,
  TaskCancelled: true,
  TaskRetried: true,
  TaskDeleted: true,
  CallbackSucceeded: true,
  CallbackFailed: true,
  CallbackReopened: true,
  Erased: true,
};

describe.each(fixtures)('the recorded history $name', ({ events, state, wakeAt: pinnedWakeAt }) => {
  it('folds to the state it had', () => {
    expect(fold(initialTask, events)).toStrictEqual(state);
  });

  it('needs its next look when it did', () => {
    expect(wakeAt(fold(initialTask, events))).toBe(pinnedWakeAt);
  });

  it('gives a legal state after every event', () => {
    for (const along of statesAlong(events)) expect(shapeProblems(along)).toEqual([]);
  });

  it('goes on from a state stored at any version', () => {
    for (let version = 0; version <= events.length; version += 1) {
      const stored: TaskState = JSON.parse(JSON.stringify(fold(initialTask, events.slice(0, version))));
      expect(fold(stored, events.slice(version))).toStrictEqual(state);
    }
  });
});

describe('the recorded histories together', () => {
  it.each(Object.keys(everyType))('hold a %s', (type) => {
    expect(fixtures.filter(({ events }) => events.some((event) => event.type === type))).not.toEqual([]);
  });

  it.each(['scheduled', 'running', 'waiting', 'succeeded', 'failed', 'cancelled', 'deleted'])('pass through the status %s', (status) => {
    expect(fixtures.filter(({ events }) => statesAlong(events).some((state) => state.status === status))).not.toEqual([]);
  });

  it('tell what happened in them', () => {
    for (const { tells } of fixtures) expect(tells).toMatch(/\.$/);
  });
});
