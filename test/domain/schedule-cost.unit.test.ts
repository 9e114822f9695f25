import { describe, expect, it } from 'vitest';
import { recurrences } from '../../src/adapters/recurrence/recurrences.ts';
import type { Recurrences } from '../../src/application/ports.ts';
import { timesAtLook } from '../../src/application/schedule-times.ts';
import { decide } from '../../src/domain/schedule/decide.ts';
import { evolve } from '../../src/domain/schedule/evolve.ts';
import { childId, isLive, type Live, type ScheduleState } from '../../src/domain/schedule/state.ts';
import { given, type History, scheduleId, withPreviousOver } from './schedule-histories.ts';
import { day, epoch, second } from './task-histories.ts';

/** Counts what a decision asks of the calendar: questions, and times given in answer. */
function counted(): { readonly port: Recurrences; readonly cost: { questions: number; times: number } } {
  const cost = { questions: 0, times: 0 };
  const answered = (times: readonly number[]): readonly number[] => {
    cost.questions += 1;
    cost.times += times.length;
    return times;
  };
  const port: Recurrences = {
    problems: recurrences.problems,
    after: (...asked) => answered(recurrences.after(...asked)),
    last: (...asked) => answered(recurrences.last(...asked)),
    count: (...asked) => {
      cost.questions += 1;
      return recurrences.count(...asked);
    },
  };
  return { port, cost };
}

const live = (state: ScheduleState): Live => {
  if (!isLive(state)) throw new Error(state.status);
  return state;
};

/** A schedule every second with so many occurrences behind it, each fired in time and confirmed. */
function agedBy(occurrences: number): History {
  const start = given({ rule: { kind: 'cron', expression: '* * * * * *' }, timezone: 'Europe/Athens' });
  let { state } = start;
  let now = epoch;
  for (let occurrence = 1; occurrence <= occurrences; occurrence += 1) {
    const envelope = { stream: start.stream, occurredAt: now, commitId: 'commit' };
    const taskId = childId(scheduleId, occurrence);
    const next = { dueAt: now + second, fireAt: now + second };
    state = evolve(state, {
      ...envelope,
      version: state.version + 1,
      type: 'OccurrenceFired',
      data: { occurrence, dueAt: now, taskId, next },
    });
    state = evolve(state, { ...envelope, version: state.version + 1, type: 'ChildConfirmed', data: { taskId } });
    now += second;
  }
  return withPreviousOver({ ...start, now, state });
}

/** Decides the next look, and tells what that cost besides time. */
function look({ state, now }: History): { readonly questions: number; readonly times: number; readonly decided: string } {
  const { port, cost } = counted();
  const times = timesAtLook(port, live(state), now);
  const previous = live(state).lastRuns.at(-1);
  const decision = decide(state, {
    type: 'look',
    now,
    times,
    previous: previous === undefined ? null : { taskId: previous.taskId, finished: true },
    confirmed: null,
  });
  return { ...cost, decided: decision.outcome === 'event' ? decision.event.type : JSON.stringify(decision) };
}

/** The fastest of many rounds of each, in turn, so that both meet the same machine: what else that does only ever adds. */
function fastest(histories: readonly History[], { rounds, looks } = { rounds: 200, looks: 100 }): readonly number[] {
  const best = histories.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, history] of histories.entries()) {
      const start = performance.now();
      for (let n = 0; n < looks; n += 1) look(history);
      best[index] = Math.min(best[index] ?? 0, performance.now() - start);
    }
  }
  return best;
}

describe('a schedule that makes up for ten years', () => {
  const lateBy = (expression: string): History => {
    const start = given({
      rule: { kind: 'cron', expression },
      timezone: 'Europe/Athens',
      misfire: 'run-all',
      overlap: 'allow',
      catchUpWithinMs: 3_653 * day,
    });
    return { ...start, now: epoch + 3_650 * day };
  };

  it('takes no longer for its looks where it runs on some days only than where it runs on all', () => {
    const [some, all] = fastest([lateBy('0 9 * * 1-5'), lateBy('0 9 * * *')], { rounds: 5, looks: 1 });
    expect(some).toBeLessThan((all ?? 0) * 5);
  });
});

describe('a schedule with a million occurrences behind it', () => {
  const [young, old] = [agedBy(10), agedBy(1_000_000)];

  it('has a state of the same size, but for the digits of its numbers', () => {
    expect(live(old.state).occurrences).toBe(1_000_000);
    expect(JSON.stringify(old.state).length).toBeLessThan(JSON.stringify(young.state).length * 1.2);
  });

  it('asks no more of the calendar than a new one, and decides the same', () => {
    expect(look(old)).toEqual(look(young));
    expect(look(old)).toMatchObject({ questions: 1, times: 2, decided: 'OccurrenceFired' });
  });

  it('decides within twice the time', () => {
    const [ofOld, ofYoung] = fastest([old, young]);
    expect(ofOld).toBeLessThan((ofYoung ?? 0) * 2);
  });

  it('takes ten years of downtime in a few questions, whatever the policy', () => {
    for (const [misfire, times] of [
      ['skip', 5],
      ['run-once', 8],
      ['run-all', 1_010],
    ] as const) {
      const state = live(old.state);
      const definition = { ...state.definition, misfire, overlap: 'allow' as const };
      const cost = look({ ...old, state: { ...state, definition }, now: old.now + 3_650 * day });
      expect(cost.decided).toBe('OccurrencesSkipped');
      expect(cost.questions).toBeLessThanOrEqual(8);
      expect(cost.times).toBeLessThanOrEqual(times);
    }
  });
});
