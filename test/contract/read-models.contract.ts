import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ListQuery, ReadModels, Tally, View, ViewWrite, Wake } from '../../src/application/ports.ts';
import type { StreamState } from '../../src/domain/streams.ts';
import { fold as foldEvents } from '../../src/domain/task/evolve.ts';
import { factsOf, initialTask, type TaskStatus } from '../../src/domain/task/state.ts';
import { tally } from '../../src/projections/project.ts';
import * as orchestrated from '../domain/orchestration/histories.ts';
import * as scheduled from '../domain/schedule-histories.ts';
import { at, callbackSpec, epoch, type History, hour, minute, perform, second } from '../domain/task-histories.ts';
import { start, succeed } from '../support/histories.ts';
import { newestFirst } from '../support/memory-read-models.ts';
import { anyStreamPlan, created, historyOf, storedEvents, viewOf } from '../support/stored-events.ts';

/** Read models to be tried, empty at first. `settled` waits until indexes that lag have caught up with what was written. */
export type ReadModelsUnderTest = {
  readonly models: ReadModels;
  readonly settled: () => Promise<void>;
  readonly close: () => Promise<void> | void;
};

const everything: ListQuery<'task'> = { kind: 'task', status: null, labels: [], from: null, to: null, limit: 100, after: null };
const forever = epoch + 400 * 24 * hour;

