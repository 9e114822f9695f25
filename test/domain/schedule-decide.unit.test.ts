import { describe, expect, it } from 'vitest';
import { recurrences } from '../../src/adapters/recurrence/recurrences.ts';
import { timesFrom } from '../../src/application/schedule-times.ts';
import { limits } from '../../src/domain/limits.ts';
import { decide } from '../../src/domain/schedule/decide.ts';
import { evolve } from '../../src/domain/schedule/evolve.ts';
import { type Live, nextLook, wakeAt } from '../../src/domain/schedule/state.ts';
import {
  after,
  ask,
  createAt,
  envelope,
  given,
  type History,
  later,
  noHistory,
  perform,
  scheduleId,
  scheduleWith,
  settle,
  story,
  withPreviousOver,
} from './schedule-histories.ts';
import { day, epoch, hour, minute, second } from './task-histories.ts';

const refusal = (history: History, command: Parameters<typeof decide>[1]): unknown => {
  const decision = decide(history.state, command);
  return decision.outcome === 'refused' ? decision.refusal : decision.outcome;
};
const done = (history: History, command: Parameters<typeof decide>[1]): History => {
  const { decision, history: next } = perform(history, command);
  expect(decision.outcome, JSON.stringify(decision)).toBe('event');
  expect(decide(next.state, command).outcome, `${command.type} a second time`).not.toBe('event');
  return next;
};
const live = ({ state }: History): Live => {
  if (state.status === 'missing' || state.status === 'deleted') throw new Error(state.status);
  return state;
};
/** Every occurrence is over before the next is due, and the host is on time. */
const onTime = (history: History, times: number, ms = 10 * second): History =>
  Array.from({ length: times }).reduce<History>((current) => withPreviousOver(later(current, ms)), history);

describe('a creation', () => {
  it('knows its first time: one interval from now, a start that is given, or now for a calendar rule', () => {
    expect(live(given())).toMatchObject({ next: { dueAt: epoch + 10 * second, fireAt: epoch + 10 * second } });
    expect(live(given({ startAt: epoch + hour }))).toMatchObject({ next: { dueAt: epoch + hour } });
    expect(live(given({ rule: { kind: 'daily' } }))).toMatchObject({ next: { dueAt: epoch } });
    expect(live(given({ rule: { kind: 'cron', expression: '0 0 * * *' } }))).toMatchObject({ next: { dueAt: epoch } });
  });

  it('counts from a start in the past without making up for what lies before it', () => {
    const daily = given({ rule: { kind: 'daily' }, startAt: epoch - 10 * day - hour });
    expect(live(daily)).toMatchObject({ next: { dueAt: epoch + 23 * hour } });
  });

  it('has its first time at a start that passed on its way here, as late as a time may be that still fires', () => {
    const rules = [{ kind: 'every', intervalMs: hour }, { kind: 'daily' }, { kind: 'cron', expression: '* * * * * *' }] as const;
    for (const rule of rules) {
      for (const startAt of [epoch - 1_000, epoch - limits.misfireAfterMs]) {
        const history = given({ rule, startAt });
        expect(live(history)).toMatchObject({ next: { dueAt: startAt, fireAt: startAt } });
        expect(story(settle(history))[0]).toBe(`fired 1 of ${(startAt - epoch) / second}`);
      }
    }
    const older = given({ rule: { kind: 'every', intervalMs: hour }, startAt: epoch - limits.misfireAfterMs - 1 });
    expect(live(older)).toMatchObject({ next: { dueAt: epoch + hour - limits.misfireAfterMs - 1 } });
    expect(live(given({ rule: { kind: 'every', intervalMs: hour }, startAt: epoch }))).toMatchObject({ next: { dueAt: epoch } });
    expect(live(given({ rule: { kind: 'every', intervalMs: second }, startAt: epoch - hour }))).toMatchObject({ next: { dueAt: epoch } });
  });

  it('is refused if no time is left before its end, or if all missed times should wait for each other', () => {
    expect(refusal(noHistory, createAt(scheduleWith({ endAt: epoch + 9 * second }), epoch))).toEqual({
      reason: 'never-fires',
      field: 'endAt',
    });
    const inTurn = scheduleWith({ misfire: 'run-all', overlap: 'buffer-one' });
    expect(refusal(noHistory, createAt(inTurn, epoch))).toEqual({ reason: 'run-all-needs-allow' });
    const stale = { ...createAt(scheduleWith(), epoch), now: epoch + second };
    expect(refusal(noHistory, stale)).toEqual({ reason: 'stale' });
  });

  it('is repeated at will, and never over another one nor over a deleted one', () => {
    const history = given();
    const again = createAt(scheduleWith(), epoch + second);
    expect(refusal(history, { ...again, sameContent: true })).toBe('unchanged');
    expect(refusal(history, again)).toEqual({ reason: 'different-content' });
    const removed = done(history, ask.remove(history));
    expect(refusal(removed, { ...again, sameContent: true })).toEqual({ reason: 'deleted' });
    expect(refusal(removed, ask.look(removed))).toEqual({ reason: 'deleted' });
    expect(wakeAt(removed.state)).toBeNull();
  });
});

