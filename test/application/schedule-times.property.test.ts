import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { recurrences } from '../../src/adapters/recurrence/recurrences.ts';
import { nextRuns, timesAtLook } from '../../src/application/schedule-times.ts';
import { recurrenceOf } from '../../src/domain/schedule/state.ts';
import { anyPast } from '../domain/schedule-arbitraries.ts';
import { day, hour, minute } from '../domain/task-histories.ts';

describe('what is looked up for a look', () => {
  it('splits the missed times as one would who lists them all', () => {
    const anyWait = fc.oneof(fc.integer({ min: 0, max: 20 * minute }), fc.integer({ min: 0, max: hour }));
    fc.assert(
      fc.property(anyPast, anyWait, (past, ms) => {
        const history = past.at(-1);
        if (history?.state.status !== 'active' || history.state.next === null) return;
        const { state } = history;
        const { dueAt, fireAt } = history.state.next;
        const now = Math.max(history.now, fireAt) + ms;
        const times = timesAtLook(recurrences, state, now);
        const recurrence = recurrenceOf(state);
        // With jitter the newest may not be due yet, and so many cannot be listed: both have tests of their own.
        fc.pre(state.definition.jitterMs === 0 && recurrences.count(recurrence, { after: dueAt, upTo: now }) < 2_500);
        const rest = recurrences.after(recurrence, dueAt, 2_600);
        if (now - fireAt <= 5_000) {
          expect(times).toMatchObject({ lookup: { kind: 'following' }, skipped: null, upcoming: rest.slice(0, 2) });
          return;
        }
        const missed = [dueAt, ...rest.filter((time) => time <= now)];
        const recent = missed.filter((time) => time >= now - state.definition.catchUpWithinMs);
        const kept: readonly number[] = { skip: [], 'run-once': recent.slice(-1), 'run-all': recent.slice(-1_000) }[
          state.definition.misfire
        ];
        const left = missed.filter((time) => !kept.includes(time));
        expect(times?.skipped ?? null).toEqual(left.length === 0 ? null : { to: left.at(-1), count: left.length });
        expect(times?.upcoming).toEqual([...(left.length === 0 ? kept.slice(1) : kept), ...rest.filter((time) => time > now)].slice(0, 2));
      }),
      { numRuns: 300 },
    );
  });
});

describe('the next runs', () => {
  it('start with the next time, are ten at most, and no more than may still be fired', () => {
    fc.assert(
      fc.property(anyPast, (past) => {
        const state = past.at(-1)?.state;
        if (state === undefined || state.status === 'missing' || state.status === 'deleted') return;
        const runs = nextRuns(recurrences, state);
        if (state.status !== 'active') expect(runs).toEqual([]);
        else expect(runs[0] ?? null).toBe(state.next?.dueAt ?? null);
        expect(runs.length).toBeLessThanOrEqual(10);
        expect(runs.every((time, index) => time > (runs[index - 1] ?? 0))).toBe(true);
        const { maxOccurrences, endAt } = state.definition;
        if (maxOccurrences !== null) expect(runs.length).toBeLessThanOrEqual(Math.max(0, maxOccurrences - state.occurrences));
        if (endAt === null && maxOccurrences === null && runs.length > 0) expect(runs).toHaveLength(10);
        for (const time of runs) expect(time).toBeLessThan(state.createdAt + 10_000 * day);
      }),
    );
  });
});
