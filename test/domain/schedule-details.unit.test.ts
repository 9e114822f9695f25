import { describe, expect, it } from 'vitest';
import { changedBy } from '../../src/domain/schedule/change.ts';
import type { ScheduleCommand } from '../../src/domain/schedule/commands.ts';
import { jitterShare } from '../../src/domain/schedule/jitter.ts';
import { answers, type Lookup, lookupAfterChange, lookupAt, lookupAtCreation } from '../../src/domain/schedule/lookup.ts';
import { fieldOf, type RecurrenceRule } from '../../src/domain/schedule/recurrence.ts';
import { type Live, nextLook } from '../../src/domain/schedule/state.ts';
import { after, ask, given, type History, later, perform, scheduleId, settle, withPreviousOver } from './schedule-histories.ts';
import { epoch, hour, second } from './task-histories.ts';

const live = ({ state }: History): Live => state as Live;
/** What a command yields: its event, or the refusal. */
const when = (history: History, command: ScheduleCommand) => {
  const { decision } = perform(history, command);
  return decision.outcome === 'event' ? decision.event : decision.outcome === 'refused' ? decision.refusal : decision.outcome;
};
const done = (history: History, command: ScheduleCommand): History => perform(history, command).history;
/** The child that was named is there. */
const confirmed = (history: History): History => done(history, ask.confirm(history));
/** At the moment of the next time, with all that is due then done. */
const atNext = (history: History): History => {
  const { state } = history;
  return confirmed(settle({ ...history, now: state.status === 'active' ? (state.next?.fireAt ?? history.now) : history.now }));
};

/** The only occurrence was fired, and nobody has looked since: active, with no next time. */
const withoutNext = (): History => {
  const due = after(given({ maxOccurrences: 1 }), 10 * second);
  return done(due, ask.look(due));
};

describe('the jitter of the next time is that of its own number', () => {
  const jittered = { jitterMs: 5 * second } as const;
  const shows = (history: History, occurrence: number): void => {
    const { next } = live(history) as Extract<Live, { status: 'active' }>;
    expect((next?.fireAt ?? 0) - (next?.dueAt ?? 0)).toBe(Math.floor(jitterShare(scheduleId, occurrence) * 5 * second));
  };

  it('after one that was fired', () => {
    const fired = atNext(given({ ...jittered, overlap: 'allow' }));
    shows(fired, 2);
    shows(atNext(fired), 3);
  });

  it('after one that was left out, which has no number', () => {
    const skipped = atNext(atNext(given(jittered)));
    expect(live(skipped)).toMatchObject({ numbered: 1, skipped: 1 });
    shows(skipped, 2);
  });

  it('while one is held back, which has the number before it', () => {
    const held = atNext(atNext(given({ ...jittered, overlap: 'buffer-one' })));
    expect(live(held)).toMatchObject({ numbered: 1, buffered: { dueAt: epoch + 20 * second } });
    shows(held, 3);
    shows(atNext(held), 3);
  });

  it('after a pause', () => {
    const paused = done(atNext(given(jittered)), ask.pause());
    shows(done(paused, ask.resume(paused)), 2);
  });
});

describe('a pause', () => {
  const paused = () => done(after(given(), 5 * second), ask.pause());

  it('of a paused schedule changes nothing', () => {
    expect(when(paused(), ask.pause())).toBe('unchanged');
  });

  it('is named with its beginning, and an end with its time', () => {
    const much = after(paused(), hour);
    expect(when(much, ask.look(much))).toEqual({ reason: 'wrong-status', status: 'paused', at: epoch + 5 * second });
    const over = settle(withPreviousOver(later(given({ maxOccurrences: 1 }), 10 * second)));
    expect(when(after(over, hour), ask.pause())).toEqual({ reason: 'wrong-status', status: 'finished', at: epoch + 10 * second });
  });

  it('lets a change say nothing of a next time', () => {
    expect(when(paused(), ask.change(paused(), { jitterMs: 1 }))).toStrictEqual({
      type: 'ScheduleChanged',
      data: { jitterMs: 1, anchorAt: live(paused()).anchorAt },
    });
  });
});