describe('a look', () => {
  it('fires the time that is due, numbered from 1, and names the task', () => {
    const history = onTime(given(), 3);
    expect(story(history)).toEqual(['fired 1 of 10', 'fired 2 of 20', 'fired 3 of 30']);
    expect(live(history).lastRuns.at(-1)).toEqual({ occurrence: 3, dueAt: epoch + 30 * second, taskId: `${scheduleId}.3` });
  });

  it('does nothing before the time, nor for a missing schedule, nor with times of another moment', () => {
    const early = after(given(), 10 * second - 1);
    expect(refusal(early, ask.look(early))).toEqual({ reason: 'not-due' });
    expect(refusal(noHistory, ask.look(noHistory))).toEqual({ reason: 'missing' });
    const due = after(given(), 10 * second);
    expect(refusal(due, { ...ask.look(due), times: null })).toEqual({ reason: 'stale' });
    expect(refusal(after(due, minute), { ...ask.look(after(due, minute)), times: ask.look(due).times })).toEqual({ reason: 'stale' });
  });

  it('names no other child before the last one was made sure of', () => {
    const history = withPreviousOver(later(given(), 10 * second));
    const due = after(history, 10 * second);
    const missing = { reason: 'unconfirmed-child', taskId: `${scheduleId}.1` };
    expect(refusal(due, { ...ask.look(due), confirmed: null })).toEqual(missing);
    expect(refusal(due, { ...ask.trigger(due), confirmed: null })).toEqual(missing);
    expect(refusal(due, { ...ask.change(due, { jitterMs: 5 }), confirmed: 'another' })).toEqual(missing);
    expect(refusal(due, { ...ask.remove(due), confirmed: null })).toEqual(missing);
    expect(wakeAt(history.state)).toBe(epoch + 20 * second);
    expect(live(done(history, ask.confirm(history))).unconfirmed).toBeNull();
  });

  it('heals an unconfirmed child a minute after it was named', () => {
    const history = later(given({ rule: { kind: 'every', intervalMs: hour } }), hour);
    expect(wakeAt(history.state)).toBe(epoch + hour + minute);
    expect(wakeAt(done(history, ask.confirm(history)).state)).toBe(epoch + 2 * hour);
  });

  it('ends the schedule after its last occurrence, and after its end', () => {
    const counted = onTime(given({ maxOccurrences: 2 }), 3);
    expect(story(counted)).toEqual(['fired 1 of 10', 'fired 2 of 20', 'ScheduleFinished']);
    expect(wakeAt(counted.state)).toBeNull();
    const ended = onTime(given({ endAt: epoch + 20 * second }), 4);
    expect(story(ended)).toEqual(['fired 1 of 10', 'fired 2 of 20', 'ScheduleFinished']);
    expect(refusal(ended, ask.look(ended))).toMatchObject({ reason: 'wrong-status', status: 'finished', at: epoch + 20 * second });
  });
});

