import { describe, expect, it } from 'vitest';
import type { ScheduleEvent } from '../../src/domain/schedule/events.ts';
import type { Live } from '../../src/domain/schedule/state.ts';
import {
  after,
  append,
  ask,
  given,
  type History,
  later,
  perform,
  scheduleId,
  scheduleWith,
  settle,
  withPreviousOver,
} from './schedule-histories.ts';
import { epoch, httpAction, second } from './task-histories.ts';

const live = ({ state }: History): Live => state as Live;
const pause = (history: History): History => perform(history, ask.pause()).history;
const confirmed = (history: History): History => perform(history, ask.confirm(history)).history;
/** Occurrence 1 was fired at 10 s and is not over. */
const fired = (): History => later(given({ overlap: 'buffer-one' }), 10 * second);
/** The time of 20 s waits for the end of occurrence 1. */
const held = (): History => later(confirmed(fired()), 10 * second);
/** The only occurrence was fired, and nobody has looked since: active, with no next time. */
const withoutNext = (): History => {
  const due = after(given({ maxOccurrences: 1 }), 10 * second);
  return perform(due, ask.look(due)).history;
};
const at = (seconds: number) => epoch + seconds * second;
const next = { dueAt: at(40), fireAt: at(40) };

describe('a log is broken', () => {
  const first = { occurrence: 1, dueAt: at(10), taskId: `${scheduleId}.1`, next };
  const cases: Record<string, readonly [() => History, ScheduleEvent]> = {
    'a number out of its turn': [given, { type: 'OccurrenceFired', data: { ...first, occurrence: 2 } }],
    'a time that was not the next': [given, { type: 'OccurrenceFired', data: { ...first, dueAt: at(11) } }],
    'a time that has no next one behind it': [given, { type: 'OccurrenceFired', data: { occurrence: 1, dueAt: at(10), taskId: 'a' } }],
    'a time of a schedule that has none': [withoutNext, { type: 'OccurrenceFired', data: { ...first, occurrence: 2, dueAt: at(20) } }],
    'neither the time held back nor the next': [held, { type: 'OccurrenceFired', data: { ...first, occurrence: 2, dueAt: at(25) } }],
    'a second time held back': [held, { type: 'OccurrenceBuffered', data: { dueAt: at(30), next } }],
    'the holding back of another time than the next': [fired, { type: 'OccurrenceBuffered', data: { dueAt: at(30), next } }],
    'the holding back of a time where none is left': [withoutNext, { type: 'OccurrenceBuffered', data: { dueAt: at(20), next } }],
    'the skipping of another time than the next': [
      given,
      { type: 'OccurrencesSkipped', data: { from: at(20), to: at(20), count: 1, why: 'overlap', next } },
    ],
    'the skipping of a time where none is left': [
      withoutNext,
      { type: 'OccurrencesSkipped', data: { from: at(20), to: at(20), count: 1, why: 'overlap', next } },
    ],
    'the skipping of a time while paused': [
      () => pause(given()),
      { type: 'OccurrencesSkipped', data: { from: at(10), to: at(10), count: 1, why: 'misfire', next } },
    ],
    'the giving up of another child': [
      fired,
      { type: 'OccurrencesSkipped', data: { from: at(10), to: at(10), count: 1, why: 'id-taken', taskId: 'another' } },
    ],
    'the giving up of a child where none was named': [
      given,
      { type: 'OccurrencesSkipped', data: { from: at(10), to: at(10), count: 1, why: 'id-taken', taskId: 'another' } },
    ],
    'the confirmation of another child': [fired, { type: 'ChildConfirmed', data: { taskId: 'another' } }],
    'the confirmation of a child where none was named': [given, { type: 'ChildConfirmed', data: { taskId: 'another' } }],
    'an end before the last time': [given, { type: 'ScheduleFinished', data: {} }],
    'an end before a time that is held back': [
      () => later(confirmed(later(given({ overlap: 'buffer-one', maxOccurrences: 2 }), 10 * second)), 10 * second),
      { type: 'ScheduleFinished', data: {} },
    ],
  };

  it.each(Object.keys(cases))('by %s', (name) => {
    const [make, event] = cases[name] ?? [];
    if (make === undefined || event === undefined) throw new Error(name);
    const history = make();
    expect(() => append(history, event)).toThrow(`${event.type} at version ${history.events.length + 1} cannot follow status`);
  });
});

describe('folding', () => {
  it('never takes back how far the times were dealt with: a time held back is older than those left out meanwhile', () => {
    const skipped = later(held(), 10 * second);
    expect(live(skipped)).toMatchObject({ through: at(30), buffered: { dueAt: at(20) } });
    expect(live(settle(withPreviousOver(skipped)))).toMatchObject({ numbered: 2, through: at(30), buffered: null });
  });

  it('leaves the next time as it is where an event says nothing of it', () => {
    const before = live(given());
    const changed = append(given(), { type: 'ScheduleChanged', data: { jitterMs: 1, anchorAt: before.anchorAt } });
    expect(live(changed)).toMatchObject({ status: 'active', next: { dueAt: at(10) }, definition: { jitterMs: 1 } });
    const over = settle(withPreviousOver(later(given({ maxOccurrences: 1 }), 10 * second)));
    const relabelled = append(over, { type: 'ScheduleChanged', data: { labels: {}, anchorAt: before.anchorAt } });
    expect(live(relabelled)).toMatchObject({ status: 'finished', definition: { labels: {} } });
    expect(live(relabelled)).not.toHaveProperty('next');
  });

  it('keeps the other occurrences when one is given up, and gives a paused schedule no next time', () => {
    const two = later(confirmed(later(given({ overlap: 'allow' }), 10 * second)), 10 * second);
    const givenUp = perform(two, ask.giveUp(two)).history;
    expect(live(givenUp)).toMatchObject({ occurrences: 1, lastRuns: [{ occurrence: 1 }] });
    const skipped = { from: at(20), to: at(20), count: 1, why: 'id-taken', taskId: `${scheduleId}.2`, next } as const;
    expect(live(append(pause(two), { type: 'OccurrencesSkipped', data: skipped }))).not.toHaveProperty('next');
  });

  it('finds the body of the template beside the event that brought it', () => {
    const { template } = scheduleWith();
    const withBody = (bytes: number | null) => ({
      ...template,
      action: { ...httpAction, body: bytes === null ? null : ({ kind: 'json', bytes, digest: 'other' } as const) },
    });
    const history = after(given(), second);
    expect(live(history).body).toEqual({ version: 1, commitId: 'commit-1', bytes: 17 });
    const changedTo = (bytes: number | null) => live(perform(history, ask.change(history, { template: withBody(bytes) })).history).body;
    expect(changedTo(5)).toEqual({ version: 2, commitId: 'commit-2', bytes: 5 });
    expect(changedTo(0)).toBeNull();
    expect(changedTo(null)).toBeNull();
  });
});