/** What every adapter of the read models does. Indexes may lag, pages may be short: following `next` is what counts. */
export function readModelsContract(name: string, open: () => Promise<ReadModelsUnderTest>, runs = 25): void {
  describe(`the read models ${name}`, () => {
    let underTest: ReadModelsUnderTest;
    let models: ReadModels;

    beforeEach(async () => {
      underTest = await open();
      models = underTest.models;
    });
    afterEach(async () => {
      await underTest.close();
    });

    const write = async (...writes: readonly ViewWrite[]): Promise<readonly string[]> => {
      const behind = await models.write(writes);
      await underTest.settled();
      return behind;
    };
    const dueRows = (until = forever): Promise<readonly Wake[]> => models.due({ until, limit: 1_000 });
    const listed = (query: Partial<ListQuery> = {}): Promise<readonly string[]> => follow(models, { ...everything, ...query });

    describe('views', () => {
      test('are read back as they were written, several at once, and only those that exist', async () => {
        const [one, two] = [created('task#one'), created('task#two')];
        await write(step(null, one), step(null, two));

        const views = await models.read(['task#one', 'task#none', 'task#two']);

        expect([...views.keys()].sort()).toEqual(['task#one', 'task#two']);
        expect(views.get('task#one')).toEqual(viewOf(one));
      });

      test('go forward by one version and by many', async () => {
        const one = created('task#one', { callback: callbackSpec });
        await write(step(null, one));
        const finished = succeed(start(one));

        expect(await write(step(one, finished))).toEqual([]);

        expect((await models.read(['task#one'])).get('task#one')).toEqual(viewOf(finished));
      });

      test('a write that starts from an older version than the stored one is given back and changes nothing', async () => {
        const one = created('task#one');
        const running = start(one);
        const finished = succeed(running);
        await write(step(null, one));
        await write(step(one, finished));
        const before = await models.statistics(epoch);

        expect(await write(step(one, running))).toEqual(['task#one']);

        expect((await models.read(['task#one'])).get('task#one')?.version).toBe(finished.state.version);
        expect(await models.statistics(epoch)).toEqual(before);
      });

      test('a write that takes a stored view for a new one is given back', async () => {
        const one = created('task#one');
        await write(step(null, start(one)));

        expect(await write(step(null, one))).toEqual(['task#one']);
        expect(await write(step(null, succeed(start(one))))).toEqual(['task#one']);

        expect((await models.read(['task#one'])).get('task#one')?.version).toBe(2);
      });

      test('a write that starts from a view that is not there is given back', async () => {
        const one = created('task#one');

        expect(await write(step(one, start(one)))).toEqual(['task#one']);

        expect((await models.read(['task#one'])).size).toBe(0);
        expect(await models.statistics(epoch)).toMatchObject({ counts: { running: 0 }, lastHour: { started: 0 } });
      });

      test('a repeated write is given back and counts once', async () => {
        const one = created('task#one');
        const finished = succeed(start(one));
        await write(step(null, finished));

        expect(await write(step(null, finished))).toEqual(['task#one']);

        expect(await models.statistics(epoch)).toMatchObject({ counts: { succeeded: 1 }, lastHour: { started: 1, succeeded: 1 } });
      });

      test('a write that is given back holds up none of those it travels with', async () => {
        const [one, two] = [created('task#one'), created('task#two')];
        await write(step(null, one));

        expect(await write(step(null, one), step(null, two))).toEqual(['task#one']);

        expect(await listed()).toEqual(['two', 'one']);
      });
    });

    describe('streams of several kinds', () => {
      const labels = { team: 'blue' };
      const named = <State extends StreamState>(state: State): State => ({ ...state, id: 'same' });
      const task = viewOf(created('task#same', { labels }, epoch, epoch + hour));
      const schedule: View = {
        stream: 'schedule#same',
        version: 1,
        state: named(scheduled.given({ labels }).state),
      };
      const orchestration: View = {
        stream: 'orchestration#same',
        version: 1,
        state: named(orchestrated.given(orchestrated.scheduled()).state),
      };
      const idsOf = async (query: ListQuery) => (await models.list(query)).views.map(({ stream }) => stream);

      beforeEach(async () => {
        await write(...[task, schedule, orchestration].map((after) => ({ before: null, after, tallies: [] })));
      });

      test('are read back by their streams, whatever their ids have in common', async () => {
        const views = await models.read(['task#same', 'schedule#same', 'orchestration#same']);

        expect(views.get('task#same')).toEqual(task);
        expect(views.get('schedule#same')).toEqual(schedule);
        expect(views.get('orchestration#same')).toEqual(orchestration);
      });

      test('have a list of their own each, by status and label too', async () => {
        const whole = { labels: [], from: null, to: null, limit: 10, after: null };
        expect(await idsOf({ kind: 'task', status: null, ...whole })).toEqual(['task#same']);
        expect(await idsOf({ kind: 'schedule', status: null, ...whole })).toEqual(['schedule#same']);
        expect(await idsOf({ kind: 'orchestration', status: null, ...whole })).toEqual(['orchestration#same']);
        expect(await idsOf({ kind: 'schedule', status: 'active', ...whole })).toEqual(['schedule#same']);
        expect(await idsOf({ kind: 'schedule', status: 'paused', ...whole })).toEqual([]);
        expect(await idsOf({ kind: 'orchestration', status: 'scheduled', ...whole })).toEqual(['orchestration#same']);
        expect(await idsOf({ kind: 'task', status: null, ...whole, labels: [['team', 'blue']] })).toEqual(['task#same']);
        expect(await idsOf({ kind: 'schedule', status: null, ...whole, labels: [['team', 'blue']] })).toEqual(['schedule#same']);
        expect(await idsOf({ kind: 'orchestration', status: null, ...whole, labels: [['team', 'blue']] })).toEqual([]);
        expect(await idsOf({ kind: 'orchestration', status: null, ...whole, labels: [['customer', '42']] })).toEqual([
          'orchestration#same',
        ]);
      });

      test('share the due index, and only tasks are counted', async () => {
        expect((await dueRows()).map(({ stream }) => stream)).toEqual(['orchestration#same', 'schedule#same', 'task#same']);

        const { counts, oldestDueAt } = await models.statistics(epoch);
        expect(counts).toEqual({ scheduled: 1, running: 0, waiting: 0, succeeded: 0, failed: 0, cancelled: 0 });
        expect(oldestDueAt).toBe(epoch + hour);
      });

      test('go forward, and leave their list when they are deleted', async () => {
        const before = scheduled.given({ labels });
        const after = scheduled.perform(before, scheduled.ask.remove(before)).history.state;
        const gone: View = { stream: 'schedule#same', version: 2, state: named(after) };

        expect(await write({ before: schedule, after: gone, tallies: [] })).toEqual([]);

        expect(await idsOf({ kind: 'schedule', status: null, labels: [], from: null, to: null, limit: 10, after: null })).toEqual([]);
        expect((await models.read(['schedule#same'])).get('schedule#same')).toEqual(gone);
        expect((await dueRows()).map(({ stream }) => stream)).toEqual(['orchestration#same', 'task#same']);
      });
    });

    describe('the list', () => {
      test('is newest first by creation, ties by id, whatever happens to a task later', async () => {
        const histories = ['b', 'a', 'c'].map((id) => created(`task#${id}`));
        const newer = created('task#newer', {}, epoch + second);
        for (const history of [...histories, newer]) await write(step(null, history));
        const [first] = histories;
        if (first === undefined) throw new Error('no history');
        await write(step(first, start(first)));

        expect(await listed()).toEqual(['newer', 'c', 'b', 'a']);
      });

      test('finds labels as they are now, not as they were', async () => {
        const one = created('task#one', { labels: { customer: '1', region: 'north' } }, epoch, epoch + hour);
        await write(step(null, one));
        const changed = perform(one, { type: 'reschedule', changes: { labels: { customer: '2' } } }).history;
        await write(step(one, changed));

        expect(await listed({ labels: [['customer', '1']] })).toEqual([]);
        expect(await listed({ labels: [['region', 'north']] })).toEqual([]);
        expect(await listed({ labels: [['customer', '2']] })).toEqual(['one']);
        expect(
          await listed({
            labels: [
              ['customer', '2'],
              ['region', 'north'],
            ],
          }),
        ).toEqual([]);

        const without = perform(changed, { type: 'reschedule', changes: { labels: {} } }).history;
        await write(step(changed, without));
        expect(await listed({ labels: [['customer', '2']] })).toEqual([]);
        expect(await listed()).toEqual(['one']);
      });

      test('tells a label from another one of the same letters: other case, other split, other text after a NUL', async () => {
        const variants: readonly Record<string, string>[] = [
          { ab: 'c' },
          { a: 'bc' },
          { AB: 'c' },
          { ab: 'c\u0000d' },
          { ab: 'C' },
          { 'ab=c': '' },
        ];
        for (const [index, labels] of variants.entries()) await write(step(null, created(`task#${index}`, { labels })));

        for (const [index, labels] of variants.entries()) expect(await listed({ labels: Object.entries(labels) })).toEqual([String(index)]);
      });

      test('takes labels that are no well-formed text and keeps the task', async () => {
        const labels = { 'a\ud800': 'x', 'a\ud801': 'x' };

        expect(await write(step(null, created('task#one', { labels })))).toEqual([]);

        expect(await listed()).toEqual(['one']);
        const gone = perform(created('task#one', { labels }), { type: 'delete' }).history;
        expect(await write(step(created('task#one', { labels }), gone))).toEqual([]);
        expect(await listed()).toEqual([]);
      });

      test('takes from as inclusive and to as exclusive', async () => {
        for (const [index, ms] of [0, 1, 2, 3].entries()) await write(step(null, created(`task#${index}`, {}, epoch + ms)));

        expect(await listed({ from: epoch + 1, to: epoch + 3 })).toEqual(['2', '1']);
        expect(await listed({ from: epoch + 3 })).toEqual(['3']);
        expect(await listed({ to: epoch })).toEqual([]);
      });

      test('a page that begins after a task gone meanwhile neither repeats nor skips', async () => {
        const histories = [0, 1, 2, 3].map((ms) => created(`task#${ms}`, {}, epoch + ms));
        for (const history of histories) await write(step(null, history));
        const first = await models.list({ ...everything, limit: 2 });
        const deleted = histories[2];
        if (deleted === undefined) throw new Error('no history');
        await write(step(deleted, perform(deleted, { type: 'delete' }).history));

        const rest = await follow(models, { ...everything, after: first.next });

        expect(rest.filter((id) => id !== '2' && id !== '3')).toEqual(['1', '0']);
      });

      test('following its cursors visits exactly what matches, sorted, for any tasks, filters and page sizes', async () => {
        const plans = fc.array(anyStreamPlan(8), { minLength: 1, maxLength: 24 });
        const filter = fc.record({
          status: fc.option(fc.constantFrom<TaskStatus>('scheduled', 'running', 'waiting', 'succeeded', 'failed', 'cancelled')),
          labels: fc.subarray(
            [
              ['customer', '1'],
              ['customer', '2'],
              ['region', 'north'],
            ] as const,
            { maxLength: 2 },
          ),
          from: fc.option(fc.constantFrom(epoch, epoch + 1, epoch + second, epoch + hour), { freq: 2 }),
          to: fc.option(fc.constantFrom(epoch + 1, epoch + second, epoch + minute, epoch + 4 * hour), { freq: 2 }),
          kind: fc.constant('task' as const),
          limit: fc.integer({ min: 1, max: 7 }),
        });
        await fc.assert(
          fc.asyncProperty(plans, fc.array(filter, { minLength: 1, maxLength: 6 }), async (chosen, filters) => {
            const fresh = await open();
            try {
              const histories = chosen.map((plan, index) => historyOf(plan, `task#${index}`));
              // In two steps each, so that rows are also replaced and not only made.
              const halves = histories.map((history) => partOf(history, Math.ceil(history.events.length / 2)));
              await fresh.models.write(halves.map((half) => step(null, half)));
              await fresh.models.write(halves.flatMap((half, index) => growth(half, histories[index])));
              await fresh.settled();
              for (const query of filters) {
                const expected = histories
                  .filter((history) => matches(history, query))
                  .map(({ state }) => placeOf(state))
                  .sort(newestFirst);
                expect(await follow(fresh.models, { ...query, after: null })).toEqual(expected.map(({ id }) => id));
              }
            } finally {
              await fresh.close();
            }
          }),
          { numRuns: runs },
        );
      });
    });

    describe('deletion', () => {
      test('leaves a tombstone: no list, no count, still its version', async () => {
        const one = created('task#one', { labels: { customer: '1' } });
        await write(step(null, one));
        const deleted = perform(one, { type: 'delete' }).history;

        expect(await write(step(one, deleted))).toEqual([]);

        expect(await listed()).toEqual([]);
        expect(await listed({ labels: [['customer', '1']] })).toEqual([]);
        expect(await dueRows()).toEqual([]);
        expect((await models.statistics(epoch)).counts).toEqual({
          scheduled: 0,
          running: 0,
          waiting: 0,
          succeeded: 0,
          failed: 0,
          cancelled: 0,
        });
        expect((await models.read(['task#one'])).get('task#one')).toEqual(viewOf(deleted));
        expect(await write(step(null, one))).toEqual(['task#one']);
      });

      test('keeps the due row while a callback is open, and lets it go when that is told', async () => {
        const one = created('task#one', { callback: callbackSpec });
        await write(step(null, one));
        const deleted = perform(one, { type: 'delete' }).history;
        await write(step(one, deleted));

        expect(await dueRows()).toEqual([
          { stream: 'task#one', version: 2, dueAt: epoch + minute, target: callbackSpec.target, lane: 'short' },
        ]);
        expect(await listed()).toEqual([]);

        const told = perform(deleted, {
          type: 'record-callback',
          now: epoch,
          random: 0,
          outcomeVersion: 2,
          attempt: 1,
          outcome: { delivered: true, status: 200 },
        }).history;
        await write(step(deleted, told));
        expect(await dueRows()).toEqual([]);
      });
    });

    describe('the due index', () => {
      test('holds what is due at or before a time, earliest first', async () => {
        for (const [id, ms] of [
          ['late', 3],
          ['early', 1],
          ['middle', 2],
        ] as const)
          await write(step(null, created(`task#${id}`, {}, epoch, epoch + ms)));

        expect((await dueRows(epoch + 2)).map(({ stream }) => stream)).toEqual(['task#early', 'task#middle']);
        expect((await dueRows(epoch)).length).toBe(0);
        expect((await models.due({ until: forever, limit: 1 })).map(({ stream }) => stream)).toEqual(['task#early']);
      });

      test('holds what is due in ten years', async () => {
        await write(step(null, created('task#far', {}, epoch, epoch + 3_650 * 24 * hour)));

        expect((await dueRows(epoch + 3_651 * 24 * hour)).map(({ stream }) => stream)).toEqual(['task#far']);
      });

      test('moves with its task, and never holds it twice', async () => {
        const one = created('task#one', {}, epoch, epoch + hour);
        await write(step(null, one));
        const moved = perform(one, { type: 'reschedule', runAt: epoch + second, changes: {} }).history;
        await write(step(one, moved));
        const running = start(at(moved, epoch + second));
        await write(step(moved, running));

        expect((await dueRows()).map(({ version, dueAt }) => [version, dueAt])).toEqual([[3, factsOf(running.state).wakeAt]]);
        await write(step(running, succeed(running)));
        expect(await dueRows()).toEqual([]);
      });

      test('has version, target and lane with each row, and can be narrowed to a target', async () => {
        const slow = { ...created('task#slow', { timeoutMs: minute }) };
        const runner = created('task#runner', { action: { kind: 'runner', name: 'example', body: null } });
        await write(step(null, slow), step(null, runner));

        const rows = await dueRows();

        expect(rows.find(({ stream }) => stream === 'task#slow')).toEqual({
          stream: 'task#slow',
          version: 1,
          dueAt: epoch,
          target: 'https://shop.example:443',
          lane: 'long',
        });
        expect((await models.due({ until: forever, limit: 10, target: 'runner:example' })).map(({ stream }) => stream)).toEqual([
          'task#runner',
        ]);
        expect(await models.due({ until: forever, limit: 10, target: 'runner:other' })).toEqual([]);
      });

      test('can be narrowed to what calls no target: the schedules and orchestrations', async () => {
        const { stream, state } = scheduled.given();
        await write(step(null, created('task#one')), { before: null, after: { stream, version: 1, state }, tallies: [] });

        const due = { stream, version: 1, dueAt: epoch + 10 * second, target: null, lane: 'short' } as const;
        expect(await models.due({ until: forever, limit: 10, target: null })).toEqual([due]);
        expect(await models.due({ until: due.dueAt - 1, limit: 10, target: null })).toEqual([]);
        expect(await models.due({ until: forever, limit: 10, target: null, after: due })).toEqual([]);
      });

      test.each([undefined, 'https://shop.example:443'])(
        'is paged without a gap or a repeat, also where many are due at once (target %s)',
        async (target) => {
          const times = Array.from({ length: 40 }, (_, index) => epoch + second * Math.floor(index / 13));
          const histories = times.map((runAt, index) => created(`task#${(index * 7) % 40}`, {}, epoch, runAt));
          await write(...histories.map((history) => step(null, history)));

          for (const limit of [1, 3, 13, 40, 100]) {
            const rows: Wake[] = [];
            for (let page = await models.due({ until: forever, limit, ...(target === undefined ? {} : { target }) }); page.length > 0; ) {
              expect(page.length).toBeLessThanOrEqual(limit);
              rows.push(...page);
              const after = page.at(-1);
              page = await models.due({
                until: forever,
                limit,
                ...(after === undefined ? {} : { after }),
                ...(target === undefined ? {} : { target }),
              });
            }
            expect(rows.map(({ dueAt }) => dueAt)).toEqual(times);
            expect(new Set(rows.map(({ stream }) => stream)).size).toBe(40);
          }
        },
      );
    });

    describe('statistics', () => {
      test('are zero at first', async () => {
        expect(await models.statistics(epoch)).toEqual({
          counts: { scheduled: 0, running: 0, waiting: 0, succeeded: 0, failed: 0, cancelled: 0 },
          oldestDueAt: null,
          lastHour: { started: 0, succeeded: 0, failed: 0, retried: 0 },
        });
      });

      test('count each task once, in the status it is in', async () => {
        const histories = ['a', 'b', 'c', 'd'].map((id) => created(`task#${id}`));
        const [a, b, c, d] = histories;
        if (a === undefined || b === undefined || c === undefined || d === undefined) throw new Error('no histories');
        await write(...histories.map((history) => step(null, history)));
        await write(step(b, start(b)), step(c, succeed(start(c))), step(d, perform(d, { type: 'cancel', reason: null }).history));

        expect((await models.statistics(epoch)).counts).toEqual({
          scheduled: 1,
          running: 1,
          waiting: 0,
          succeeded: 1,
          failed: 0,
          cancelled: 1,
        });
      });

      test('count what happened in the last 60 minutes, by the minute', async () => {
        const minuteOf = (ms: number) => Math.floor(ms / minute);
        const one = created('task#one');
        const tallies: readonly Tally[] = [
          { minute: minuteOf(epoch), started: 1, succeeded: 2, failed: 3, retried: 4 },
          { minute: minuteOf(epoch) + 1, started: 10, succeeded: 20, failed: 30, retried: 40 },
        ];
        await write({ before: null, after: viewOf(one), tallies });

        const hourAt = async (now: number) => (await models.statistics(now)).lastHour;
        expect(await hourAt(epoch + 59 * minute)).toEqual({ started: 11, succeeded: 22, failed: 33, retried: 44 });
        expect(await hourAt(epoch + 60 * minute - 1)).toEqual({ started: 11, succeeded: 22, failed: 33, retried: 44 });
        expect(await hourAt(epoch + 60 * minute)).toEqual({ started: 10, succeeded: 20, failed: 30, retried: 40 });
        expect(await hourAt(epoch + 61 * minute)).toEqual({ started: 0, succeeded: 0, failed: 0, retried: 0 });
      });

      test('add up the same minute over several streams and several writes', async () => {
        const [one, two] = [created('task#one'), created('task#two')];
        await write(step(null, start(one)), step(null, start(two)));
        await write(step(start(one), succeed(start(one))));

        expect((await models.statistics(epoch)).lastHour).toEqual({ started: 2, succeeded: 1, failed: 0, retried: 0 });
      });

      test('name the time of what has been due for longest', async () => {
        await write(step(null, created('task#b', {}, epoch, epoch + second)), step(null, created('task#a', {}, epoch, epoch + hour)));

        expect((await models.statistics(epoch)).oldestDueAt).toBe(epoch + second);
      });
    });
  });
}