describe('missed times', () => {
  it('are not missed while they are at most five seconds late: they fire one by one', () => {
    const history = later(given({ rule: { kind: 'every', intervalMs: 2 * second }, overlap: 'allow', misfire: 'skip' }), 7 * second);
    expect(story(history)).toEqual(['fired 1 of 2', 'fired 2 of 4', 'fired 3 of 6']);
  });

  it('run-once fires the newest under its own time and skips the rest', () => {
    expect(story(later(given(), 35 * second))).toEqual(['skipped 2 of 10..20: misfire', 'fired 1 of 30']);
    expect(story(later(given(), 15 * second + 1))).toEqual(['fired 1 of 10']);
  });

  it('skip fires none of them and goes on with the next', () => {
    const history = later(later(given({ misfire: 'skip' }), 35 * second), 5 * second);
    expect(story(history)).toEqual(['skipped 3 of 10..30: misfire', 'fired 1 of 40']);
  });

  it('run-all fires each in order, what is older than catchUpWithin is skipped', () => {
    const history = later(given({ misfire: 'run-all', overlap: 'allow', catchUpWithinMs: 20 * second }), 45 * second);
    expect(story(history)).toEqual(['skipped 2 of 10..20: misfire', 'fired 1 of 30', 'fired 2 of 40']);
    const exactly = later(given({ misfire: 'run-all', overlap: 'allow', catchUpWithinMs: 10 * second }), 40 * second);
    expect(story(exactly)).toEqual(['skipped 2 of 10..20: misfire', 'fired 1 of 30', 'fired 2 of 40']);
  });

  it('run-all catches up a thousand at most, the newest', () => {
    const history = later(given({ misfire: 'run-all', overlap: 'allow' }), 10_025 * second);
    expect(story(history).slice(0, 2)).toEqual(['skipped 2 of 10..20: misfire', 'fired 1 of 30']);
    expect(live(history)).toMatchObject({ occurrences: 1_000, skipped: 2 });
  });

  it('all are skipped if the newest is too old', () => {
    const yearly = given({ rule: { kind: 'cron', expression: '0 0 1 2 *' }, catchUpWithinMs: hour });
    expect(live(later(yearly, 60 * day))).toMatchObject({ occurrences: 0, skipped: 1, next: { dueAt: Date.UTC(2027, 1, 1) } });
  });

  it('a newest one that is still within its jitter is not missed', () => {
    const history = given({ rule: { kind: 'every', intervalMs: minute }, jitterMs: minute });
    const { next } = live(history) as Extract<Live, { status: 'active' }>;
    const jitter = (next?.fireAt ?? 0) - (next?.dueAt ?? 0);
    expect(jitter).toBeGreaterThan(second);
    const just = settle({ ...history, now: epoch + 3 * minute + jitter - 1 });
    expect(story(just)).toEqual(['skipped 1 of 60..60: misfire', 'fired 1 of 120']);
  });

  it('misfire comes before overlap', () => {
    const history = later(later(given({ overlap: 'buffer-one' }), 10 * second), 35 * second);
    expect(story(history)).toEqual(['fired 1 of 10', 'skipped 2 of 20..30: misfire', 'buffered 40']);
  });
});