describe('a change', () => {
  it('of one field among others that stay is a change', () => {
    expect(when(given(), ask.change(given(), { labels: { team: 'blue' }, jitterMs: 1 }))).toMatchObject({ type: 'ScheduleChanged' });
  });

  it('whose times were looked up for another moment is looked up again', () => {
    const another = ask.change(after(given(), second), { jitterMs: 1 });
    expect(when(given(), { ...ask.change(given(), { jitterMs: 1 }), times: another.times })).toEqual({ reason: 'stale' });
  });

  it('at the very moment of a time leaves that time to the schedule as it was', () => {
    const due = after(given(), 10 * second);
    expect(when(due, ask.change(due, { jitterMs: 1 }))).toMatchObject({ data: { next: { dueAt: epoch + 10 * second } } });
  });

  it('that leaves no occurrence leaves none for a time that is due either', () => {
    const due = after(confirmed(later(given({ overlap: 'allow', maxOccurrences: 3 }), 10 * second)), 10 * second);
    expect(when(due, ask.change(due, { maxOccurrences: 1 }))).toMatchObject({ data: { maxOccurrences: 1, next: null } });
  });

  const daily: RecurrenceRule = { kind: 'daily' };
  const cron: RecurrenceRule = { kind: 'cron', expression: '0 0 * * *' };
  it.each<[RecurrenceRule, RecurrenceRule, 'the clock' | 'now']>([
    [daily, { kind: 'weekly' }, 'the clock'],
    [{ kind: 'weekly' }, { kind: 'monthly' }, 'the clock'],
    [{ kind: 'monthly' }, daily, 'the clock'],
    [cron, daily, 'now'],
    [daily, cron, 'now'],
    [{ kind: 'every', intervalMs: hour }, { kind: 'monthly' }, 'now'],
  ])('from %j to %j counts from %s', (before, rule, from) => {
    const { anchorAt, otherTimes } = changedBy(live(given({ rule: before })), { rule }, epoch + second);
    expect({ anchorAt, otherTimes }).toEqual({ anchorAt: from === 'now' ? epoch + second : epoch, otherTimes: true });
  });

  it('of the start counts from the new start, and without one from now', () => {
    const hourly = { rule: { kind: 'every', intervalMs: hour } } as const;
    expect(changedBy(live(given(hourly)), { startAt: epoch + 5 * hour }, epoch).anchorAt).toBe(epoch + 5 * hour);
    expect(changedBy(live(given({ ...hourly, startAt: epoch + 5 * hour })), { startAt: null }, epoch + second).anchorAt).toBe(
      epoch + second + hour,
    );
  });
});

describe('a look', () => {
  it('that was about the last time and comes again finishes nothing', () => {
    const due = after(given({ maxOccurrences: 1 }), 10 * second);
    const fired = withPreviousOver(confirmed(done(due, ask.look(due))));
    expect(when(fired, { ...ask.look(fired), times: ask.look(due).times })).toEqual({ reason: 'stale' });
    expect(when(fired, ask.look(fired))).toMatchObject({ type: 'ScheduleFinished' });
  });

  it('that fires a time held back says nothing of the next one', () => {
    const held = confirmed(later(later(given({ overlap: 'buffer-one' }), 10 * second), 10 * second));
    const released = withPreviousOver(held);
    expect(when(released, ask.look(released))).toStrictEqual({
      type: 'OccurrenceFired',
      data: { occurrence: 2, dueAt: epoch + 20 * second, taskId: `${scheduleId}.2` },
    });
  });

  it('is needed by time alone only while an active schedule has a time ahead', () => {
    expect(nextLook(given().state, epoch + 10 * second - 1)).toBe(epoch + 10 * second);
    expect(nextLook(given().state, epoch + 10 * second)).toBeNull();
    expect(nextLook(done(given(), ask.pause()).state, epoch)).toBeNull();
    expect(nextLook(withoutNext().state, epoch)).toBeNull();
  });
});

