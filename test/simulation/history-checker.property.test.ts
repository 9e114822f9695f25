import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assign, type Run, type Window } from '../support/history/windows.ts';
import { checkHistory, faultsOf, type History, type Receipt } from '../support/history-checker.ts';
import { goodHistory } from './history-arbitraries.ts';

/** A good history, and one of its calls by chance; histories without such a call are left out. */
const withCall = (suits: (receipt: Receipt, history: History) => boolean) =>
  goodHistory
    .chain((history) => {
      const suitable = history.receipts.filter((receipt) => suits(receipt, history));
      return suitable.length === 0
        ? fc.constant(null)
        : fc.record({ history: fc.constant(history), planted: fc.constantFrom(...suitable) });
    })
    .filter((drawn) => drawn !== null);

const isOnly = (receipt: Receipt, { receipts }: History): boolean => receipts.filter(({ task }) => task === receipt.task).length === 1;
const isOccurrence = ({ task }: Receipt, { schedules }: History): boolean =>
  schedules.some(({ schedule }) => task.startsWith(`${schedule}.`));
const isCancelled = ({ task }: Receipt, { tasks }: History): boolean =>
  tasks.some((each) => each.task === task && each.cancelledAt !== undefined);
const without = (history: History, left: Receipt): History => ({ ...history, receipts: history.receipts.filter((each) => each !== left) });
const instead = (history: History, was: Receipt, is: Partial<Receipt>): History => ({
  ...history,
  receipts: history.receipts.map((each) => (each === was ? { ...each, ...is } : each)),
});

test('a history in which every promise was kept passes, in whatever order its calls are told', () => {
  fc.assert(
    fc.property(
      goodHistory.chain((history) =>
        fc.shuffledSubarray([...history.receipts], { minLength: history.receipts.length }).map((receipts) => ({ ...history, receipts })),
      ),
      (history) => {
        const verdict = checkHistory(history);
        expect(faultsOf(verdict)).toEqual([]);
        expect(verdict.lateMs.every((ms) => ms >= 0)).toBe(true);
      },
    ),
  );
});