describe('overlap', () => {
  it('skip leaves out what is due while the occurrence before is unfinished', () => {
    const running = later(later(given(), 10 * second), 10 * second);
    expect(story(running)).toEqual(['fired 1 of 10', 'skipped 1 of 20..20: overlap']);
    expect(story(later(withPreviousOver(running), 10 * second)).at(-1)).toBe('fired 2 of 30');
  });

  it('allow does not ask', () => {
    expect(story(later(later(given({ overlap: 'allow' }), 10 * second), 10 * second))).toEqual(['fired 1 of 10', 'fired 2 of 20']);
  });

  it('buffer-one keeps the first until the one before ends, however late, and leaves out the others', () => {
    const held = later(later(later(given({ overlap: 'buffer-one' }), 10 * second), 10 * second), 10 * second);
    expect(story(held)).toEqual(['fired 1 of 10', 'buffered 20', 'skipped 1 of 30..30: overlap']);
    expect(refusal(held, ask.look(held))).toEqual({ reason: 'held' });
    expect(wakeAt(held.state)).toBe(epoch + 40 * second);
    expect(nextLook(held.state, held.now)).toBe(epoch + 40 * second);
    expect(nextLook(held.state, epoch + 40 * second)).toBeNull();
    const released = settle(withPreviousOver(after(held, 9 * second)));
    expect(story(released).at(-1)).toBe('fired 2 of 20');
    expect(live(released)).toMatchObject({ buffered: null, next: { dueAt: epoch + 40 * second } });
  });

  it('a buffered time counts towards the limit before it runs', () => {
    const held = later(later(given({ overlap: 'buffer-one', maxOccurrences: 2 }), 10 * second), 10 * second);
    expect(live(held)).toMatchObject({ next: null, buffered: { dueAt: epoch + 20 * second } });
    expect(refusal(held, ask.look(held))).toEqual({ reason: 'held' });
    expect(wakeAt(done(held, ask.confirm(held)).state)).toBe(epoch + 20 * second + limits.childHealMs);
    expect(story(settle(withPreviousOver(held))).slice(-2)).toEqual(['fired 2 of 20', 'ScheduleFinished']);
  });

  it('a buffered time is dropped by a change that leaves no occurrence for it', () => {
    const held = later(later(given({ overlap: 'buffer-one', maxOccurrences: 2 }), 10 * second), 10 * second);
    const confirmed = done(held, ask.confirm(held));
    const changed = done(confirmed, ask.change(confirmed, { maxOccurrences: 1 }));
    expect(live(changed)).toMatchObject({ next: null, buffered: null });
    expect(story(settle(withPreviousOver(changed))).slice(-2)).toEqual(['ScheduleChanged', 'ScheduleFinished']);
  });

  it('asks for the end of the very occurrence that is the last', () => {
    const due = after(later(given(), 10 * second), 10 * second);
    const another = { taskId: 'another', finished: true };
    expect(refusal(due, { ...ask.look(due), previous: another })).toEqual({ reason: 'stale' });
    expect(refusal(due, { ...ask.look(due), previous: null })).toEqual({ reason: 'stale' });
  });
});

describe('pause and resume', () => {
  it('a paused schedule fires nothing, and a pause is not a misfire: the next regular time runs', () => {
    const paused = done(given(), ask.pause());
    expect(wakeAt(paused.state)).toBeNull();
    const much = after(paused, 95 * second);
    expect(refusal(much, ask.look(much))).toMatchObject({ reason: 'wrong-status', status: 'paused', at: epoch });
    expect(story(later(done(much, ask.resume(much)), 5 * second))).toEqual(['SchedulePaused', 'ScheduleResumed', 'fired 1 of 100']);
  });

  it('a resumption never brings back a time that was fired, also by a clock that is behind', () => {
    const fired = later(given(), 10 * second);
    const paused = { ...done(fired, ask.pause()), now: epoch + 9 * second };
    expect(live(done(paused, ask.resume(paused)))).toMatchObject({ next: { dueAt: epoch + 20 * second } });
    expect(refusal(paused, { ...ask.resume(paused), now: epoch + 90 * second })).toEqual({ reason: 'stale' });
  });

  it('a time that was held back does not outlast a pause: it counts as skipped', () => {
    const held = later(later(given({ overlap: 'buffer-one' }), 10 * second), 10 * second);
    expect(story(held)).toEqual(['fired 1 of 10', 'buffered 20']);
    const paused = done(held, ask.pause());
    expect(live(paused)).toMatchObject({ status: 'paused', skipped: 1, occurrences: 1 });
    const resumed = withPreviousOver(done(paused, ask.resume(paused)));
    expect(live(resumed)).toMatchObject({ buffered: null, skipped: 1 });
    expect(story(later(resumed, 10 * second)).at(-1)).toBe('fired 2 of 30');
    expect(live(done(given(), ask.pause()))).toMatchObject({ skipped: 0 });
  });

  it('a child that was named before the pause is still made', () => {
    const paused = done(later(given(), 10 * second), ask.pause());
    expect(wakeAt(paused.state)).toBe(epoch + 10 * second + minute);
    expect(wakeAt(done(paused, ask.confirm(paused)).state)).toBeNull();
  });

  it('a finished schedule can be neither paused nor resumed', () => {
    const finished = onTime(given({ maxOccurrences: 1 }), 2);
    expect(refusal(finished, ask.pause())).toMatchObject({ reason: 'wrong-status', status: 'finished' });
    expect(refusal(finished, ask.resume(finished))).toMatchObject({ reason: 'wrong-status', status: 'finished' });
    expect(refusal(given(), ask.resume(given()))).toBe('unchanged');
  });
});