describe('a trigger without a key', () => {
  it('is another one whatever tasks there are', () => {
    expect(when(given(), { ...ask.trigger(given()), exists: true })).toMatchObject({ type: 'OccurrenceTriggered' });
  });
});

describe('an id that is taken moves no next time', () => {
  const skippedAt = (at: number) => ({ from: at, to: at, count: 1, why: 'id-taken' });
  const fired = () => later(given(), 10 * second);

  it('while there is one', () => {
    expect(when(fired(), ask.giveUp(fired()))).toStrictEqual({
      type: 'OccurrencesSkipped',
      data: { ...skippedAt(epoch + 10 * second), taskId: `${scheduleId}.1` },
    });
  });

  it('while the schedule is paused', () => {
    const paused = done(fired(), ask.pause());
    expect(when(paused, ask.giveUp(paused))).toStrictEqual({
      type: 'OccurrencesSkipped',
      data: { ...skippedAt(epoch + 10 * second), taskId: `${scheduleId}.1` },
    });
  });

  it('if it was that of a trigger', () => {
    const last = confirmed(withoutNext());
    const triggered = done(last, ask.trigger(last));
    expect(when(triggered, ask.giveUp(triggered))).toStrictEqual({
      type: 'OccurrencesSkipped',
      data: { ...skippedAt(epoch + 10 * second), taskId: `${scheduleId}.trigger-1` },
    });
  });
});

describe('times that were looked up', () => {
  const missed: Lookup = { kind: 'missed', from: 1, upTo: 2, notBefore: 3, keep: 4 };
  const following: Lookup = { kind: 'following', after: 1 };
  const timesFor = (lookup: Lookup) => ({ lookup, skipped: null, upcoming: [] });

  it('answer the very question they were looked up for, and no other', () => {
    for (const asked of [missed, following]) expect(answers(timesFor(asked), { ...asked })).toBe(true);
    const others: Lookup[] = [
      following,
      { ...missed, from: 0 },
      { ...missed, upTo: 0 },
      { ...missed, notBefore: 0 },
      { ...missed, keep: 0 },
    ];
    for (const other of others) expect(answers(timesFor(missed), other)).toBe(false);
    for (const other of [missed, { ...following, after: 0 }]) expect(answers(timesFor(following), other)).toBe(false);
  });

  it('are, after a time that is later than late, those that were missed', () => {
    const catching = live(given({ catchUpWithinMs: hour }));
    expect(lookupAt(catching, epoch + 15 * second)).toEqual({ kind: 'following', after: epoch + 10 * second });
    expect(lookupAt(catching, epoch + 15 * second + 1)).toEqual({
      kind: 'missed',
      from: epoch + 10 * second,
      upTo: epoch + 15 * second + 1,
      notBefore: epoch + 15 * second + 1 - hour,
      keep: 1,
    });
  });

  it('follow a start that has just passed, which is then the first of them, if it is a new one', () => {
    const now = epoch + 5 * second;
    const changed = (state: Live, startAt?: number) => lookupAfterChange(state, startAt === undefined ? {} : { startAt }, now).after;
    const [without, begun] = [live(given()), live(given({ startAt: epoch }))];
    expect(changed(without, epoch)).toBe(epoch - 1);
    for (const startAt of [undefined, epoch - 1, now + second]) expect(changed(without, startAt)).toBe(now);
    expect(changed(begun, epoch)).toBe(now);
    expect(lookupAtCreation(now, epoch).after).toBe(epoch - 1);
    for (const startAt of [null, epoch - 1, now + second]) expect(lookupAtCreation(now, startAt).after).toBe(now - 1);
  });
});

it.each<[RecurrenceRule, string]>([
  [{ kind: 'cron', expression: '* * * * *' }, 'cron'],
  [{ kind: 'every', intervalMs: second }, 'every'],
  [{ kind: 'daily' }, 'recurrence'],
])('the rule %j is given in the field %s', (rule, field) => {
  expect(fieldOf(rule)).toBe(field);
});