/** The write that carries a view from one point of a history to a later one. */
export function step(before: History | null, after: History): ViewWrite {
  const from = before?.state.version ?? 0;
  const news = storedEvents(after).filter(({ version }) => version > from);
  return { before: before === null ? null : viewOf(before), after: viewOf(after), tallies: tally(news) };
}

function growth(before: History, after: History | undefined): readonly ViewWrite[] {
  return after === undefined || after.events.length === before.events.length ? [] : [step(before, after)];
}

function partOf(history: History, count: number): History {
  const events = history.events.slice(0, count);
  return { ...history, events, state: foldEvents(initialTask, events) };
}

function placeOf(state: View['state']): { readonly createdAt: number; readonly id: string } {
  return state.status === 'missing' ? { createdAt: 0, id: '' } : { createdAt: state.createdAt, id: state.id };
}

function matches({ state }: History, { status, labels, from, to }: Omit<ListQuery, 'after'>): boolean {
  if (state.status === 'missing' || state.status === 'deleted') return false;
  if (status !== null && state.status !== status) return false;
  if ((from !== null && state.createdAt < from) || (to !== null && state.createdAt >= to)) return false;
  return labels.every(([name, value]) => state.definition.labels[name] === value);
}

/** The ids on all pages. A page may be short or empty although more follows; none is longer than asked. */
export async function follow(models: ReadModels, query: ListQuery): Promise<readonly string[]> {
  const ids: string[] = [];
  let after: ListQuery['after'] = query.after;
  for (let pages = 0; pages < 1_000; pages += 1) {
    const page = await models.list({ ...query, after });
    expect(page.views.length).toBeLessThanOrEqual(query.limit);
    ids.push(...page.views.map(({ state }) => (state.status === 'missing' ? '' : state.id)));
    if (page.next === null) return ids;
    after = page.next;
  }
  throw new Error('the pages never end');
}