describe('a trigger', () => {
  it('names a task of its own outside the count, also while paused and after the end', () => {
    const first = done(given({ maxOccurrences: 1 }), ask.trigger(given()));
    const paused = done(done(first, ask.confirm(first)), ask.pause());
    const second_ = done(paused, ask.trigger(paused));
    expect(live(second_)).toMatchObject({
      occurrences: 0,
      triggers: 2,
      unconfirmed: { taskId: `${scheduleId}.trigger-2`, occurrence: null },
    });
    const finished = onTime(given({ maxOccurrences: 1 }), 2);
    expect(story(done(finished, ask.trigger(finished))).at(-1)).toBe(`OccurrenceTriggered ${scheduleId}.trigger-1`);
  });

  it('with a key names the same task each time, and does not count', () => {
    const once = done(given(), ask.trigger(given(), 'aB3_-xyz012'));
    expect(live(once)).toMatchObject({ triggers: 0, unconfirmed: { taskId: `${scheduleId}.trigger-aB3_-xyz012` } });
    expect(refusal(once, ask.trigger(once, 'aB3_-xyz012'))).toBe('unchanged');
    const confirmed = done(once, ask.confirm(once));
    expect(refusal(confirmed, ask.trigger(confirmed, 'aB3_-xyz012', true))).toBe('unchanged');
    // Looked for before it was named: it may be there by now.
    const tooEarly = { ...ask.trigger(given(), 'aB3_-xyz012'), confirmed: null };
    expect(refusal(confirmed, tooEarly)).toEqual({ reason: 'stale' });
    expect(refusal(confirmed, { ...tooEarly, key: null })).toBe('event');
  });

  it('is not what an occurrence waits for', () => {
    const triggered = done(given(), ask.trigger(given()));
    expect(story(later(triggered, 10 * second)).at(-1)).toBe('fired 1 of 10');
  });
});

describe('an id that is taken', () => {
  it('is left alone, the time counts as skipped and not towards the limit, and the numbers go on', () => {
    const named = later(given({ maxOccurrences: 2 }), 10 * second);
    const skipped = done(named, ask.giveUp(named));
    expect(story(skipped).at(-1)).toBe('skipped 1 of 10..10: id-taken');
    expect(live(skipped)).toMatchObject({ occurrences: 0, numbered: 1, skipped: 1, lastRuns: [], unconfirmed: null });
    expect(story(onTime(skipped, 3)).slice(-3)).toEqual(['fired 2 of 20', 'fired 3 of 30', 'ScheduleFinished']);
  });

  it('gives the last occurrence another time', () => {
    const due = after(given({ maxOccurrences: 1 }), 10 * second);
    const named = done(due, ask.look(due));
    expect(live(named)).toMatchObject({ next: null });
    const skipped = done(named, ask.giveUp(named));
    expect(live(skipped)).toMatchObject({ next: { dueAt: epoch + 20 * second } });
    const times = timesFrom(recurrences, live(named), named.now + hour);
    expect(refusal(named, { ...ask.giveUp(named), times })).toEqual({ reason: 'stale' });
  });

  // Seed 834 of the simulation, on the server: the process was down when the time after the one that was taken came.
  it('gives the last occurrence the very next time, also when that has passed before anybody found out', () => {
    const due = after(given({ maxOccurrences: 1 }), 10 * second);
    const named = after(done(due, ask.look(due)), 12 * second);
    const skipped = done(named, ask.giveUp(named));
    expect(live(skipped)).toMatchObject({ next: { dueAt: epoch + 20 * second } });
    expect(story(done(skipped, ask.look(skipped))).at(-1)).toBe('fired 2 of 20');
  });

  it('of a trigger is recorded too, and moves nothing', () => {
    const triggered = done(given(), ask.trigger(given()));
    const skipped = done(triggered, ask.giveUp(triggered));
    expect(live(skipped)).toMatchObject({ occurrences: 0, skipped: 1, next: { dueAt: epoch + 10 * second } });
    expect(refusal(skipped, ask.giveUp(triggered))).toBe('unchanged');
  });
});

