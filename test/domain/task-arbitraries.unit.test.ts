import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TaskEventType } from '../../src/domain/task/events.ts';
import { endedOf, isFinished, type TaskState } from '../../src/domain/task/state.ts';
import { anyHistory } from './task-arbitraries.ts';
import { type RecordedTaskEvent, statesAlong } from './task-histories.ts';

type Moment = { readonly before: TaskState; readonly event: RecordedTaskEvent; readonly after: TaskState };

// The seed is pinned: what is measured is the generator, not the domain.
const samples = fc.sample(anyHistory, { seed: 7, numRuns: 1_000 }).map((history) => {
  const states = statesAlong(history.events);
  const moments = history.events.flatMap((event, index): Moment[] => {
    const [before, after] = [states[index], states[index + 1]];
    return before === undefined || after === undefined ? [] : [{ before, event, after }];
  });
  return { history, moments };
});

const share = (holds: (moments: readonly Moment[]) => boolean): number =>
  samples.filter(({ moments }) => holds(moments)).length / samples.length;

const eventTypes: Record<Exclude<TaskEventType, 'Erased'>, true> = {
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
};
const statuses = ['scheduled', 'running', 'waiting', 'succeeded', 'failed', 'cancelled', 'deleted'] as const;

const callbackIs = (state: TaskState, status: string) => endedOf(state)?.callback.status === status;

const situations: Record<string, (moments: readonly Moment[]) => boolean> = {
  'a second attempt': (moments) => moments.some(({ after }) => after.status === 'running' && after.attempt > 1),
  'a run continued': (moments) => moments.some(({ after }) => after.status === 'running' && after.run > 1),
  'attempts spent': (moments) =>
    moments.some(({ after }) => after.status === 'failed' && after.attempt === after.definition.retry.maxAttempts),
  'an expired task': (moments) => moments.some(({ event }) => event.type === 'TaskFailed' && event.data.error.kind === 'expired'),
  'a dead lease': (moments) => moments.some(({ event }) => event.type === 'TaskFailed' && event.data.error.message.includes('process')),
  'an answer between retries': (moments) =>
    moments.some(({ before, after }) => before.status === 'scheduled' && after.status === 'succeeded'),
  'an answer while running': (moments) =>
    moments.some(({ before, after }) => before.status === 'running' && after.status === 'succeeded' && after.answerHash !== null),
  'a waiting task that was cancelled': (moments) =>
    moments.some(({ before, after }) => before.status === 'waiting' && after.status === 'cancelled'),
  'a deadline moved by a heartbeat': (moments) =>
    moments.some(({ before, event }) => before.status === 'waiting' && event.type === 'TaskHeartbeat'),
  'an open callback': (moments) => moments.some(({ after }) => isFinished(after) && callbackIs(after, 'pending')),
  'a failed callback': (moments) => moments.some(({ after }) => callbackIs(after, 'failed')),
  'a delivered callback': (moments) => moments.some(({ after }) => callbackIs(after, 'delivered')),
  'a reopened callback that was tried again': (moments) =>
    moments.some(({ event }, index) => event.type === 'CallbackReopened' && moments[index + 1]?.event.type.startsWith('Callback') === true),
  'a callback superseded by a new run': (moments) =>
    moments.some(({ before, event }) => event.type === 'TaskRetried' && callbackIs(before, 'pending')),
  'a deletion that opened a callback': (moments) =>
    moments.some(({ before, event, after }) => event.type === 'TaskDeleted' && !isFinished(before) && callbackIs(after, 'pending')),
  'a deletion that left a callback open': (moments) =>
    moments.some(({ before, event, after }) => event.type === 'TaskDeleted' && isFinished(before) && callbackIs(after, 'pending')),
  'a callback told after the deletion': (moments) => moments.some(({ before }) => before.status === 'deleted'),
};

describe('the generator of random histories', () => {
  it.each(statuses)('visits the status %s in at least a tenth of the histories', (status) => {
    expect(share((moments) => moments.some(({ after }) => after.status === status))).toBeGreaterThan(0.1);
  });

  it.each(Object.keys(eventTypes))('records %s in at least a twentieth of the histories', (type) => {
    expect(share((moments) => moments.some(({ event }) => event.type === type))).toBeGreaterThan(0.05);
  });

  it.each(Object.keys(situations))('reaches %s in at least one history of a hundred', (name) => {
    expect(share(situations[name] ?? (() => false))).toBeGreaterThan(0.01);
  });

  it('makes histories long enough for several runs', () => {
    const lengths = samples.map(({ history }) => history.events.length).sort((left, right) => left - right);
    expect(lengths[lengths.length / 2]).toBeGreaterThan(6);
    expect(lengths[(lengths.length * 3) / 4]).toBeGreaterThan(12);
  });
});
