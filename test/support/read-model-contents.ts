import type { ListQuery, ReadModels, Statistics, Wake } from '../../src/application/ports.ts';
import { factsOf, type TaskStatus } from '../../src/domain/task/state.ts';
import { tally } from '../../src/projections/project.ts';
import { epoch, type History, hour, minute } from '../domain/task-histories.ts';
import { newestFirst } from './memory-read-models.ts';
import { storedEvents, viewOf } from './stored-events.ts';

/** All that read models can be asked. */
export type Everything = {
  readonly views: readonly unknown[];
  readonly due: readonly Wake[];
  readonly lists: readonly (readonly string[])[];
  readonly statistics: readonly Statistics[];
};

const statuses: readonly TaskStatus[] = ['scheduled', 'running', 'waiting', 'succeeded', 'failed', 'cancelled'];
const whole: ListQuery<'task'> = { kind: 'task', status: null, labels: [], from: null, to: null, limit: 1_000, after: null };
const queries: readonly ListQuery[] = [
  whole,
  ...statuses.map((status) => ({ ...whole, status })),
  ...[['customer', '1'] as const, ['customer', '2'] as const, ['region', 'north'] as const].map((label) => ({ ...whole, labels: [label] })),
];
const moments = [epoch, epoch + 30 * minute, epoch + 59 * minute, epoch + 4 * hour, epoch + 24 * hour];

/** All that the read models say. */
export async function everythingIn(models: ReadModels, histories: readonly History[]): Promise<Everything> {
  const streams = histories.map(({ stream }) => stream);
  const views = await models.read(streams);
  const lists = await Promise.all(queries.map((query) => models.list(query)));
  return {
    views: streams.map((stream) => views.get(stream) ?? null),
    due: await models.due({ until: Number.MAX_SAFE_INTEGER, limit: 1_000 }),
    lists: lists.map((page) => page.views.map(({ stream }) => stream)),
    statistics: await Promise.all(moments.map((now) => models.statistics(now))),
  };
}

/** What they should say, straight from the histories. */
export function everythingOf(histories: readonly History[]): Everything {
  const due = histories
    .flatMap(({ stream, state }): Wake[] => {
      const { wakeAt, target, lane } = factsOf(state);
      return wakeAt === null ? [] : [{ stream, version: state.version, dueAt: wakeAt, target, lane }];
    })
    .sort((left, right) => left.dueAt - right.dueAt || (left.stream < right.stream ? -1 : 1));
  const live = histories.flatMap(({ state }) => (state.status === 'missing' || state.status === 'deleted' ? [] : [state]));
  const listed = live.toSorted(newestFirst);
  const tallies = tally(histories.flatMap((history) => storedEvents(history)));
  return {
    views: histories.map(viewOf),
    due,
    lists: queries.map(({ status, labels }) =>
      listed
        .filter((state) => status === null || state.status === status)
        .filter((state) => labels.every(([name, value]) => state.definition.labels[name] === value))
        .map(({ id }) => `task#${id}`),
    ),
    statistics: moments.map((now) => {
      const recent = tallies.filter(({ minute: at }) => at > Math.floor(now / minute) - 60);
      const sum = (name: 'started' | 'succeeded' | 'failed' | 'retried') => recent.reduce((total, counted) => total + counted[name], 0);
      const counts = Object.fromEntries(statuses.map((status) => [status, live.filter((state) => state.status === status).length]));
      return {
        counts: counts as Statistics['counts'],
        oldestDueAt: due[0]?.dueAt ?? null,
        lastHour: { started: sum('started'), succeeded: sum('succeeded'), failed: sum('failed'), retried: sum('retried') },
      };
    }),
  };
}