describe('a change', () => {
  it('of an interval takes effect one interval after it, but not before a start ahead', () => {
    const history = after(onTime(given(), 1), 3 * second);
    const rule = { kind: 'every', intervalMs: minute } as const;
    expect(live(done(history, ask.change(history, { rule })))).toMatchObject({ numbered: 1, next: { dueAt: epoch + 73 * second } });
    const started = after(given({ startAt: epoch - 5 * second }), 3 * second);
    expect(live(done(started, ask.change(started, { rule })))).toMatchObject({ next: { dueAt: epoch + 63 * second } });
    const ahead = given({ startAt: epoch + hour });
    expect(live(done(ahead, ask.change(ahead, { rule })))).toMatchObject({ next: { dueAt: epoch + hour } });
  });

  it('of the start has its first time there, also if that has just passed', () => {
    const history = after(given({ rule: { kind: 'every', intervalMs: hour } }), minute);
    for (const lateMs of [0, 7, limits.misfireAfterMs]) {
      const startAt = history.now - lateMs;
      expect(live(done(history, ask.change(history, { startAt })))).toMatchObject({ next: { dueAt: startAt } });
    }
    const startAt = history.now - limits.misfireAfterMs - 1;
    expect(live(done(history, ask.change(history, { startAt })))).toMatchObject({ next: { dueAt: startAt + hour } });
  });

  it('of the start never brings back a time that was dealt with', () => {
    const history = after(onTime(given(), 1), second);
    const changed = done(history, ask.change(history, { startAt: epoch + 10 * second }));
    expect(live(changed)).toMatchObject({ through: epoch + 10 * second, next: { dueAt: epoch + 20 * second } });
  });

  it('of something else has no time at a start that has passed', () => {
    const history = after(given({ rule: { kind: 'daily' }, startAt: epoch - second }), second);
    const fired = settle(history);
    expect(live(done(fired, ask.change(fired, { labels: {} })))).toMatchObject({ next: { dueAt: epoch - second + day } });
  });

  it('that leaves no time is refused, active, paused or finished, and names the field', () => {
    const history = after(given({ startAt: epoch + hour }), second);
    const paused = done(history, ask.pause());
    for (const current of [history, paused]) {
      const never = (changes: Parameters<typeof ask.change>[1]) => refusal(current, ask.change(current, changes));
      expect(never({ endAt: epoch + hour - 1 })).toEqual({ reason: 'never-fires', field: 'endAt' });
      expect(never({ rule: { kind: 'cron', expression: '0 0 29 2 *' }, endAt: epoch + 30 * day })).toMatchObject({ field: 'endAt' });
      expect(never({ endAt: epoch + hour })).toBe('event');
    }
    const ending = given({ endAt: epoch + 30 * day });
    expect(refusal(ending, ask.change(ending, { startAt: epoch + 31 * day }))).toEqual({ reason: 'never-fires', field: 'startAt' });
    const leapDay = { kind: 'cron', expression: '0 0 29 2 *' } as const;
    expect(refusal(ending, ask.change(ending, { rule: leapDay }))).toEqual({ reason: 'never-fires', field: 'cron' });
    const finished = onTime(given({ endAt: epoch + 10 * second }), 2);
    expect(refusal(finished, ask.change(finished, { rule: { kind: 'daily' } }))).toEqual({ reason: 'never-fires', field: 'recurrence' });
    expect(refusal(finished, ask.change(finished, { timezone: 'Europe/Athens' }))).toEqual({ reason: 'never-fires', field: 'timezone' });
    expect(refusal(finished, ask.change(finished, { labels: {} }))).toBe('event');
  });

  it('of anything else leaves the beat of an interval alone', () => {
    const history = after(given(), 3 * second);
    expect(live(done(history, ask.change(history, { labels: {} })))).toMatchObject({ next: { dueAt: epoch + 10 * second } });
    expect(refusal(history, ask.change(history, { rule: { kind: 'every', intervalMs: 10 * second } }))).toBe('unchanged');
  });

  it('of the calendar keeps the clock it was counted from', () => {
    const history = after(given({ rule: { kind: 'daily' }, startAt: epoch + 9 * hour }), hour);
    expect(live(done(history, ask.change(history, { rule: { kind: 'weekly' } })))).toMatchObject({ next: { dueAt: epoch + 9 * hour } });
    const none = after(settle(given({ rule: { kind: 'daily' } })), hour);
    expect(live(done(none, ask.change(none, { rule: { kind: 'weekly' } })))).toMatchObject({ next: { dueAt: epoch + 7 * day } });
  });

  it('leaves a time that is due to be dealt with as it was, unless its times are others', () => {
    const late = after(given({ misfire: 'skip' }), 35 * second);
    expect(story(settle(done(late, ask.change(late, { misfire: 'run-once' }))))).toEqual([
      'ScheduleChanged',
      'skipped 2 of 10..20: misfire',
      'fired 1 of 30',
    ]);
    const other = done(late, ask.change(late, { rule: { kind: 'every', intervalMs: minute } }));
    expect(live(other)).toMatchObject({ next: { dueAt: epoch + 95 * second } });
  });

  it('of the limit or the end can finish a schedule, and bring a finished one back', () => {
    const history = onTime(given(), 2);
    const limited = settle(done(history, ask.change(history, { maxOccurrences: 2 })));
    expect(live(limited).status).toBe('finished');
    const back = done(limited, ask.change(limited, { maxOccurrences: 3 }));
    expect(live(back)).toMatchObject({ status: 'active', next: { dueAt: epoch + 30 * second } });
    const still = done(limited, ask.change(limited, { labels: {} }));
    expect(live(still)).toMatchObject({ status: 'finished', changes: 2 });
  });

  it('while paused takes effect with the resumption', () => {
    const paused = done(given(), ask.pause());
    const changed = done(paused, ask.change(paused, { rule: { kind: 'every', intervalMs: minute } }));
    expect(live(changed).status).toBe('paused');
    const resumed = after(changed, 61 * second);
    expect(live(done(resumed, ask.resume(resumed)))).toMatchObject({ next: { dueAt: epoch + 2 * minute } });
  });

  it('of the jitter takes effect from the next time', () => {
    const history = given({ rule: { kind: 'every', intervalMs: hour } });
    const { next } = live(done(history, ask.change(history, { jitterMs: minute }))) as Extract<Live, { status: 'active' }>;
    expect(next?.dueAt).toBe(epoch + hour);
    expect(next?.fireAt).toBeGreaterThan(epoch + hour);
  });

  it('is refused where it does not fit, and beyond the limit', () => {
    const history = given();
    expect(refusal(history, ask.change(history, { misfire: 'run-all' }))).toEqual({ reason: 'run-all-needs-allow' });
    expect(refusal(after(history, second), ask.change(history, { jitterMs: 1, overlap: 'allow' }))).toBe('event');
    let many = history;
    for (let n = 0; n < limits.changesPerSchedule; n += 1) {
      const event = envelope({ ...many, events: [] }, { type: 'ScheduleChanged', data: { labels: { n: `${n}` }, anchorAt: epoch } });
      many = { ...many, state: evolve(many.state, { ...event, version: many.state.version + 1 }) };
    }
    expect(refusal(many, ask.change(many, { labels: {} }))).toEqual({
      reason: 'limit',
      limit: 'changes',
      value: limits.changesPerSchedule,
    });
    expect(refusal(many, ask.pause())).toBe('event');
  });
});