describe('what is planted in a good history is found:', () => {
  test('a run that no target got', () => {
    fc.assert(
      fc.property(
        withCall((receipt, history) => isOnly(receipt, history) && !isCancelled(receipt, history)),
        ({ history, planted }) => {
          const { missing } = checkHistory(without(history, planted));
          expect(missing.map(({ of }) => of)).toEqual([planted.task.replace(/^(schedule-\d+)\.\d+$/, '$1')]);
        },
      ),
    );
  });

  test('a run that was begun and never completed', () => {
    fc.assert(
      fc.property(
        withCall((receipt, history) => isOnly(receipt, history) && !isCancelled(receipt, history)),
        ({ history, planted }) => {
          const { missing } = checkHistory(instead(history, planted, { answer: 'none' }));
          // Of a schedule another occurrence may take its time, and then that one's is left.
          expect(missing).toHaveLength(1);
          if (!isOccurrence(planted, history)) expect(missing[0]?.why).toBe('no call of it was answered for good');
        },
      ),
    );
  });

  test('a task that was acknowledged and is not in the log', () => {
    fc.assert(
      fc.property(
        goodHistory.filter(({ tasks, receipts }) => {
          const [first] = tasks;
          return first?.acknowledged === true && !receipts.some(({ task }) => task === first.task);
        }),
        (history) => {
          const lost = history.tasks[0]?.task ?? '';
          const { missing } = checkHistory({ ...history, log: (history.log ?? []).filter(({ id }) => id !== lost) });
          expect(missing.map(({ of }) => of)).toContain(lost);
        },
      ),
      { numRuns: 30 },
    );
  });

  test('a call before its time', () => {
    fc.assert(
      fc.property(
        withCall(({ attempt }, history) => attempt === 1 && history.receipts.length > 0),
        fc.integer({ min: 1, max: 900 }),
        ({ history, planted }, byMs) => {
          const dueAt =
            history.tasks.find(({ task }) => task === planted.task)?.dueAts[0] ??
            history.log?.find(({ id, dueAt }) => id === planted.task && typeof dueAt === 'number')?.dueAt ??
            0;
          const { early } = checkHistory(instead(history, planted, { begunAt: dueAt - byMs }));
          expect(early.some((each) => each.receipt.task === planted.task && each.byMs === byMs)).toBe(true);
        },
      ),
    );
  });

  test('a second call for one attempt, which nothing explains', () => {
    fc.assert(
      fc.property(
        withCall(() => true),
        fc.integer({ min: 0, max: 5 }),
        ({ history, planted }, laterMs) => {
          const twice = { ...planted, begunAt: planted.begunAt + laterMs };
          const { extra } = checkHistory({ ...history, receipts: [...history.receipts, twice] });
          expect(extra.filter(({ reason }) => reason === null).map(({ receipt }) => receipt.task)).toEqual([planted.task]);
        },
      ),
    );
  });

  test('another attempt after an answer for good, in a log that explains nothing', () => {
    fc.assert(
      fc.property(
        withCall((receipt, history) => receipt.answer === 'final' && isOnly(receipt, history) && !isOccurrence(receipt, history)),
        ({ history, planted }) => {
          const log = (history.log ?? []).map((entry) => (entry.id === planted.task ? { ...entry, error: undefined } : entry));
          const again = { ...planted, attempt: planted.attempt + 1, begunAt: planted.begunAt + 5_000 };
          const { extra } = checkHistory({ ...history, log, receipts: [...history.receipts, again] });
          expect(extra.some(({ receipt, before, reason }) => receipt === again && before === 'answered' && reason === null)).toBe(true);
        },
      ),
      { numRuns: 50 },
    );
  });

  test('an occurrence that its schedule has no time for', () => {
    fc.assert(
      fc.property(withCall(isOccurrence), ({ history, planted }) => {
        const task = planted.task.replace(/\d+$/, '99');
        const verdict = checkHistory({ ...history, receipts: [...history.receipts, { ...planted, task, webhookId: task }] });
        expect(faultsOf(verdict)).not.toEqual([]);
      }),
    );
  });

  test('a time that a schedule fired twice, and one that it does not have', () => {
    fc.assert(
      fc.property(
        goodHistory.filter(({ schedules }) => schedules.length > 0),
        fc.constantFrom(0, 1),
        (history, byMs) => {
          const fired = (history.log ?? []).find(({ type }) => type === 'OccurrenceFired');
          if (typeof fired?.dueAt !== 'number') throw new Error('a good schedule has fired');
          const { unexpected } = checkHistory({ ...history, log: [...(history.log ?? []), { ...fired, dueAt: fired.dueAt + byMs }] });
          expect(unexpected).toMatchObject([{ of: fired.id }]);
        },
      ),
      { numRuns: 30 },
    );
  });

  test('a call that nobody asked for, one after a cancel was answered, and an attempt beyond the limit', () => {
    fc.assert(
      fc.property(
        withCall(({ task }, { tasks }) => tasks.some((each) => each.task === task)),
        fc.constantFrom('stranger', 'cancelled', 'beyond the limit', 'another run', 'other id'),
        ({ history, planted }, what) => {
          const cancelled = history.tasks.map((each) =>
            each.task === planted.task ? { ...each, cancelledAt: planted.begunAt - 1 } : each,
          );
          const spoiled: History = {
            stranger: { ...history, receipts: [...history.receipts, { ...planted, task: 'stranger' }] },
            cancelled: { ...history, tasks: cancelled },
            'beyond the limit': instead(history, planted, { attempt: 5 }),
            'another run': { ...history, receipts: [...history.receipts, { ...planted, run: 2 }] },
            'other id': { ...history, receipts: [...history.receipts, { ...planted, webhookId: 'other' }] },
          }[what];
          expect(checkHistory(spoiled).unexpected.length).toBeGreaterThan(0);
        },
      ),
    );
  });

  test('an interrupted attempt while nothing was wrong', () => {
    fc.assert(
      fc.property(
        goodHistory.filter(({ log }) => log?.some(({ error }) => error === 'interrupted') === true),
        (history) => {
          expect(checkHistory({ ...history, outages: [] }).unexpected.length).toBeGreaterThan(0);
          expect(checkHistory({ ...history, outages: null }).unexpected).toEqual([]);
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe('the assignment of runs to windows', () => {
  const window = fc.record({ opensAt: fc.nat(30), width: fc.nat(10) }).map(
    ({ opensAt, width }): Window => ({
      group: 'g',
      opensAt,
      closesAt: opensAt + width,
      required: true,
    }),
  );
  const run = fc.record({ begunAt: fc.nat(40), complete: fc.boolean() }).map(
    ({ begunAt, complete }, index = 0): Run => ({
      group: 'g',
      task: `g.${index}`,
      run: 1,
      begunAt,
      complete,
      receipts: [{ task: 'g.1', run: 1, attempt: 1, webhookId: 'g.1', begunAt, answer: complete ? 'final' : 'none' }],
    }),
  );

  test('meets as many windows as any assignment could, each with a complete run of its own that begins within it', () => {
    fc.assert(
      fc.property(fc.array(window, { maxLength: 7 }), fc.array(run, { maxLength: 7 }), (windows, runs) => {
        const { met, unmet, left } = assign(windows, runs);
        expect(met.length).toBe(
          mostPairs(
            windows,
            runs.filter(({ complete }) => complete),
          ),
        );
        for (const pair of met) {
          expect(pair.run.complete).toBe(true);
          expect(pair.run.begunAt).toBeGreaterThanOrEqual(pair.window.opensAt);
          expect(pair.run.begunAt).toBeLessThanOrEqual(pair.window.closesAt);
        }
        expect(new Set(met.map((pair) => pair.run)).size).toBe(met.length);
        expect(met.length + unmet.length).toBe(windows.length);
        expect(met.length + left.length).toBe(runs.length);
      }),
    );
  });
});

/** The largest matching, by augmenting paths (Berge 1957). */
function mostPairs(windows: readonly Window[], runs: readonly Run[]): number {
  const takenBy = new Map<Window, Run>();
  const place = (run: Run, tried: Set<Window>): boolean =>
    windows.some((window) => {
      if (run.begunAt < window.opensAt || run.begunAt > window.closesAt || tried.has(window)) return false;
      tried.add(window);
      const other = takenBy.get(window);
      if (other !== undefined && !place(other, tried)) return false;
      takenBy.set(window, run);
      return true;
    });
  return runs.filter((run) => place(run, new Set())).length;
}
